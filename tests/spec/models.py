"""Small models made of the operators, with their fall-back functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    PREDICT,
    SRMM,
    VERSION,
    predict_attributes,
    srmm_attributes,
)
from spl_onnx.spec.functions import fallback_functions
from tests.spec.cases import ConvCase, GemmCase


@dataclass
class Layer:
    """One site as a rewriter would write it."""

    case: ConvCase | GemmCase
    bias: bool = True
    residual: bool = True
    selection: bool = True
    transposed: bool = False
    #: Of weights that are int8, where they are; 1 where they are not, but have the body for both.
    wscale: np.ndarray | None = None

    @property
    def is_conv(self) -> bool:
        return isinstance(self.case, ConvCase)

    @property
    def domain(self) -> str:
        return DOMAIN_CONV if self.is_conv else DOMAIN_GEMM

    @property
    def scaled(self) -> set[tuple[str, str]]:
        return set() if self.wscale is None else {(self.domain, SRMM)}

    @property
    def r(self) -> np.ndarray:
        if self.residual:
            return self.case.r
        return np.zeros([1] * (4 if self.is_conv else 1), np.float32)

    @property
    def scale(self) -> list[str]:
        return [] if self.wscale is None else ["wscale"]

    @property
    def feeds(self) -> dict[str, np.ndarray]:
        return {"x": self.case.x} | ({"r": self.case.r} if self.residual else {})

    def nodes(self) -> list[NodeProto]:
        layer = (self.case.geometry, self.case.pooling) if self.is_conv else (None, None)
        predict = helper.make_node(
            PREDICT, ["x", "w", "b", "", "", "r"], ["s"], domain=self.domain, **predict_attributes(*layer)
        )
        srmm = helper.make_node(
            SRMM,
            ["x", "w", "b" if self.bias else "", "s" if self.selection else "", "r", "", "", *self.scale],
            ["y"],
            domain=self.domain,
            **srmm_attributes(*layer, self.case.activation, transposed=self.transposed),
        )
        return [predict, srmm] if self.selection else [srmm]

    def model(self, opset: int) -> ModelProto:
        weights = {"w": self.case.w.T.copy() if self.transposed else self.case.w, "b": self.case.b}
        if self.wscale is not None:
            weights["wscale"] = self.wscale
        if not self.residual:
            weights["r"] = self.r
        rank = self.case.x.ndim
        inputs = [
            helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", *v.shape[1:]] if rank > 1 else v.shape)
            for k, v in self.feeds.items()
        ]
        output = helper.make_tensor_value_info(
            "y", TensorProto.FLOAT, [*[None] * (rank - 1), self.case.w.shape[0]]
        )
        constants = [numpy_helper.from_array(v, k) for k, v in weights.items()]
        graph = helper.make_graph(self.nodes(), "layer", inputs, [output], constants)
        opsets = [helper.make_opsetid("", opset)]
        opsets += [helper.make_opsetid(domain, VERSION) for domain in (DOMAIN_CONV, DOMAIN_GEMM)]
        return helper.make_model(
            graph,
            opset_imports=opsets,
            functions=[f for f in fallback_functions(opset, self.scaled) if f.name in (PREDICT, SRMM)],
            ir_version=8 if opset < 21 else 10,
        )
