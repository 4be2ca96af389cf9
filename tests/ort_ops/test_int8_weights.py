"""Layers with int8 weights: the bits of the reference, on every instruction set and as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spl_onnx.spec import attributes as spec
from spl_onnx.spec.quantize import quantize_weights, weight_values
from spl_onnx.spec.reference import conv_qsrmm, conv_srmm, gemm_srmm
from spl_onnx.spec.reference_winograd import winograd_suits
from tests.ort_ops.strategies import ACTIVATIONS, ConvCase, conv_cases, sparse_normal
from tests.ort_ops.test_bytes import image_node, run_node
from tests.ort_ops.test_int8 import activation_options, winograd_cases
from tests.ort_ops.test_int8_nodes import (
    RELU,
    SCALE,
    bound,
    image_attributes,
    images,
    matrices,
    refusal,
    run,
    want,
)

_kernels = pytest.importorskip("spl_onnx._kernels")

CONSTANTS = [(), ("W", "B"), ("W", "B", "Wscale")]


def some_levels(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Whole rows of the lowest level and of zeros among them, and scales of many sizes."""
    levels = rng.integers(-128, 128, shape).astype(np.int8)
    levels[0] = -128
    levels[-1] = 0
    return levels, (10.0 ** rng.uniform(-4, 0, shape[0])).astype(np.float32)


def check(case: ConvCase, precision: str, activation: spec.Activation, **how: Any) -> None:
    levels, scales = some_levels(case.rng, case.w.shape)
    site = {"geometry": case.geometry, "pooling": case.pooling, "activation": activation}
    expected = conv_srmm(case.x, levels, case.b, None, case.r, None, scales, precision=precision, **site)
    options = activation_options(activation) | case.keywords | how
    got = _kernels.conv_srmm(
        case.x, levels, case.b, None, case.r, precision=precision, wscale=scales, **options
    )
    np.testing.assert_array_equal(got, expected)


HOW = {"activation": st.sampled_from(ACTIVATIONS), "threads": st.integers(1, 3)}


@settings(max_examples=40, deadline=None)
@given(case=conv_cases(), **HOW)
def test_int8_on_images(isa: str, case: ConvCase, **how: Any) -> None:
    check(case, spec.INT8, isa=isa, **how)


@settings(max_examples=30, deadline=None)
@given(case=winograd_cases(), **HOW)
def test_int8_winograd_on_images(isa: str, case: ConvCase, **how: Any) -> None:
    assume(winograd_suits(case.w, case.geometry))
    check(case, spec.INT8_WINOGRAD, isa=isa, **how)


def test_images_that_are_not_finite(isa: str) -> None:
    """They are computed in float32 from what the weights stand for."""
    rng = np.random.default_rng(0)
    x, (levels, scales) = sparse_normal(rng, (2, 7, 7, 9), 0.2), some_levels(rng, (18, 3, 3, 9))
    x[1, 3, 3, 4] = np.inf
    got = _kernels.conv_srmm(
        x, levels, precision=spec.INT8_WINOGRAD, wscale=scales, isa=isa, clip_min=-np.inf
    )
    whole = _kernels.conv_srmm(
        x[1:], weight_values(levels, scales), isa=isa, clip_min=-np.inf, strategy="dense"
    )
    assert np.isinf(whole).any()
    np.testing.assert_array_equal(got[1:], whole)


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 9, 40])
def test_matrices(isa: str, rows: int, transposed: bool) -> None:
    rng = np.random.default_rng(rows)
    for k, outputs in ((1, 1), (5, 17), (70, 33), (300, 130)):
        x, b = sparse_normal(rng, (rows, k), 0.2), sparse_normal(rng, (outputs,), 0.0)
        levels, scales = some_levels(rng, (outputs, k))
        expected = gemm_srmm(x, levels, b, wscale=scales, activation=RELU, precision=spec.INT8)
        w = np.ascontiguousarray(levels.T) if transposed else levels
        got = _kernels.gemm_srmm(x, w, b, transposed=transposed, precision=spec.INT8, wscale=scales, isa=isa)
        np.testing.assert_array_equal(got, expected)


