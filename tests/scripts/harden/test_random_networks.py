"""Random networks: the same for the same seed, clean when rewritten rightly, and bad when not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from scripts.harden import network_trial
from scripts.harden.isolated import Verdict
from scripts.harden.network_steps import STEPS
from scripts.harden.network_trial import compare, network, prepare, run_prepared
from scripts.harden.random_networks import _merged, available_isas
from scripts.harden.sensitivity import expected, plain_session

#: A network of seed 0 with sites, of every kind of free size.
INDEX = 1


def test_networks_run_at_two_sizes_and_repeat():
    for index in range(6):
        model, feeds = network(index, 0)
        again, _ = network(index, 0)
        assert model.SerializeToString() == again.SerializeToString()
        assert len(feeds) == 2
        for feed in feeds:
            assert all(np.isfinite(y).all() for y in plain_session(model).run(None, feed))


def test_all_layers_and_free_sizes_occur():
    models = [network(index, 1)[0] for index in range(60)]
    ops = {node.op_type for model in models for node in model.graph.node}
    assert {"Conv", "MaxPool", "Resize", "Concat", "If", "Gemm", "MatMul", "LRN", "Slice", "Pad"} <= ops
    free = {
        dim.dim_param or dim.WhichOneof("value") or "nameless"
        for model in models
        for dim in model.graph.input[0].type.tensor_type.shape.dim
    }
    assert {"N", "H", "W", "nameless", "dim_value"} <= free
    assert len(STEPS) == 21


def test_rounding_of_another_order_is_allowed_and_a_wrong_weight_is_not():
    model, feeds = network(INDEX, 0)
    wanted = expected(model, feeds, 0)
    assert all(allowed > 0 for run in wanted for _, allowed in run)
    for feed, outputs in zip(feeds, wanted, strict=True):
        assert compare(plain_session(model).run(None, feed), outputs) == ""
        for i, (value, allowed) in enumerate(outputs):
            assert allowed < 1e-2 * np.abs(value).max()
            wrong = [y for y, _ in outputs]
            wrong[i] = value + 2 * allowed
            assert f"output {i} differs" in compare(wrong, outputs)
            wrong[i] = value[..., :0]
            assert f"output {i} has shape" in compare(wrong, outputs)


def planted(folder: Path, mode: str) -> None:
    """Make a weight of the rewritten network wrong."""
    path = folder / str(INDEX) / f"{mode}.onnx"
    model = onnx.load(path)
    site = next(node for node in model.graph.node if node.op_type == "SRMM")
    tensor = next(t for t in model.graph.initializer if t.name == site.input[1])
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), tensor.name))
    onnx.save(model, path)


def test_a_rewritten_network_is_clean_and_a_changed_one_is_not(plugin_path, tmp_path):
    assert prepare(INDEX, 0, tmp_path) == ""
    assert run_prepared(INDEX, tmp_path, plugin_path) == ""
    planted(tmp_path, "lossless")
    assert run_prepared(INDEX, tmp_path, plugin_path).startswith(
        "lossless, 1 threads, run 0: output 0 differs"
    )


def test_an_operator_that_is_wrong_inside_is_found(plugin_path, tmp_path, monkeypatch):
    assert prepare(INDEX, 0, tmp_path) == ""
    asked = []

    def wrong(model, feeds, open_session):
        asked.append(model)
        return "site: 1 of 2 wrong"

    monkeypatch.setattr(network_trial, "operator_problem", wrong)
    assert run_prepared(INDEX, tmp_path, plugin_path) == "default, 1 threads, site: 1 of 2 wrong"
    assert len(asked) == 1


def test_a_network_is_counted_once():
    verdicts = [Verdict(0, "rewrite"), Verdict(1, "rewrite"), Verdict(0, "avx2", "wrong"), Verdict(1, "avx2")]
    assert [(v.index, v.problem) for v in _merged(iter(verdicts))] == [(0, "wrong"), (1, "")]


def test_instruction_sets_of_this_processor(plugin_path):
    assert "portable" in available_isas(plugin_path)
