"""What the library tells ONNX Runtime of the shape of an output: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    GLOBAL_AVERAGE,
    LRN,
    MAX_POOL,
    PREDICT,
    SRMM,
    VERSION,
    Activation,
    ConvGeometry,
    Pooling,
    ResponseNorm,
    lrn_attributes,
    pool_attributes,
    predict_attributes,
    srmm_attributes,
)

pytestmark = pytest.mark.skipif(
    tuple(int(part) for part in ort.__version__.split(".")[:2]) < (1, 24),
    reason="before 1.24 ONNX Runtime does not ask the library for shapes",
)

Dims = Sequence[int | str | None]
HUGE = (1 << 63) - 1
WINDOW = Pooling((2, 2), (2, 2))
GEOMETRY = ConvGeometry(pads=(1, 1, 1, 1))
RELU = Activation.relu()
NOTHING: list[Any] = []


def told(library: str, domain: str, op: str, attributes: dict[str, Any], *shapes: Dims) -> list[Any]:
    """Shape of the output of one node, by the shapes of its inputs; empty when its rank is not known."""
    names = ["X", "W", "B"][: len(shapes)]
    kind = TensorProto.UINT8 if op == PREDICT else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, names, ["Y"], "node", domain=domain, **attributes)],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes, strict=True)],
        [helper.make_tensor_value_info("Y", kind, None)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(library)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.get_outputs()[0].shape)


@pytest.mark.parametrize("op", [SRMM, PREDICT])
@pytest.mark.parametrize(
    ("x", "want"),
    [
        ((2, 9, 6, 3), [2, 4, 3, 8]),
        (("N", 9, 6, 3), ["N", 4, 3, 8]),
        (("N", 1, 6, 3), ["N", 1, 3, 8]),
        (("N", "H", 6, 3), NOTHING),
        ((2, 9, None, 3), NOTHING),
        ((None, 9, 6, 3), NOTHING),
        ((-1, 9, 6, 3), NOTHING),
        ((2, -7, 6, 3), NOTHING),
        ((2, HUGE, 6, 3), NOTHING),
        ((2, 9, 1 << 62, 3), NOTHING),
        (None, NOTHING),
    ],
)
def test_images(plugin_path: str, op: str, x: Dims, want: list[Any]) -> None:
    make = predict_attributes if op == PREDICT else srmm_attributes
    attributes = make(GEOMETRY, WINDOW) if op == PREDICT else make(GEOMETRY, WINDOW, RELU)
    assert told(plugin_path, DOMAIN_CONV, op, attributes, x, (8, 3, 3, 3), (8,)) == want


@pytest.mark.parametrize("w", [(8, HUGE, 3, 3), (8, None, 3, 3), (None, 3, 3, 3), (8, 30, 3, 3)])
def test_weights_without_an_output(plugin_path: str, w: Dims) -> None:
    attributes = srmm_attributes(GEOMETRY, WINDOW, RELU)
    assert told(plugin_path, DOMAIN_CONV, SRMM, attributes, (2, 9, 6, 3), w, (8,)) == NOTHING


@pytest.mark.parametrize(
    ("x", "want"),
    [
        (("N", 5, 16), ["N", 5, 8]),
        (("N", "T", 16), ["N", "T", 8]),
        ((None, 5, 16), NOTHING),
        (("N", -1, 16), NOTHING),
    ],
)
def test_matrices(plugin_path: str, x: Dims, want: list[Any]) -> None:
    attributes = srmm_attributes(None, None, RELU)
    assert told(plugin_path, DOMAIN_GEMM, SRMM, attributes, x, (8, 16), (8,)) == want


@pytest.mark.parametrize(
    ("x", "normed", "pooled", "mean"),
    [
        (("N", 9, 6, 3), ["N", 9, 6, 3], ["N", 4, 3, 3], ["N", 1, 1, 3]),
        (("N", "H", 6, 3), ["N", "H", 6, 3], NOTHING, ["N", 1, 1, 3]),
        (("N", None, 6, 3), NOTHING, NOTHING, ["N", 1, 1, 3]),
        ((None, 9, 6, 3), NOTHING, NOTHING, NOTHING),
        ((2, HUGE, 6, 3), [2, HUGE, 6, 3], NOTHING, [2, 1, 1, 3]),
    ],
)
def test_auxiliary_operators(
    plugin_path: str, x: Dims, normed: list[Any], pooled: list[Any], mean: list[Any]
) -> None:
    assert told(plugin_path, DOMAIN_CONV, LRN, lrn_attributes(ResponseNorm(3)), x) == normed
    assert told(plugin_path, DOMAIN_CONV, MAX_POOL, pool_attributes(WINDOW), x) == pooled
    assert told(plugin_path, DOMAIN_CONV, GLOBAL_AVERAGE, {}, x) == mean
