"""Good nodes of every operator, and models with one such node in which anything is replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    GLOBAL_AVERAGE,
    INT8,
    LRN,
    MAX_POOL,
    PREDICT,
    PREDICT_INPUTS,
    Q_LRN,
    Q_MAX_POOL,
    QSRMM,
    QUANTIZE,
    SRMM,
    SRMM_INPUTS,
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

Array = NDArray[Any]

#: Operators that give bytes.
_GIVE_BYTES = (PREDICT, QSRMM, Q_LRN, Q_MAX_POOL, QUANTIZE)


@dataclass(frozen=True)
class Operator:
    """A node that works, and its tensors.

    Attributes:
        label: for the names of uses.
        op_type: operator.
        domain: its domain.
        inputs: names of its inputs, in order.
        attributes: all its attributes.
        tensors: good tensors by input; the others are omitted.
        constants: which of them are initializers.
    """

    label: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]
    tensors: dict[str, Array]
    constants: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether X is an image."""
        return self.domain == DOMAIN_CONV

    def another_x(self, rng: np.random.Generator, *shape: int, zeros: float = 0.5) -> Array:
        """X of another shape: normal values, a share of them 0, or any bytes."""
        if self.tensors["X"].dtype == np.uint8:
            return rng.integers(0, 256, shape).astype(np.uint8)
        return floats(rng, *shape, zeros=zeros)


@dataclass(frozen=True)
class Use:
    """One session of a model with one node of ours, and what it is fed.

    Attributes:
        family: name of what is odd in this kind of use.
        what: what is odd in this one.
        operator: the good node that is changed.
        attributes: new values; None removes one.
        tensors: new values of inputs; None omits one.
        constants: inputs held as initializers; None = the operator's.
        declared: what the model says of shapes of its inputs; the rank and nothing else where not given.
        runs: further runs, as changes of fed tensors.
        must_run: whether an error is a fault, because nothing about the use is wrong.
    """

    family: str
    what: str
    operator: Operator
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Array | None] = field(default_factory=dict)
    constants: Sequence[str] | None = None
    declared: Mapping[str, Sequence[int | str | None] | None] = field(default_factory=dict)
    runs: Sequence[Mapping[str, Array]] = ()
    must_run: bool = False

    @property
    def name(self) -> str:
        """Family, operator, and what is odd."""
        return f"{self.family} {self.operator.label} {self.what}"

    @property
    def present(self) -> dict[str, Array]:
        """All tensors that are not omitted, in the order of the inputs."""
        tensors = {**self.operator.tensors, **self.tensors}
        return {n: tensors[n] for n in self.operator.inputs if tensors.get(n) is not None}  # type: ignore[misc]

    @property
    def fed(self) -> dict[str, Array]:
        """Those that are no initializers."""
        constants = self.operator.constants if self.constants is None else self.constants
        return {n: v for n, v in self.present.items() if n not in constants}

    def feeds(self) -> list[dict[str, Array]]:
        """What each run feeds."""
        return [self.fed, *({**self.fed, **more} for more in self.runs)]

    def model(self) -> onnx.ModelProto:
        """The model with the one node, "site/op"."""
        present, fed = self.present, self.fed
        names = [n if n in present else "" for n in self.operator.inputs]
        while names and not names[-1]:
            names.pop()
        node = helper.make_node(self.operator.op_type, names, ["Y"], "site/op", domain=self.operator.domain)
        attributes = {**self.operator.attributes, **self.attributes}
        node.attribute.extend(_attribute(k, v) for k, v in attributes.items() if v is not None)
        inputs = [_info(n, v, self.declared.get(n, [None] * v.ndim)) for n, v in fed.items()]
        kind = TensorProto.UINT8 if self.operator.op_type in _GIVE_BYTES else TensorProto.FLOAT
        weights = [numpy_helper.from_array(v, n) for n, v in present.items() if n not in fed]
        outputs = [helper.make_tensor_value_info("Y", kind, None)]
        graph = helper.make_graph([node], "use", inputs, outputs, weights)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(self.operator.domain, VERSION)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _info(name: str, value: Array, shape: Sequence[int | str | None] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shape)


def _attribute(name: str, value: Any) -> onnx.AttributeProto:
    if isinstance(value, list) and not value:  # an empty list has no type of its own
        return onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS)
    return helper.make_attribute(name, value)


def floats(rng: np.random.Generator, *shape: int, zeros: float = 0.5) -> NDArray[np.float32]:
    """Normal values, a share of them 0."""
    values = rng.standard_normal(shape).astype(np.float32)
    values[rng.random(shape) < zeros] = 0
    return values


def bytes_of(rng: np.random.Generator, *shape: int) -> NDArray[np.int8]:
    """Weights of an int8 predictor."""
    return rng.integers(-127, 128, shape).astype(np.int8)


