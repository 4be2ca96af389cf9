import itertools
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from spl_onnx.errors import ModelError
from spl_onnx.spec import attributes as spec
from spl_onnx.spec.functions import fallback_functions
from spl_onnx.spec.quantize import quantize_weights, weight_values
from spl_onnx.spec.reference import conv_srmm, gemm_srmm, global_average, lrn, max_pool
from tests.spec.cases import ACTIVATIONS, EPS, ConvCase, GemmCase, conv_cases, floats, gemm_cases
from tests.spec.dense import run_model
from tests.spec.models import Layer


def newest_opset() -> int:
    """The newest default-domain opset that both onnx and ONNX Runtime know."""
    layer = matrix_layer(0)
    for opset in range(onnx.defs.onnx_opset_version(), 21, -1):
        try:
            run_model(layer.model(opset), layer.feeds)
        except Fail:
            continue
        return opset
    return 21


def image_layer(activation: int, ceil: bool = False, **options: bool) -> Layer:
    rng = np.random.default_rng(activation)
    case = ConvCase(
        floats(rng, 2, 11, 13, 6), floats(rng, 4, 3, 3, 3), floats(rng, 4), floats(rng, 2, 6, 10, 4),
        spec.ConvGeometry((2, 1), (1, 0, 2, 1), (1, 2), 2), spec.Pooling((3, 2), (3, 2), (1, 1, 0, 1), ceil),
        ACTIVATIONS[activation],
    )  # fmt: skip
    return Layer(case, **options)


def matrix_layer(activation: int, **options: bool) -> Layer:
    rng = np.random.default_rng(activation)
    case = GemmCase(
        floats(rng, 2, 3, 8), floats(rng, 5, 8), floats(rng, 5), floats(rng, 2, 3, 5), ACTIVATIONS[activation]
    )
    return Layer(case, **options)


def wanted(layer: Layer) -> np.ndarray:
    case, bias = layer.case, layer.case.b if layer.bias else None
    if isinstance(case, ConvCase):
        site = {"geometry": case.geometry, "pooling": case.pooling, "activation": case.activation}
        return conv_srmm(case.x, case.w, bias, None, layer.r, **site)
    return gemm_srmm(case.x, case.w, bias, None, layer.r, activation=case.activation)


def check_layer(layer: Layer, opset: int) -> None:
    """The model is valid, its shapes are known, and plain ONNX Runtime computes the dense layer."""
    model = layer.model(opset)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    result = run_model(model, layer.feeds)[0]
    target = wanted(layer)
    if not (layer.is_conv and layer.case.pooling.ceil):
        # In ceil mode onnx also counts a last window that starts beyond the image; ONNX Runtime drops it.
        dims = [d.dim_value for d in inferred.graph.output[0].type.tensor_type.shape.dim]
        assert dims[1:] == list(target.shape[1:])
    assert result.shape == target.shape
    assert abs(result - target).max(initial=0) <= layer.case.tolerance


OPSETS = [7, 8, 9, 10, 11, 12, 13, 17, 18, 21, newest_opset()]


@pytest.mark.parametrize("activation", range(len(ACTIVATIONS)))
@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_runs_in_plain_onnx_runtime(opset, activation):
    for residual, selection in itertools.product((True, False), repeat=2):
        check_layer(matrix_layer(activation, residual=residual, selection=selection), opset)
        check_layer(matrix_layer(activation, residual=residual, selection=False, transposed=True), opset)
        for bias in (True, False):
            layer = image_layer(activation, opset >= 10, bias=bias, residual=residual, selection=selection)
            check_layer(layer, opset)


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_runs_int8_weights(opset):
    """The body multiplies them by their scales; float32 ones beside them have the scale 1."""
    images, rows = image_layer(1), matrix_layer(1)
    turned = matrix_layer(1, selection=False, transposed=True)
    for layer in (images, rows, turned):
        check_layer(replace(layer, wscale=np.ones(1, np.float32)), opset)
        model = replace(layer, wscale=np.ones(1, np.float32)).model(opset)
        levels, scale = quantize_weights(layer.case.w)
        held = {tensor.name: tensor for tensor in model.graph.initializer}
        held["wscale"].CopyFrom(numpy_helper.from_array(scale, "wscale"))
        held["w"].CopyFrom(numpy_helper.from_array(levels.T.copy() if layer.transposed else levels, "w"))
        onnx.checker.check_model(model, full_check=True)
        rounded = replace(layer, case=replace(layer.case, w=weight_values(levels, scale)))
        target = wanted(rounded)
        assert abs(target - wanted(layer)).max() > layer.case.tolerance
        assert abs(run_model(model, layer.feeds)[0] - target).max() <= rounded.case.tolerance


@settings(deadline=None, max_examples=40)
@given(conv_cases(), st.booleans(), st.booleans(), st.booleans())
def test_random_image_layers_run_in_plain_onnx_runtime(case, bias, residual, selection):
    check_layer(Layer(case, bias, residual, selection), 17)


