"""The Python interface."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import spl_onnx
from spl_onnx.errors import UsageError
from tests.datasets import ELSEWHERE
from tests.small_models import small_cnn, small_images


def python(program):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-c", program]
    done = subprocess.run(call, env=environment, cwd=ELSEWHERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_is_light():
    heavy = "[n for n in ('onnx', 'onnxruntime', 'numpy', 'rich', 'PIL') if n in sys.modules]"
    assert python(f"import sys, spl_onnx; print({heavy})") == "[]"


def test_type_checkers_may_use_the_annotations():
    assert resources.files("spl_onnx").joinpath("py.typed").is_file()


def test_rewrite_stays_a_function_whatever_is_imported():
    """The function shares its name with a subpackage; an import of the subpackage must not hide it."""
    modules = "spl_onnx.steps, spl_onnx.rewrite, spl_onnx.rewrite.rules.registry"
    assert python(f"import spl_onnx, {modules}; print(spl_onnx.rewrite.__name__)") == "rewrite"
    program = (
        "from spl_onnx.rewrite.model.model_io import load_model; import spl_onnx; "
        "print(callable(spl_onnx.rewrite))"
    )
    assert python(program) == "True"


def test_rewrite_of_a_model_and_of_a_path(tmp_path):
    onnx.save(small_cnn(), tmp_path / "m.onnx")
    by_path = spl_onnx.rewrite(tmp_path / "m.onnx", rules="all")
    by_model = spl_onnx.rewrite(small_cnn(), rules="all")
    assert isinstance(by_path, spl_onnx.RewriteResult)
    assert by_path.model.SerializeToString() == by_model.model.SerializeToString()
    assert by_path.report["rewritten"] == 3 and len(by_path.plan.sites) == 4


def test_the_documented_lines_work(plugin_path, tmp_path):
    np.savez(tmp_path / "data.npz", x=small_images(8))
    result = spl_onnx.rewrite(small_cnn(), data=str(tmp_path / "data.npz"), max_drop=0.5, limit=6)
    options = ort.SessionOptions()
    spl_onnx.register(options)
    session = ort.InferenceSession(result.model.SerializeToString(), options)
    assert session.run(None, {"input": small_images(2)})[0].shape == (2, 5)
    assert result.report["accuracy"]["images"] == 6
    assert spl_onnx.get_library_path() == plugin_path


def test_unknown_names():
    with pytest.raises(UsageError, match="unknown option"):
        spl_onnx.rewrite(small_cnn(), speed="high")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = spl_onnx.nonsense
