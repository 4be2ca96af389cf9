"""Operators on bytes: the bits of the reference, on every instruction set and as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

import spl_onnx
from spl_onnx.spec import attributes as spec
from spl_onnx.spec.reference import byte_average, byte_lrn, byte_max_pool, conv_qsrmm, conv_srmm, gemm_qsrmm
from spl_onnx.spec.reference_winograd import winograd_suits
from tests.one_node import one_node
from tests.ort_ops.strategies import ACTIVATIONS, ConvCase, conv_cases, depthwise_cases
from tests.ort_ops.test_int8 import activation_options, winograd_cases
from tests.spec.byte_layers import some_bytes

_kernels = pytest.importorskip("spl_onnx._kernels")

XSCALES = (np.float32([0.02, 0]), np.float32([0.013, 117]), np.float32([0.4, 255]))
RSCALE = np.float32([0.03, 90])


def code_of(values: np.ndarray) -> np.ndarray:
    """Scale and zero point that spread float32 values over the bytes, with a little lost on both sides."""
    low, high = min(float(values.min(initial=0)), 0.0), max(float(values.max(initial=0)), 0.0)
    scale = max((high - low) * 0.9 / 255, 1e-6)
    return np.float32([scale, np.clip(np.rint(-low / scale), 0, 255)])


def check(
    case: ConvCase,
    selected: bool,
    activation: spec.Activation,
    precision: str,
    xscale: np.ndarray,
    **how: Any,
) -> None:
    seed = int(case.rng.integers(1 << 30))
    x = some_bytes(seed, *case.x.shape)
    r = None if case.r is None or case.r.ndim < 4 else some_bytes(seed + 1, *case.r.shape)
    rscale = None if r is None else RSCALE
    site = {"geometry": case.geometry, "pooling": case.pooling}
    values = (x.astype(np.float32) - xscale[1]) * xscale[0]
    s = spl_onnx.spec.reference.conv_predict(values, case.w, case.b, **site) if selected else None
    yscale = code_of(conv_srmm(values, case.w, case.b, s, **site, activation=activation))
    inputs = (x, case.w, case.b, s, r)
    scales = {"precision": precision, "xscale": xscale, "rscale": rscale, "yscale": yscale}
    want = conv_qsrmm(*inputs, **scales, **site, activation=activation)
    got = _kernels.conv_srmm(*inputs, **scales, **(activation_options(activation) | case.keywords | how))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, want)


HOW = {
    "activation": st.sampled_from(ACTIVATIONS),
    "selected": st.booleans(),
    "xscale": st.sampled_from(XSCALES),
    "threads": st.integers(1, 4),
    "strategy": st.sampled_from(("auto", "select", "zero_skip", "dense")),
}


@settings(max_examples=60, deadline=None)
@given(case=conv_cases(), **HOW)
def test_int8_on_images(isa: str, case: ConvCase, **how: Any) -> None:
    check(case, precision=spec.INT8, isa=isa, **how)


@settings(max_examples=60, deadline=None)
@given(case=depthwise_cases(), **HOW)
def test_int8_on_images_with_a_group_for_each_channel(isa: str, case: ConvCase, **how: Any) -> None:
    check(case, precision=spec.INT8, isa=isa, **how)


@pytest.mark.parametrize("high", [0.999, 1.0, 1.001])
def test_a_bound_that_is_nearly_the_last_byte(isa: str, high: float) -> None:
    """Where bytes end at the bound of the activation, nothing else clips; both sides of that, to the bit."""
    bound, yscale = 6.0, np.float32([6.0 / 255, 0])
    rng = np.random.default_rng(5)
    x, w = some_bytes(3, 1, 9, 9, 64), rng.standard_normal((64, 3, 3, 64)).astype(np.float32)
    relu = spec.Activation.clip(bound * high)
    xscale, b = np.float32([0.02, 0]), np.zeros(64, np.float32)
    given = {"precision": spec.INT8, "xscale": xscale, "rscale": None, "yscale": yscale}
    site = {"geometry": spec.ConvGeometry(), "pooling": spec.Pooling.none()}
    want = conv_qsrmm(x, w, b, None, None, **given, **site, activation=relu)
    got = _kernels.conv_srmm(x, w, b, None, None, **given, **activation_options(relu), isa=isa)
    assert (want >= 254).any()
    np.testing.assert_array_equal(got, want)


@settings(max_examples=40, deadline=None)
@given(case=winograd_cases(), **HOW)
def test_int8_winograd_on_images(isa: str, case: ConvCase, **how: Any) -> None:
    assume(winograd_suits(case.w, case.geometry))
    check(case, precision=spec.INT8_WINOGRAD, isa=isa, **how)


INPUTS = {
    spec.QSRMM: spec.QSRMM_INPUTS,
    spec.Q_LRN: spec.Q_LRN_INPUTS,
    spec.Q_MAX_POOL: ("X",),
    spec.Q_GLOBAL_AVERAGE: spec.Q_GLOBAL_AVERAGE_INPUTS,
}


def run_node(
    op: str,
    domain: str,
    attributes: dict[str, Any],
    feeds: dict[str, np.ndarray],
    constants: tuple[str, ...] = (),
) -> np.ndarray:
    """Output of one node; inputs that are not fed are omitted."""
    order = INPUTS[op]
    given = {name: feeds[name] for name in constants}
    fed = {name: value for name, value in feeds.items() if name not in given}
    shapes = {name: value.shape for name, value in fed.items()}
    inputs = [name if name in feeds else "" for name in order]
    types = dict.fromkeys("XRS", TensorProto.UINT8)
    if "Wscale" in feeds:
        types["W"] = TensorProto.INT8
    options = ort.SessionOptions()
    options.log_severity_level = 4
    spl_onnx.register(options)
    model = one_node(op, domain, attributes, inputs, shapes, given, types)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, fed)[0]


def image_node() -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Any]]:
    rng = np.random.default_rng(2)
    feeds = {
        "X": some_bytes(0, 2, 9, 9, 16),
        "W": rng.standard_normal((16, 3, 3, 16)).astype(np.float32),
        "B": rng.standard_normal(16).astype(np.float32),
        "R": some_bytes(1, 2, 7, 7, 16),
        "Xscale": XSCALES[1],
        "Rscale": RSCALE,
        "Yscale": np.float32([0.3, 4]),
    }
    site = {"geometry": spec.ConvGeometry(), "pooling": spec.Pooling((2, 2), (2, 2))}
    return feeds, {name.lower(): value for name, value in feeds.items()}, site


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("precision", spec.IN_8_BITS)
@pytest.mark.parametrize("residual", ["full", "one", "none"])
@pytest.mark.parametrize("constants", [("W", "B", "Xscale", "Rscale", "Yscale"), ()])
def test_nodes_on_images(precision, residual, constants):
    feeds, inputs, site = image_node()
    relu = spec.Activation.relu()
    if residual == "none":
        del feeds["R"], feeds["Rscale"], inputs["r"], inputs["rscale"]
    elif residual == "one":
        feeds["R"] = inputs["r"] = np.uint8([[[[200]]]])
    attributes = spec.srmm_attributes(*site.values(), relu, precision=precision)
    constants = tuple(name for name in constants if name in feeds)
    got = run_node(spec.QSRMM, spec.DOMAIN_CONV, attributes, feeds, constants)
    want = conv_qsrmm(**inputs, **site, activation=relu, precision=precision)
    assert len(np.unique(want)) > 9
    np.testing.assert_array_equal(got, want)


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("rows", [1, 5, 40])
def test_nodes_on_matrices(transposed, rows):
    rng = np.random.default_rng(2)
    w = rng.standard_normal((33, 70)).astype(np.float32)
    scales = {"Xscale": XSCALES[1], "Rscale": RSCALE, "Yscale": np.float32([0.3, 100])}
    w = np.ascontiguousarray(w.T) if transposed else w
    feeds = {"X": some_bytes(0, rows, 70), "W": w, "R": some_bytes(1, rows, 33), **scales}
    none = spec.Activation.none()
    attributes = spec.srmm_attributes(None, None, none, transposed=transposed, precision=spec.INT8)
    got = run_node(spec.QSRMM, spec.DOMAIN_GEMM, attributes, feeds, ("W", *scales))
    inputs = {name.lower(): value for name, value in feeds.items()}
    np.testing.assert_array_equal(got, gemm_qsrmm(**inputs, activation=none, transposed=transposed))


NORMS = st.builds(
    spec.ResponseNorm,
    size=st.sampled_from((1, 2, 3, 4, 5, 8, 40, 258)),
    alpha=st.sampled_from((0.0, float(np.float32(1e-4)), 1.0, 1e30)),
    beta=st.sampled_from((0.5, 0.75, 1.0)),
    bias=st.sampled_from((1.0, 2.0, 2.0**-126, 2.0**90)),
)
SIZES = st.tuples(
    st.integers(0, 2),
    st.integers(1, 6),
    st.integers(1, 9),
    st.sampled_from((1, 3, 7, 8, 9, 15, 16, 17, 31, 64, 67, 192)),
)


@settings(max_examples=100, deadline=None)
@given(
    size=SIZES,
    norm=NORMS,
    xscale=st.sampled_from(XSCALES),
    yscale=st.sampled_from((*XSCALES, np.float32([0.002, 30]))),
    seed=st.integers(0, 1 << 30),
    threads=st.integers(1, 4),
)
def test_normalisation(
    isa: str,
    size: tuple[int, ...],
    norm: spec.ResponseNorm,
    xscale: np.ndarray,
    yscale: np.ndarray,
    seed: int,
    threads: int,
) -> None:
    x = some_bytes(seed, *size)
    got = _kernels.byte_lrn(x, xscale, yscale, **spec.lrn_attributes(norm), isa=isa, threads=threads)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, byte_lrn(x, xscale, yscale, norm))


def test_normalisation_by_any_exponent(isa: str) -> None:
    """Powers of the C library and of NumPy may move a value to the next level."""
    x, norm = some_bytes(0, 1, 3, 5, 37), spec.ResponseNorm(5, 0.5, float(np.float32(0.6)))
    scales = XSCALES[1], np.float32([0.004, 100])
    got = _kernels.byte_lrn(x, *scales, **spec.lrn_attributes(norm), isa=isa)
    assert abs(got.astype(int) - byte_lrn(x, *scales, norm)).max() <= 1


def test_large_images_are_normalised(isa: str) -> None:
    x, norm = some_bytes(0, 2, 40, 41, 67), spec.ResponseNorm(5, 0.5)
    scales = XSCALES[1], np.float32([0.004, 100])
    for threads in (1, 3):
        got = _kernels.byte_lrn(x, *scales, **spec.lrn_attributes(norm), isa=isa, threads=threads)
        np.testing.assert_array_equal(got, byte_lrn(x, *scales, norm))


@settings(max_examples=60, deadline=None)
@given(size=SIZES, seed=st.integers(0, 1 << 30), threads=st.integers(1, 4))
def test_means(isa: str, size: tuple[int, ...], seed: int, threads: int) -> None:
    x = some_bytes(seed, *size)
    got = _kernels.byte_average(x, XSCALES[1], isa=isa, threads=threads)
    np.testing.assert_array_equal(got, byte_average(x, XSCALES[1]))


@pytest.mark.usefixtures("plugin_path")
def test_other_nodes_on_images():
    feeds = {"X": some_bytes(0, 2, 9, 9, 16), "Xscale": XSCALES[1], "Yscale": np.float32([0.004, 100])}
    norm = spec.ResponseNorm(5, 0.5)
    for constants in ((), ("Xscale", "Yscale")):
        got = run_node(spec.Q_LRN, spec.DOMAIN_CONV, spec.lrn_attributes(norm), feeds, constants)
        np.testing.assert_array_equal(got, byte_lrn(*feeds.values(), norm))
    for change, message in (({"size": 259}, "size: got 259"), ({"bias": 0.0}, "positive bias for bytes")):
        with pytest.raises(Exception, match=message):
            run_node(spec.Q_LRN, spec.DOMAIN_CONV, {**spec.lrn_attributes(norm), **change}, feeds)
    del feeds["Yscale"]
    for constants in ((), ("Xscale",)):
        got = run_node(spec.Q_GLOBAL_AVERAGE, spec.DOMAIN_CONV, {}, feeds, constants)
        np.testing.assert_array_equal(got, byte_average(*feeds.values()))
    with pytest.raises(Exception, match="pixels of bytes"):
        run_node(
            spec.Q_GLOBAL_AVERAGE, spec.DOMAIN_CONV, {}, feeds | {"X": np.zeros((1, 2, 5 << 20, 1), np.uint8)}
        )


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize("channels", [1, 3, 64, 70])
def test_pooling(channels):
    pooling = spec.Pooling((3, 2), (2, 1), (1, 0, 1, 1), True)
    x = some_bytes(0, 2, 6, 5, channels)
    got = run_node(spec.Q_MAX_POOL, spec.DOMAIN_CONV, spec.pool_attributes(pooling), {"X": x})
    np.testing.assert_array_equal(got, byte_max_pool(x, pooling))


@pytest.mark.usefixtures("plugin_path")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Xscale": None}, "Xscale is missing"),
        ({"Rscale": None}, "Rscale is missing"),
        ({"Yscale": None}, "Yscale is missing"),
        ({"Yscale": np.float32([1, 256])}, "Yscale: got scale 1.0.* and zero point 256"),
        ({"R": some_bytes(1, 2, 7, 7, 15)}, r"R \[2,7,7,15\]"),
    ],
)
def test_nodes_refuse_what_does_not_fit(changes, message):
    feeds, _, site = image_node()
    attributes = spec.srmm_attributes(*site.values(), spec.Activation.relu(), precision=spec.INT8)
    feeds = {name: value for name, value in {**feeds, **changes}.items() if value is not None}
    with pytest.raises(Exception, match=message):
        run_node(spec.QSRMM, spec.DOMAIN_CONV, attributes, feeds)
