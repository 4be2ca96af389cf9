"""A small model, its data and a way to call the command line."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from spl_onnx.cli.main import main
from tests.small_models import CLASSES, small_cnn, small_images


@pytest.fixture
def model(tmp_path):
    """Path of a small model."""
    onnx.save(small_cnn(), tmp_path / "in.onnx")
    return str(tmp_path / "in.onnx")


@pytest.fixture
def data(tmp_path):
    """Path of 20 labelled inputs for it."""
    np.savez(tmp_path / "data.npz", x=small_images(20), y=np.arange(20) % CLASSES)
    return str(tmp_path / "data.npz")


@pytest.fixture
def rewritten(model, tmp_path, capsys):
    """Path of the model with all sites converted."""
    path = str(tmp_path / "rewritten.onnx")
    assert main(["rewrite", model, path, "--rules", "all", "--no-verify", "-q"]) == 0
    capsys.readouterr()
    return path


@pytest.fixture
def call(capsys):
    """Call the command line: (exit code, output, error)."""

    def called(*words):
        code = main([str(word) for word in words])
        output = capsys.readouterr()
        return code, output.out, output.err

    return called


@pytest.fixture
def report(tmp_path, call):
    """Call with `--json` and give the report; the exit code must be 0."""

    def reported(*words):
        path = tmp_path / "report.json"
        code, _, error = call(*words, "--json", path)
        assert code == 0, error
        return json.loads(path.read_text())

    return reported
