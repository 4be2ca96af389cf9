"""The nodes of a layer on bytes."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
import pytest

from spl_onnx.rewrite.rules.quantised.codes import ByteCode
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.quantised.weights import ByteWeights
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, QSRMM_INPUTS, Activation, ConvGeometry
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import scope_of


def made(is_image: bool, residual: bool):
    net = Net()
    net.node("Neg", [net.input("x", [1, 2])], "y")
    scope = scope_of(net, "y")
    w = np.ones((3, 2, 2, 4) if is_image else (3, 4), np.int8)
    layer = ByteLayer(
        gs.Variable("bytes"),
        ByteCode(0.5, 7),
        ByteWeights(w, np.ones(3, np.float32)),
        np.zeros(3, np.float32),
        Activation.relu(),
        ByteCode(0.25, 9),
        ConvGeometry() if is_image else None,
        r=gs.Variable("residual") if residual else None,
        rcode=ByteCode(2.0, 3),
    )
    output = gs.Variable("output")
    return layer.nodes(scope, "site", output, 4 if is_image else 2), output


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("is_image", [False, True])
def test_nodes(is_image, residual):
    nodes, output = made(is_image, residual)
    lifted = ["Transpose"] * (1 + residual) if is_image else []
    assert [node.op for node in nodes] == [*lifted, "QSRMM", *(["Transpose"] if is_image else [])]
    assert nodes[-1].outputs[0] is output
    layer = next(node for node in nodes if node.op == "QSRMM")
    assert layer.domain == (DOMAIN_CONV if is_image else DOMAIN_GEMM)
    assert layer.attrs["precision"] == "int8" and layer.attrs["clip_min"] == 0.0
    given = dict(zip(QSRMM_INPUTS, layer.inputs, strict=True))
    assert given["W"].values.dtype == np.int8
    assert given["S"].is_empty() and given["Bs"].is_empty()
    codes = {name: given[f"{name}scale"].values.tolist() for name in "XRY"}
    assert codes == {"X": [0.5, 7.0], "R": [2.0, 3.0], "Y": [0.25, 9.0]}
    assert layer.outputs[0].dtype == np.uint8 and layer.outputs[0].shape[-1] == 3
    if not residual:
        assert given["R"].values.dtype == np.uint8 and not given["R"].values.any()
