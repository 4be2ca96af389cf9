"""Running configurations: the same numbers as the rewritten model, with and without kept states."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.network.runner import SHIFT_SAMPLES, NetworkRunner
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.settings import EXACT, Setting
from tests.rewrite.builders import TOLERANCE
from tests.search.network.networks import (
    NETWORKS,
    base,
    branches,
    configured,
    feeds,
    residual,
    sequential,
    without_activation,
)

TRUNCATE = Setting("truncate", SiteSettings(floor=0.3))
INT8 = Setting("predict", SiteSettings(predictor="int8", threshold=0.2, floor=0.2))
PRUNED = Setting("predict", SiteSettings(predictor="pruned", keep=0.5, threshold=-0.1))
SETTINGS = (TRUNCATE, INT8, PRUNED, EXACT)


def rotated(sites, first):
    """All settings in turn, so that neighbours differ; a layer without activation has none."""
    sites = [site for site in sites if site != "plain"]
    return {site: SETTINGS[(first + i) % len(SETTINGS)] for i, site in enumerate(sites)}


def whole(model, batches):
    """First output of a model for all batches."""
    session = create_session(model)
    return np.concatenate([run(session, fed)[0] for fed in batches])


def assert_close(got, wanted):
    """Equal to the rounding of sums as long as the networks have them."""
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_settings_it_is_the_original(plugin_path, name):
    model = NETWORKS[name]()
    batches = feeds(model, 3, 2)
    runner = NetworkRunner(SegmentSessions(base(model)), batches)
    assert_close(runner.outputs({}), whole(model, batches))
    assert runner.shifts == {}


@pytest.mark.parametrize("first", range(len(SETTINGS)))
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_with_the_same_settings_and_shifts_does_the_same(plugin_path, name, first):
    """What a search judges is what the user gets: through a plan, its JSON, and the rewriter."""
    model = NETWORKS[name]()
    batches = feeds(model, 5, 3)
    runner = NetworkRunner(SegmentSessions(base(model)), batches)
    config = rotated(runner.sites, first)
    got = runner.outputs(config)
    assert_close(got, whole(configured(model, config, runner.shifts), batches))
    exact = whole(model, batches)
    if any(setting.key for setting in config.values()):
        assert np.abs(got - exact).max() > 10 * TOLERANCE * np.abs(exact).max(), "the settings do something"


@pytest.mark.parametrize("shifted", [True, False])
def test_without_shifts_biases_stay(plugin_path, shifted):
    model = residual()
    batches = feeds(model, 4)
    runner = NetworkRunner(SegmentSessions(base(model)), batches, shifted=shifted)
    config = {"a": TRUNCATE}
    got = runner.outputs(config)
    assert bool(runner.shifts) == shifted
    assert_close(got, whole(configured(model, config, runner.shifts), batches))


def test_shifts_are_found_behind_the_first_change_only(plugin_path):
    model = residual()
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 4))
    runner.outputs({"b": TRUNCATE})
    assert set(runner.shifts) == {"sum", "last"}
    runner.outputs({"b": Setting("lossless"), "a": Setting("dense")})
    assert runner.shifts == {}


def test_shifts_come_from_the_first_samples(plugin_path):
    """Batches behind those that hold enough samples change nothing."""
    model = sequential()
    config = rotated(["pooled", "second", "hidden"], 0)
    many = feeds(model, 30, 20, 16)
    alike = (
        NetworkRunner(SegmentSessions(base(model)), many),
        NetworkRunner(SegmentSessions(base(model)), many[:2]),
    )
    assert 30 < SHIFT_SAMPLES <= 50
    shifts = []
    for runner in alike:
        runner.outputs(config)
        shifts.append(runner.shifts)
    assert shifts[0].keys() == shifts[1].keys() == {"second", "hidden"}
    assert all((shifts[0][name] == shifts[1][name]).all() for name in shifts[0])


def test_outputs_of_the_first_samples_find_the_same_shifts(plugin_path):
    model = sequential()
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 30, 20, 16))
    config = rotated(runner.sites, 1)
    got, shifts = runner.outputs(config), runner.shifts
    np.testing.assert_array_equal(runner.outputs_of_first(config), got[:50])
    assert all((runner.shifts[name] == shifts[name]).all() for name in shifts)
    assert len(runner.outputs(config)) == 66


@pytest.mark.parametrize("limit", [1 << 30, 40_000, 1])
@pytest.mark.parametrize("make", [sequential, residual, branches])
def test_kept_states_change_nothing(plugin_path, make, limit):
    """Site by site, as Algorithm 1 goes; the smaller limit has room for a few states, 1 byte for none."""
    model = make()
    batches = feeds(model, 40, 10, 3)
    plain = NetworkRunner(SegmentSessions(base(model)), batches)
    holding = NetworkRunner(SegmentSessions(base(model)), batches, cache_bytes=limit)
    config = {}
    for i, site in enumerate(holding.sites):
        holding.hold(config, site)
        for setting in (SETTINGS[i % 3], SETTINGS[(i + 1) % 3]):
            attempt = {**config, site: setting}
            np.testing.assert_array_equal(holding.outputs(attempt), plain.outputs(attempt))
            assert all((holding.shifts[name] == plain.shifts[name]).all() for name in plain.shifts)
        config = attempt
    np.testing.assert_array_equal(holding.outputs({}), plain.outputs({}))


@pytest.mark.parametrize("order", [["last", "sum", "b", "a"], ["sum", "a", "last", "b"]])
def test_any_order_of_sites_may_be_held(plugin_path, order):
    model = residual()
    batches = feeds(model, 6, 4)
    plain, holding = (NetworkRunner(SegmentSessions(base(model)), batches) for _ in range(2))
    config = {}
    for site in order:
        holding.hold(config, site)
        config[site] = PRUNED
        np.testing.assert_array_equal(holding.outputs(config), plain.outputs(config))


def test_holding_saves_the_segments_before_the_change(plugin_path):
    model = residual()
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 6, 4))
    runner.outputs({})
    every = len(runner.segments) * 2
    assert runner.segment_runs == every
    runner.hold({}, "last")
    before = runner.segment_runs
    runner.outputs({"last": TRUNCATE})
    assert runner.segment_runs - before == 2 * (len(runner.segments) - runner.place("last")) < every
    before = runner.segment_runs
    runner.hold({}, "last")
    assert runner.segment_runs == before, "it is kept already"
    runner.outputs({"a": TRUNCATE})
    assert runner.segment_runs - before == every, "a change before what is kept starts at the beginning"


def test_a_hold_starts_from_an_earlier_one(plugin_path):
    model = residual()
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 6))
    runner.outputs({})
    runner.hold({}, "b")
    before = runner.segment_runs
    runner.hold({}, "last")
    assert runner.segment_runs - before == runner.place("last") - runner.place("b")


def test_the_memory_limit_is_kept(plugin_path):
    model = residual()
    batches = feeds(model, 6, 4)
    largest = 2 * 10 * 6 * 64 * 4
    runner = NetworkRunner(SegmentSessions(base(model)), batches, cache_bytes=largest)
    for site in runner.sites:
        runner.hold({}, site)
        assert sum(kept.bytes for kept in runner._kept.values()) <= largest
        assert len(runner._kept) >= 1


@pytest.mark.parametrize("site", ["a", "second", "hidden"])
def test_what_is_held_first_may_be_anything(plugin_path, site):
    """Shifts compare with the exact network, even where nobody has run it before."""
    model = sequential() if site != "a" else residual()
    batches = feeds(model, 6, 4)
    plain, holding = (NetworkRunner(SegmentSessions(base(model)), batches) for _ in range(2))
    config = {holding.sites[0]: TRUNCATE}
    plain.outputs({})
    holding.hold(config, site)
    np.testing.assert_array_equal(holding.outputs(config), plain.outputs(config))
    assert holding.shifts.keys() == plain.shifts.keys() != set()


def test_an_exact_hold_is_not_the_whole_exact_network(plugin_path):
    model = sequential()
    batches = feeds(model, 6, 4)
    plain, holding = (NetworkRunner(SegmentSessions(base(model)), batches) for _ in range(2))
    config = {"pooled": TRUNCATE, "second": PRUNED}
    holding.hold({}, "second")
    np.testing.assert_array_equal(holding.outputs(config), plain.outputs(config))


def test_memory_that_was_given_back_is_taken_again(plugin_path):
    model = residual()
    network = SegmentSessions(base(model))
    runner = NetworkRunner(network, feeds(model, 6, 4))
    runner.hold({}, "last")
    config = {"last": PRUNED}
    before, shifts = runner.outputs(config), runner.shifts
    runner.release()
    assert not runner._kept and len(network) == 0
    np.testing.assert_array_equal(runner.outputs(config), before)
    assert runner.shifts.keys() == shifts.keys()


def test_biases_that_are_fixed_stay(plugin_path):
    model = residual()
    batches = feeds(model, 6, 4)
    runner = NetworkRunner(SegmentSessions(base(model)), batches, fixed=["b", "last"])
    config = {"a": TRUNCATE}
    got = runner.outputs(config)
    assert runner.shifts.keys() == {"sum"}
    assert_close(got, whole(configured(model, config, runner.shifts), batches))


def test_a_layer_without_activation_is_shifted(plugin_path):
    model = without_activation()
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 6))
    runner.outputs({"a": TRUNCATE})
    assert np.abs(runner.shifts["plain"]).max() > 0.01


def test_progress_counts_samples(plugin_path):
    model = sequential()
    told = []
    runner = NetworkRunner(SegmentSessions(base(model)), feeds(model, 3, 2))
    runner.outputs({"pooled": INT8}, told.append)
    assert told == [3, 2]


def test_runners_over_different_samples_share_sessions(plugin_path):
    """Each gives what it gives alone, whichever ran last."""
    model = residual()
    network = SegmentSessions(base(model))
    batches = feeds(model, 6, 4)
    shared = NetworkRunner(network, batches), NetworkRunner(network, batches[:1])
    alone = [NetworkRunner(SegmentSessions(base(model)), part) for part in (batches, batches[:1])]
    for config in ({"a": TRUNCATE}, {"last": PRUNED}, {}, {"a": TRUNCATE}):
        for one, other in zip(shared, alone, strict=True):
            np.testing.assert_array_equal(one.outputs(config), other.outputs(config))
    assert len(network) == len(network.segments)
