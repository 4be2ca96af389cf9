"""Names and constants of what is added to a graph that passes bytes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from spl_onnx.arrays import Array
from spl_onnx.rewrite.bytes.sites import CodePair
from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.tensors import reads


class Constants:
    """Scales and zero points as initializers, one for each code.

    Args:
        graph: It is changed when constants are asked for.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._names = FreshNames(graph)
        self._made: dict[tuple[str, CodePair | None], str] = {}
        self._read = {name for node in graph.node for name in reads(node)}

    def fresh(self, wanted: str) -> str:
        """A name nobody uses: `wanted`, or `wanted` with a number. It is taken from now on."""
        return self._names.fresh(wanted)

    def pair(self, code: CodePair) -> str:
        """A code as QSRMM takes it, float32 `[2]`."""
        return self._constant("code", code, np.array(code, np.float32))

    def scale_and_zero(self, code: CodePair) -> tuple[str, str]:
        """A code as QuantizeLinear and DequantizeLinear take it: a float32 and a uint8 number."""
        scale, zero = code
        return (
            self._constant("scale", code, np.array(scale, np.float32)),
            self._constant("zero", code, np.array(zero, np.uint8)),
        )

    def zero_byte(self) -> str:
        """A residual of nothing, uint8 `[1,1,1,1]`; with scale 1 and zero point 0."""
        return self._constant("zero_byte", None, np.zeros((1, 1, 1, 1), np.uint8))

    def drop_unread(self) -> None:
        """Remove initializers that nobody reads any more."""
        read = {name for node in self._graph.node for name in reads(node)}
        read |= {value.name for value in self._graph.output}
        gone = self._read - read
        for index in reversed(range(len(self._graph.initializer))):
            if self._graph.initializer[index].name in gone:
                del self._graph.initializer[index]

    def _constant(self, part: str, code: CodePair | None, values: Array) -> str:
        if (part, code) not in self._made:
            name = self._made[part, code] = self.fresh(f"spl/bytes/{part}")
            self._graph.initializer.append(numpy_helper.from_array(values, name))
        return self._made[part, code]