@settings(deadline=None, max_examples=40)
@given(gemm_cases().filter(lambda case: case.x.ndim > 1), st.booleans(), st.booleans())
def test_random_matrix_layers_run_in_plain_onnx_runtime(case, residual, transposed):
    check_layer(Layer(case, True, residual, selection=not transposed, transposed=transposed), 17)


def run_auxiliary(node: onnx.NodeProto, x: np.ndarray, opset: int) -> np.ndarray:
    """Output of `node`, y, through its fallback body."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in "xy"]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(spec.DOMAIN_CONV, 1)]
    functions = [f for f in fallback_functions(opset) if f.name == node.op_type]
    ir_version = 8 if opset < 21 else 10
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=ir_version)
    onnx.checker.check_model(model, full_check=True)
    return run_model(model, {"x": x})[0]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_normalises_in_plain_onnx_runtime(opset):
    norm = spec.ResponseNorm(3, 0.5, 0.75, 2.0)
    x = floats(np.random.default_rng(0), 2, 4, 3, 5)
    node = helper.make_node(spec.LRN, ["x"], ["y"], domain=spec.DOMAIN_CONV, **spec.lrn_attributes(norm))
    # Squares, sums and powers of a window of 3 in another order: far below 32 roundings.
    np.testing.assert_allclose(run_auxiliary(node, x, opset), lrn(x, norm), rtol=32 * EPS)


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_pools_in_plain_onnx_runtime(opset):
    pooling = spec.Pooling((3, 2), (2, 1), (1, 0, 1, 1), opset >= 10)
    x = floats(np.random.default_rng(0), 2, 6, 5, 3)
    node = helper.make_node(
        spec.MAX_POOL, ["x"], ["y"], domain=spec.DOMAIN_CONV, **spec.pool_attributes(pooling)
    )
    np.testing.assert_array_equal(run_auxiliary(node, x, opset), max_pool(x, pooling))


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_averages_in_plain_onnx_runtime(opset):
    x = np.abs(floats(np.random.default_rng(0), 2, 6, 5, 3))
    node = helper.make_node(spec.GLOBAL_AVERAGE, ["x"], ["y"], domain=spec.DOMAIN_CONV)
    # 30 positive terms and a division, each rounded once.
    np.testing.assert_allclose(run_auxiliary(node, x, opset), global_average(x), rtol=32 * EPS)


# onnx.reference cannot hand an attribute of a function to LeakyRelu, which the body for opset 11 needs.
@pytest.mark.parametrize("opset", [7, 10, 12, 17, 21])
def test_bodies_run_in_the_reference_evaluator(opset):
    transposed = matrix_layer(2, selection=False, transposed=True)
    for layer in (image_layer(0, opset >= 10), matrix_layer(2), transposed):
        result = ReferenceEvaluator(layer.model(opset)).run(None, layer.feeds)[0]
        assert abs(result - wanted(layer)).max() <= layer.case.tolerance


def test_no_function_is_called_like_an_onnx_operator():
    """Tools that go by names alone, onnx.compose for one, take the one for the other."""
    assert not [function.name for function in fallback_functions(17) if defs.has(function.name)]


def test_functions_declare_the_operators():
    functions = {(f.domain, f.name): f for f in fallback_functions(17)}
    pool = functions.pop((spec.DOMAIN_CONV, spec.MAX_POOL))
    assert (set(pool.attribute), list(pool.input)) == (set(spec.pool_attributes(spec.Pooling())), ["X"])
    mean = functions.pop((spec.DOMAIN_CONV, spec.GLOBAL_AVERAGE))
    assert (list(mean.attribute), list(mean.input)) == ([], ["X"])
    norm = functions.pop((spec.DOMAIN_CONV, spec.LRN))
    assert (set(norm.attribute), list(norm.input)) == (set(spec.lrn_attributes(spec.ResponseNorm(1))), ["X"])
    bytes_pool = functions.pop((spec.DOMAIN_CONV, spec.Q_MAX_POOL))
    assert (bytes_pool.attribute, bytes_pool.input) == (pool.attribute, pool.input)
    bytes_norm = functions.pop((spec.DOMAIN_CONV, spec.Q_LRN))
    assert (bytes_norm.attribute, tuple(bytes_norm.input)) == (norm.attribute, spec.Q_LRN_INPUTS)
    bytes_mean = functions.pop((spec.DOMAIN_CONV, spec.Q_GLOBAL_AVERAGE))
    assert (list(bytes_mean.attribute), tuple(bytes_mean.input)) == ([], spec.Q_GLOBAL_AVERAGE_INPUTS)
    quantize = functions.pop((spec.DOMAIN_CONV, spec.QUANTIZE))
    assert (list(quantize.attribute), tuple(quantize.input)) == ([], spec.QUANTIZE_INPUTS)
    assert set(functions) == {
        (d, n) for d in (spec.DOMAIN_CONV, spec.DOMAIN_GEMM) for n in (spec.PREDICT, spec.SRMM, spec.QSRMM)
    }
    scaled = {(f.domain, f.name): f for f in fallback_functions(17, set(functions))}
    for (domain, name), function in functions.items():
        geometry = spec.ConvGeometry() if domain == spec.DOMAIN_CONV else None
        if name == spec.PREDICT:
            attributes, inputs = spec.predict_attributes(geometry), ["X", "Wp", "Bp", "Wscale", "Xscale", "R"]
        else:
            attributes, inputs = (
                spec.srmm_attributes(geometry, None, spec.Activation.none()),
                ["X", "W", "B", "S", "R", "Bs", "Xscale"],
            )
            inputs += ["Rscale", "Yscale"] if name == spec.QSRMM else []
        assert list(function.attribute) == list(attributes)
        assert list(function.input) == inputs
        assert list(scaled[domain, name].input) == [*inputs, *(["Wscale"] if name != spec.PREDICT else [])]
        assert [(o.domain, o.version) for o in function.opset_import] == [("", 17)]


@pytest.mark.parametrize("opset", [1, 6])
def test_opsets_that_are_too_old_are_refused(opset):
    with pytest.raises(ModelError, match=f"opset {opset}; wanted 7 or newer; convert"):
        fallback_functions(opset)


def site_nodes(
    number: int, geometry: spec.ConvGeometry, pooling: spec.Pooling, source: str, target: str
) -> list[onnx.NodeProto]:
    """One image site with its Transposes, as a rewriter leaves it between NCHW neighbours."""
    n, relu = str(number), spec.Activation.relu()
    image = {"domain": spec.DOMAIN_CONV}
    return [
        helper.make_node("Transpose", [source], ["x" + n], perm=(0, 2, 3, 1)),
        helper.make_node(
            spec.PREDICT,
            ["x" + n, "w", "b", "", "", "r"],
            ["s" + n],
            **image,
            **spec.predict_attributes(geometry, pooling),
        ),
        helper.make_node(
            spec.SRMM,
            ["x" + n, "w", "b", "s" + n, "r", "", ""],
            ["y" + n],
            **image,
            **spec.srmm_attributes(geometry, pooling, relu),
        ),
        helper.make_node("Transpose", ["y" + n], [target], perm=(0, 3, 1, 2)),
    ]


def optimised_ops(model: onnx.ModelProto, folder) -> list[onnx.NodeProto]:
    """Nodes that ONNX Runtime runs at its highest optimisation level."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(onnx.load(options.optimized_model_filepath).graph.node)