def quantised(inputs: dict[str, np.ndarray | None]) -> dict[str, np.ndarray | None]:
    levels, scales = quantize_weights(inputs["W"])
    return {**inputs, "W": levels, "Wscale": scales}


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("constants", CONSTANTS)
def test_nodes(constants: tuple[str, ...]) -> None:
    """With the levels that float32 weights have, the same bits."""
    for inputs, attributes in (
        (images(), image_attributes(spec.INT8)),
        (matrices(), spec.srmm_attributes(None, None, RELU, precision=spec.INT8)),
    ):
        got = run({**quantised(inputs), "Xscale": SCALE}, attributes, (*constants, "Xscale"))
        np.testing.assert_array_equal(got, want(inputs, spec.INT8, SCALE))
    inputs = quantised(images())
    values = {**inputs, "W": weight_values(inputs["W"], inputs["Wscale"])}
    got = run(inputs, image_attributes(spec.INT8_WINOGRAD), constants)
    np.testing.assert_array_equal(got, want(values, spec.INT8_WINOGRAD))


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("precision", spec.IN_8_BITS)
def test_nodes_of_bytes(precision: str, constants: tuple[str, ...]) -> None:
    feeds, inputs, site = image_node()
    feeds["W"], feeds["Wscale"] = quantize_weights(feeds["W"])
    inputs |= {"w": feeds["W"], "wscale": feeds["Wscale"]}
    attributes = spec.srmm_attributes(*site.values(), RELU, precision=precision)
    got = run_node(spec.QSRMM, spec.DOMAIN_CONV, attributes, feeds, constants)
    expected = conv_qsrmm(**inputs, **site, activation=RELU, precision=precision)
    assert len(np.unique(expected)) > 9
    np.testing.assert_array_equal(got, expected)


@pytest.mark.usefixtures("plugin_path")
def test_float32_weights_may_have_the_scale_1() -> None:
    inputs = images()
    one = np.ones(1, np.float32)
    for precision in ("float32", spec.INT8):
        attributes = image_attributes(precision)
        got = run({**inputs, "Wscale": one}, attributes, ("W", "Wscale"))
        np.testing.assert_array_equal(got, run(inputs, attributes))


@pytest.mark.usefixtures("plugin_path")
def test_the_fallback_is_the_float32_layer_of_the_values() -> None:
    rows = spec.srmm_attributes(None, None, RELU, precision=spec.INT8)
    for inputs, attributes in ((images(), image_attributes(spec.INT8_WINOGRAD)), (matrices(), rows)):
        levels = quantised(inputs)
        got = run(levels, attributes, ("W", "B", "Wscale"), library=False)
        values = {**inputs, "W": weight_values(levels["W"], levels["Wscale"])}
        np.testing.assert_allclose(got, want(values, "float32"), rtol=0, atol=bound(values))


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize(
    ("changes", "precision", "message"),
    [
        ({"Wscale": None}, spec.INT8, "got int8 W without Wscale; wanted one scale per output"),
        ({}, "float32", "got int8 W, which goes with precision int8 or int8_winograd only"),
        ({"Wscale": np.ones(17, np.float32)}, spec.INT8, "got Wscale [17], wanted [18]"),
        ({"Wscale": np.float32([1] * 7 + [0] * 11)}, spec.INT8, "Wscale of output 7 is 0.0"),
        ({"Wscale": np.float32([np.nan] * 18)}, spec.INT8_WINOGRAD, "Wscale of output 0 is nan"),
        ({"Wscale": np.float32([1e37] * 18)}, spec.INT8_WINOGRAD, "128 times which is finite"),
        ({"W": images()["W"]}, spec.INT8, "got float32 W and a Wscale; Wscale goes with int8 W"),
        ({"W": images()["W"], "Wscale": np.float32([2])}, "float32", "or is one element that is 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    changes: dict[str, Any], precision: str, message: str, constants: tuple[str, ...]
) -> None:
    text = refusal({**quantised(images()), **changes}, image_attributes(precision), *constants)
    assert message in text
