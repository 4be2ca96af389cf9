"""What linear layers of a network see and should give, collected over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.channel_pruning.reconstruction import Index, NormalEquations, Window, patches
from experiments.channel_pruning.residual import Graph
from experiments.channel_pruning.stream import Stream, Tensors

Float = NDArray[np.float32]
Halves = tuple[NormalEquations, NormalEquations]


@dataclass(frozen=True)
class Aim:
    """What a convolution or a Gemm should give: a tensor of the original, less one of the current network.

    Attributes:
        layer: its output in the current network.
        target: tensor of the original.
        less: tensor of the current network that is added behind the layer; None = nothing is.
        channels: channels of the target; None = all.
    """

    layer: str
    target: str
    less: str | None = None
    channels: Index | None = None


def gather(graph: Graph, current: Stream, original: Stream, aims: Sequence[Aim], places: int) -> list[Halves]:
    """Normal equations of some layers of the current network, over every other image each.

    Because inputs are the current network's and targets the original's, a fit also makes up for what earlier
    layers have lost.

    Args:
        graph: the current network.
        current: images in it.
        original: the same images in the original.
        aims: the layers.
        places: output places that are taken of each image, at random but seeded.
    """
    found = [_Observer(graph, aim, places) for aim in aims]
    wanted = sorted({aim.target for aim in aims})
    needed = sorted({name for item in found for name in item.needed})
    for before, now in zip(original.look(wanted), current.look(needed), strict=True):
        for item in found:
            item.see(before, now)
    return [item.halves for item in found]


class _Observer:
    """Collects the equations of one layer."""

    def __init__(self, graph: Graph, aim: Aim, places: int) -> None:
        self._aim, self._places = aim, places
        self._window = window_of(graph, aim.layer)
        self._x = graph.maker[aim.layer].input[0]
        self.needed = [self._x] if aim.less is None else [self._x, aim.less]
        outputs, channels = graph.filters(aim.layer)[0].shape[:2]
        sizes = channels, self._window.taps, outputs
        self.halves = NormalEquations(*sizes), NormalEquations(*sizes)
        self._generator = np.random.default_rng(0)

    def see(self, before: Tensors, now: Tensors) -> None:
        """Add a batch: tensors of the original and of the current network."""
        target = _image(before[self._aim.target])
        height, width = target.shape[2:]
        chosen = self._generator.permutation(height * width)[: self._places]
        rows, columns = chosen // width, chosen % width
        reference = _at(target, rows, columns)
        if self._aim.channels is not None:
            reference = reference[:, self._aim.channels]
        wanted = reference if self._aim.less is None else reference - _at(now[self._aim.less], rows, columns)
        seen = patches(_image(now[self._x]), self._window, rows, columns)
        # Patches of one image are alike: a half must not see images of the other.
        image = np.arange(len(seen)) // len(rows)
        for half, equations in enumerate(self.halves):
            mine = image % 2 == half
            equations.add(seen[mine], wanted[mine], reference[mine])


def window_of(graph: Graph, layer: str) -> Window:
    """Kernel, strides and pads of a convolution; a Gemm sees one place."""
    node = graph.maker[layer]
    given = {a.name: list(a.ints) for a in node.attribute if a.ints}
    kernel = list(graph.weights[node.input[1]].dims[2:]) or [1, 1]
    strides, pads = given.get("strides", [1, 1]), given.get("pads", [0] * 4)
    return Window((kernel[0], kernel[1]), (strides[0], strides[1]), (pads[0], pads[1], pads[2], pads[3]))


def _image(x: Float) -> Float:
    """Rows [n, C] as images of one place."""
    return x[:, :, None, None] if x.ndim == 2 else x


def _at(x: Float, rows: Index, columns: Index) -> Float:
    """Values [n * places, C] of images [n, C, H, W] at some places."""
    return x[:, :, rows, columns].transpose(0, 2, 1).reshape(-1, x.shape[1])
