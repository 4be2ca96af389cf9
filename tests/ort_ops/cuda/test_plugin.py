"""The operators of the CUDA provider in ONNX Runtime: emulated, as operators of the CPU.

What differs from a GPU is the provider's name and the machine under the kernels; inputs, checks, memory,
packing and errors take the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    FORMER_NAMES,
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
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import (
    conv_predict,
    conv_srmm,
    gemm_predict,
    gemm_srmm,
    global_average,
    lrn,
    max_pool,
)
from tests.ort_ops.cuda.harness import HERE, KERNELS, OPS, compile_emulated

GEOMETRY = ConvGeometry(pads=(1, 1, 1, 1))
POOLING = Pooling((3, 3), (2, 2), (0, 0, 1, 1), True)
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="session")
def emulated_plugin(objects: Path) -> str:
    """Path of the emulated plugin."""
    sources = [
        *KERNELS,
        *sorted((OPS / "cuda" / "ops").glob("*.cc")),
        HERE / "emulated_plugin.cc",
        *[OPS / "ops" / f"{name}.cc" for name in ("custom_op", "ort_call", "operands")],
        *[OPS / "kernels" / f"{name}.cc" for name in ("shape/geometry", "pooling/lrn")],
    ]
    return str(compile_emulated(objects, "spl_ops_emulated", sources))


def node_model(
    domain: str, name: str, inputs: dict[str, Any], attributes: dict[str, Any], constants: tuple[str, ...]
) -> onnx.ModelProto:
    """One node without a fallback body. `inputs` in order; None is left out, `constants` are initialisers."""
    kinds = {
        key: helper.np_dtype_to_tensor_dtype(value.dtype)
        for key, value in inputs.items()
        if value is not None
    }
    names = [key if value is not None else "" for key, value in inputs.items()]
    output = TensorProto.UINT8 if name == PREDICT else kinds["X"]
    node = helper.make_node(name, names, ["out"], "site/node", domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(key, kind, list(inputs[key].shape))
            for key, kind in kinds.items()
            if key not in constants
        ],
        [helper.make_tensor_value_info("out", output, None)],
        [numpy_helper.from_array(inputs[key], key) for key in constants if inputs[key] is not None],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


class Runner:
    """Runs one node under the emulated plugin."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin

    def __call__(
        self,
        domain: str,
        name: str,
        inputs: dict[str, Any],
        attributes: dict[str, Any],
        constants: tuple[str, ...] = (),
    ) -> np.ndarray:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.register_custom_ops_library(self.plugin)
        model = node_model(domain, name, inputs, attributes, constants)
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feeds = {key: value for key, value in inputs.items() if value is not None and key not in constants}
        first = session.run(None, feeds)[0]
        np.testing.assert_array_equal(session.run(None, feeds)[0], first)
        return np.asarray(first)


@pytest.fixture(scope="session")
def run(emulated_plugin: str) -> Runner:
    return Runner(emulated_plugin)


class Matrices:
    """Operands of a matrix site: X [2,3,40], 70 outputs."""

    def __init__(self, kind: Any = np.float32) -> None:
        rng = np.random.default_rng(0)
        self.x = np.maximum(rng.standard_normal((2, 3, 40)), 0).astype(kind)
        self.w = rng.standard_normal((70, 40)).astype(kind)
        self.b = rng.standard_normal(70).astype(kind)
        self.s = (rng.random((2, 3, 70)) < 0.3).astype(np.uint8)
        self.r = rng.standard_normal((2, 3, 70)).astype(kind)

    def want(self, s: np.ndarray | None, r: np.ndarray) -> np.ndarray:
        x, w, b, wide = (a.astype(np.float32) for a in (self.x, self.w, self.b, r))
        return gemm_srmm(x, w, b, s, wide, activation=Activation.relu())


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("strategy", ["auto", "select", "zero_skip", "dense"])
@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("by_inputs", [False, True])
@pytest.mark.parametrize("constants", [(), ("W", "B", "R")])
def test_gemm_srmm(
    run: Runner, kind: Any, strategy: str, selected: bool, by_inputs: bool, constants: tuple[str, ...]
) -> None:
    case = Matrices(kind)
    s, r = case.s if selected else None, case.r[0, 0, :1]
    w = np.ascontiguousarray(case.w.T) if by_inputs else case.w
    attributes = srmm_attributes(None, None, Activation.relu(), strategy=strategy)
    attributes["w_perm"] = [0, 1] if by_inputs else [1, 0]
    inputs = {"X": case.x, "W": w, "B": case.b, "S": s, "R": r}
    got = run(DOMAIN_GEMM, SRMM, inputs, attributes, constants)
    assert got.dtype == kind
    bound = 45 * 45 * 4 * EPS + (float(np.finfo(kind).eps) * 40 if kind is np.float16 else 0)
    np.testing.assert_allclose(got.astype(np.float32), case.want(s, r), rtol=0, atol=bound)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("xscale", [None, np.float32([0.02, 100])])
