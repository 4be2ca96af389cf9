"""Random networks with free sizes: layers as real ones have them, in any order, and readers of sizes.

Where the choices come from is left open: a seeded source here, hypothesis in tests.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.rewrite.builders import Net

T = TypeVar("T")
CHANNELS = 4


class Choices(Protocol):
    """A source of choices."""

    def pick(self, options: Sequence[T]) -> T:
        """One of some options."""


class SeededChoices:
    """Choices of a seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def pick(self, options: Sequence[T]) -> T:
        """One of some options, all equally likely."""
        return self._random.choice(options)


@dataclass(frozen=True)
class Value:
    """A tensor [N, C, H, W] of a network.

    Attributes:
        name: of the tensor.
        channels: C.
        size: what happened to H and W since the input; values of equal history have equal sizes.
    """

    name: str
    channels: int
    size: tuple[str, ...] = ()


class ScaledNet(Net):
    """A network whose sums keep the magnitude of what they are made of."""

    def random(self, name: str, *shape: int) -> str:
        """Normal values; weights are scaled by the number of products of a sum."""
        values = self.rng.standard_normal(shape)
        return self.const(name, (values / np.sqrt(np.prod(shape[1:]))).astype(np.float32))


@dataclass
class Network:
    """A network while it grows.

    Attributes:
        net: the nodes so far.
        choices: where decisions come from.
        values: tensors that layers may read.
        outputs: names of outputs.
    """

    net: ScaledNet
    choices: Choices
    values: list[Value] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    count: int = 0

    def pick(self, *options: T) -> T:
        """One of some options."""
        return self.choices.pick(options)

    def one_in(self, number: int) -> bool:
        """Whether something that happens once in some times happens."""
        return self.choices.pick(range(number)) == 0

    def name(self) -> str:
        """A name for the next tensor."""
        self.count += 1
        return f"v{self.count}"

    def latest(self) -> Value:
        """What the next layer reads: mostly the last value, so that chains arise; older ones make forks."""
        back = 0 if self.one_in(12) and self.values[0].channels > 1 else -1
        return self.values[back]

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; gives its output's name."""
        return self.net.node(op, inputs, self.name(), **attributes)

    def const(self, value: Any) -> str:
        """Add an initializer; gives its name."""
        return self.net.const(f"{self.name()}.k", value)

    def integers(self, *values: int) -> str:
        """Add an initializer int64 [n]."""
        return self.const(np.array(values, np.int64))

    def add(self, name: str, like: Value, channels: int | None = None, resized: str | None = None) -> None:
        """Note a new value: channels and history of `like`, but for what is given."""
        size = like.size if resized is None else (*like.size, resized)
        self.values.append(Value(name, channels or like.channels, size))


def free_size(choices: Choices, name: str) -> str | None:
    """How a model may say that it does not know a size: by a name, or not at all."""
    return choices.pick((name, None))


def grow(
    choices: Choices, steps: Sequence[Any], heads: Sequence[Any], motifs: Sequence[Sequence[str]]
) -> Network:
    """A random network.

    Args:
        choices: where decisions come from.
        steps: functions that add a layer, by name.
        heads: functions that may end the network.
        motifs: names of steps that follow each other in real networks.
    """
    net = ScaledNet(choices.pick((13, 17, 19)), ir_version=9, seed=choices.pick(range(1000)))
    network = Network(net, choices)
    batch = choices.pick((free_size(choices, "N"), 1, 2))
    shape = [batch, CHANNELS, free_size(choices, "H"), free_size(choices, "W")]
    network.values.append(Value(net.input("x", shape), CHANNELS))
    for _ in range(choices.pick((1, 2, 3, 4, 5))):
        for step in choices.pick(motifs):
            dict(steps)[step](network)
    head = choices.pick(heads)
    last = network.values[-1].name
    if last != "x":
        network.outputs.append(head(network, network.values[-1]))
    middle = choices.pick(network.values).name
    if network.one_in(3) and middle not in ("x", *network.outputs):
        network.outputs.append(middle)
    return network


def finished(network: Network) -> onnx.ModelProto:
    """The model of a network. Some say -1 of sizes without a name, which onnx itself cannot infer with."""
    model = network.net.model(*network.outputs)
    negative = network.one_in(3)
    for dimension in model.graph.input[0].type.tensor_type.shape.dim:
        if negative and dimension.WhichOneof("value") is None:
            dimension.dim_value = -1
    return model


def inputs_of(model: onnx.ModelProto, choices: Choices, rng: np.random.Generator) -> NDArray[np.float32]:
    """Something to feed as "x": its free sizes are chosen, also small, odd and oblong ones."""
    sizes = []
    for axis, dimension in enumerate(model.graph.input[0].type.tensor_type.shape.dim):
        known = dimension.dim_value > 0
        usual = (1, 2, 3) if axis == 0 else (7, 9, 16, 21, 24, 33)
        sizes.append(dimension.dim_value if known else choices.pick(usual))
    return rng.standard_normal(sizes).astype(np.float32)
