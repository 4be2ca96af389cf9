"""Dataclasses as JSON has them, and back."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")

_OPTIONAL = "optional"


def optional() -> Any:
    """A field that JSON lacks where it is None; others are null there."""
    return field(default=None, metadata={_OPTIONAL: True})


def as_json(value: object) -> Any:
    """Dataclasses as objects in the order of their fields, NumPy values as numbers; NaN stays what it is."""
    if is_dataclass(value) and not isinstance(value, type):
        known = {f.name: (getattr(value, f.name), f.metadata) for f in fields(value)}
        return {
            name: as_json(content)
            for name, (content, metadata) in known.items()
            if content is not None or not metadata.get(_OPTIONAL)
        }
    if isinstance(value, Mapping):
        return {name: as_json(content) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(content) for content in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def from_json(kind: type[T], content: Mapping[str, Any]) -> T:
    """The dataclass that an object of JSON means.

    Args:
        kind: a dataclass; its fields may be dataclasses or sequences of them.
        content: what it lacks, or has as null, gets its default; what is not known is left out.
    """
    hints: dict[str, Any] = _hints(kind)  # type: ignore[arg-type]
    known = {name: content[name] for name in hints if content.get(name) is not None}
    return kind(**{name: _value(hints[name], value) for name, value in known.items()})


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    """The value of a field."""
    if isinstance(hint, type) and is_dataclass(hint):
        return from_json(hint, value)
    inside = get_args(hint)
    if get_origin(hint) is Sequence:
        return [_value(inside[0], entry) for entry in value]
    if NoneType in inside and len(inside) == 2:
        return _value(inside[0], value)
    return value
