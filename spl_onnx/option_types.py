"""Whether the values of options have the types that their fields declare: from Python anything may come."""

from __future__ import annotations

import dataclasses
import numbers
import os
import types
import typing
from collections.abc import Mapping
from typing import Any

from spl_onnx.errors import UsageError

#: What else is as good as the declared type.
_ALSO: dict[type, tuple[type, ...]] = {
    int: (numbers.Integral,),
    float: (numbers.Real,),
    str: (os.PathLike,),
    tuple: (list,),
    dict: (Mapping,),
}


def check_types(options: Any) -> None:
    """Refuse values of another type than declared.

    Args:
        options: A dataclass.

    Raises:
        UsageError: A field holds something else.
    """
    hints = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value, wanted = getattr(options, field.name), _classes(hints[field.name])
        if not isinstance(value, wanted):
            raise UsageError(
                f"--{field.name.replace('_', '-')}: got {str(value)[:60]!r} ({type(value).__name__}), "
                f"wanted {field.type}"
            )


def check_shapes(shapes: Mapping[Any, Any]) -> None:
    """Refuse shapes of inputs that no array can have.

    Raises:
        UsageError: A name is no text, or a shape is not a sequence of sizes from 1 to 2^31 - 1.
    """
    for name, shape in shapes.items():
        sizes = list(shape) if isinstance(shape, list | tuple) else []
        fits = all(isinstance(size, numbers.Integral) and 1 <= int(size) < 1 << 31 for size in sizes)
        if not isinstance(name, str) or not sizes or not fits:
            raise UsageError(
                f"--input-shape: got {str(name)[:60]!r}: {str(shape)[:60]}, wanted name:1,3,224,224, "
                "with sizes from 1 to 2147483647"
            )


def _classes(hint: Any) -> tuple[type, ...]:
    """The classes of which a value may be."""
    if hint is Any:
        return (object,)
    if isinstance(hint, types.UnionType):
        return tuple(kind for part in typing.get_args(hint) for kind in _classes(part))
    kind = typing.get_origin(hint) or hint
    return (kind, *_ALSO.get(kind, ()))
