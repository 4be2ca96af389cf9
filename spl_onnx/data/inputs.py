"""What a model expects as input, and whether data fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds
from spl_onnx.errors import DataError
from spl_onnx.spec.messages import element_type, known_sizes

#: What an input may be instead of a tensor, by the field of its type.
_KINDS = {
    "sequence_type": "a sequence",
    "optional_type": "an optional value",
    "map_type": "a map",
    "sparse_tensor_type": "a sparse tensor",
    "opaque_type": "an opaque value",
}


@dataclass(frozen=True)
class InputSpec:
    """One input of a model.

    Attributes:
        name: name of the graph input.
        dtype: NumPy type; None for what is no tensor or has no known type, which no array can feed.
        shape: one entry per dimension, None where it is free; None as a whole where the rank is unknown.
        kind: what it is where it has no NumPy type.
    """

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...] | None
    kind: str = "a tensor of an unknown type"

    @property
    def batch(self) -> int | None:
        """The fixed size of the first dimension, or None when it is free."""
        return self.shape[0] if self.shape else None

    def words(self) -> str:
        """The type and shape as text, `float32 [?, 3, 224, 224]`."""
        return self.kind if self.dtype is None else f"{self.dtype} {shape_text(self.shape)}"

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape fits."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            wanted is None or got == wanted for got, wanted in zip(shape, self.shape, strict=True)
        )


def shape_text(shape: tuple[int | None, ...] | None) -> str:
    """A shape for messages; a free dimension is `?`."""
    if shape is None:
        return "[any shape]"
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def input_specs(model: onnx.ModelProto) -> list[InputSpec]:
    """The inputs a user feeds: graph inputs that are not initializers, in order."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value_spec(value) for value in model.graph.input if value.name not in stored]


def value_spec(value: onnx.ValueInfoProto) -> InputSpec:
    """What an input or output is."""
    field = value.type.WhichOneof("value")
    if field in _KINDS:
        return InputSpec(value.name, None, None, _KINDS[field])
    return InputSpec(value.name, element_type(value.type.tensor_type.elem_type), known_sizes(value))


def pin_shapes(specs: list[InputSpec], shapes: dict[str, tuple[int, ...]]) -> list[InputSpec]:
    """The specs with the shapes a user asked for; a free first dimension stays free, it counts samples.

    Raises:
        DataError: a name is no input of the model, or a shape contradicts it.
    """
    names = [spec.name for spec in specs]
    for name in shapes:
        if name not in names:
            raise DataError(
                f"--input-shape: got input {name!r}, wanted one of the model's: {', '.join(names)}"
            )
    return [_pin(spec, shapes[spec.name]) if spec.name in shapes else spec for spec in specs]


def _pin(spec: InputSpec, shape: tuple[int, ...]) -> InputSpec:
    if not spec.accepts(shape):
        got, wanted = shape_text(shape), shape_text(spec.shape)
        raise DataError(f"--input-shape: input {spec.name!r} got {got}, wanted {wanted}")
    return replace(spec, shape=(spec.batch, *shape[1:]))


def check_feeds(feeds: Feeds, specs: list[InputSpec], where: str) -> None:
    """Check one batch against the model.

    Args:
        feeds: arrays by input name.
        specs: the model's inputs.
        where: the source of the data, for messages.

    Raises:
        DataError: a name is missing or unknown, or a type or shape does not fit.
    """
    if not isinstance(feeds, Mapping):
        raise DataError(f"{where}: got {type(feeds).__name__}, wanted arrays by input name")
    wanted = {spec.name: spec for spec in specs}
    if set(feeds) != set(wanted):
        raise DataError(f"{where}: got arrays {_names(feeds)}, wanted the model's inputs {_names(wanted)}")
    for name, array in feeds.items():
        check_array(array, wanted[name], f"{where}: input {name!r}")


def check_array(array: Array, spec: InputSpec, where: str) -> None:
    """Check one array.

    Raises:
        DataError: its type or its shape does not fit.
    """
    if not isinstance(array, np.ndarray):
        raise DataError(f"{where}: got {type(array).__name__}, wanted a NumPy array")
    if array.dtype != spec.dtype or not spec.accepts(array.shape):
        raise DataError(f"{where}: got {array.dtype} {shape_text(array.shape)}, wanted {spec.words()}")
    if array.size == 0:
        raise DataError(f"{where}: got an empty array {shape_text(array.shape)}, wanted at least one sample")


def _names(items: Any) -> str:
    return ", ".join(repr(name) for name in items) or "(none)"
