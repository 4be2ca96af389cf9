"""The operators as classes for onnx.reference.ReferenceEvaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from onnx.reference.op_run import OpRun

from spl_onnx.arrays import Array
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    FORMER_NAMES,
    GLOBAL_AVERAGE,
    LRN,
    MAX_POOL,
    PREDICT,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    Q_MAX_POOL,
    QSRMM,
    QUANTIZE,
    SRMM,
    parse_activation,
    parse_geometry,
    parse_lrn,
    parse_pooling,
    parse_precision,
    parse_transposed,
)
from spl_onnx.spec.reference_byte_lrn import byte_lrn
from spl_onnx.spec.reference_conv import conv_predict, conv_qsrmm, conv_srmm
from spl_onnx.spec.reference_gemm import gemm_predict, gemm_qsrmm, gemm_srmm
from spl_onnx.spec.reference_lrn import lrn
from spl_onnx.spec.reference_planes import quantize_planes
from spl_onnx.spec.reference_pool import byte_average, byte_max_pool, global_average, max_pool

#: (inputs, attributes) -> output.
#: Arrays; None, or nothing at the end, where an optional one is absent.
Inputs = Sequence[Any]
Compute = Callable[[Inputs, Mapping[str, object]], Array]


def _conv_predict(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    geometry, pooling = parse_geometry(attributes), parse_pooling(attributes)
    return conv_predict(
        *inputs, geometry=geometry, pooling=pooling, select_all=bool(attributes.get("select_all", 0))
    )


def _with_its_bias(inputs: Inputs) -> list[Any]:
    """Inputs of SRMM and QSRMM with Bs, where it is there, in the place of B."""
    x, w, *rest = inputs
    missing: list[Any] = [None] * (4 - len(rest))
    b, s, r, bs, *scales = rest + missing
    return [x, w, b if bs is None else bs, s, r, *scales]


def _layer_of(attributes: Mapping[str, object]) -> dict[str, Any]:
    """What SRMM and QSRMM on images do with their products."""
    return {
        "geometry": parse_geometry(attributes),
        "pooling": parse_pooling(attributes),
        "activation": parse_activation(attributes),
        "precision": parse_precision(attributes),
    }


def _conv_srmm(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return conv_srmm(*_with_its_bias(inputs), **_layer_of(attributes))


def _conv_qsrmm(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return conv_qsrmm(*_with_its_bias(inputs), **_layer_of(attributes))


def _gemm_predict(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return gemm_predict(*inputs)


def _matrix_layer_of(attributes: Mapping[str, object]) -> dict[str, Any]:
    """What SRMM and QSRMM on matrices do with their products."""
    return {
        "activation": parse_activation(attributes),
        "transposed": parse_transposed(attributes),
        "precision": parse_precision(attributes),
    }


def _gemm_srmm(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return gemm_srmm(*_with_its_bias(inputs), **_matrix_layer_of(attributes))


def _gemm_qsrmm(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return gemm_qsrmm(*_with_its_bias(inputs), **_matrix_layer_of(attributes))


def _lrn(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    (x,) = inputs
    return lrn(x, parse_lrn(attributes))


def _max_pool(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    (x,) = inputs
    return max_pool(x, parse_pooling(attributes))


def _byte_max_pool(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    (x,) = inputs
    return byte_max_pool(x, parse_pooling(attributes))


def _global_average(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    (x,) = inputs
    return global_average(x)


def _byte_lrn(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    x, xscale, yscale = inputs
    return byte_lrn(x, xscale, yscale, parse_lrn(attributes))


def _byte_average(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return byte_average(*inputs)


def _quantize_planes(inputs: Inputs, attributes: Mapping[str, object]) -> Array:
    return quantize_planes(*inputs)


def _op_class(domain: str, name: str, compute: Compute) -> type[OpRun]:
    """An operator class; the evaluator finds it by `op_domain` and class name."""

    def run(self: OpRun, *inputs: object, **attributes: Any) -> tuple[Array]:
        return (compute(inputs, attributes),)

    # Without a schema of its own, a class would get that of the ONNX operator of the same name.
    return type(name, (OpRun,), {"op_domain": domain, "op_schema": None, "_run": run})


_AUXILIARY = {LRN: _lrn, MAX_POOL: _max_pool, GLOBAL_AVERAGE: _global_average}

_OPS = (
    _op_class(DOMAIN_CONV, PREDICT, _conv_predict),
    _op_class(DOMAIN_CONV, SRMM, _conv_srmm),
    _op_class(DOMAIN_CONV, QSRMM, _conv_qsrmm),
    _op_class(DOMAIN_GEMM, PREDICT, _gemm_predict),
    _op_class(DOMAIN_GEMM, SRMM, _gemm_srmm),
    _op_class(DOMAIN_GEMM, QSRMM, _gemm_qsrmm),
    _op_class(DOMAIN_CONV, Q_MAX_POOL, _byte_max_pool),
    _op_class(DOMAIN_CONV, Q_LRN, _byte_lrn),
    _op_class(DOMAIN_CONV, Q_GLOBAL_AVERAGE, _byte_average),
    _op_class(DOMAIN_CONV, QUANTIZE, _quantize_planes),
    *(_op_class(DOMAIN_CONV, name, compute) for name, compute in _AUXILIARY.items()),
    *(_op_class(DOMAIN_CONV, FORMER_NAMES[name], compute) for name, compute in _AUXILIARY.items()),
)


def reference_ops() -> list[type[OpRun]]:
    """Classes for `ReferenceEvaluator(model, new_ops=reference_ops())`, by former names too."""
    return list(_OPS)
