"""Attributes of a node with the types and ranges that they must have; models may hold anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from spl_onnx.errors import ModelError

#: Sizes, strides and pads above this are mistakes, and sums of them would not fit 64 bits.
LARGEST = (1 << 31) - 1


@dataclass(frozen=True)
class Attributes:
    """Attributes of one node. Every method raises ModelError where a value is not as it must be.

    Attributes:
        values: by name.
        where: names the node in messages.
    """

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, node: onnx.NodeProto) -> Attributes:
        """Those of a node of a model; values that cannot be read are missing."""
        values = {}
        for attribute in node.attribute:
            try:
                values[attribute.name] = onnx.helper.get_attribute_value(attribute)
            except ValueError:  # a type that there is not
                continue
        return cls(values, f"{node.op_type} '{node.name}'")

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def integer(self, name: str, default: int | None = None, least: int = -LARGEST) -> int:
        """A whole number from `least` to `LARGEST`; without a default it must be there."""
        value = self.values.get(name, default)
        if not _is_integer(value) or not least <= value <= LARGEST:
            raise self._wrong(name, value, f"a whole number from {least} to {LARGEST}")
        return int(value)

    def integers(
        self, name: str, count: int | None = None, default: Sequence[int] | None = None, least: int = -LARGEST
    ) -> tuple[int, ...]:
        """`count` whole numbers, or any number of them, each from `least` to `LARGEST`."""
        values = self.values.get(name)
        if values is None or (isinstance(values, list) and not values):
            values = default  # ONNX Runtime takes an empty list for an absent one
        fits = isinstance(values, list | tuple | range) and count in (None, len(values))
        if not fits or not all(_is_integer(v) and least <= v <= LARGEST for v in values):  # type: ignore[union-attr]
            many = "" if count is None else f"{count} "
            raise self._wrong(name, values, f"{many}whole numbers from {least} to {LARGEST}")
        return tuple(int(v) for v in values)  # type: ignore[union-attr]

    def number(self, name: str, default: float) -> float:
        """A number, which may be infinite."""
        value = self.values.get(name, default)
        if not (_is_integer(value) or isinstance(value, float)):
            raise self._wrong(name, value, "a number")
        return float(value)

    def word(self, name: str, default: str) -> str:
        """A text."""
        value = self.values.get(name, default)
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="backslashreplace")
        if not isinstance(value, str):
            raise self._wrong(name, value, "a text")
        return value

    def _wrong(self, name: str, value: object, wanted: str) -> ModelError:
        got = "missing" if value is None else f"{str(value)[:80]}"
        return ModelError(f"{self.where}: attribute {name} is {got}, wanted {wanted}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
