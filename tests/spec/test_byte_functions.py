"""Fallback bodies of the operators on bytes: the float layer between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from spl_onnx.spec import attributes as spec
from spl_onnx.spec.functions import OLDEST_BYTE_OPSET, fallback_functions
from spl_onnx.spec.quantize import quantize_weights, weight_values
from spl_onnx.spec.reference import byte_average, byte_lrn, byte_max_pool, quantize_planes
from tests.one_node import one_node
from tests.spec.byte_layers import ACTIVATIONS, RSCALE, XSCALE, YSCALE, by_values, some_bytes
from tests.spec.cases import floats
from tests.spec.dense import run_model

OPSETS = [10, 11, 12, 13, 17, 19, 21]

INPUTS = {
    spec.QSRMM: spec.QSRMM_INPUTS,
    spec.QUANTIZE: spec.QUANTIZE_INPUTS,
    spec.Q_LRN: spec.Q_LRN_INPUTS,
    spec.Q_GLOBAL_AVERAGE: spec.Q_GLOBAL_AVERAGE_INPUTS,
}


def run_body(op: str, domain: str, attributes: Any, feeds: dict[str, np.ndarray], opset: int) -> np.ndarray:
    """Output of one node through its fallback body; inputs that are not fed are omitted."""
    order = INPUTS.get(op, ("X",))
    scaled = {(domain, op)} if "Wscale" in feeds else set()
    inputs = [name if name in feeds else "" for name in order if name != "Wscale" or scaled]
    constants = {name: value for name, value in feeds.items() if name not in "XR"}
    shapes = {name: feeds[name].shape for name in "XR" if name in feeds}
    types = {name: helper.np_dtype_to_tensor_dtype(feeds[name].dtype) for name in shapes}
    model = one_node(op, domain, attributes, inputs, shapes, constants, types)
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info(
            "y", model.graph.output[0].type.tensor_type.elem_type, [None] * feeds["X"].ndim
        )
    )
    model.opset_import[0].version = opset
    model.ir_version = 8 if opset < 21 else 10
    model.functions.extend(f for f in fallback_functions(opset, scaled) if (f.domain, f.name) == (domain, op))
    onnx.checker.check_model(model, full_check=True)
    return run_model(model, {name: feeds[name] for name in shapes})[0]


def is_near(got: np.ndarray, wanted: np.ndarray) -> None:
    """Float sums of another order, and a division instead of a product, move values between levels by one."""
    assert got.dtype == np.uint8 and got.shape == wanted.shape
    assert len(np.unique(wanted)) > 9
    assert abs(got.astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("residual", ["full", "one"])
def test_images(opset, activation, residual):
    rng = np.random.default_rng(3)
    pooling = spec.Pooling((3, 2), (2, 1), ceil=True)
    geometry = spec.ConvGeometry(pads=(1, 1, 0, 2))
    w, b, x = floats(rng, 9, 3, 3, 8) / 9, floats(rng, 9), some_bytes(0, 2, 11, 9, 8)
    r = some_bytes(1, 2, 10, 10, 9) if residual == "full" else np.uint8([[[[200]]]])
    scales = {"Xscale": XSCALE, "Rscale": RSCALE, "Yscale": YSCALE}
    attributes = spec.srmm_attributes(geometry, pooling, activation, precision=spec.INT8_WINOGRAD)
    feeds = {"X": x, "W": w, "B": b, "R": r, **scales}
    site = {"geometry": geometry, "pooling": pooling, "activation": activation, "precision": spec.FLOAT32}
    got = run_body(spec.QSRMM, spec.DOMAIN_CONV, attributes, feeds, opset)
    is_near(got, by_values(x, w, b, None, r, **site))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("transposed", [True, False])
def test_matrices(opset, transposed):
    rng = np.random.default_rng(3)
    w, b = floats(rng, 9, 5) / 5, floats(rng, 9)
    x, r = some_bytes(0, 2, 6, 5), some_bytes(1, 2, 6, 9)
    none = spec.Activation.none()
    attributes = spec.srmm_attributes(None, None, none, transposed=transposed, precision=spec.INT8)
    feeds = {"X": x, "W": np.ascontiguousarray(w.T) if transposed else w, "B": b, "R": r}
    feeds |= {"Xscale": XSCALE, "Rscale": RSCALE, "Yscale": YSCALE}
    got = run_body(spec.QSRMM, spec.DOMAIN_GEMM, attributes, feeds, opset)
    is_near(got, by_values(x, w, b, None, r, activation=none, precision=spec.FLOAT32))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("domain", [spec.DOMAIN_CONV, spec.DOMAIN_GEMM])
def test_int8_weights(opset, domain):
    rng, is_image = np.random.default_rng(3), domain == spec.DOMAIN_CONV
    w, wscale = quantize_weights(floats(rng, 9, *(3, 3, 8) if is_image else (5,)) / 9)
    b, x = floats(rng, 9), some_bytes(0, *(2, 5, 5, 8) if is_image else (6, 5))
    r = np.uint8([[[[200]]]]) if is_image else np.uint8([200])
    geometry = spec.ConvGeometry() if is_image else None
    attributes = spec.srmm_attributes(geometry, None, ACTIVATIONS[0], precision=spec.INT8)
    scales = {"Xscale": XSCALE, "Rscale": RSCALE, "Yscale": YSCALE, "Wscale": wscale}
    got = run_body(spec.QSRMM, domain, attributes, {"X": x, "W": w, "B": b, "R": r, **scales}, opset)
    site = {"geometry": geometry, "pooling": spec.Pooling.none()} if is_image else {}
    site |= {"activation": ACTIVATIONS[0], "precision": spec.FLOAT32}
    is_near(got, by_values(x, weight_values(w, wscale), b, None, r, **site))


@pytest.mark.parametrize("opset", [opset for opset in OPSETS if opset >= 12])
def test_pooling(opset):
    pooling = spec.Pooling((3, 2), (2, 1), (1, 0, 1, 1), True)
    x = some_bytes(0, 2, 6, 5, 3)
    got = run_body(spec.Q_MAX_POOL, spec.DOMAIN_CONV, spec.pool_attributes(pooling), {"X": x}, opset)
    np.testing.assert_array_equal(got, byte_max_pool(x, pooling))


@pytest.mark.parametrize("opset", OPSETS)
def test_images_that_become_bytes(opset):
    x = floats(np.random.default_rng(0), 2, 3, 5, 7)
    feeds = {"X": x, "Yscale": np.float32([0.013, 117])}
    got = run_body(spec.QUANTIZE, spec.DOMAIN_CONV, {}, feeds, opset)
    is_near(got, quantize_planes(x, feeds["Yscale"]))


@pytest.mark.parametrize("opset", OPSETS)
def test_normalisation(opset):
    norm = spec.ResponseNorm(3, 0.5, 0.75, 2.0)
    feeds = {"X": some_bytes(0, 2, 6, 5, 7), "Xscale": XSCALE, "Yscale": np.float32([0.01, 20])}
    got = run_body(spec.Q_LRN, spec.DOMAIN_CONV, spec.lrn_attributes(norm), feeds, opset)
    is_near(got, byte_lrn(*feeds.values(), norm))


@pytest.mark.parametrize("opset", OPSETS)
def test_means(opset):
    feeds = {"X": some_bytes(0, 2, 6, 5, 7), "Xscale": XSCALE}
    got = run_body(spec.Q_GLOBAL_AVERAGE, spec.DOMAIN_CONV, {}, feeds, opset)
    # 30 terms of at most 255 steps and a division, each rounded once.
    atol = 32 * np.finfo(np.float32).eps * 255 * XSCALE[0]
    np.testing.assert_allclose(got, byte_average(*feeds.values()), rtol=0, atol=atol)


def test_opsets_without_bytes_have_no_bodies():
    names = [{f.name for f in fallback_functions(opset)} for opset in (OLDEST_BYTE_OPSET - 1, 11, 12)]
    assert not names[0] & {*INPUTS, spec.Q_MAX_POOL}
    assert names[1] & {*INPUTS, spec.Q_MAX_POOL} == set(INPUTS)
    assert {spec.QSRMM, spec.Q_MAX_POOL} <= names[2]
