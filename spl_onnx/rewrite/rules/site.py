"""What passes between finding a site and rewriting it: match, decision, site; and the names of nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling

FloatArray = npt.NDArray[np.float32]


class Folded(NamedTuple):
    """Weights of a layer with all factors folded in.

    Attributes:
        w: `[O,kH,kW,C/group]` (images), `[O,K]` (matrices).
        b: Bias with all terms folded in, `[O]`.
    """

    w: FloatArray
    b: FloatArray


class Refused(Exception):  # noqa: N818  a decision, not an error
    """Raised while a match is examined; its text is the reason shown to the user."""


@dataclass(eq=False)
class Match:
    """Nodes that have the form of a rule's pattern; nothing but the form was looked at.

    Attributes:
        scope: The graph they are in.
        anchor: The node that holds the weights (Conv, Gemm, MatMul).
        output: The tensor the last node writes; the site's name.
        nodes: All nodes of the pattern, in graph order; they go away when the site is rewritten.
        affine: BatchNormalization and arithmetic with constants among them, to be folded.
        add: The Add of a residual or of a bias.
        addend: The operand of `add` that does not come from the anchor.
        act: The activation.
        pool: The MaxPool.
        concat: The Concat between activation and pooling.
        behind: Nodes that this match shares with other matches: Concat and MaxPool, and idle nodes between
            them.
        quantize: The QuantizeLinear that ends a layer of bytes.
        left_out: QuantizeLinear and DequantizeLinear among the nodes whose rounding the site leaves out.
        site_name: Name of the site where its output is a new tensor.
        problems: Reasons found while following the nodes (a value that is also read elsewhere).
    """

    scope: Scope
    anchor: gs.Node
    output: gs.Tensor
    nodes: list[gs.Node]
    affine: list[gs.Node] = field(default_factory=list)
    add: gs.Node | None = None
    addend: gs.Tensor | None = None
    act: gs.Node | None = None
    pool: gs.Node | None = None
    concat: gs.Node | None = None
    behind: list[gs.Node] = field(default_factory=list)
    quantize: gs.Node | None = None
    left_out: list[gs.Node] = field(default_factory=list)
    site_name: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the site: its output tensor."""
        return self.scope.qualified(self.site_name or self.output.name)

    @property
    def layer(self) -> str:
        """Name of the node that holds the weights; its output where it has none."""
        return self.anchor.name or str(self.anchor.outputs[0].name)


@dataclass(frozen=True)
class Decision:
    """Whether a match becomes a site, and why (also when it does)."""

    accepted: bool
    reason: str


@dataclass(eq=False)
class Site:
    """Everything that the new nodes need.

    Attributes:
        match: Where it was found.
        x: Input: `[N,C,H,W]` or `[N,C,L]` (images), `[...,K]` (matrices).
        w: Weights with all factors folded in: `[O,kH,kW,C/group]` (images), `[O,K]` (matrices).
        b: Bias with all terms folded in, `[O]`.
        activation: Clipping.
        geometry: The convolution; None for matrices.
        pooling: The window behind it; none for matrices.
        residual: A tensor of the layer's output shape that is added before the activation.
        spatial: Spatial dimensions of the images: 2, or 1 when they must be given a height of 1.
    """

    match: Match
    x: gs.Tensor
    w: FloatArray
    b: FloatArray
    activation: Activation
    geometry: ConvGeometry | None = None
    pooling: Pooling = field(default_factory=Pooling.none)
    residual: gs.Tensor | None = None
    spatial: int = 2

    @property
    def is_image(self) -> bool:
        """Whether the operators of the image domain apply."""
        return self.geometry is not None

    @property
    def select_all(self) -> bool:
        """Whether the best place of each window is wanted whatever its score: nothing is clipped at 0."""
        return self.activation.clip_min != 0.0


def label(node: gs.Node) -> str:
    """How a node is named to the user: type, and name or first output."""
    return f"{node.op} '{node.name or (node.outputs[0].name if node.outputs else '')}'"


def attributes(node: gs.Node) -> Attributes:
    """The attributes of `node`, to be read with care."""
    return Attributes(node.attrs, label(node))


def unforeseen(match: Match | None, error: Exception) -> str:
    """Why a site is left alone whose making failed in a way that no rule knows."""
    where = "the site" if match is None else label(match.anchor)
    text = " ".join(str(error).split())[:200]
    return f"{where} has something that was not foreseen ({type(error).__name__}: {text}); please report this"
