"""Good nodes of the operators that take or give bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from scripts.harden.operators import Array, Operator, floats
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    IN_8_BITS,
    INT8,
    Q_GLOBAL_AVERAGE,
    Q_GLOBAL_AVERAGE_INPUTS,
    Q_LRN,
    Q_LRN_INPUTS,
    Q_MAX_POOL,
    QSRMM,
    QSRMM_INPUTS,
    QUANTIZE,
    QUANTIZE_INPUTS,
    Activation,
    ConvGeometry,
    Pooling,
    ResponseNorm,
    lrn_attributes,
    pool_attributes,
    srmm_attributes,
)

_ONE, _OTHER = np.float32([0.02, 110]), np.float32([0.1, 7])
_LAYER_CONSTANTS = ("W", "B", "Bs", "Xscale", "Rscale", "Yscale")


def byte_operators(seed: int) -> list[Operator]:
    """Every operator that takes or gives bytes."""
    rng = np.random.default_rng(seed)
    x = _bytes(rng, 1, 12, 12, 8)
    return [*_layers(x, rng), *_auxiliary(x, rng)]


def _bytes(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 256, shape).astype(np.uint8)


def _layers(x: Array, rng: np.random.Generator) -> list[Operator]:
    """Images in both precisions, with a residual too, and matrices."""
    geometry, relu = ConvGeometry(pads=(1, 1, 1, 1)), Activation.relu()
    image: dict[str, Array] = {"X": x, "W": floats(rng, 18, 3, 3, 8, zeros=0), "B": floats(rng, 18)}
    image |= {"Xscale": _ONE, "Yscale": _OTHER}
    added = image | {"R": _bytes(rng, 1, 12, 12, 18), "Rscale": _ONE}
    rows: dict[str, Array] = {"X": _bytes(rng, 3, 40), "W": floats(rng, 24, 40, zeros=0)}
    rows |= {"B": floats(rng, 24), "Xscale": _ONE, "Yscale": _OTHER}
    conv = {name: srmm_attributes(geometry, Pooling.none(), relu, precision=name) for name in IN_8_BITS}
    return [
        *(_layer(f"conv.qsrmm.{name}", DOMAIN_CONV, conv[name], image) for name in IN_8_BITS),
        _layer("conv.qsrmm.residual", DOMAIN_CONV, conv[INT8], added),
        _layer("gemm.qsrmm", DOMAIN_GEMM, srmm_attributes(None, None, relu, precision=INT8), rows),
    ]


def _layer(label: str, domain: str, attributes: dict[str, Any], tensors: dict[str, Array]) -> Operator:
    return Operator(label, QSRMM, domain, QSRMM_INPUTS, attributes, tensors, _LAYER_CONSTANTS)


def _auxiliary(x: Array, rng: np.random.Generator) -> list[Operator]:
    pool, norm = pool_attributes(Pooling((2, 2), (2, 2))), lrn_attributes(ResponseNorm(5))
    planes = {"X": floats(rng, 1, 3, 6, 6), "Yscale": _ONE}
    scaled = {"X": x, "Xscale": _ONE}
    scales = ("Xscale", "Yscale")
    return [
        Operator("bytes.max_pool", Q_MAX_POOL, DOMAIN_CONV, ("X",), pool, {"X": x}),
        Operator("bytes.lrn", Q_LRN, DOMAIN_CONV, Q_LRN_INPUTS, norm, scaled | {"Yscale": _ONE}, scales),
        Operator("bytes.average", Q_GLOBAL_AVERAGE, DOMAIN_CONV, Q_GLOBAL_AVERAGE_INPUTS, {}, scaled, scales),
        Operator("quantize", QUANTIZE, DOMAIN_CONV, QUANTIZE_INPUTS, {}, planes, scales),
    ]
