"""Dense fall-back bodies: model-local functions that ONNX Runtime inlines where the library is absent.

The body of SRMM is the plain network again (convolution or matrix product, residual, clipping, pooling);
selection, `floor` and `strategy` have no part in it. SPLPredict is a constant that nothing reads once SRMM is
inlined. Operators ChannelsLast... are those of ONNX between two Transposes. What a rewritten node must do for
this: connect `R` (a zero where there is no residual), connect `B` of matrix nodes, write every attribute,
and write '' for other missing inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import AttributeProto, FunctionProto, NodeProto, TensorProto, helper, numpy_helper

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    GLOBAL_AVERAGE,
    LRN,
    MAX_POOL,
    PREDICT,
    PREDICT_INPUTS,
    Q_GLOBAL_AVERAGE,
    Q_GLOBAL_AVERAGE_INPUTS,
    Q_LRN,
    Q_LRN_INPUTS,
    Q_MAX_POOL,
    QSRMM,
    QSRMM_INPUTS,
    QUANTIZE,
    QUANTIZE_INPUTS,
    SRMM,
    SRMM_INPUTS,
    Activation,
    ConvGeometry,
    Pooling,
    ResponseNorm,
    lrn_attributes,
    pool_attributes,
    predict_attributes,
    srmm_attributes,
)

#: Older Conv, Add and BatchNormalization mean something else, and models of that age are rare.
OLDEST_OPSET = 7

#: From here on ONNX has QuantizeLinear, and from there on a MaxPool of bytes.
OLDEST_BYTE_OPSET, _OLDEST_BYTE_POOL = 10, 12

_TO_NCHW = (0, 3, 1, 2)
_TO_NHWC = (0, 2, 3, 1)
#: Filters [O,kH,kW,C], with outputs behind, and from there to what Conv takes.
_OUTPUTS_LAST, _FILTERS_OF_OUTPUTS_LAST = (1, 2, 3, 0), (3, 2, 0, 1)
_INT, _INTS, _FLOAT = AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT


def fallback_functions(opset: int, scaled: Collection[tuple[str, str]] = ()) -> list[FunctionProto]:
    """Bodies of all operators.

    Args:
        opset: Version of the default domain that the model imports; functions must import the same.
        scaled: Domains and names of the operators whose weights have scales: bodies of SRMM and QSRMM that
            need `Wscale`, one element that is 1 where weights are float32. Others do not know this input.

    Returns:
        One function per operator and domain.

    Raises:
        ModelError: The opset is older than 7.
    """
    if opset < OLDEST_OPSET:
        raise ModelError(
            f"the model has opset {opset}; wanted {OLDEST_OPSET} or newer; "
            "convert it first, for example with onnx.version_converter"
        )
    functions = [
        _function(DOMAIN_CONV, PREDICT, opset, _predict_nodes(rank=4)),
        _layer_function(DOMAIN_CONV, SRMM, opset, scaled),
        _function(DOMAIN_GEMM, PREDICT, opset, _predict_nodes(rank=1)),
        _layer_function(DOMAIN_GEMM, SRMM, opset, scaled),
        _function(DOMAIN_CONV, LRN, opset, _lrn_nodes()),
        _function(DOMAIN_CONV, MAX_POOL, opset, _max_pool_nodes(opset)),
        _function(DOMAIN_CONV, GLOBAL_AVERAGE, opset, _global_average_nodes()),
    ]
    if opset >= OLDEST_BYTE_OPSET:
        functions += [
            _layer_function(DOMAIN_CONV, QSRMM, opset, scaled),
            _layer_function(DOMAIN_GEMM, QSRMM, opset, scaled),
            _function(DOMAIN_CONV, Q_LRN, opset, _byte_nodes(_lrn_nodes(), ("X",))),
            _function(DOMAIN_CONV, Q_GLOBAL_AVERAGE, opset, _byte_nodes(_global_average_nodes(), ("X",), ())),
            _function(DOMAIN_CONV, QUANTIZE, opset, _quantize_nodes()),
        ]
    if opset >= _OLDEST_BYTE_POOL:
        functions.append(_function(DOMAIN_CONV, Q_MAX_POOL, opset, _max_pool_nodes(opset)))
    return functions


def _layer_function(domain: str, name: str, opset: int, scaled: Collection[tuple[str, str]]) -> FunctionProto:
    nodes = _conv_nodes(opset) if domain == DOMAIN_CONV else _gemm_nodes(opset)
    if (domain, name) in scaled:
        nodes = _scaled_nodes(nodes, domain == DOMAIN_CONV)
    function = _function(domain, name, opset, _byte_nodes(nodes) if name == QSRMM else nodes)
    if (domain, name) not in scaled:
        function.input.remove("Wscale")
    return function


def _function(domain: str, name: str, opset: int, nodes: Sequence[NodeProto]) -> FunctionProto:
    geometry = ConvGeometry() if domain == DOMAIN_CONV else None
    if name == PREDICT:
        attributes, inputs, output = predict_attributes(geometry), [*PREDICT_INPUTS], "S"
    elif name == LRN:
        attributes, inputs, output = lrn_attributes(ResponseNorm(1)), ["X"], "Y"
    elif name in (MAX_POOL, Q_MAX_POOL):
        attributes, inputs, output = pool_attributes(Pooling.none()), ["X"], "Y"
    elif name == GLOBAL_AVERAGE:
        attributes, inputs, output = {}, ["X"], "Y"
    elif name == Q_LRN:
        attributes, inputs, output = lrn_attributes(ResponseNorm(1)), [*Q_LRN_INPUTS], "Y"
    elif name in (QUANTIZE, Q_GLOBAL_AVERAGE):
        inputs = [*(QUANTIZE_INPUTS if name == QUANTIZE else Q_GLOBAL_AVERAGE_INPUTS)]
        attributes, output = {}, "Y"
    else:
        attributes, output = srmm_attributes(geometry, None, Activation.none()), "Y"
        inputs = [*(QSRMM_INPUTS if name == QSRMM else SRMM_INPUTS)]
    function = helper.make_function(
        domain, name, inputs, [output], nodes, [helper.make_opsetid("", opset)], list(attributes)
    )
    function.doc_string = "Dense fall-back of spl-onnx, used where its operator library is not registered."
    return function


def _node(
    op_type: str,
    inputs: Sequence[str],
    output: str,
    references: Mapping[str, tuple[str, AttributeProto.AttributeType]] | None = None,
    **attributes: Any,
) -> NodeProto:
    """A node whose attributes are values, or `references` (own name -> function's attribute and type)."""
    node = helper.make_node(op_type, inputs, [output], **attributes)
    for name, (source, kind) in (references or {}).items():
        node.attribute.add(name=name, ref_attr_name=source, type=kind)
    return node


def _predict_nodes(rank: int) -> list[NodeProto]:
    # Through float32, because Constant holds uint8 only from opset 9 on.
    one = numpy_helper.from_array(np.ones([1] * rank, np.float32))
    return [_node("Constant", [], "one", value=one), _node("Cast", ["one"], "S", to=TensorProto.UINT8)]


def _conv_nodes(opset: int) -> list[NodeProto]:
    conv = {"strides": _INTS, "pads": _INTS, "dilations": _INTS, "group": _INT}
    return [
        _node("Transpose", ["X"], "image", perm=_TO_NCHW),
        _node("Transpose", ["W"], "filters", perm=_TO_NCHW),
        _node(
            "Conv", ["image", "filters", "B"], "product", {name: (name, kind) for name, kind in conv.items()}
        ),
        _node("Transpose", ["R"], "residual", perm=_TO_NCHW),
        _node("Add", ["product", "residual"], "total"),
        *_clip_nodes(opset, "total", "value"),
        _pool_node(opset),
        _node("Transpose", ["pooled"], "Y", perm=_TO_NHWC),
    ]


def _pool_node(opset: int) -> NodeProto:
    pool = {
        "kernel_shape": ("pool_kernel", _INTS),
        "strides": ("pool_strides", _INTS),
        "pads": ("pool_pads", _INTS),
    }
    if opset >= 10:
        # MaxPool has no ceil mode before, so no older model asks for it.
        pool["ceil_mode"] = ("pool_ceil", _INT)
    return _node("MaxPool", ["value"], "pooled", pool)


def _gemm_nodes(opset: int) -> list[NodeProto]:
    return [
        _node("Transpose", ["W"], "columns", {"perm": ("w_perm", _INTS)}),
        _node("MatMul", ["X", "columns"], "product"),
        _node("Add", ["product", "B"], "biased"),
        _node("Add", ["biased", "R"], "total"),
        *_clip_nodes(opset, "total", "Y"),
    ]


def _scaled_nodes(layer: Sequence[NodeProto], is_image: bool) -> list[NodeProto]:
    """A layer whose weights are multiplied by their scales, where outputs are the last direction."""
    transpose = next(node for node in layer if "W" in node.input)
    others = [node for node in layer if node is not transpose]
    turned = transpose.output[0]
    cast = _node("Cast", ["W"], "float_w", to=TensorProto.FLOAT)
    if not is_image:
        transpose.input[0], transpose.output[0] = "float_w", "levels"
        return [cast, transpose, _node("Mul", ["levels", "Wscale"], turned), *others]
    return [
        cast,
        _node("Transpose", ["float_w"], "levels", perm=_OUTPUTS_LAST),
        _node("Mul", ["levels", "Wscale"], "scaled_w"),
        _node("Transpose", ["scaled_w"], turned, perm=_FILTERS_OF_OUTPUTS_LAST),
        *others,
    ]


def _byte_nodes(
    layer: Sequence[NodeProto], read: Sequence[str] = ("X", "R"), written: Sequence[str] = ("Y",)
) -> list[NodeProto]:
    """A layer, whose nodes read and write tensors of these names, between bytes of these names."""
    inner = {name: f"float_{name.lower()}" for name in (*read, *written)}
    for node in layer:
        for names in (node.input, node.output):
            names[:] = [inner.get(name, name) for name in names]
    return [
        *_code_nodes(*read, *written),
        *(_node("DequantizeLinear", [n, f"{n}_scale", f"{n}_zero"], inner[n]) for n in read),
        *layer,
        *(_node("QuantizeLinear", [inner[n], f"{n}_scale", f"{n}_zero"], n) for n in written),
    ]


def _code_nodes(*names: str) -> list[NodeProto]:
    """Scale and zero point, two numbers each, of the bytes of inputs and outputs."""
    nodes = [
        _node("Constant", [], name, value=numpy_helper.from_array(np.array(place, np.int64)))
        for place, name in enumerate(("place_of_scale", "place_of_zero"))
    ]
    for name in names:
        nodes += [
            _node("Gather", [f"{name}scale", "place_of_scale"], f"{name}_scale"),
            _node("Gather", [f"{name}scale", "place_of_zero"], f"{name}_float_zero"),
            _node("Cast", [f"{name}_float_zero"], f"{name}_zero", to=TensorProto.UINT8),
        ]
    return nodes


def _quantize_nodes() -> list[NodeProto]:
    return [
        *_code_nodes("Y"),
        _node("Transpose", ["X"], "image", perm=_TO_NHWC),
        _node("QuantizeLinear", ["image", "Y_scale", "Y_zero"], "Y"),
    ]


def _lrn_nodes() -> list[NodeProto]:
    norm = {"size": _INT, "alpha": _FLOAT, "beta": _FLOAT, "bias": _FLOAT}
    return [
        _node("Transpose", ["X"], "image", perm=_TO_NCHW),
        _node("LRN", ["image"], "value", {name: (name, kind) for name, kind in norm.items()}),
        _node("Transpose", ["value"], "Y", perm=_TO_NHWC),
    ]


def _max_pool_nodes(opset: int) -> list[NodeProto]:
    return [
        _node("Transpose", ["X"], "value", perm=_TO_NCHW),
        _pool_node(opset),
        _node("Transpose", ["pooled"], "Y", perm=_TO_NHWC),
    ]


def _global_average_nodes() -> list[NodeProto]:
    return [
        _node("Transpose", ["X"], "image", perm=_TO_NCHW),
        _node("GlobalAveragePool", ["image"], "value"),
        _node("Transpose", ["value"], "Y", perm=_TO_NHWC),
    ]


def _clip_nodes(opset: int, source: str, target: str) -> list[NodeProto]:
    """`target` = clip(`source`, clip_min, clip_max), in the form that the opset has for it."""
    if opset <= 10:
        limits = {"min": ("clip_min", _FLOAT), "max": ("clip_max", _FLOAT)}
        return [_node("Clip", [source], target, limits)]
    limit_nodes = _limit_nodes_opset_11() if opset == 11 else _limit_nodes()
    return [*limit_nodes, _node("Clip", [source, "clip_min", "clip_max"], target)]


def _limit_nodes() -> list[NodeProto]:
    return [_node("Constant", [], name, {"value_float": (name, _FLOAT)}) for name in ("clip_min", "clip_max")]


def _limit_nodes_opset_11() -> list[NodeProto]:
    """Opset 11 has a Clip without attributes and a Constant without floats: -LeakyRelu(-1) is its alpha."""
    nodes = [_node("Constant", [], "minus_one", value=numpy_helper.from_array(np.array(-1, np.float32)))]
    for name in ("clip_min", "clip_max"):
        nodes.append(_node("LeakyRelu", ["minus_one"], f"minus_{name}", {"alpha": (name, _FLOAT)}))
        nodes.append(_node("Neg", [f"minus_{name}"], name))
    return nodes
