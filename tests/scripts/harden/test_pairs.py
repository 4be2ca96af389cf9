"""Models that tell which weights they should have."""

from __future__ import annotations

import onnx

from scripts.harden.pairs import NAME, fault, fault_of, litter, model, save


def test_weights_of_another_model_are_seen():
    mixed = model(1.0)
    mixed.graph.initializer[0].CopyFrom(model(2.0).graph.initializer[0])
    assert fault_of(model(1.0), {1.0}) is None
    assert fault_of(mixed, {1.0, 2.0}) == "model 1.0 with weights [2.0]"
    assert fault_of(model(3.0), {1.0}) == "model 3.0, which nobody wrote"


def test_a_folder(tmp_path):
    save(tmp_path, 1.0)
    assert fault(tmp_path, {1.0}) is None and litter(tmp_path) == []
    (data,) = [path for path in tmp_path.iterdir() if path.name != NAME]
    onnx.save(model(2.0), tmp_path / NAME)
    assert fault(tmp_path, {2.0}) is None and litter(tmp_path) == [data.name]
    (tmp_path / NAME).write_bytes(b"")
    assert "ModelError" in fault(tmp_path, {2.0})
