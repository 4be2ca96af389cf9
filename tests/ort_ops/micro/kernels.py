"""The micro kernels of an instruction set as Python functions, and the structs they take (micro.h)."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

import numpy as np

from tests.ort_ops.micro.memory import address, note

_SCALARS = {
    "void": None,
    "bool": ctypes.c_bool,
    "int": ctypes.c_int,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "uint8_t": ctypes.c_uint8,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
}

_POINTER, _INT, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float


def argument_types(text: str) -> list[Any]:
    """The ctypes of C++ arguments: pointers and references are addresses."""
    parts = text.strip("()").split(",")
    return [_POINTER if "*" in part or "&" in part else _SCALARS[part.split()[-2]] for part in parts]


class Struct(ctypes.Structure):
    """Arrays among the values become their addresses."""

    def __init__(self, *values: Any) -> None:
        super().__init__(*(address(v) if v is None or isinstance(v, np.ndarray) else v for v in values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{tuple(getattr(self, field[0]) for field in self._fields_)}"


class TileView(Struct):
    _fields_ = (("packed", _POINTER), ("slot_offset", _POINTER), ("tap_offset", _POINTER), ("taps", _INT))


class DotBlocks(Struct):
    ANYWHERE, CONSECUTIVE, THREE_ROWS = range(3)
    _fields_ = (("offset", _POINTER), ("count", _INT), ("layout", _INT))


class SparseRow(Struct):
    _fields_ = (("values", _POINTER), ("masks", _POINTER), ("starts", _POINTER))


class TapWalk(Struct):
    _fields_ = (("first", _INT), ("step", _INT), ("count", _INT))


class Prefetch(Struct):
    _fields_ = (("first", _POINTER), ("lines", _INT))


class Lrn(Struct):
    _fields_ = (
        ("channels", _LONG),
        ("before", _LONG),
        ("after", _LONG),
        ("scale", _FLOAT),
        ("beta", _FLOAT),
        ("bias", _FLOAT),
    )


class Clamp(Struct):
    _fields_ = (("low", _FLOAT), ("high", _FLOAT), ("floor", _FLOAT))


class WindowView(Struct):
    _fields_ = (("sums", _POINTER), ("residual", _POINTER), ("count", _INT), ("lanes", _INT))


class Run(Struct):
    _fields_ = (
        ("sums", _POINTER),
        ("sum_stride", _LONG),
        ("residual", _POINTER),
        ("stride", _LONG),
        ("count", _INT),
        ("lanes", _INT),
    )


class SumRows(Struct):
    _fields_ = (("begin", _POINTER), ("begin_stride", _LONG), ("end", _POINTER), ("stride", _LONG))


class ValueRows(Struct):
    _fields_ = (
        ("begin", _POINTER),
        ("begin_stride", _LONG),
        ("residual", _POINTER),
        ("y", _POINTER),
        ("stride", _LONG),
        ("clamp", Clamp),
    )


class Quantization(Struct):
    """Bytes that stand for numbers; `of` has no more to say than its scale and zero point."""

    _fields_ = (("scale", _FLOAT), ("inverse", _FLOAT), ("zero", _FLOAT))

    @classmethod
    def of(cls, scale: float, zero: float) -> Quantization:
        return cls(scale, float(np.float32(1) / np.float32(scale)), zero)


class FloatsOrBytes(Struct):
    """What is added to values, and where they go: floats, bytes, or, both missing, nothing."""

    _fields_ = (("floats", _POINTER), ("bytes", _POINTER), ("code", Quantization))

    @classmethod
    def of(cls, array: np.ndarray | None, code: Quantization | None = None) -> FloatsOrBytes:
        code = code or Quantization(0, 0, 0)
        is_bytes = array is not None and array.dtype == np.uint8
        return cls(None if is_bytes else array, array if is_bytes else None, code)


class SquareValues(Struct):
    _fields_ = (
        ("bias", _POINTER),
        ("residual", FloatsOrBytes),
        ("y", FloatsOrBytes),
        ("row_stride", _LONG),
        ("pixel_stride", _LONG),
        ("rows", _INT),
        ("columns", _INT),
        ("clamp", Clamp),
    )


class ScoreView(Struct):
    _fields_ = (("correction", _POINTER), ("scale", _POINTER), ("bias", _POINTER))


class ScaledRows(Struct):
    _fields_ = (
        ("begin", _POINTER),
        ("scale", _POINTER),
        ("slot_scale", _POINTER),
        ("end", _POINTER),
        ("stride", _LONG),
    )


class UnitValueRows(Struct):
    _fields_ = (
        ("begin", _POINTER),
        ("begin_stride", _LONG),
        ("score", ScoreView),
        ("residual", FloatsOrBytes),
        ("y", FloatsOrBytes),
        ("stride", _LONG),
        ("clamp", Clamp),
        ("clipped_by_bytes", ctypes.c_bool),
    )


NOTHING_AHEAD = Prefetch(None, 0)


def _argument(value: Any) -> Any:
    if isinstance(value, Struct):
        return ctypes.byref(value)
    return address(value) if value is None or isinstance(value, np.ndarray) else value


def _shown(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)


class Micro:
    """The kernels of one instruction set: kernels.name(arguments) takes arrays, structs and numbers."""

    def __init__(self, isa: str) -> None:
        module = importlib.import_module("spl_onnx._kernels")
        self._kernels = {
            name: ctypes.CFUNCTYPE(_SCALARS[result], *argument_types(arguments))(at)
            for name, (result, arguments, at) in module.micro_kernels(isa).items()
        }
        constants: dict[str, int] = module.micro_constants(isa)
        self.unit_channels = constants["unit_channels"]
        self.slide_blocks = constants["slide_blocks"]
        self.tap_blocks = constants["tap_blocks"]

    def __getattr__(self, name: str) -> Any:
        kernel = self._kernels[name]

        def call(*values: Any) -> Any:
            note(f"{name}({', '.join(map(_shown, values))})")
            return kernel(*map(_argument, values))

        return call
