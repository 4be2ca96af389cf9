from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.spec.codes import Code, check_byte_precision, checked_bytes, residual_values


def test_bytes_stand_for_steps_from_the_zero_point():
    code = Code.read("Xscale", np.float32([0.5, 3]))
    q = np.uint8([0, 3, 255])
    assert code.steps(q).tolist() == [-3, 0, 252]
    assert code.values(q).tolist() == [-1.5, 0, 126]
    assert code.levels(code.values(q)).tolist() == q.tolist()
    assert code.array().tolist() == [0.5, 3]


def test_values_beyond_the_bytes_are_the_last_ones():
    code = Code.read("Xscale", np.float32([0.5]))
    assert code.levels(np.float32([-7, 1e30, np.nan, 0.75, 1.25])).tolist() == [0, 255, 0, 2, 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "Rscale is missing; wanted scale and zero point of the bytes"),
        (np.float32([0]), "Rscale holds the scale 0"),
        (np.float32([1, 0.5]), "Rscale holds the zero point 0.5"),
        (np.float32([1, 2, 3]), r"Rscale has shape \[3\]"),
    ],
)
def test_codes_that_say_nothing_are_refused(given, message):
    with pytest.raises(ModelError, match=message):
        Code.read("Rscale", given)


def test_residuals():
    assert residual_values(None, None) is None
    assert residual_values(np.uint8([[7]]), np.float32([0.25, 5])).tolist() == [[0.5]]
    with pytest.raises(ModelError, match="R has type float32; wanted uint8"):
        residual_values(np.float32([[7]]), np.float32([0.25, 5]))


def test_what_is_no_byte_is_refused():
    with pytest.raises(ModelError, match="X has type int8; wanted uint8"):
        checked_bytes("X", np.int8([1]))
    with pytest.raises(ModelError, match="precision is 'float32'; wanted int8 or int8_winograd for bytes"):
        check_byte_precision("float32")
