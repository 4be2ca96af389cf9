"""Layers of a rewritten model that could take and give bytes, and the codes that those would have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.spec.attributes import DOMAIN_CONV, IN_8_BITS, SRMM, SRMM_INPUTS, parse_precision
from spl_onnx.spec.messages import array_of

#: Scale and zero point.
CodePair = tuple[float, float]
_SUFFIX = "/srmm"


@dataclass(frozen=True)
class SiteCodes:
    """Scale and zero point of the bytes of a site.

    Attributes:
        x: Of its input.
        y: Of its output.
        r: Of its residual; None where it has none.
    """

    x: CodePair
    y: CodePair
    r: CodePair | None = None

    @classmethod
    def of(cls, x: Sequence[float] | None, y: Sequence[float] | None, r: Sequence[float] | None) -> SiteCodes:
        """From the numbers of a plan; x and y are given.

        Raises:
            TypeError: They are not.
        """
        if x is None or y is None:
            raise TypeError("bytes need codes of input and output")
        return cls((x[0], x[1]), (y[0], y[1]), None if r is None else (r[0], r[1]))


@dataclass(frozen=True)
class ByteSite:
    """An SRMM node on images with products in 8 bits, whose tensors may become bytes.

    Attributes:
        name: Of the site.
        node: The node.
        x: Tensor of its input.
        y: Tensor of its output.
        r: Tensor of its residual; None where it has none.
    """

    name: str
    node: onnx.NodeProto
    x: str
    y: str
    r: str | None

    def codes(self, of: SiteCodes) -> Iterator[tuple[str, CodePair]]:
        """Its tensors, each with its code."""
        yield self.x, of.x
        yield self.y, of.y
        if self.r is not None and of.r is not None:
            yield self.r, of.r

    @property
    def reads(self) -> tuple[str, ...]:
        """What it reads as bytes."""
        return (self.x,) if self.r is None else (self.x, self.r)


def byte_sites(graph: onnx.GraphProto) -> list[ByteSite]:
    """The sites of a graph, in order. Those that read constants instead of tensors are none."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    return [
        site
        for node in graph.node
        if node.op_type == SRMM
        and node.domain == DOMAIN_CONV
        and (site := _site(node, constants)) is not None
    ]


def input_of(node: onnx.NodeProto, name: str) -> str:
    """The tensor that an SRMM node reads as this input, "" where it is absent."""
    index = SRMM_INPUTS.index(name)
    return node.input[index] if index < len(node.input) else ""


def _site(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> ByteSite | None:
    x, r = input_of(node, "X"), input_of(node, "R")
    if parse_precision(Attributes.of(node).values) not in IN_8_BITS or x in constants:
        return None
    if r in constants:
        if not _is_zero(constants[r]):
            return None
        r = ""
    return ByteSite(node.name.rpartition(_SUFFIX)[0] or node.output[0], node, x, node.output[0], r or None)


def _is_zero(tensor: onnx.TensorProto) -> bool:
    values = array_of(tensor)
    return values is not None and values.size == 1 and not np.any(values)
