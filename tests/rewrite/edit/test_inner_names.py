"""Rewriting what ONNX Runtime saved after it had inlined our functions."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime as ort

from spl_onnx.rewrite.edit.inner_names import keep_apart
from spl_onnx.spec.functions import fallback_functions
from tests.rewrite.builders import Net, assert_same, images, rewritten

FEEDS = {"x": images(1, 3, 9, 9)}


def net() -> Net:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 9, 9]), "a", 4, 3)], "ra")
    made.node("Relu", [made.conv("ra", "b", 4, 4)], "y")
    return made


def saved(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The model as ONNX Runtime saves it, without the library: its functions inlined."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "saved.onnx")
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "saved.onnx")


def test_rewriting_again_and_again(tmp_path):
    """Each time the inlined names of the last time are in the graph."""
    model = net().model("y")
    for _ in range(3):
        result = rewritten(model, lossless=True)
        assert result.plan.counts() == {"conv_relu": 2}
        assert_same(model, result, FEEDS)
        model = saved(result.model, tmp_path)
        assert any(name.startswith("_inlfunc_") for node in model.graph.node for name in node.output)


def test_other_models_get_the_functions_as_they_are():
    functions = fallback_functions(17)
    keep_apart(functions, net().model("y"))
    assert functions == fallback_functions(17)
