"""How large a tensor is, about: what a Transpose of it costs."""

from __future__ import annotations

import re

from spl_onnx.rewrite.graph.symbolic import Dim, Shape

#: Taken for a free dimension; a free batch is taken for 1.
FREE_SIZE = 64

_CALL = re.compile(r"(win|same)\(([^(),]*),([-\d,]+)\)")


def elements(shape: Shape | None) -> int:
    """Number of elements, at least 1, with numbers in place of the free dimensions."""
    count = 1
    for position, dim in enumerate(shape if shape is not None else (None,) * 4):
        count *= 1 if position == 0 and not isinstance(dim, int) else _size(dim)
    return max(count, 1)


def _size(dim: Dim) -> int:
    """One dimension; expressions of `symbolic` are worked out from the inside, ceil mode left aside."""
    if isinstance(dim, int):
        return dim
    try:
        return _worked_out(dim or "")
    except (ValueError, IndexError, ZeroDivisionError):  # a symbol of the model that looks like one of ours
        return FREE_SIZE


def _worked_out(text: str) -> int:
    while call := _CALL.search(text):
        size = int(call[2]) if call[2].isdigit() else FREE_SIZE
        numbers = [int(number) for number in call[3].split(",")]
        size = -(-size // numbers[0]) if call[1] == "same" else (size + numbers[0]) // numbers[1] + 1
        text = text[: call.start()] + str(max(size, 1)) + text[call.end() :]
    return int(text) if text.isdecimal() else FREE_SIZE
