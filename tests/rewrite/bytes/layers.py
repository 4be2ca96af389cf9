"""Channels-last graphs of sites in 8 bits, as a rewriter leaves them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.measure.sessions import create_session
from spl_onnx.rewrite.bytes.choose import Range, choose_codes, tensors_in_8_bits
from spl_onnx.rewrite.bytes.pass_bytes import pass_bytes
from spl_onnx.rewrite.edit.finish import finish_model
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    FLOAT32,
    GLOBAL_AVERAGE,
    INT8,
    LRN,
    MAX_POOL,
    SRMM,
    Activation,
    ConvGeometry,
    Pooling,
    ResponseNorm,
    lrn_attributes,
    pool_attributes,
    srmm_attributes,
)

CHANNELS = 8
SHAPE = (2, 6, 6, CHANNELS)


class Layers:
    """A graph that is built node by node on an input `x`; every tensor has 8 channels."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(1)
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "zero")]

    def site(
        self, x: str, y: str, precision: str = INT8, r: str = "zero", inputs: int = CHANNELS, size: int = 3
    ) -> str:
        """relu(x * w + r), the site `y`."""
        w = self.rng.standard_normal((CHANNELS, size, size, inputs)) / np.sqrt(inputs * size * size)
        self._constant(f"{y}/W", w)
        self._constant(f"{y}/B", self.rng.standard_normal(CHANNELS))
        pad = size // 2
        geometry = ConvGeometry(pads=(pad, pad, pad, pad))
        attributes = srmm_attributes(geometry, None, Activation.relu(), precision=precision)
        names = [x, f"{y}/W", f"{y}/B", "", r, "", ""]
        return self._node(SRMM, names, y, f"{y}/srmm", domain=DOMAIN_CONV, **attributes)

    def pool(self, x: str, y: str) -> str:
        window = pool_attributes(Pooling((3, 3), (1, 1), (1, 1, 1, 1)))
        return self._node(MAX_POOL, [x], y, domain=DOMAIN_CONV, **window)

    def norm(self, x: str, y: str, size: int = 3, **attributes: float) -> str:
        norm = ResponseNorm(size, **{"alpha": 0.5, **attributes})
        return self._node(LRN, [x], y, domain=DOMAIN_CONV, **lrn_attributes(norm))

    def average(self, x: str, y: str) -> str:
        return self._node(GLOBAL_AVERAGE, [x], y, domain=DOMAIN_CONV)

    def node(self, op: str, inputs: list[str], y: str, **attributes: object) -> str:
        return self._node(op, inputs, y, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        dims = [None] * 4
        graph = helper.make_graph(
            self.nodes,
            "layers",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in outputs],
            self.constants,
            value_info=[
                helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, dims)
                for node in self.nodes
                if node.output[0] not in outputs
            ],
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN_CONV, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return finish_model(model, model)

    def _node(self, op: str, inputs: list[str], y: str, name: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [y], name or f"{y}/node", **attributes))
        return y

    def _constant(self, name: str, values: np.ndarray) -> None:
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def precise(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with products in float32."""
    made = copy_of(model)
    for node in made.graph.node:
        for attribute in node.attribute:
            if attribute.name == "precision":
                attribute.s = FLOAT32.encode()
    return made


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def run(model: onnx.ModelProto, x: np.ndarray, plugin: bool = False) -> list[np.ndarray]:
    return create_session(model, threads=1, plugin=plugin).run(None, {"x": x})


def ranges_of(model: onnx.ModelProto, x: np.ndarray) -> dict[str, Range]:
    """Ranges of all tensors in 8 bits, in float32, without the library."""
    made = precise(model)
    names = tensors_in_8_bits(model.graph)
    known = {"x"} | {value.name for value in made.graph.output}
    made.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in known)
    outputs = [value.name for value in made.graph.output]
    values = {"x": x, **dict(zip(outputs, run(made, x), strict=True))}
    return {name: (float(values[name].min()), float(values[name].max())) for name in names}


def passing(model: onnx.ModelProto, x: np.ndarray) -> onnx.ModelProto:
    """The model with bytes between its sites; codes are those of `x`."""
    made = copy_of(model)
    pass_bytes(made.graph, choose_codes(made.graph, ranges_of(model, x)))
    return finish_model(made, made)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
