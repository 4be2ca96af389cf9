"""What bytes stand for: scale and zero point of the inputs and outputs of QSRMM."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import IN_8_BITS
from spl_onnx.spec.quantize import Float, dequantize, quantize_input, static_scale, steps_from_zero


class Code(NamedTuple):
    """A byte q stands for (q - zero_point) * scale. Both are float32 scalars."""

    scale: Float
    zero_point: Float

    @classmethod
    def read(cls, name: str, scale: Array | None) -> Code:
        """The code in an input of QSRMM.

        Args:
            name: Of the input.
            scale: `[2]`: scale and zero point, float32; `[1]`: scale alone, the zero point is 0.

        Raises:
            ModelError: It is missing or out of range.
        """
        if scale is None:
            raise ModelError(f"{name} is missing; wanted scale and zero point of the bytes")
        return cls(*static_scale(scale, name))

    def array(self) -> Float:
        """As an input has it, `[2]`."""
        return np.array(self, np.float32)

    def steps(self, q: NDArray[np.uint8]) -> Float:
        """How many steps bytes are from the zero point: whole numbers."""
        return steps_from_zero(q, self.zero_point)

    def values(self, q: NDArray[np.uint8]) -> Float:
        """What bytes stand for."""
        return dequantize(q, self.scale, self.zero_point)

    def levels(self, values: Array) -> NDArray[np.uint8]:
        """The nearest bytes of float32 values."""
        return quantize_input(values, self.scale, self.zero_point)


def residual_values(r: Array | None, rscale: Array | None) -> Float | None:
    """What the bytes of a residual stand for; None where there is none.

    Raises:
        ModelError: It is no uint8, or its code is missing.
    """
    return None if r is None else Code.read("Rscale", rscale).values(checked_bytes("R", r))


def checked_bytes(name: str, values: Array) -> NDArray[np.uint8]:
    """`values`; ModelError where they are no bytes."""
    if values.dtype != np.uint8:
        raise ModelError(f"{name} has type {values.dtype}; wanted uint8")
    return values


def check_byte_precision(precision: str) -> None:
    """ModelError where bytes could not be multiplied so."""
    if precision not in IN_8_BITS:
        raise ModelError(f"precision is {precision!r}; wanted {' or '.join(IN_8_BITS)} for bytes")