def operators(seed: int) -> list[Operator]:
    """Every operator, with each kind of weights and with and without a selection."""
    rng = np.random.default_rng(seed)
    return [*_images(rng), *_matrices(rng), *_auxiliary(rng)]


def _predictors(
    kind: str,
    domain: str,
    attributes: dict[str, Any],
    x: Array,
    w_shape: tuple[int, ...],
    rng: np.random.Generator,
) -> list[Operator]:
    bias = floats(rng, w_shape[0])
    pruned = {"X": x, "Wp": floats(rng, *w_shape), "Bp": bias}
    scale = rng.uniform(0.001, 0.02, w_shape[0]).astype(np.float32)
    int8 = {"X": x, "Wp": bytes_of(rng, *w_shape), "Bp": bias, "Wscale": scale}
    return [
        Operator(
            f"{kind}.predict.{label}",
            PREDICT,
            domain,
            PREDICT_INPUTS,
            attributes,
            tensors,
            ("Wp", "Bp", "Wscale"),
        )
        for label, tensors in (("float", pruned), ("int8", int8))
    ]


def _of_int8(label: str, domain: str, attributes: dict[str, Any], values: dict[str, Array]) -> Operator:
    """A layer of products in 8 bits, whose weights are int8."""
    levels, scale = quantize_weights(values["W"])
    tensors = {**values, "W": levels, "Wscale": scale}
    return Operator(label, SRMM, domain, SRMM_INPUTS, attributes, tensors, ("W", "B", "Bs", "Wscale"))


def _images(rng: np.random.Generator) -> list[Operator]:
    geometry, pooling = ConvGeometry(pads=(1, 1, 1, 1)), Pooling((2, 2), (2, 2))
    x, w, b = floats(rng, 1, 6, 6, 4), floats(rng, 18, 3, 3, 4, zeros=0), floats(rng, 18)
    values = {"X": x, "W": w, "B": b}
    plain = srmm_attributes(geometry, Pooling.none(), Activation.relu())
    pooled = srmm_attributes(geometry, pooling, Activation.relu())
    selection = {**values, "S": rng.integers(0, 5, (1, 3, 3, 18)).astype(np.uint8)}
    return [
        Operator("conv.srmm", SRMM, DOMAIN_CONV, SRMM_INPUTS, plain, values, ("W", "B", "Bs")),
        Operator("conv.srmm.pooled", SRMM, DOMAIN_CONV, SRMM_INPUTS, pooled, values, ("W", "B", "Bs")),
        Operator("conv.select", SRMM, DOMAIN_CONV, SRMM_INPUTS, pooled, selection, ("W", "B", "Bs")),
        _of_int8(
            "conv.int8",
            DOMAIN_CONV,
            srmm_attributes(geometry, pooling, Activation.relu(), precision=INT8),
            values,
        ),
        *_predictors("conv", DOMAIN_CONV, predict_attributes(geometry, pooling), x, w.shape, rng),
    ]


def _matrices(rng: np.random.Generator) -> list[Operator]:
    x, w, b = floats(rng, 3, 40), floats(rng, 24, 40, zeros=0), floats(rng, 24)
    rows = srmm_attributes(None, None, Activation.relu())
    columns = srmm_attributes(None, None, Activation.relu(), transposed=True)
    selection = {"X": x, "W": w, "B": b, "S": rng.integers(0, 2, (3, 24)).astype(np.uint8)}
    turned = {"X": x, "W": np.ascontiguousarray(w.T), "B": b}
    return [
        Operator(
            "gemm.srmm", SRMM, DOMAIN_GEMM, SRMM_INPUTS, rows, {"X": x, "W": w, "B": b}, ("W", "B", "Bs")
        ),
        Operator("gemm.transposed", SRMM, DOMAIN_GEMM, SRMM_INPUTS, columns, turned, ("W", "B", "Bs")),
        Operator("gemm.select", SRMM, DOMAIN_GEMM, SRMM_INPUTS, rows, selection, ("W", "B", "Bs")),
        _of_int8(
            "gemm.int8",
            DOMAIN_GEMM,
            srmm_attributes(None, None, Activation.relu(), precision=INT8),
            {"X": x, "W": w, "B": b},
        ),
        *_predictors("gemm", DOMAIN_GEMM, predict_attributes(None), x, w.shape, rng),
    ]


def _auxiliary(rng: np.random.Generator) -> list[Operator]:
    x = {"X": floats(rng, 1, 6, 6, 18)}
    pool = pool_attributes(Pooling((2, 2), (2, 2)))
    return [
        Operator("lrn", LRN, DOMAIN_CONV, ("X",), lrn_attributes(ResponseNorm(5)), x),
        Operator("max_pool", MAX_POOL, DOMAIN_CONV, ("X",), pool, x),
        Operator("global_average", GLOBAL_AVERAGE, DOMAIN_CONV, ("X",), {}, x),
    ]
