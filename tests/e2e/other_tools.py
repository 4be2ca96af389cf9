"""Other tools that take a model and give one back, each as a function of the model and a folder for files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnx.inliner
import onnx.shape_inference
import onnx.utils
import onnx.version_converter
import onnx_graphsurgeon as gs
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from spl_onnx.options import RewriteOptions
from spl_onnx.plugin import register
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.ranges import with_bytes, with_ranges
from spl_onnx.spec.attributes import GLOBAL_AVERAGE, LRN, MAX_POOL, PREDICT, SRMM
from tests.rewrite.builders import Net, images

Tool = Callable[[onnx.ModelProto, Path], onnx.ModelProto]

X = images(2, 3, 16, 16)
SITES = 5


def network() -> onnx.ModelProto:
    """Five sites: two convolutions, one with pooling, a normalisation and a Gemm; every operator of ours."""
    made = Net()
    made.conv(made.input("x", ["N", 3, 16, 16]), "a", 16, 3, pads=[1, 1, 1, 1])
    made.node("Relu", [made.norm("a", "an", 16)], "ra")
    made.node("LRN", ["ra"], "norm", size=3)
    made.node("Relu", [made.conv("norm", "b", 16, 16, pads=[1, 1, 1, 1])], "rb")
    made.node("MaxPool", ["rb"], "pb", kernel_shape=[2, 2], strides=[2, 2])
    made.node("MaxPool", [made.node("Sigmoid", ["pb"], "s")], "pooled", kernel_shape=[3, 3], strides=[2, 2])
    made.node("Relu", [made.conv("pooled", "c", 16, 16)], "rc")
    made.node("GlobalAveragePool", [made.node("Sigmoid", ["rc"], "t")], "mean")
    dense = made.node("Gemm", [made.node("Flatten", ["mean"], "flat"), made.random("w1", 16, 12)], "d")
    made.node("Gemm", [made.node("Relu", [dense], "rd"), made.random("w2", 12, 5)], "y")
    return made.model("y")


def byte_network() -> onnx.ModelProto:
    """Sites in 8 bits with a normalisation and pooling between them, a mean and a matrix behind them."""
    made = Net()
    made.conv(made.input("x", ["N", 3, 16, 16]), "a", 16, 3, pads=[1, 1, 1, 1])
    made.node("LRN", [made.node("Relu", ["a"], "ra")], "norm", size=3, alpha=0.5)
    made.node("MaxPool", ["norm"], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    made.node("Relu", [made.conv("pooled", "b", 16, 16)], "rb")
    made.node("Relu", [made.conv("rb", "c", 16, 16)], "rc")
    made.node("GlobalAveragePool", ["rc"], "mean")
    dense = made.node("Gemm", [made.node("Flatten", ["mean"], "flat"), made.random("w1", 16, 12)], "d")
    made.node("Gemm", [made.node("Relu", [dense], "rd"), made.random("w2", 12, 5)], "y")
    return made.model("y")


def in_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Its sites in 8 bits, with bytes between them in codes of X."""
    original, weights = read_model(model), SiteWeights()
    plan = plan_sites(original.model, RewriteOptions(precision="int8"))
    plan = with_bytes(original, with_ranges(original, plan, [{"x": X}], weights), [{"x": X}], weights)
    return apply(original.model, plan, weights).model


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def infer_shapes(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(model)


def graphsurgeon(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return gs.export_onnx(gs.import_onnx(model).cleanup().toposort())


def prefix(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return onnx.compose.add_prefix(model, "a/")


def prefix_names_only(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return onnx.compose.add_prefix(model, "a/", rename_functions=False)


def merge_with_plain(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """A product with 1 in front."""
    value = helper.make_tensor_value_info
    shape = ["N", 3, 16, 16]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["raw", "one"], ["scaled"])],
        "before",
        [value("raw", 1, shape)],
        [value("scaled", 1, shape)],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    opsets = [helper.make_opsetid("", 17)]
    before = helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)
    return onnx.compose.merge_models(before, model, io_map=[("scaled", "x")])


def merge_two(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The model beside itself."""
    one, two = (onnx.compose.add_prefix(model, name, rename_functions=False) for name in ("a/", "b/"))
    return onnx.compose.merge_models(one, two, io_map=[])


def inline(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return onnx.inliner.inline_local_functions(model)


def convert_version(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return onnx.version_converter.convert_version(model, 19)


def extract(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """Everything up to the last layer."""
    onnx.save(model, folder / "in.onnx")
    onnx.utils.extract_model(str(folder / "in.onnx"), str(folder / "part.onnx"), ["x"], ["rd"])
    return onnx.load(folder / "part.onnx")


def optimized(level: str, library: bool) -> Tool:
    """Saved by ONNX Runtime as it runs it, with the library registered or not."""

    def tool(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        if library:
            register(options)
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(folder / "optimized.onnx")

    return tool


def quantize_dynamic(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    quantization = pytest.importorskip("onnxruntime.quantization")
    onnx.save(model, folder / "in.onnx")
    # Old ONNX Runtimes have integer convolutions for unsigned weights only.
    unsigned = quantization.QuantType.QUInt8
    quantization.quantize_dynamic(
        str(folder / "in.onnx"), str(folder / "quantized.onnx"), weight_type=unsigned
    )
    return onnx.load(folder / "quantized.onnx")


def quantize_static(form: str) -> Tool:
    def tool(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
        quantization = pytest.importorskip("onnxruntime.quantization")

        class Samples(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.feeds: Iterator[dict[str, Any]] = iter([{"x": X}])

            def get_next(self) -> dict[str, Any] | None:
                return next(self.feeds, None)

        onnx.save(model, folder / "in.onnx")
        quantization.quantize_static(
            str(folder / "in.onnx"),
            str(folder / "quantized.onnx"),
            Samples(),
            quant_format=quantization.QuantFormat[form],
        )
        return onnx.load(folder / "quantized.onnx")

    return tool


def preprocess(**options: bool) -> Tool:
    """What ONNX Runtime recommends before quantisation."""

    def tool(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
        pytest.importorskip("sympy")
        module = pytest.importorskip("onnxruntime.quantization.shape_inference")
        onnx.save(model, folder / "in.onnx")
        module.quant_pre_process(str(folder / "in.onnx"), str(folder / "prepared.onnx"), **options)
        return onnx.load(folder / "prepared.onnx")

    return tool


def half(*kept: str) -> Tool:
    """Float16 weights and tensors, but for operators `kept`."""

    def tool(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
        module = pytest.importorskip("onnxruntime.transformers.float16")
        blocked = [*module.DEFAULT_OP_BLOCK_LIST, *kept]
        return module.convert_float_to_float16(copied(model), keep_io_types=True, op_block_list=blocked)

    return tool


half_all = half()
half_others = half(PREDICT, SRMM, LRN, MAX_POOL, GLOBAL_AVERAGE)


def slim(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return pytest.importorskip("onnxslim").slim(copied(model))


def simplify(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return pytest.importorskip("onnxsim").simplify(copied(model))[0]
