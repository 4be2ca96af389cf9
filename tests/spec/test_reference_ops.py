import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    FORMER_NAMES,
    GLOBAL_AVERAGE,
    LRN,
    MAX_POOL,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    Q_MAX_POOL,
    QUANTIZE,
    Activation,
    Pooling,
    ResponseNorm,
    lrn_attributes,
    pool_attributes,
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
    reference_ops,
)
from tests.one_node import one_node
from tests.spec.cases import conv_cases, gemm_cases
from tests.spec.models import Layer

flags = st.booleans()


def evaluate(layer: Layer) -> np.ndarray:
    return ReferenceEvaluator(layer.model(17), new_ops=reference_ops()).run(None, layer.feeds)[0]


def test_all_operators_are_there():
    found = {(op.op_domain, op.__name__) for op in reference_ops()}
    sites = {(d, n) for d in (DOMAIN_CONV, DOMAIN_GEMM) for n in ("SPLPredict", "SRMM", "QSRMM")}
    of_bytes = (Q_LRN, Q_MAX_POOL, Q_GLOBAL_AVERAGE, QUANTIZE)
    names = [*FORMER_NAMES, *FORMER_NAMES.values(), *of_bytes]
    assert found == {*sites, *((DOMAIN_CONV, name) for name in names)}


@settings(deadline=None, max_examples=40)
@given(conv_cases(), flags, flags, flags)
def test_image_nodes_compute_the_functions(case, bias, residual, selection):
    layer = Layer(case, bias, residual, selection)
    site = {"geometry": case.geometry, "pooling": case.pooling}
    s = conv_predict(case.x, case.w, case.b, r=layer.r, **site) if selection else None
    wanted = conv_srmm(
        case.x, case.w, case.b if bias else None, s, layer.r, **site, activation=case.activation
    )
    np.testing.assert_array_equal(evaluate(layer), wanted)


@settings(deadline=None, max_examples=40)
@given(gemm_cases(), flags, flags, flags)
def test_matrix_nodes_compute_the_functions(case, bias, residual, selection):
    layer = Layer(case, bias, residual, selection, transposed=not selection)
    s = gemm_predict(case.x, case.w, case.b, r=layer.r) if selection else None
    wanted = gemm_srmm(case.x, case.w, case.b if bias else None, s, layer.r, activation=case.activation)
    np.testing.assert_array_equal(evaluate(layer), wanted)


def test_int8_nodes_with_shortened_inputs():
    wp, wscale = quantize_weights(np.eye(3, dtype=np.float32))
    node = helper.make_node("SPLPredict", ["x", "wp", "bp", "ws"], ["s"], domain=DOMAIN_GEMM)
    weights = {"wp": wp, "bp": np.zeros(3, np.float32), "ws": wscale}
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("s", TensorProto.UINT8, [None, 3])],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN_GEMM, 1)]
    evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets), new_ops=reference_ops())
    x = np.array([[1, -1, 0]], np.float32)
    assert evaluator.run(None, {"x": x})[0].tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("name", [LRN, FORMER_NAMES[LRN]])
def test_normalisation_node(name):
    norm = ResponseNorm(3, 0.5, 0.75, 2.0)
    model = one_node(name, DOMAIN_CONV, lrn_attributes(norm), ["x"])
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 5)).astype(np.float32)
    np.testing.assert_array_equal(evaluator.run(None, {"x": x})[0], lrn(x, norm))


@pytest.mark.parametrize("name", [MAX_POOL, FORMER_NAMES[MAX_POOL]])
def test_pooling_node(name):
    pooling = Pooling((3, 2), (2, 1), (1, 0, 0, 1), True)
    model = one_node(name, DOMAIN_CONV, pool_attributes(pooling), ["x"])
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    x = np.random.default_rng(0).standard_normal((1, 4, 3, 5)).astype(np.float32)
    np.testing.assert_array_equal(evaluator.run(None, {"x": x})[0], max_pool(x, pooling))


@pytest.mark.parametrize("name", [GLOBAL_AVERAGE, FORMER_NAMES[GLOBAL_AVERAGE]])
def test_mean_node(name):
    model = one_node(name, DOMAIN_CONV, {}, ["x"])
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    x = np.random.default_rng(0).standard_normal((2, 4, 3, 5)).astype(np.float32)
    np.testing.assert_array_equal(evaluator.run(None, {"x": x})[0], global_average(x))


@pytest.mark.parametrize("precision", [{}, {"precision": "float32"}, {"precision": "int8"}])
def test_the_precision_of_a_node(precision):
    """Nodes of earlier versions do not say it."""
    attributes = srmm_attributes(None, None, Activation.relu())
    del attributes["precision"]
    inputs = ["x", "w", "", "", "", "", "scale" if precision == {"precision": "int8"} else ""]
    model = one_node("SRMM", DOMAIN_GEMM, attributes | precision, inputs)
    x, w, scale = np.float32([[0.6]]), np.float32([[1.0]]), np.float32([0.25])
    feeds = {"x": x, "w": w, "scale": scale} if inputs[-1] else {"x": x, "w": w}
    got = ReferenceEvaluator(model, new_ops=reference_ops()).run(None, feeds)[0]
    want = 2 * 127 * (scale * (np.float32(1) / np.float32(127))) if inputs[-1] else x
    np.testing.assert_array_equal(got, want.reshape(1, 1))


def test_missing_attribute_is_named():
    given = {"clip_min": 0.0, "clip_max": 1.0, "w_perm": [1, 0]}
    node = helper.make_node("SRMM", ["x", "w"], ["y"], domain=DOMAIN_GEMM, **given)
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, [1, 1]) for k in "xwy"]
    graph = helper.make_graph([node], "g", infos[:2], infos[2:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN_GEMM, 1)]
    evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets), new_ops=reference_ops())
    one = np.ones((1, 1), np.float32)
    with pytest.raises(ModelError, match="attribute floor is missing"):
        evaluator.run(None, {"x": one, "w": one})
