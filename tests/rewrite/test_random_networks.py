"""Random networks: whatever the rules find in them, the result is valid and computes the same on its own.

The networks are those of the search for faults (scripts/harden), with choices that hypothesis can shrink.
"""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scripts.harden.network_steps import HEADS, MOTIFS, STEPS
from scripts.harden.network_trial import compare
from scripts.harden.networks import finished, grow, inputs_of
from scripts.harden.sensitivity import expected, plain_session
from spl_onnx.spec.attributes import LRN, SRMM
from tests.rewrite.builders import rewritten


class DrawnChoices:
    """Choices that hypothesis makes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, options):
        return self._draw(st.sampled_from(options))


@st.composite
def networks(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A network that ONNX Runtime takes, and an input that fits it."""
    choices = DrawnChoices(draw)
    network = grow(choices, STEPS, HEADS, MOTIFS)
    assume(network.outputs)
    try:
        model = finished(network)
        onnx.checker.check_model(model)
        feed = {"x": inputs_of(model, choices, np.random.default_rng(0))}
        outputs = plain_session(model).run(None, feed)
    except Exception:  # ONNX Runtime has many exception types; a layer does not fit the others
        assume(False)
    assume(all(np.isfinite(value).all() and value.size for value in outputs))
    return model, feed


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(networks(), st.booleans())
def test_random_networks(network, lossless):
    model, feed = network
    result = rewritten(model, lossless=lossless, no_verify=True)
    onnx.checker.check_model(result.model)
    assert result.refused == {}, "verification calls nothing a fault that is rounding"
    names = [node.name for node in result.model.graph.node]
    assert len(set(names)) == len(names)
    assert sum(made.op_type in (SRMM, LRN) for made in nodes(result.model)) == sum(
        result.plan.counts().values()
    )
    (wanted,) = expected(model, [feed], seed=0)
    assert compare(plain_session(result.model).run(None, feed), wanted) == ""


def nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes of a model and of the branches in it."""
    outer = list(model.graph.node)
    return outer + [node for one in outer for a in one.attribute if a.HasField("g") for node in a.g.node]
