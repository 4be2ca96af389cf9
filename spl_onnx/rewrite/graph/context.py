"""What rules ask about a model: constants, readers, shapes and free names, in every graph of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import onnx_graphsurgeon as gs

from spl_onnx.errors import RuleError
from spl_onnx.rewrite.graph.element_types import TypeTable, infer_types
from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.qoperators import expand
from spl_onnx.rewrite.graph.roundtrip import import_model
from spl_onnx.rewrite.graph.signed_bytes import shift
from spl_onnx.rewrite.graph.symbolic import Shape, infer_shapes
from spl_onnx.rewrite.graph.tensors import graph_path
from spl_onnx.spec.messages import array_of

#: Attributes of Constant that say its value: their type, and that of the value where it is no tensor.
_CONSTANTS: dict[str, tuple[int, type[np.generic] | None]] = {
    "value": (onnx.AttributeProto.TENSOR, None),
    "value_float": (onnx.AttributeProto.FLOAT, np.float32),
    "value_int": (onnx.AttributeProto.INT, np.int64),
    "value_floats": (onnx.AttributeProto.FLOATS, np.float32),
    "value_ints": (onnx.AttributeProto.INTS, np.int64),
}


_Known = TypeVar("_Known")


@dataclass(eq=False)
class Scope:
    """One graph of the model: the main one, or a body of If, Loop or Scan.

    Attributes:
        graph: The graph being edited.
        source: The same graph as it was.
        parent: The enclosing scope; None for the main graph.
        path: Where it is, for messages: empty for the main graph, else "node/attribute".
    """

    model: ModelContext
    graph: gs.Graph
    source: onnx.GraphProto
    parent: Scope | None
    path: str
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    constants: dict[str, onnx.NodeProto] = field(default_factory=dict)
    shared: dict[str, gs.Constant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        constants = [node for node in self.source.node if node.op_type == "Constant" and node.output]
        count = Counter(tensor.name for tensor in self.source.initializer)
        count.update(node.output[0] for node in constants)
        # Of two constants of one name old ONNX Runtimes take another than new ones: neither can be relied on.
        self.initializers = {t.name: t for t in self.source.initializer if count[t.name] == 1}
        self.constants = {node.output[0]: node for node in constants if count[node.output[0]] == 1}
        self.inputs = {value.name for value in self.source.input}

    def constant(self, tensor: gs.Tensor) -> npt.NDArray[np.generic] | None:
        """The value of `tensor` where it can never change, else None.

        Initializers that are also inputs of the graph may be overridden by the caller, so they are not
        constant (before IR version 4 every initializer had to be listed as an input, and meant a constant).
        Nor is a value that cannot be read.
        """
        tensor = _behind_identities(tensor)
        scope: Scope | None = self
        while scope is not None:
            if tensor.name in scope.inputs and not (
                tensor.name in scope.initializers and self.model.ir_version < 4
            ):
                return None
            if tensor.name in scope.initializers:
                return array_of(scope.initializers[tensor.name])
            if tensor.name in scope.constants:
                return _constant_value(scope.constants[tensor.name])
            scope = scope.parent
        return None

    @cached_property
    def order(self) -> dict[int, int]:
        """Place of every node of this graph by its id, as it was before any edit."""
        return {id(node): index for index, node in enumerate(self.graph.nodes)}

    def readers(self, tensor: gs.Tensor) -> list[gs.Node]:
        """Nodes that read `tensor`, in this graph and the graphs inside it; one entry per use."""
        return list(tensor.outputs)

    def is_output(self, tensor: gs.Tensor) -> bool:
        """Whether `tensor` leaves a graph (also directly out of an inner graph)."""
        return any(tensor is out for out in self.graph.outputs) or tensor.name in self.model.passed_through

    def shape(self, tensor: gs.Tensor) -> Shape | None:
        """Dimensions of `tensor`: numbers and symbols; None when not even the rank is known."""
        return self._visible(self.model.shapes, tensor)

    def element_type(self, tensor: gs.Tensor) -> int | None:
        """Type of the values of `tensor` (onnx.TensorProto.DataType); None when it is not known."""
        return self._visible(self.model.types, tensor)

    def _visible(self, table: dict[tuple[str, str], _Known], tensor: gs.Tensor) -> _Known | None:
        """What `table` says about `tensor` in this graph or the nearest one around it."""
        scope: Scope | None = self
        while scope is not None:
            known = table.get((scope.path, tensor.name))
            if known is not None:
                return known
            scope = scope.parent
        return None

    def announce(self, tensor: gs.Tensor, shape: Shape) -> None:
        """Make the shape of a new tensor known.

        Raises:
            RuleError: A size is below 0.
        """
        if any(isinstance(dim, int) and dim < 0 for dim in shape):
            raise RuleError(f"tensor '{tensor.name}' would get the shape {list(shape)}, wanted sizes from 0")
        self.model.shapes[self.path, tensor.name] = shape

    def qualified(self, name: str) -> str:
        """`name`, with the path of this graph in front where sibling graphs use the same name."""
        written = name.removesuffix("/pooled").removesuffix("/joined")
        return f"{self.path}/{name}" if self.path and written in self.model.repeated else name

    def rank(self, tensor: gs.Tensor) -> int | None:
        """Number of dimensions, if known."""
        shape = self.shape(tensor)
        return None if shape is None else len(shape)


def _behind_identities(tensor: gs.Tensor) -> gs.Tensor:
    """What `tensor` is a copy of."""
    seen: set[int] = set()
    while len(tensor.inputs) == 1 and tensor.inputs[0].op == "Identity" and tensor.inputs[0].inputs:
        if id(tensor) in seen:  # nodes that read each other, which no sound graph has
            break
        seen.add(id(tensor))
        tensor = tensor.inputs[0].inputs[0]
    return tensor


def _constant_value(node: onnx.NodeProto) -> npt.NDArray[np.generic] | None:
    """The value of a Constant node; None for strings, sparse tensors and what cannot be read."""
    for attribute in node.attribute:
        kind, dtype = _CONSTANTS.get(attribute.name, (None, None))
        if kind is None or attribute.type != kind:
            continue
        if dtype is None:
            return array_of(attribute.t)
        return np.array(onnx.helper.get_attribute_value(attribute), dtype)
    return None


class ModelContext:
    """A model under edit: its graphs, shapes and names.

    Operators on bytes are written as layers between DequantizeLinear and QuantizeLinear, and bytes are
    unsigned: `expansions` and `shifted` say where, for those who put back what an edit leaves alone.

    Args:
        model: The model; not changed.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.source, self.expansions = expand(model)
        self.source, self.shifted = shift(self.source, may_change=self.source is not model)
        model = self.source
        self.ir_version = model.ir_version
        self.opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
        self.graph = import_model(model)
        self.shapes = infer_shapes(model)
        self.passed_through: set[str] = set()
        self.scopes: list[Scope] = []
        self._add_scope(self.graph, model.graph, None, "")
        written = Counter(name for s in self.scopes for node in s.source.node for name in node.output)
        self.repeated = {name for name, count in written.items() if count > 1}
        self._names = FreshNames(model.graph)

    def _add_scope(self, graph: gs.Graph, source: onnx.GraphProto, parent: Scope | None, path: str) -> None:
        """Register `graph` and the graphs inside it; they correspond to the source node by node."""
        scope = Scope(self, graph, source, parent, path)
        self.scopes.append(scope)
        produced = {name for node in source.node for name in node.output}
        self.passed_through |= {v.name for v in source.output if v.name not in produced} if parent else set()
        for index, (node, original) in enumerate(zip(graph.nodes, source.node, strict=True)):
            for attribute in original.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    inner = graph_path(path, index, original, attribute.name)
                    self._add_scope(node.attrs[attribute.name], attribute.g, scope, inner)

    @cached_property
    def types(self) -> TypeTable:
        """Element types of all tensors; only few rules need them."""
        return infer_types(self.source)

    def fresh(self, wanted: str) -> str:
        """A name nobody uses: `wanted`, or `wanted` with a number. It is taken from now on."""
        return self._names.fresh(wanted)
