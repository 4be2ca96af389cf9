"""The command that prunes channels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from experiments.channel_pruning.__main__ import main
from experiments.channel_pruning.pruner import dense_work
from spl_onnx.measure.sessions import create_session, run
from tests.experiments.channel_pruning.networks import pictures, residual_network


@pytest.fixture
def files(tmp_path):
    """A network, pictures labelled with its own decisions, and a place for the result."""
    model, x = residual_network(), pictures(120)
    model.metadata_props.add(key="license", value="of the weights")
    onnx.save(model, tmp_path / "model.onnx")
    decisions = run(create_session(model), {"input": x})[0].argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=x, y=decisions)
    return [str(tmp_path / name) for name in ("model.onnx", "pruned.onnx", "data.npz")]


def call(files, *more):
    model, out, data = files
    return main([model, out, "--data", data, "--calibration", "70", "--multiple", "1", *more])


def test_a_smaller_model_is_written(files, capsys):
    assert call(files, "--flops", "0.6") == 0
    before, after = (onnx.load(path) for path in files[:2])
    onnx.checker.check_model(after, full_check=True)
    assert 0.5 < dense_work(after) / dense_work(before) <= 0.6
    assert {"license", "pruning"} == {entry.key for entry in after.metadata_props}
    assert [value.name for value in after.graph.output] == [value.name for value in before.graph.output]
    printed = capsys.readouterr().out
    assert "of 12 channels" in printed and "accuracy on 50 samples" in printed and "100.00 %" in printed
    assert "with 95 % confidence the true drop is below" in printed


def test_weights_can_stay(files):
    assert call(files, "--score", "magnitude", "--no-fit", "--flops", "0.7") == 0
    old = {onnx.numpy_helper.to_array(t).tobytes() for t in onnx.load(files[0]).graph.initializer}
    after = onnx.load(files[1])
    assert (
        onnx.numpy_helper.to_array(next(t for t in after.graph.initializer if "gemm" in t.name)).tobytes()
        in old
    )


def test_what_cannot_be(files, capsys):
    assert call(files, "--flops", "0.1") == 2
    assert "error: --flops:" in capsys.readouterr().err
    assert main([files[0], files[1], "--data", files[2]]) == 4
    assert "got 120 samples" in capsys.readouterr().err
