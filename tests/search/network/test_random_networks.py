"""Random networks: cut, run with random settings, and rewritten with the same settings they do the same."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.network.runner import NetworkRunner
from spl_onnx.search.network.segments import cut
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.settings import EXACT, Setting
from tests.rewrite.builders import TOLERANCE
from tests.rewrite.test_random_networks import networks
from tests.search.network.networks import base, configured

SETTINGS = (
    Setting("truncate", SiteSettings(floor=0.5)),
    Setting("predict", SiteSettings(predictor="int8", threshold=0.3, floor=0.3)),
    EXACT,
)


def may_be_set(segment):
    """A prediction or a floor needs outputs of at least 0."""
    node = next(node for node in segment.model.graph.node if node.op_type == "SRMM")
    clipped = next(a.f for a in node.attribute if a.name == "clip_min") == 0.0
    return clipped and segment.site.selection is not None


def assert_close(got, wanted):
    assert np.abs(got - wanted).max(initial=0) <= TOLERANCE * np.abs(wanted).max(initial=1e-9)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(0, 2))
def test_random_networks(plugin_path, network, first):
    model, feed = network
    batches = [feed, {name: -0.5 * value for name, value in feed.items()}]
    runner = NetworkRunner(SegmentSessions(base(model)), batches)
    original = create_session(model)
    assert_close(runner.outputs({}), np.concatenate([run(original, fed)[0] for fed in batches]))
    sites = [s.site.name for s in cut(base(model)) if s.site is not None and may_be_set(s)]
    config = {name: SETTINGS[(i + first) % len(SETTINGS)] for i, name in enumerate(sites)}
    found = runner.outputs(config)
    rewritten = create_session(configured(model, config, runner.shifts))
    assert_close(found, np.concatenate([run(rewritten, fed)[0] for fed in batches]))
    for place, name in enumerate(runner.sites):
        before = runner.sites[:place]
        runner.hold({site: setting for site, setting in config.items() if site in before}, name)
    np.testing.assert_array_equal(runner.outputs(config), found)