@pytest.mark.parametrize("opset", [9, 11, 17])
def test_optimiser_restores_the_dense_network(opset, tmp_path):
    rng = np.random.default_rng(0)
    geometry, pooling = spec.ConvGeometry(pads=(1, 1, 1, 1)), spec.Pooling((2, 2), (2, 2))
    nodes = site_nodes(1, geometry, pooling, "x", "h") + site_nodes(2, geometry, pooling, "h", "i")
    nodes += [
        helper.make_node("GlobalAveragePool", ["i"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["rows"]),
        helper.make_node(spec.PREDICT, ["rows", "v", "c", "", "", "q"], ["s"], domain=spec.DOMAIN_GEMM),
        helper.make_node(
            spec.SRMM, ["rows", "v", "c", "s", "q", "", ""], ["y"], domain=spec.DOMAIN_GEMM,
            **spec.srmm_attributes(None, None, spec.Activation.relu()),
        ),
    ]  # fmt: skip
    weights = {
        "w": floats(rng, 16, 3, 3, 16), "b": floats(rng, 16), "r": np.zeros((1, 1, 1, 1), np.float32),
        "v": floats(rng, 32, 16), "c": floats(rng, 32), "q": np.zeros(1, np.float32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes, "chain", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 32])],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )  # fmt: skip
    opsets = [
        helper.make_opsetid("", opset),
        helper.make_opsetid(spec.DOMAIN_CONV, 1),
        helper.make_opsetid(spec.DOMAIN_GEMM, 1),
    ]
    model = helper.make_model(graph, opset_imports=opsets, functions=fallback_functions(opset), ir_version=8)

    left = optimised_ops(model, tmp_path)
    types = [node.op_type for node in left]
    assert not {spec.PREDICT, spec.SRMM, "Transpose", "Add", "Cast", "Constant", "LeakyRelu", "Neg"} & set(
        types
    )
    convolutions = [node for node in left if node.op_type in ("Conv", "FusedConv")]
    assert len(convolutions) == 2
    for node in convolutions:
        assert b"Clip" in [a.s for a in node.attribute if a.name == "activation"], node
    assert types.count("Clip") <= 1 and types.count("MaxPool") == 2
    assert sum(name in ("Gemm", "FusedGemm") for name in types) == 1
