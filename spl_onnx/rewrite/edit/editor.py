"""Carrying out the choices on the graphs of a model."""

from __future__ import annotations

import onnx
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.bytes.neighbours import take_bytes
from spl_onnx.rewrite.bytes.pass_bytes import OLDEST_OPSET, pass_bytes
from spl_onnx.rewrite.bytes.sites import SiteCodes
from spl_onnx.rewrite.edit.concat import join_pooled
from spl_onnx.rewrite.edit.concat_bytes import join_bytes
from spl_onnx.rewrite.edit.finish import finish_model
from spl_onnx.rewrite.edit.site_maker import MadeSite, make_site
from spl_onnx.rewrite.graph.context import ModelContext, Scope
from spl_onnx.rewrite.graph.qoperators import restore
from spl_onnx.rewrite.graph.roundtrip import export_model
from spl_onnx.rewrite.graph.signed_bytes import unshift
from spl_onnx.rewrite.layout.move import describe_moves, settle_layout
from spl_onnx.rewrite.rules.registry import BYTE_RULES
from spl_onnx.rewrite.rules.site import Match
from spl_onnx.rewrite.sites.candidates import Candidate
from spl_onnx.rewrite.sites.planner import refusing
from spl_onnx.rewrite.sites.weights import SiteWeights

#: Nodes that go with those that read them.
_LOOSE = ("Constant", "DequantizeLinear", "QuantizeLinear")


class Editor:
    """Replaces the nodes of chosen candidates. It serves one edit.

    Args:
        context: The model under edit.
        weights: Of its sites.
    """

    def __init__(self, context: ModelContext, weights: SiteWeights) -> None:
        self._context = context
        self._weights = weights
        self.notes: list[str] = []
        self._made: list[gs.Node] = []
        self._loose: set[str] = set()
        self._loose_nodes: list[tuple[Scope, gs.Node]] = []

    def rewrite(self, candidates: list[Candidate]) -> onnx.ModelProto:
        """The model with all chosen sites replaced."""
        groups: dict[int, list[tuple[Match, gs.Tensor]]] = {}
        for match, made in self._made_sites(candidates):
            output = self._replace(match, made)
            if match.behind:
                groups.setdefault(id(match.concat), []).append((match, output))
        for group in groups.values():
            self._join(group)
        self._drop_loose_nodes()  # else a DequantizeLinear that nobody reads would hold Transposes
        moves = [
            move
            for scope in self._context.scopes
            for move in settle_layout(scope, self._made, self._note_loose)
        ]
        self.notes = describe_moves(moves)
        self._drop_loose_nodes()
        model = export_model(self._context.graph, self._context.source, frozenset(self._loose))
        if self._context.opset >= OLDEST_OPSET:
            pass_bytes(model.graph, _codes(candidates))
            if any(c.entry.is_rewritten and c.entry.rule in BYTE_RULES for c in candidates):
                take_bytes(model.graph)
        unshift(model.graph, self._context.shifted)
        restore(model.graph, self._context.expansions)
        return finish_model(model, self._context.source)

    def _made_sites(self, candidates: list[Candidate]) -> list[tuple[Match, MadeSite]]:
        """The new nodes of all chosen sites; whatever can fail does so here, before the graph is touched."""
        made = []
        for candidate in candidates:
            if candidate.rule is None or candidate.match is None or not candidate.entry.is_rewritten:
                continue
            with refusing(candidate):
                new = make_site(candidate.rule, candidate.match, candidate.entry, self._weights)
                made.append((candidate.match, new))
        return made

    def _replace(self, match: Match, made: MadeSite) -> gs.Tensor:
        """Put the nodes of one site in the place of the old ones; returns the site's output."""
        output = match.output
        if match.behind:
            name = match.site_name or f"{match.output.name}/pooled"
            output = gs.Variable(self._context.fresh(name))
        for node in match.nodes:
            self._note_loose(match.scope, node)
            node.inputs.clear()
            node.outputs.clear()
        made.write_to(output)
        self._swap(match.scope, match.nodes, made.nodes)
        return output

    def _join(self, group: list[tuple[Match, gs.Tensor]]) -> None:
        """Join the branches of `group` anew: pooling moves above the Concat, or bytes are joined."""
        first = group[0][0]
        join = join_pooled if first.quantize is None else join_bytes
        nodes = join(first, {match.output.name: output for match, output in group})
        self._swap(first.scope, first.behind, nodes)

    def _swap(self, scope: Scope, old: list[gs.Node], new: list[gs.Node]) -> None:
        """Replace `old` by `new` at the place of the last old node, where all inputs exist."""
        gone = {id(node) for node in old}
        nodes: list[gs.Node] = []
        for node in scope.graph.nodes:
            if node is old[-1]:
                nodes.extend(new)
            elif id(node) not in gone:
                nodes.append(node)
        scope.graph.nodes[:] = nodes
        self._made += new

    def _note_loose(self, scope: Scope, node: gs.Node) -> None:
        """Remember the constants and dequantised values that `node` reads: they go if nobody else does."""
        for tensor in node.inputs:
            if isinstance(tensor, gs.Constant):
                self._loose.add(tensor.name)
            elif len(tensor.inputs) == 1 and tensor.inputs[0].op in _LOOSE:
                self._loose_nodes.append((scope, tensor.inputs[0]))

    def _drop_loose_nodes(self) -> None:
        """Remove nodes that only replaced nodes read, and what only they read."""
        while self._loose_nodes:
            scope, node = self._loose_nodes.pop()
            if node.outputs and not node.outputs[0].outputs and not scope.is_output(node.outputs[0]):
                self._note_loose(scope, node)
                scope.graph.nodes[:] = [other for other in scope.graph.nodes if other is not node]
                node.inputs.clear()


def _codes(candidates: list[Candidate]) -> dict[str, SiteCodes]:
    """Codes of the chosen sites that pass bytes, by name."""
    found = {}
    for candidate in candidates:
        settings = candidate.entry.settings
        if candidate.match is not None and candidate.entry.is_rewritten and settings.passes_bytes:
            found[candidate.match.name] = SiteCodes.of(settings.xscale, settings.yscale, settings.rscale)
    return found
