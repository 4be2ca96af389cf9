"""The new nodes of one site, made beside the old ones: nothing of the graph changes until they are put in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import onnx_graphsurgeon as gs

from spl_onnx.options import Choice
from spl_onnx.predictors.build import fixed_range
from spl_onnx.rewrite.edit.emit import SiteEmitter
from spl_onnx.rewrite.rules.base import ExactRule, LayerRule, Rule
from spl_onnx.rewrite.rules.site import Match
from spl_onnx.rewrite.sites.plan import SitePlan
from spl_onnx.rewrite.sites.predict import shifted
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.spec.attributes import FLOAT32, INT8


@dataclass(frozen=True)
class MadeSite:
    """Nodes that compute a site from the tensors the old ones read.

    Attributes:
        nodes: In order.
        output: What the last one writes, a tensor that nothing else knows.
    """

    nodes: list[gs.Node]
    output: gs.Tensor

    def write_to(self, output: gs.Tensor) -> None:
        """Make the nodes write to another tensor, which nothing else writes; the same is known of it."""
        output.dtype, output.shape = self.output.dtype, self.output.shape
        for node in self.nodes:
            for index, tensor in enumerate(node.outputs):
                if tensor is self.output:
                    node.outputs[index] = output


def make_site(rule: Rule, match: Match, entry: SitePlan, weights: SiteWeights) -> MadeSite:
    """The nodes of a site with the choice and settings of its entry.

    Raises:
        Refused: The match cannot be rewritten after all.
        SplError: Its numbers do not fit the operators.
    """
    output = gs.Variable(match.scope.model.fresh(f"{match.name}/made"))
    if isinstance(rule, ExactRule):
        beside = replace(match, output=output, site_name=match.site_name or match.output.name)
        return MadeSite(rule.replacement(beside, list(match.anchor.inputs)), output)
    assert isinstance(rule, LayerRule)
    site = weights.site(rule, match)
    moved = shifted(site, entry.settings)
    predictor = weights.predictor(moved, entry.settings) if entry.choice == Choice.PREDICT else None
    floor = float(entry.settings.floor or 0.0)
    bias = None if moved is site else moved.b
    precision = entry.settings.precision or FLOAT32
    # Where bytes are passed, `pass_bytes` gives it scales; the other algorithm alone has one for floats.
    xscale = fixed_range(entry.settings.xscale) if precision == INT8 else None
    emitter = SiteEmitter(site, match.name, output, predictor, floor, bias, precision, xscale)
    try:
        return MadeSite(emitter.emit(), output)
    except Exception:
        for node in emitter.nodes:
            node.inputs.clear()
            node.outputs.clear()
        raise
