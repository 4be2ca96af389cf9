"""Every site beside the nodes it replaces, on the same input: what differs there is the site's own fault.

Outputs of a network may hide an error (a sum of boxes that nobody keeps) or magnify rounding until nothing is
left to compare. Here each site computes once more what the original computes, from the same tensors, and a
third time the original's nodes do it with rounding noise in the input. Only three numbers leave the graph:
the largest value, the largest difference and the largest effect of the noise. So it takes little memory.

A layer between bytes is compared with copies of its old nodes that leave out what the site leaves out, and
may differ by one step: float32 rounds otherwise where a value lies half way between two bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.rewrite.edit.finish import finish_model
from spl_onnx.rewrite.edit.site_maker import make_site
from spl_onnx.rewrite.graph.context import ModelContext, Scope
from spl_onnx.rewrite.graph.roundtrip import export_model
from spl_onnx.rewrite.rules.base import LayerRule, Rule
from spl_onnx.rewrite.rules.quantised.byte_rule import ByteRule
from spl_onnx.rewrite.rules.site import Match
from spl_onnx.rewrite.sites.candidates import Candidate, find_candidates, plan_selector
from spl_onnx.rewrite.sites.plan import Plan, SitePlan, lossless_plan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.noise import rounding
from spl_onnx.rewrite.verification.tolerance import LEAST_TOLERANCE, MARGIN, MOST_TOLERANCE

#: Terms that are taken for a node without weights: one response normalisation sums about so many squares.
_TERMS = 16
#: Numbers that tell about a site. A maximum may pass over what is not a number, a sum does not.
_NUMBERS = 5


@dataclass(frozen=True)
class Watched:
    """A site in the model of `side_by_side` and the outputs that tell about it.

    Attributes:
        site: Its entry in the plan.
        outputs: Names of `_NUMBERS` numbers: largest value, largest difference, largest effect of noise, and
            two that are no numbers where the difference or the effect of the noise is not finite somewhere.
    """

    site: SitePlan
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """How a site compares with the nodes it replaces; numbers are relative to the largest value.

    Attributes:
        site: Its entry in the plan.
        difference: Largest difference; infinite where the site gives no finite number.
        tolerance: Largest difference that is right.
    """

    site: SitePlan
    difference: float
    tolerance: float

    @property
    def is_proved(self) -> bool:
        """Whether the comparison says anything."""
        return self.tolerance <= MOST_TOLERANCE

    @property
    def is_wrong(self) -> bool:
        """Whether the site computes something else."""
        return self.is_proved and not self.difference <= self.tolerance


def side_by_side(
    model: onnx.ModelProto, plan: Plan, weights: SiteWeights
) -> tuple[onnx.ModelProto, list[Watched]]:
    """`model` with its sites beside what they replace; those in bodies of If and Loop are left out.

    Args:
        model: The original; not changed.
        plan: Which sites; their settings do not count, they are exact here.
        weights: Of the sites of `model`.

    Returns:
        The model, whose outputs are as before and `_NUMBERS` for each site, and the sites.
    """
    context = ModelContext(model)
    exact = lossless_plan(plan)
    candidates = find_candidates(context, plan_selector(exact))
    entries = {(entry.site, entry.rule): entry for entry in exact.sites}
    added: dict[int, list[gs.Node]] = {}
    watched = []
    for number, candidate in enumerate(candidates):
        match = candidate.match
        if match is None or match.scope.parent is not None:
            continue
        entry = entries[candidate.entry.site, candidate.entry.rule]
        beside = _Beside(candidate, match, entry, number, weights)
        added.setdefault(id(match.nodes[-1]), []).extend(beside.nodes)
        watched.append(Watched(entry, beside.outputs))
    graph = context.graph
    graph.nodes[:] = [node for old in graph.nodes for node in (old, *added.get(id(old), ()))]
    result = finish_model(export_model(graph, context.source), model)
    names = (name for entry in watched for name in entry.outputs)
    result.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, []) for name in names
    )
    return result, watched


def findings(watched: list[Watched], runs: list[list[Array]]) -> list[Finding]:
    """What some runs of the model of `side_by_side` say.

    Args:
        watched: The sites.
        runs: Of each run, the numbers of each site.
    """
    numbers = np.array(runs, np.float64).reshape(len(runs), len(watched), _NUMBERS)
    return [_finding(entry.site, numbers[:, index]) for index, entry in enumerate(watched)]


def _finding(site: SitePlan, runs: Array) -> Finding:
    """Numbers of one site, a row for each run; an original that is not finite leaves nothing to compare."""
    largest, gap, noise = (float(runs[:, column].max()) for column in range(3))
    if not (math.isfinite(largest) and math.isfinite(noise)) or np.isnan(runs[:, 4]).any():
        return Finding(site, 0.0, math.inf)
    scale = largest if largest > 0.0 else 1.0
    tolerance = max(LEAST_TOLERANCE, MARGIN * noise / scale)
    is_finite = math.isfinite(gap) and not np.isnan(runs[:, 3]).any()
    return Finding(site, gap / scale if is_finite else math.inf, tolerance)


class _Beside:
    """The nodes that stand beside one site.

    Attributes:
        nodes: In order.
        outputs: As in `Watched`.
    """

    def __init__(
        self, candidate: Candidate, match: Match, entry: SitePlan, number: int, weights: SiteWeights
    ) -> None:
        assert candidate.rule is not None
        self._scope: Scope = match.scope
        self._terms = _terms(candidate.rule, match, weights)
        self._name = f"{match.name}/check"
        made = make_site(candidate.rule, match, entry, weights)
        self.nodes: list[gs.Node] = list(made.nodes)
        if isinstance(candidate.rule, ByteRule):
            expected, gap, effect = self._bytes(candidate.rule.reference(match), made.output)
        else:
            expected = self._pooled(match, match.output)
            noisy = self._pooled(match, self._with_noise(match, number))
            gap = self._node("Sub", made.output, expected)
            effect = self._node("Sub", noisy, expected)
        numbers = [*map(self._largest, (expected, gap, effect)), *map(self._finite, (gap, effect))]
        self.outputs = tuple(number.name for number in numbers)

    def _bytes(self, reference: list[gs.Node], got: gs.Tensor) -> tuple[gs.Tensor, gs.Tensor, gs.Tensor]:
        """The range of bytes, differences in bytes, and what makes their tolerance one step."""
        self.nodes += reference
        to_float = {"to": int(onnx.TensorProto.FLOAT)}
        steps = [self._node("Cast", x, attrs=to_float) for x in (got, reference[-1].outputs[0])]
        return self._number(255.0), self._node("Sub", *steps), self._number(1.0 / MARGIN)

    def _number(self, value: float) -> gs.Tensor:
        return gs.Constant(self._fresh("number"), np.array([value], np.float32))

    def _largest(self, x: gs.Tensor) -> gs.Tensor:
        return self._node("ReduceMax", self._node("Abs", x), attrs={"keepdims": 0})

    def _finite(self, x: gs.Tensor) -> gs.Tensor:
        """0 where all of `x` is finite, else no number."""
        return self._node("ReduceSum", self._node("Sub", x, x), attrs={"keepdims": 0})

    def _with_noise(self, match: Match, number: int) -> gs.Tensor:
        """The output of copies of the site's old nodes whose input is moved by rounding errors."""
        x = match.anchor.inputs[0]
        attrs = {"mean": 1.0, "scale": rounding(self._terms), "seed": float(number + 1)}
        moved = self._node("Mul", x, self._node("RandomNormalLike", x, attrs=attrs))
        copies = {id(x): moved}
        for node in match.nodes:
            inputs = [copies.get(id(tensor), tensor) for tensor in node.inputs]
            outputs = [t if t.is_empty() else gs.Variable(self._fresh(node.op)) for t in node.outputs]
            copies |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
            name = self._fresh(f"{node.op}_node")
            self.nodes.append(gs.Node(node.op, name, dict(node.attrs), inputs, outputs, node.domain))
        return copies[id(match.output)]

    def _pooled(self, match: Match, x: gs.Tensor) -> gs.Tensor:
        """`x` behind the pooling that a site shares with others."""
        if not match.behind or match.pool is None:
            return x
        return self._node("MaxPool", x, attrs=dict(match.pool.attrs))

    def _node(self, op: str, *inputs: gs.Tensor, attrs: Mapping[str, object] | None = None) -> gs.Tensor:
        output = gs.Variable(self._fresh(op))
        self.nodes.append(gs.Node(op, self._fresh(f"{op}_node"), dict(attrs or {}), list(inputs), [output]))
        return output

    def _fresh(self, part: str) -> str:
        return self._scope.model.fresh(f"{self._name}/{part}")


def _terms(rule: Rule, match: Match, weights: SiteWeights) -> float:
    """Terms of a dot product of a site."""
    if not isinstance(rule, LayerRule):
        return _TERMS
    return float(np.prod(weights.site(rule, match).w.shape[1:]))
