"""Least squares on patches, against NumPy on the patches themselves."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.channel_pruning.reconstruction import (
    NormalEquations,
    Window,
    best_fit,
    eliminate,
    patches,
    rows_of,
)

CHANNELS, TAPS, OUTPUTS = 6, 2, 3


def problem(rows=400, noise=0.1, seed=0):
    """Correlated patches [rows, 12] and outputs [rows, 3] that are nearly linear in them."""
    g = np.random.default_rng(seed)
    x = g.standard_normal((rows, CHANNELS * TAPS)) @ g.standard_normal((CHANNELS * TAPS,) * 2) + 1.0
    y = x @ g.standard_normal((CHANNELS * TAPS, OUTPUTS)) + g.standard_normal((rows, OUTPUTS)) * noise + 2.0
    return x.astype(np.float32), y.astype(np.float32)


def equations(x, y):
    found = NormalEquations(CHANNELS, TAPS, OUTPUTS)
    for part in np.array_split(np.arange(len(x)), 3):
        found.add(x[part], y[part], y[part])
    return found


def best(x, y, channels):
    """Squared error of the best weights with a bias on some channels, relative to the variance of y."""
    design = np.c_[x[:, rows_of(np.array(channels, int), TAPS)], np.ones(len(x))].astype(np.float64)
    solution = np.linalg.lstsq(design, y.astype(np.float64), rcond=None)[0]
    return np.sum((y - design @ solution) ** 2) / np.sum((y - y.mean(axis=0)) ** 2)


def test_patches_are_what_a_convolution_sees():
    import onnx
    from onnx.reference import ReferenceEvaluator

    g = np.random.default_rng(0)
    x, w = (g.standard_normal(s).astype(np.float32) for s in ((2, 3, 7, 6), (4, 3, 3, 2)))
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 1], pads=[1, 0, 2, 1])
    wanted = ReferenceEvaluator(node).run(None, {"x": x, "w": w})[0]
    rows, columns = (grid.reshape(-1) for grid in np.indices(wanted.shape[2:]))
    seen = patches(x, Window((3, 2), (2, 1), (1, 0, 2, 1)), rows, columns)
    got = (seen @ w.reshape(4, -1).T).reshape(2, -1, 4).transpose(0, 2, 1).reshape(wanted.shape)
    # 18 products each, in another order.
    assert np.abs(got - wanted).max() <= 18 * np.finfo(np.float32).eps * np.abs(wanted).max()


def test_fit_finds_the_weights_of_a_linear_layer():
    x, _ = problem()
    weight = np.random.default_rng(5).standard_normal((CHANNELS * TAPS, OUTPUTS))
    found = equations(x, (x @ weight + 0.5).astype(np.float32))
    got = found.fit(np.zeros_like(weight), 0.0)
    # float32 sums of 400 products; the condition of the patches magnifies their rounding.
    assert np.abs(got - weight).max() < 1e-3
    assert found.bias(got) == pytest.approx(np.full(OUTPUTS, 0.5), abs=1e-3)
    assert found.relative_error(got) < 1e-6 < 0.5 < found.relative_error(np.zeros_like(weight))


def test_a_heavy_ridge_keeps_the_old_weight():
    x, y = problem()
    old = np.random.default_rng(5).standard_normal((CHANNELS * TAPS, OUTPUTS))
    assert np.abs(equations(x, y).fit(old, 1e9) - old).max() < 1e-6


def test_equations_add_up():
    x, y = problem()
    whole, parts = equations(x, y), equations(x[:100], y[:100]) + equations(x[100:], y[100:])
    assert parts.count == 400
    for got, wanted in zip(parts.covariances(0.0), whole.covariances(0.0), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_the_ridge_is_chosen_by_the_other_half():
    """With fewer patches than unknowns the old weight is worth keeping; with many it is not."""
    rng = np.random.default_rng(3)
    true = rng.standard_normal((CHANNELS * TAPS, OUTPUTS))
    old = true + 0.05 * rng.standard_normal(true.shape)

    def errors(rows):
        x = rng.standard_normal((rows, CHANNELS * TAPS)).astype(np.float32)
        y = (x @ true + rng.standard_normal((rows, OUTPUTS))).astype(np.float32)
        halves = equations(x[::2], y[::2]), equations(x[1::2], y[1::2])
        fits = best_fit(halves, old)[0], equations(x, y).fit(old, 1e-6), old
        return [np.abs(fit - true).max() for fit in fits]

    few, plain, _ = errors(16)
    assert few < plain / 2
    many, _, kept = errors(200_000)
    assert many < kept / 2


def test_elimination_loses_what_the_best_weights_lose():
    x, y = problem()
    found = eliminate(equations(x, y), 1, ridge=0.0)
    assert sorted(found.order.tolist()) == sorted(set(found.order.tolist())) and len(found.order) == 5
    for dropped in range(1, CHANNELS):
        left = np.setdiff1d(np.arange(CHANNELS), found.order[:dropped])
        lost = best(x, y, left) - best(x, y, range(CHANNELS))
        assert found.errors[dropped - 1] == pytest.approx(lost, rel=1e-3, abs=1e-5)


def test_each_step_drops_the_cheapest_channel():
    x, y = problem()
    found = eliminate(equations(x, y), 1, ridge=0.0)
    left = list(range(CHANNELS))
    for gone in found.order:
        costs = {channel: best(x, y, [c for c in left if c != channel]) for channel in left}
        assert gone == min(costs, key=costs.get)
        left.remove(gone)


def test_dropping_several_at_once_counts_them_together():
    x, y = problem()
    found = eliminate(equations(x, y), 2, ridge=0.0, step=2)
    left = np.setdiff1d(np.arange(CHANNELS), found.order)
    lost = best(x, y, left) - best(x, y, range(CHANNELS))
    assert len(left) == 2 and found.errors[-1] == pytest.approx(lost, rel=1e-3)
    assert found.errors[0] == found.errors[1] < found.errors[2] == found.errors[3]


def test_channels_that_are_never_active_go_first():
    x, y = problem()
    x[:, rows_of(np.array([2, 4]), TAPS)] = 0
    found = eliminate(equations(x, y), 1, ridge=1e-3)
    assert set(found.order[:2].tolist()) == {2, 4} and found.errors[1] < 1e-9