@pytest.mark.parametrize("constants", [(), ("Wp", "Bp", "Wscale")])
def test_gemm_predict(run: Runner, kind: Any, xscale: np.ndarray | None, constants: tuple[str, ...]) -> None:
    case = Matrices(kind)
    wp, wscale = quantize_weights(case.w)
    b = case.b.astype(np.float32)
    inputs = {"X": case.x, "Wp": wp, "Bp": b, "Wscale": wscale, "Xscale": xscale, "R": case.r}
    got = run(DOMAIN_GEMM, PREDICT, inputs, predict_attributes(None, None), constants)
    x, r = case.x.astype(np.float32), case.r.astype(np.float32)
    np.testing.assert_array_equal(got, gemm_predict(x, wp, b, wscale, xscale, r))


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_gemm_predict_with_float_weights(run: Runner, kind: Any) -> None:
    case = Matrices(kind)
    x = np.round(case.x * 4) / 4  # sums of such numbers are exact
    w = np.round(case.w * 4) / 4
    b = np.round(case.b.astype(np.float32) * 4) / 4
    inputs = {"X": x, "Wp": w, "Bp": b}
    got = run(DOMAIN_GEMM, PREDICT, inputs, predict_attributes(None, None), ("Wp",))
    np.testing.assert_array_equal(got, gemm_predict(x.astype(np.float32), w.astype(np.float32), b))


