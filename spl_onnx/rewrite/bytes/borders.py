"""Tensors that are floats, bytes, or both: one is made of the other where somebody needs it."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.rewrite.bytes.sites import CodePair
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.channels_last import TO_NHWC
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.attributes import DOMAIN_CONV, QUANTIZE


class Borders:
    """Where bytes begin and end. It writes down the nodes of a graph anew, in order.

    A tensor has at most one QuantizeLinear for a code and one DequantizeLinear. Images that no site has seen
    become bytes by ChannelsLastQuantize, with their Transpose. Of what lies between a site and the next one
    ONNX Runtime makes something in bytes itself, which it knows by DequantizeLinear and QuantizeLinear.

    Args:
        graph: It is changed by `finish` alone, but for the constants.
        constants: Of the graph.
    """

    def __init__(self, graph: onnx.GraphProto, constants: Constants) -> None:
        self._graph, self._constants = graph, constants
        self._nodes: list[onnx.NodeProto] = []
        #: Bytes of a tensor by its name and code.
        self._bytes: dict[tuple[str, CodePair], str] = {}
        #: Code of the tensors that are written as bytes and not yet needed as floats.
        self._written: dict[str, CodePair] = {}
        #: Images that a Transpose makes channels last, by the name that they get.
        self._turned = {n.output[0]: n.input[0] for n in graph.node if _is_transpose(n, TO_NHWC)}
        #: Floats that were made of bytes, and all that was computed of them.
        self._from_bytes: set[str] = set()
        #: Images that are bytes as well.
        self._quantized: set[str] = set()

    def add(self, node: onnx.NodeProto) -> None:
        """A node of bytes."""
        self._from_bytes.update(node.output)
        self._nodes.append(node)

    def add_floats(self, node: onnx.NodeProto) -> None:
        """A node as it is; what it reads are floats from here on."""
        for name in reads(node):
            self.need_floats(name)
        if not self._from_bytes.isdisjoint(reads(node)):
            self._from_bytes.update(node.output)
        self._nodes.append(node)

    def write(self, tensor: str, code: CodePair) -> str:
        """The name of the bytes that stand for a tensor from here on."""
        self._written[tensor] = code
        return self._bytes.setdefault((tensor, code), self._constants.fresh(f"{tensor}/bytes"))

    def written(self, tensor: str) -> CodePair | None:
        """Code of a tensor that is written as bytes and has not been needed as floats."""
        return self._written.get(tensor)

    def bytes_of(self, tensor: str, code: CodePair) -> str:
        """Bytes of a tensor; made of its floats where there are none in this code."""
        if (tensor, code) not in self._bytes:
            made = self._constants.fresh(f"{tensor}/bytes")
            self._quantize(tensor, code, made)
            self._bytes[tensor, code] = made
        return self._bytes[tensor, code]

    def need_floats(self, tensor: str) -> None:
        """Make floats of a tensor that is bytes, once."""
        code = self._written.pop(tensor, None)
        if code is not None:
            self._from_bytes.add(tensor)
            inputs = [self._bytes[tensor, code], *self._constants.scale_and_zero(code)]
            name = self._constants.fresh(f"{tensor}/dequantize")
            self._nodes.append(helper.make_node("DequantizeLinear", inputs, [tensor], name))

    def finish(self) -> None:
        """Give the graph its new nodes, and say of bytes what was said of the floats."""
        for value in self._graph.output:
            self.need_floats(value.name)
        read = {name for node in self._nodes for name in reads(node)}
        read |= {value.name for value in self._graph.output}
        gone = self._quantized - read
        del self._graph.node[:]
        self._graph.node.extend(node for node in self._nodes if not node.output or node.output[0] not in gone)
        self._tell_types(gone | set(self._written))

    def _quantize(self, tensor: str, code: CodePair, made: str) -> None:
        name = self._constants.fresh(f"{tensor}/quantize")
        source = self._turned.get(tensor)
        if source is None or source in self._from_bytes:
            self.need_floats(tensor)
            names = [tensor, *self._constants.scale_and_zero(code)]
            self._nodes.append(helper.make_node("QuantizeLinear", names, [made], name))
        else:
            self._quantized.add(tensor)
            names = [source, self._constants.pair(code)]
            self._nodes.append(helper.make_node(QUANTIZE, names, [made], name, domain=DOMAIN_CONV))

    def _tell_types(self, gone: set[str]) -> None:
        """Say of bytes what was said of the floats; those that are no more are not spoken of."""
        told = {value.name: value for value in self._graph.value_info}
        for (tensor, _), made in self._bytes.items():
            if tensor in told:
                value = self._graph.value_info.add()
                value.CopyFrom(told[tensor])
                value.name = made
                value.type.tensor_type.elem_type = TensorProto.UINT8
        kept = [value for value in self._graph.value_info if value.name not in gone]
        del self._graph.value_info[:]
        self._graph.value_info.extend(kept)


def _is_transpose(node: onnx.NodeProto, perm: tuple[int, ...]) -> bool:
    """Whether a node is a Transpose in this order."""
    is_one = node.op_type == "Transpose" and node.domain in ("", "ai.onnx") and len(node.input) == 1
    return is_one and tuple(Attributes.of(node).integers("perm", default=())) == perm
