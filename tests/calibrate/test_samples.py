"""Samples of layers: patches against convolutions, padding, memory, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from spl_onnx.calibrate import samples as module
from spl_onnx.calibrate.samples import SampleCollector
from spl_onnx.errors import DataError
from spl_onnx.spec.attributes import ConvGeometry, Pooling
from spl_onnx.spec.quantize import dynamic_scale
from spl_onnx.spec.reference import conv_scores
from tests.calibrate.layers import EVERYTHING, every_row, everything
from tests.spec.cases import conv_cases, floats, gemm_cases


@settings(deadline=None, max_examples=60)
@given(conv_cases())
def test_cells_hold_all_outputs_of_a_layer(case):
    found = everything(case)
    shape = conv_scores(case.x, case.w, case.b, geometry=case.geometry).shape
    assert found.outputs.sum() == np.prod(shape[:3])
    assert set(found.image.tolist()) <= set(range(len(case.x)))


@settings(deadline=None, max_examples=60)
@given(conv_cases())
def test_patches_of_every_output(case):
    """With a window of one place, blocks are outputs: the products of all patches are those of the layer."""
    collector = SampleCollector(case.geometry, None, case.w.shape, count=EVERYTHING)
    collector.add(case.x, case.r)
    found = collector.finish()
    exact = conv_scores(case.x, case.w, case.b, r=case.r, geometry=case.geometry).reshape(-1, len(case.w))
    groups = case.geometry.group
    w = case.w.reshape(groups, len(case.w) // groups, -1)
    got = np.einsum("ngk,gok->ngo", found.patches[:, 0], w).reshape(len(exact), -1)
    got += case.b + found.residual[:, 0]
    assert found.inside.all() and found.windows.all() and (found.outputs == 1).all()
    # The order of samples is random: equal as sets of rows.
    np.testing.assert_allclose(_sorted(got), _sorted(exact), atol=2 * case.tolerance)
    scale, zero_point = dynamic_scale(case.x, (1, 2, 3))
    np.testing.assert_array_equal(found.scale, scale.reshape(-1)[found.image])
    np.testing.assert_array_equal(found.zero_point, zero_point.reshape(-1)[found.image])


def _sorted(rows: np.ndarray) -> np.ndarray:
    """Rows by their first column, rounded so that float noise does not change the order."""
    return np.sort(rows, axis=0)


@settings(deadline=None, max_examples=40)
@given(gemm_cases())
def test_rows_of_matrices(case):
    found = every_row(case)
    rows = case.x.reshape(-1, case.x.shape[-1])
    assert found.patches.shape == (len(rows), 1, 1, rows.shape[1])
    np.testing.assert_array_equal(_sorted(found.patches[:, 0, 0]), _sorted(rows))
    np.testing.assert_array_equal(_sorted(found.residual[:, 0]), _sorted(case.r.reshape(len(rows), -1)))
    scale, zero_point = (v[:, 0] for v in dynamic_scale(found.patches[:, 0, 0], (1,)))
    np.testing.assert_array_equal(found.scale, scale)
    np.testing.assert_array_equal(found.zero_point, zero_point)


def collected(batches: list[np.ndarray], **options: int) -> module.SiteSamples:
    collector = SampleCollector(
        ConvGeometry(pads=(1, 1, 1, 1)), Pooling((2, 2), (2, 2)), (5, 3, 3, 4), **options
    )
    for x in batches:
        collector.add(x)
    return collector.finish()


def test_batches_do_not_matter():
    x = floats(np.random.default_rng(0), 9, 12, 12, 4)
    one = collected([x], count=100)
    for batches in ([x[:1], x[1:]], [x[i : i + 2] for i in range(0, 9, 2)]):
        other = collected(batches, count=100)
        for name in ("patches", "inside", "windows", "outputs", "scale", "zero_point", "image"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_allclose(one.input_rms, other.input_rms, rtol=1e-12)
    assert len(one) == 100 and np.ptp(np.bincount(one.image)) <= 1


def test_samples_stay_within_the_memory(monkeypatch):
    monkeypatch.setattr(module, "MEMORY", 4 * 4 * (36 + 5) * 50)
    found = collected([floats(np.random.default_rng(0), 3, 40, 40, 4)])
    assert len(found) == 50 and found.patches.nbytes <= module.MEMORY


def test_halves_are_of_different_images():
    found = collected([floats(np.random.default_rng(0), 4, 12, 12, 4)], count=40)
    first, second = found.halves()
    assert not set(found.image[first].tolist()) & set(found.image[second].tolist())
    assert (first ^ second).all() and first.sum() == second.sum()


def test_halves_of_one_image():
    first, second = collected([floats(np.random.default_rng(0), 1, 12, 12, 4)], count=30).halves()
    assert first.sum() == second.sum() == 15


def test_one_element_residual_is_added_everywhere():
    collector = SampleCollector(ConvGeometry(), None, (2, 1, 1, 3))
    collector.add(np.ones((1, 2, 2, 3), np.float32), np.full((1, 1, 1, 1), 7, np.float32))
    assert (collector.finish().residual == 7).all()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([(np.ones((1, 4, 4, 2)), None)], r"shape \[1, 4, 4, 2\]; wanted 3 channels"),
        (
            [(np.ones((1, 4, 4, 3)), np.ones((1, 4, 3, 2)))],
            r"residual has shape \[1, 4, 3, 2\]; wanted \[1, 4, 4, 2\]",
        ),
        (
            [(np.ones((1, 4, 4, 3)), None), (np.ones((1, 4, 4, 3)), np.ones((1, 4, 4, 2)))],
            "in some batches only",
        ),
        ([(np.full((1, 4, 4, 3), np.nan), None)], "not finite"),
        ([], "no calibration data reached this site"),
    ],
)
def test_bad_data_is_refused(inputs, message):
    collector = SampleCollector(ConvGeometry(), None, (2, 1, 1, 3))
    with pytest.raises(DataError, match=message):
        for x, r in inputs:
            collector.add(x.astype(np.float32), None if r is None else r.astype(np.float32))
        collector.finish()
