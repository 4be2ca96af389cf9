import numpy as np
import pytest

from spl_onnx.errors import RuleError
from spl_onnx.predictors.weights import layer_weights, per_output, per_weight


def test_weights_become_float32():
    assert layer_weights(np.ones((2, 3))).dtype == np.float32


def test_weights_that_overflow_float32_are_refused():
    with pytest.raises(RuleError, match="not finite"), np.errstate(over="ignore"):
        layer_weights(np.full((1, 1), 1e300))


def test_one_number_serves_every_output():
    assert per_output("bias", None, 3).tolist() == [0, 0, 0]
    assert per_output("bias", 2.5, 2).tolist() == [2.5, 2.5]
    assert per_output("bias", [1, 2], 2).tolist() == [1, 2]


def test_statistics_have_a_row_per_filter_or_one_for_all():
    w = np.ones((2, 1, 2, 3), np.float32)
    assert per_weight("mean", np.arange(6.0).reshape(1, 2, 3), w).tolist() == [[0, 1, 2, 3, 4, 5]]
    assert per_weight("mean", np.arange(12.0).reshape(w.shape), w).shape == (2, 6)
