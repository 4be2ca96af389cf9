"""Images on their way through a network: each node runs once, and only what later nodes read is kept.

Fitting a network layer by layer needs what every layer sees. Running from the images each time would cost the
square of the depth; a stream goes on from where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from spl_onnx.data.reader import Reader
from spl_onnx.measure.sessions import create_session, run

Float = NDArray[np.float32]
Tensors = dict[str, Float]


def images_both_ways(reader: Reader) -> list[Tensors]:
    """Every batch of images, and the same mirrored left to right."""
    reader.rewind()
    found: list[Tensors] = []
    while (feeds := reader.get_next()) is not None:
        found += [feeds, {name: np.ascontiguousarray(x[..., ::-1]) for name, x in feeds.items()}]
    return found


class Stream:
    """Batches of images somewhere in a network.

    Args:
        model: the network; nodes that have not run yet may get other weights meanwhile.
        images: batches by input name; not changed.
    """

    def __init__(self, model: onnx.ModelProto, images: Sequence[Tensors]) -> None:
        self._model = model
        self._batches = [dict(batch) for batch in images]
        self._ran: set[str] = set()

    @property
    def held(self) -> set[str]:
        """Tensors in memory."""
        return set(self._batches[0])

    def look(self, tensors: Sequence[str]) -> Iterator[Tensors]:
        """Yield some tensors of each batch, without going on."""
        have = self.held
        ahead = [name for name in tensors if name not in have]
        session = create_session(self._part(ahead)) if ahead else None
        for batch in self._batches:
            found = {name: batch[name] for name in tensors if name in have}
            if session is not None:
                feeds = {value.name: batch[value.name] for value in session.get_inputs()}
                found.update(zip(ahead, run(session, feeds, ahead), strict=True))
            yield found

    def advance(self, tensor: str) -> None:
        """Run everything that a tensor depends on, and forget what nobody reads any more."""
        have = self.held
        self._ran |= {node.output[0] for node in self._needed([tensor])}
        made = {
            name for node in self._model.graph.node if node.output[0] in self._ran for name in node.output
        }
        left = [node for node in self._model.graph.node if node.output[0] not in self._ran]
        alive = sorted((made | have) & {name for node in left for name in node.input})
        for i, batch in enumerate(self.look(alive)):
            self._batches[i] = batch

    def _needed(self, outputs: Sequence[str]) -> list[onnx.NodeProto]:
        """Nodes between what is there and some tensors, in order."""
        wanted, nodes = set(outputs) - self.held, []
        for node in reversed(self._model.graph.node):
            if wanted & set(node.output):
                nodes.append(node)
                wanted |= set(node.input) - self.held
        return nodes[::-1]

    def _part(self, outputs: Sequence[str]) -> onnx.ModelProto:
        nodes = self._needed(outputs)
        read = {name for node in nodes for name in node.input}
        weights = [tensor for tensor in self._model.graph.initializer if tensor.name in read]
        graph = helper.make_graph(
            nodes, "part", [_value(name) for name in self._batches[0] if name in read], [], weights
        )
        graph.output.extend(_value(name) for name in outputs)
        opsets = self._model.opset_import
        return helper.make_model(graph, opset_imports=opsets, ir_version=self._model.ir_version)


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
