"""Running a model on made-up input."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.rewrite.model import trial
from spl_onnx.rewrite.model.trial import FREE_SIZES, Trial, run, trial_inputs
from tests.rewrite.builders import Net


def net(shape: list[int | str | None]) -> Net:
    made = Net()
    made.node("Relu", [made.input("x", shape)], "y")
    return made


def test_free_dimensions_are_tried_in_turn():
    shapes = [feeds["x"].shape for feeds in trial_inputs(net(["N", 3, "H", "W"]).model("y"), {}, 0)]
    assert shapes == [(1, 3, size, size) for size in FREE_SIZES]


def test_the_batch_of_a_state_is_behind_a_fixed_dimension():
    """As in recurrent layers: [layers, batch, features], whose batch is that of the other input."""
    made = net(["N", "T"])
    made.input("state", [2, None, 128])
    shapes = [feeds["state"].shape for feeds in trial_inputs(made.model("y"), {}, 0)]
    assert shapes == [*((2, size, 128) for size in FREE_SIZES), *[(2, 1, 128)] * len(FREE_SIZES)]


def test_fixed_shapes_are_tried_once():
    assert [f["x"].shape for f in trial_inputs(net([2, 3]).model("y"), {}, 0)] == [(2, 3)]
    assert [f["x"].shape for f in trial_inputs(net([2, "K"]).model("y"), {"x": (2, 5)}, 0)] == [(2, 5)]


def test_the_seed_decides_the_numbers():
    model = net([4]).model("y")
    first, again, other = (next(trial_inputs(model, {}, seed))["x"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_constants_that_are_inputs_are_not_fed():
    made = net([2])
    made.node("Add", ["y", made.const("w", np.float32([1, 2]))], "z")
    made.input("w", [2])
    assert set(next(trial_inputs(made.model("z"), {}, 0))) == {"x"}


def test_unknown_names():
    with pytest.raises(UsageError, match="unknown input z; the model has x"):
        next(trial_inputs(net([2]).model("y"), {"z": (1,)}, 0))


def test_no_room_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "PIPE_BYTES", -1)
    with pytest.raises(UsageError, match=r"gone/model1\.onnx: the checks cannot write .* set TMPDIR"):
        Trial(tmp_path / "gone").source(net([3]).model("y"))


@pytest.mark.parametrize("largest", [8, 1000])
def test_large_models_go_through_a_file(tmp_path, monkeypatch, largest):
    model = net([3]).model("y")
    model.graph.initializer.add(name="unused", data_type=1, dims=[4], raw_data=bytes(16))
    monkeypatch.setattr(trial, "PIPE_BYTES", 8)
    monkeypatch.setattr(trial, "MAX_INLINE_BYTES", largest)
    files = Trial(tmp_path)
    source = files.source(model)
    assert source == str(tmp_path / "model1.onnx")
    assert files.source(model, tmp_path / "gone.onnx") == str(tmp_path / "model2.onnx")
    assert files.source(model, tmp_path / "model2.onnx") == str(tmp_path / "model2.onnx")
    for optimised in (True, False):
        got = run(source, {"x": np.float32([-1, 0, 2])}, optimised=optimised)
        np.testing.assert_array_equal(got[0], [0, 0, 2])
