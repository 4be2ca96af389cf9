"""Permutations between the layouts, and what outputs say of themselves."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
import pytest

from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC, give_rank


def test_the_permutations_undo_each_other():
    x = np.zeros((2, 3, 4, 5))
    assert x.transpose(TO_NHWC).shape == (2, 4, 5, 3)
    assert x.transpose(TO_NHWC).transpose(TO_NCHW).shape == x.shape


@pytest.mark.parametrize(
    ("rank", "last", "shape"), [(4, None, [None] * 4), (2, 7, [None, 7]), (None, 7, None), (0, 7, None)]
)
def test_a_known_rank_is_said_and_an_unknown_one_is_not(rank, last, shape):
    y = gs.Variable("y")
    give_rank(y, rank, last)
    assert y.shape == shape and (y.dtype is not None) == (shape is not None)