class Images:
    """Operands of an image site: X [2,9,10,6], 20 outputs, 3x3 kernels."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.x = rng.standard_normal((2, 9, 10, 6)).astype(np.float32)
        self.w = rng.standard_normal((20, 3, 3, 6)).astype(np.float32)
        self.b = rng.standard_normal(20).astype(np.float32)
        self.r = rng.standard_normal((2, 9, 10, 20)).astype(np.float32)
        self.s = conv_predict(self.x, self.w, self.b, None, None, self.r, geometry=GEOMETRY, pooling=POOLING)


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("constants", [(), ("W", "B")])
def test_conv_srmm(run: Runner, selected: bool, constants: tuple[str, ...]) -> None:
    case = Images()
    s = case.s if selected else None
    attributes = srmm_attributes(GEOMETRY, POOLING, Activation.clip(2.0))
    got = run(
        DOMAIN_CONV, SRMM, {"X": case.x, "W": case.w, "B": case.b, "S": s, "R": case.r}, attributes, constants
    )
    place = {"geometry": GEOMETRY, "pooling": POOLING, "activation": Activation.clip(2.0)}
    want = conv_srmm(case.x, case.w, case.b, s, case.r, **place)
    np.testing.assert_allclose(got, want, rtol=0, atol=56 * 56 * 16 * EPS)


@pytest.mark.parametrize("select_all", [False, True])
@pytest.mark.parametrize("xscale", [None, np.float32([0.03])])
@pytest.mark.parametrize("constants", [(), ("Wp", "Bp", "Wscale")])
def test_conv_predict(
    run: Runner, select_all: bool, xscale: np.ndarray | None, constants: tuple[str, ...]
) -> None:
    case = Images()
    wp, wscale = quantize_weights(case.w)
    inputs = {"X": case.x, "Wp": wp, "Bp": case.b, "Wscale": wscale, "Xscale": xscale, "R": case.r}
    attributes = predict_attributes(GEOMETRY, POOLING, select_all=select_all)
    got = run(DOMAIN_CONV, PREDICT, inputs, attributes, constants)
    place = {"geometry": GEOMETRY, "pooling": POOLING, "select_all": select_all}
    want = conv_predict(case.x, wp, case.b, wscale, xscale, case.r, **place)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("names", [tuple(FORMER_NAMES), tuple(FORMER_NAMES.values())])
def test_auxiliary_operators(run: Runner, names: tuple[str, str, str]) -> None:
    """By the names they have, and by those of earlier models."""
    x = Images().x
    norm = ResponseNorm(5, 0.5, 0.75)
    normed, pooled, mean = (
        run(DOMAIN_CONV, name, {"X": x}, attributes)
        for name, attributes in zip(names, (lrn_attributes(norm), pool_attributes(POOLING), {}), strict=True)
    )
    np.testing.assert_array_equal(pooled, max_pool(x, POOLING))
    np.testing.assert_allclose(normed, lrn(x, norm), rtol=10 * EPS, atol=1e-44)
    np.testing.assert_allclose(mean, global_average(x), rtol=0, atol=20 * 4 * EPS)


def test_empty_batches(run: Runner) -> None:
    case, images = Matrices(), Images()
    attributes = srmm_attributes(None, None, Activation.relu())
    got = run(DOMAIN_GEMM, SRMM, {"X": case.x[:0], "W": case.w, "B": case.b}, attributes)
    assert got.shape == (0, 3, 70)
    attributes = srmm_attributes(GEOMETRY, POOLING, Activation.relu())
    got = run(DOMAIN_CONV, SRMM, {"X": images.x[:0], "W": images.w, "B": images.b}, attributes)
    assert got.shape == (0, 5, 5, 20)


#: Behind the 3 x 3 convolution an image of one row has one row, and this window reaches beyond two.
WINDOW = Pooling((4, 2), (3, 1))


def test_windows_larger_than_the_image(run: Runner) -> None:
    case = Images()
    x = case.x[:, :1]
    place = {"geometry": GEOMETRY, "pooling": WINDOW}
    s = run(DOMAIN_CONV, PREDICT, {"X": x, "Wp": case.w, "Bp": case.b}, predict_attributes(GEOMETRY, WINDOW))
    assert s.shape == conv_predict(x, case.w, case.b, **place).shape == (2, 0, 9, 20)
    attributes = srmm_attributes(GEOMETRY, WINDOW, Activation.relu())
    for selection in (None, s):
        y = run(DOMAIN_CONV, SRMM, {"X": x, "W": case.w, "B": case.b, "S": selection}, attributes)
        assert y.shape == s.shape
    assert run(DOMAIN_CONV, MAX_POOL, {"X": x}, pool_attributes(WINDOW)).shape == (2, 0, 9, 6)


def test_images_of_padding_only(run: Runner) -> None:
    case, geometry = Images(), ConvGeometry(pads=(2, 1, 2, 1))
    x, wp = case.x[:, :0], quantize_weights(case.w)
    attributes = srmm_attributes(geometry, None, Activation.none())
    y = run(DOMAIN_CONV, SRMM, {"X": x, "W": case.w, "B": case.b}, attributes)
    np.testing.assert_array_equal(y, np.broadcast_to(case.b, (2, 2, 10, 20)))
    inputs = {"X": x, "Wp": wp[0], "Bp": case.b, "Wscale": wp[1]}
    s = run(DOMAIN_CONV, PREDICT, inputs, predict_attributes(geometry, None))
    np.testing.assert_array_equal(s, np.broadcast_to(case.b > 0, (2, 2, 10, 20)))


def test_images_without_values(run: Runner) -> None:
    x = Images().x
    assert run(DOMAIN_CONV, LRN, {"X": x[:, :0]}, lrn_attributes(ResponseNorm(5))).shape == (2, 0, 10, 6)
    assert run(DOMAIN_CONV, GLOBAL_AVERAGE, {"X": x[:0, :0]}, {}).shape == (0, 1, 1, 6)
    for name, attributes in ((MAX_POOL, pool_attributes(POOLING)), (GLOBAL_AVERAGE, {})):
        with pytest.raises(Exception, match=r"X \[2,0,10,6\]: an image without values"):
            run(DOMAIN_CONV, name, {"X": x[:, :0]}, attributes)


@pytest.mark.parametrize("dims", [(None, 3, 40), ("N", 3, 40), (-1, 3, 40)])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_sizes_that_are_not_known(emulated_plugin: str, kind: Any, dims: tuple[Any, ...]) -> None:
    """A matrix of numbers of either type, and a reader that would fold a wrong shape into a constant."""
    case = Matrices(kind)
    attributes = srmm_attributes(None, None, Activation.relu())
    model = node_model(DOMAIN_GEMM, SRMM, {"X": case.x, "W": case.w, "B": case.b}, attributes, ("W", "B"))
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("X", element, dims))
    model.graph.value_info.append(helper.make_tensor_value_info("out", element, [None] * 3))
    model.graph.node.append(helper.make_node("Shape", ["out"], ["shape"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("shape", TensorProto.INT64, None))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(emulated_plugin)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert session.run(None, {"X": case.x})[0].tolist() == [2, 3, 70]


GOOD = Matrices()
WP, WSCALE = quantize_weights(GOOD.w)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"X": GOOD.x[..., :39]}, r"X \[2,3,39\] and weights \[70,40\]: the last size of X differs"),
        ({"Xscale": np.float32([0.0])}, "Xscale: got scale"),
        ({"Wscale": None}, "int8 Wp without Wscale"),
        ({"Bp": GOOD.b[:5]}, r"Bp \[5\], wanted \[70\]"),
        ({"R": GOOD.r[:1]}, r"R \[1,3,70\], wanted \[2,3,70\]"),
    ],
)
def test_bad_predictor_inputs_are_refused(run: Runner, inputs: dict[str, Any], text: str) -> None:
    good = {"X": GOOD.x, "Wp": WP, "Bp": GOOD.b, "Wscale": WSCALE, "Xscale": None, "R": None}
    with pytest.raises(Exception, match=text):
        run(DOMAIN_GEMM, PREDICT, {**good, **inputs}, predict_attributes(None, None))


@pytest.mark.parametrize("precision", ["int8", "int8_winograd"])
def test_products_in_8_bits_are_refused(run: Runner, precision: str) -> None:
    images = Images()
    for domain, case, place in ((DOMAIN_GEMM, GOOD, None), (DOMAIN_CONV, images, GEOMETRY)):
        attributes = srmm_attributes(place, None, Activation.relu(), precision=precision)
        text = f"precision: got '{precision}', wanted float32: the CUDA provider has no other"
        with pytest.raises(Exception, match=text):
            run(domain, SRMM, {"X": case.x, "W": case.w, "B": case.b}, attributes)


def test_an_input_scale_is_refused(run: Runner) -> None:
    attributes = srmm_attributes(None, None, Activation.relu())
    scale = {"Bs": None, "Xscale": np.float32([0.1])}
    with pytest.raises(Exception, match="got an Xscale, which goes with precision int8 only"):
        run(
            DOMAIN_GEMM,
            SRMM,
            {"X": GOOD.x, "W": GOOD.w, "B": None, "S": None, "R": None, **scale},
            attributes,
        )


def test_a_selection_of_another_shape_is_refused(run: Runner) -> None:
    attributes = srmm_attributes(None, None, Activation.relu())
    with pytest.raises(Exception, match=r"S \[1,3,70\], wanted \[2,3,70\]"):
        run(DOMAIN_GEMM, SRMM, {"X": GOOD.x, "W": GOOD.w, "B": GOOD.b, "S": GOOD.s[:1]}, attributes)
    with pytest.raises(Exception, match=r"site/node.*w_perm: got \[1,1\]"):
        run(DOMAIN_GEMM, SRMM, {"X": GOOD.x, "W": GOOD.w, "B": GOOD.b}, {**attributes, "w_perm": [1, 1]})
