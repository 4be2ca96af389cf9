"""Shifts of biases: sums at random places are those of the layer, and what is missing goes into the bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from onnx import numpy_helper

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.network.runner import NetworkRunner
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.network.shifts import PLACES, Probe, patches, products, shift
from spl_onnx.search.settings import Setting
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_srmm
from tests.rewrite.builders import TOLERANCE
from tests.search.network.networks import base, feeds, matrices
from tests.spec.cases import EPS, ConvCase, conv_cases, floats

FLOOR = 0.4


def plain(case: ConvCase) -> ConvCase:
    """The layer alone: no bias, window or activation."""
    return replace(case, b=np.zeros_like(case.b), pooling=Pooling.none(), activation=Activation.none())


def sums_of(case: ConvCase) -> np.ndarray:
    """[N, oH, oW, O] sums and residual."""
    case = plain(case)
    parts = {"r": case.r, "geometry": case.geometry, "pooling": case.pooling, "activation": case.activation}
    return conv_srmm(case.x, case.w, case.b, **parts)


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_patches_times_filters_are_the_convolution(case):
    case = replace(case, r=np.zeros_like(case.r))
    wanted = sums_of(case)
    places = [index.reshape(-1) for index in np.indices(wanted.shape[:3])]
    got = products(patches(case.x, *places, case.w.shape[1:3], case.geometry), case.w)
    assert np.abs(got.reshape(wanted.shape) - wanted).max() <= case.tolerance


@settings(max_examples=20, deadline=None)
@given(conv_cases())
def test_a_probe_takes_sums_of_places_of_the_layer(case):
    """Every row it gives is a place of the layer, residual included, and all of them come up."""
    found = Probe(case.w, case.geometry, "x", "r").sums([{"x": case.x, "r": case.r}] * 3)
    rows = sums_of(case).reshape(-1, len(case.w))
    distance = np.abs(found[:, None] - rows[None]).max(axis=2)
    assert distance.min(axis=1).max() <= 2 * case.tolerance
    assert len(found) >= PLACES
    # A place is missed by 512 draws with a chance of exp(-512 / places).
    if len(rows) <= 20:
        assert distance.min(axis=0).max() <= 2 * case.tolerance


def test_a_probe_of_a_matrix():
    rng = np.random.default_rng(0)
    x, w, r = floats(rng, 2, 5, 3), floats(rng, 4, 3), floats(rng, 2, 5, 4)
    found = Probe(w, None, "x", "r").sums([{"x": x, "r": r}])
    rows = (x.astype(np.float64) @ w.T + r).reshape(-1, 4)
    distance = np.abs(found[:, None] - rows[None]).max(axis=2)
    assert found.shape == (PLACES, 4)
    assert distance.min(axis=1).max() <= EPS * 4 * np.abs(rows).max() * 4


def test_places_are_the_same_whatever_is_read():
    """Twice the input gives exactly twice the sums: differences are those of the network, not of places."""
    rng = np.random.default_rng(0)
    states = [{"x": floats(rng, 3, 7, 6, 4)} for _ in range(4)]
    probe = Probe(floats(rng, 5, 3, 3, 4), ConvGeometry(pads=(1, 1, 1, 1)), "x", None)
    once, twice = probe.sums(states), probe.sums([{"x": 2 * state["x"]} for state in states])
    np.testing.assert_array_equal(2 * once, twice)
    assert len(np.unique(once.round(4), axis=0)) > PLACES // 4, "places of all batches"


def test_a_shift_is_the_mean_of_what_is_missing_where_it_counts():
    exact = np.zeros((40, 3), np.float32)
    exact[:20] = [1.0, 2.0, -5.0]
    exact[20:] = [-1.0, 2.0, -5.0]
    now = exact - np.float32([0.5, 0.0, 0.25])
    now[20:, 0] -= 7.0  # far below 0 in the exact network, where it does not matter
    now[20:, 1] += 1.0
    np.testing.assert_allclose(shift(exact, now, None, 0.0), [0.5, -0.5, 0.0])
    np.testing.assert_allclose(shift(exact, now, None, -np.inf), [4.0, -0.5, 0.25])


def test_the_bias_decides_where_it_counts():
    exact, now = np.full((32, 2), 1.0, np.float32), np.zeros((32, 2), np.float32)
    np.testing.assert_allclose(shift(exact, now, np.float32([-0.9, -1.1]), 0.0), [1.0, 0.0])


def test_few_places_shift_by_a_part():
    """4 places of 16 that would be sure: a quarter."""
    exact, now = np.full((100, 1), -1.0, np.float32), np.full((100, 1), -1.0, np.float32)
    exact[:4], now[:4] = 2.0, 1.0
    np.testing.assert_allclose(shift(exact, now, None, 0.0), [0.25])


@pytest.mark.parametrize("hidden", [False, True])
def test_nothing_missing_is_no_shift(hidden):
    exact = np.full((9, 2), -1.0, np.float32)
    now = exact - np.float32(hidden)  # differs only where the activation gives 0 anyway
    assert shift(exact, now, None, 0.0) is None


def test_the_shift_of_a_network_in_numpy(plugin_path):
    """All rows of all samples are alike, so that any place has the sums of all."""
    model = matrices()
    (one,) = feeds(model, 1)
    row = one["input"][:, :1]
    batch = {"input": np.tile(row, (20, 4, 1))}
    runner = NetworkRunner(SegmentSessions(base(model)), [batch])
    runner.outputs({"one": Setting("truncate", SiteSettings(floor=FLOOR))})
    w = {t.name: np.float64(numpy_helper.to_array(t)) for t in model.graph.initializer}
    exact = np.maximum(row[0, 0] @ w["m.w"] + w["m.b"], 0)
    now = np.where(exact <= FLOOR, 0, exact)
    assert 0 < np.count_nonzero(now) < np.count_nonzero(exact)
    sums = np.tile(exact, 4) @ w["g.w"]
    missing = sums - np.tile(now, 4) @ w["g.w"]
    wanted = np.where(sums + w["g.b"] > 0, missing, 0)
    assert runner.shifts.keys() == {"two"} and np.count_nonzero(wanted) > 1
    assert np.abs(runner.shifts["two"] - wanted).max() <= TOLERANCE * np.abs(sums).max()
