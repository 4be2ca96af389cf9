"""What the library tells ONNX Runtime of the shape of an output: all of it, or nothing."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort
import pytest
from onnx import TensorProto

from spl_onnx.spec import attributes as spec
from tests.one_node import Dims, one_node

pytestmark = pytest.mark.skipif(
    tuple(int(part) for part in ort.__version__.split(".")[:2]) < (1, 24),
    reason="before 1.24 ONNX Runtime does not ask the library for shapes",
)

HUGE = (1 << 63) - 1
WINDOW = spec.Pooling((2, 2), (2, 2))
GEOMETRY = spec.ConvGeometry(pads=(1, 1, 1, 1))
RELU = spec.Activation.relu()
NOTHING: list[Any] = []


def told(library: str, domain: str, op: str, attributes: dict[str, Any], *shapes: Dims) -> list[Any]:
    """Shape of the output of one node, by the shapes of its inputs; empty when its rank is not known."""
    names = "XWB"[: len(shapes)]
    types = {"X": TensorProto.UINT8} if op in (spec.Q_LRN, spec.Q_GLOBAL_AVERAGE) else None
    model = one_node(op, domain, attributes, names, dict(zip(names, shapes, strict=True)), types=types)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(library)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.get_outputs()[0].shape)


@pytest.mark.parametrize("op", [spec.SRMM, spec.PREDICT])
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
    make = spec.predict_attributes if op == spec.PREDICT else spec.srmm_attributes
    attributes = make(GEOMETRY, WINDOW) if op == spec.PREDICT else make(GEOMETRY, WINDOW, RELU)
    assert told(plugin_path, spec.DOMAIN_CONV, op, attributes, x, (8, 3, 3, 3), (8,)) == want


@pytest.mark.parametrize("w", [(8, HUGE, 3, 3), (8, None, 3, 3), (None, 3, 3, 3), (8, 30, 3, 3)])
def test_weights_without_an_output(plugin_path: str, w: Dims) -> None:
    attributes = spec.srmm_attributes(GEOMETRY, WINDOW, RELU)
    assert told(plugin_path, spec.DOMAIN_CONV, spec.SRMM, attributes, (2, 9, 6, 3), w, (8,)) == NOTHING


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
    attributes = spec.srmm_attributes(None, None, RELU)
    assert told(plugin_path, spec.DOMAIN_GEMM, spec.SRMM, attributes, x, (8, 16), (8,)) == want


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
    assert (
        told(plugin_path, spec.DOMAIN_CONV, spec.LRN, spec.lrn_attributes(spec.ResponseNorm(3)), x) == normed
    )
    assert told(plugin_path, spec.DOMAIN_CONV, spec.MAX_POOL, spec.pool_attributes(WINDOW), x) == pooled
    assert told(plugin_path, spec.DOMAIN_CONV, spec.GLOBAL_AVERAGE, {}, x) == mean


@pytest.mark.parametrize(
    ("x", "want"),
    [
        (("N", 3, 9, 6), ["N", 9, 6, 3]),
        (("N", 3, "H", "W"), ["N", "H", "W", 3]),
        (("N", 3, None, 6), NOTHING),
        ((1, 2, 3), NOTHING),
    ],
)
def test_images_that_become_bytes(plugin_path: str, x: Dims, want: list[Any]) -> None:
    assert told(plugin_path, spec.DOMAIN_CONV, spec.QUANTIZE, {}, x, (2,)) == want


def test_normalisation_and_mean_of_bytes(plugin_path: str) -> None:
    x, norm = ("N", 9, 6, 3), spec.lrn_attributes(spec.ResponseNorm(3))
    assert told(plugin_path, spec.DOMAIN_CONV, spec.Q_LRN, norm, x, (2,), (2,)) == ["N", 9, 6, 3]
    assert told(plugin_path, spec.DOMAIN_CONV, spec.Q_GLOBAL_AVERAGE, {}, x, (2,)) == ["N", 1, 1, 3]
