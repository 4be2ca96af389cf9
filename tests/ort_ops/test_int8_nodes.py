"""SRMM with products in 8 bits as nodes of ONNX Runtime: values, old models, errors and the fallback."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

import spl_onnx
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    INT8,
    INT8_WINOGRAD,
    SRMM,
    SRMM_INPUTS,
    Activation,
    ConvGeometry,
    Pooling,
    srmm_attributes,
)
from spl_onnx.spec.functions import fallback_functions
from spl_onnx.spec.reference import conv_srmm, gemm_srmm
from tests.one_node import one_node
from tests.ort_ops.strategies import EPS, sparse_normal

pytestmark = pytest.mark.usefixtures("plugin_path")

PLACE: dict[str, Any] = {"geometry": ConvGeometry(pads=(1, 1, 1, 1)), "pooling": Pooling((2, 2), (2, 2))}
RELU = Activation.relu()
SCALE = np.float32([0.03, 100])


def session(
    inputs: dict[str, np.ndarray | None],
    attributes: dict[str, Any],
    constants: tuple[str, ...],
    library: bool = True,
) -> ort.InferenceSession:
    """Of one node with `inputs`; where the library is not registered, with the fallback body."""
    domain = DOMAIN_GEMM if "w_perm" in attributes else DOMAIN_CONV
    fed = {name: value for name, value in inputs.items() if value is not None}
    model = one_node(
        SRMM,
        domain,
        attributes,
        # Fallback bodies know Wscale only where there is one.
        [name if name in fed else "" for name in SRMM_INPUTS if name != "Wscale" or name in fed],
        {name: value.shape for name, value in fed.items()},
        {name: fed[name] for name in constants if name in fed},
        {"S": TensorProto.UINT8, "W": helper.np_dtype_to_tensor_dtype(fed["W"].dtype)},
    )
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if library:
        spl_onnx.register(options)
    else:
        scaled = {(domain, SRMM)} if "Wscale" in fed else set()
        bodies = fallback_functions(17, scaled)
        model.functions.extend(f for f in bodies if (f.domain, f.name) == (domain, SRMM))
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(
    inputs: dict[str, np.ndarray | None],
    attributes: dict[str, Any],
    constants: tuple[str, ...] = ("W", "B", "Xscale"),
    library: bool = True,
) -> np.ndarray:
    feeds = {name: v for name, v in inputs.items() if v is not None and name not in constants}
    return np.asarray(session(inputs, attributes, constants, library).run(None, feeds)[0])


def images() -> dict[str, np.ndarray | None]:
    rng = np.random.default_rng(0)
    shapes = {"X": (2, 9, 10, 9), "W": (18, 3, 3, 9), "B": (18,), "R": (2, 9, 10, 18)}
    return {name: sparse_normal(rng, shape, 0.2) for name, shape in shapes.items()}


def matrices() -> dict[str, np.ndarray | None]:
    rng = np.random.default_rng(1)
    shapes = {"X": (2, 3, 40), "W": (70, 40), "B": (70,), "R": (2, 3, 70)}
    return {name: sparse_normal(rng, shape, 0.2) for name, shape in shapes.items()}


def image_attributes(precision: str, **place: Any) -> dict[str, Any]:
    place = PLACE | place
    return srmm_attributes(place["geometry"], place["pooling"], RELU, precision=precision)


def want(
    inputs: dict[str, np.ndarray | None], precision: str, xscale: np.ndarray | None = None, s: Any = None
) -> np.ndarray:
    given = (inputs["X"], inputs["W"], inputs["B"], s, inputs["R"], xscale)
    if inputs["X"].ndim == 3:
        return gemm_srmm(*given, activation=RELU, precision=precision)
    return conv_srmm(*given, activation=RELU, precision=precision, **PLACE)


@pytest.mark.parametrize("constants", [(), ("W", "B"), ("W", "B", "Xscale")])
@pytest.mark.parametrize("xscale", [None, SCALE[:1], SCALE])
def test_int8(xscale: np.ndarray | None, constants: tuple[str, ...]) -> None:
    for inputs, attributes in (
        (images(), image_attributes(INT8)),
        (matrices(), srmm_attributes(None, None, RELU, precision=INT8)),
    ):
        got = run({**inputs, "Xscale": xscale}, attributes, constants)
        np.testing.assert_array_equal(got, want(inputs, INT8, xscale))


@pytest.mark.parametrize("constants", [(), ("W", "B")])
def test_int8_winograd_and_selections(constants: tuple[str, ...]) -> None:
    inputs = images()
    dense = want(inputs, INT8_WINOGRAD)
    np.testing.assert_array_equal(run(inputs, image_attributes(INT8_WINOGRAD), constants), dense)
    s = np.random.default_rng(2).integers(0, 5, dense.shape).astype(np.uint8)
    got = run({**inputs, "S": s}, image_attributes(INT8_WINOGRAD), constants)
    np.testing.assert_array_equal(got, want(inputs, INT8_WINOGRAD, s=s))


def test_the_other_bias() -> None:
    inputs = images()
    other = inputs["B"] + np.float32(1)
    for precision in (INT8, INT8_WINOGRAD):
        got = run({**inputs, "Bs": other}, image_attributes(precision), ("W", "B", "Bs"))
        np.testing.assert_array_equal(got, want({**inputs, "B": other}, precision))


def test_weights_of_matrices_in_either_order() -> None:
    inputs = matrices()
    attributes = srmm_attributes(None, None, RELU, transposed=True, precision=INT8)
    got = run({**inputs, "W": np.ascontiguousarray(inputs["W"].T)}, attributes)
    np.testing.assert_array_equal(got, want(inputs, INT8))


def test_empty_batches() -> None:
    for precision in (INT8, INT8_WINOGRAD):
        inputs = images()
        inputs |= {name: inputs[name][:0] for name in "XR"}
        assert run(inputs, image_attributes(precision)).shape == (0, 4, 5, 18)
    rows = matrices()
    rows |= {name: rows[name][:0] for name in "XR"}
    assert run(rows, srmm_attributes(None, None, RELU, precision=INT8)).shape == (0, 3, 70)


def bound(inputs: dict[str, np.ndarray | None]) -> float:
    """Of float32 sums in any order."""
    x, w, b, r = (abs(inputs[name]).max() for name in "XWBR")
    terms = inputs["W"][0].size
    return float(EPS * (terms + 2) * (terms * x * w + b + r))


def test_models_without_a_precision_are_float32() -> None:
    for inputs, attributes in (
        (images(), image_attributes("float32")),
        (matrices(), srmm_attributes(None, None, RELU)),
    ):
        written = run(inputs, attributes)
        del attributes["precision"]
        np.testing.assert_array_equal(run(inputs, attributes), written)
        np.testing.assert_allclose(written, want(inputs, "float32"), rtol=0, atol=bound(inputs))


@pytest.mark.parametrize("precision", [INT8, INT8_WINOGRAD])
def test_the_fallback_is_the_float32_layer(precision: str) -> None:
    inputs = images()
    got = run(inputs, image_attributes(precision), library=False)
    np.testing.assert_allclose(got, want(inputs, "float32"), rtol=0, atol=bound(inputs))
    if precision == INT8:
        rows = matrices()
        attributes = srmm_attributes(None, None, RELU, precision=precision)
        got = run({**rows, "Xscale": SCALE}, attributes, library=False)
        np.testing.assert_allclose(got, want(rows, "float32"), rtol=0, atol=bound(rows))


def refusal(inputs: dict[str, np.ndarray | None], attributes: dict[str, Any], *constants: str) -> str:
    """The error, one line that names the node."""
    with pytest.raises(Exception, match="site/node") as caught:
        run(inputs, attributes, constants)
    text = str(caught.value)
    assert "\n" not in text.strip()
    return text


def test_an_unknown_precision_is_refused() -> None:
    text = refusal(images(), image_attributes(INT8) | {"precision": "int4"}, "W", "B")
    assert "attribute precision: got 'int4', wanted float32, int8 or int8_winograd" in text


@pytest.mark.parametrize("precision", [[1] * 9, [1.5], 1, 0.5])
def test_a_precision_that_is_no_text_is_refused(precision: Any) -> None:
    """It was taken for one that is missing, which means float32."""
    text = refusal(images(), image_attributes("float32") | {"precision": precision}, "W", "B")
    assert "attribute precision: got numbers, wanted a text" in text


@pytest.mark.parametrize("precision", ["float32", INT8_WINOGRAD])
@pytest.mark.parametrize("constants", [(), ("W", "B", "Xscale")])
def test_an_input_scale_without_use_is_refused(precision: str, constants: tuple[str, ...]) -> None:
    text = refusal({**images(), "Xscale": SCALE}, image_attributes(precision), *constants)
    assert "got an Xscale, which goes with precision int8 only" in text


@pytest.mark.parametrize("scale", [[0.0], [np.nan], [1.0, 0.5], [1.0, 256.0]])
def test_a_bad_input_scale_is_refused(scale: list[float]) -> None:
    text = refusal({**images(), "Xscale": np.float32(scale)}, image_attributes(INT8), "W", "B", "Xscale")
    assert "Xscale: got scale" in text


@pytest.mark.parametrize("constants", [(), ("W", "B")])
def test_layers_that_do_not_suit_int8_winograd_are_refused(constants: tuple[str, ...]) -> None:
    strided = image_attributes(INT8_WINOGRAD, geometry=ConvGeometry((2, 2)))
    rows = srmm_attributes(None, None, RELU, precision=INT8_WINOGRAD)
    for inputs, attributes in (({**images(), "R": None}, strided), (matrices(), rows)):
        text = refusal(inputs, attributes, *constants)
        assert "precision: got 'int8_winograd', wanted it with square kernels of 2 to 5" in text


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("constants", [(), ("W", "B")])
def test_weights_that_are_not_finite_are_refused(bad: float, constants: tuple[str, ...]) -> None:
    for precision in (INT8, INT8_WINOGRAD):
        inputs = images()
        inputs["W"][7, 1, 2, 3] = bad
        text = refusal(inputs, image_attributes(precision), *constants)
        assert "W of output 7 is not finite, wanted finite weights" in text


def test_sums_that_would_overflow_are_refused() -> None:
    inputs = {"X": np.ones((1, 65537), np.float32), "W": np.ones((1, 65537), np.float32)}
    text = refusal(inputs, srmm_attributes(None, None, RELU, precision=INT8), "W")
    assert "int8 W with 65537 weights per output, wanted at most 65536: sums would overflow" in text
    longest = {name: value[:, :65536] for name, value in inputs.items()}
    got = run(longest, srmm_attributes(None, None, RELU, precision=INT8))
    np.testing.assert_array_equal(got, gemm_srmm(longest["X"], longest["W"], activation=RELU, precision=INT8))
