"""Statistics of inputs against NumPy over everything at once."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.calibrate.input_statistics import InputStatistics
from spl_onnx.errors import DataError


def test_sums_over_batches():
    x = (np.random.default_rng(0).standard_normal((5, 40, 30, 3)) * [1, 2, 3] + [0, 1, -2]).astype(np.float32)
    statistics = InputStatistics(3)
    statistics.add(x[:2])
    statistics.add(x[2:])
    mean, rms = statistics.finish()
    rows = x.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(rms, np.sqrt((rows**2).mean(axis=0)), rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(DataError, match="not finite"):
        InputStatistics(1).add(np.array([[bad]], np.float32))
