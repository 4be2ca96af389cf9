"""Channels go where they are cheapest."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.channel_pruning.budget import Offer, share_out
from experiments.channel_pruning.reconstruction import Elimination
from spl_onnx.errors import UsageError


def offer(*steps, channels, work=1.0):
    """A pair that loses this much with each channel it gives up."""
    return Offer(Elimination(np.arange(len(steps)), np.cumsum(steps)), channels, work)


def test_the_cheapest_go_first():
    offers = [offer(1, 2, 9, channels=4), offer(3, 4, 5, channels=4)]
    assert share_out(offers, 0, 1) == [4, 4]
    assert share_out(offers, 2, 1) == [2, 4]
    assert share_out(offers, 4, 1) == [2, 2]


def test_loss_counts_per_operation():
    offers = [offer(2, 2, channels=3, work=4.0), offer(1, 1, channels=3, work=1.0)]
    assert share_out(offers, 8, 1) == [1, 3]


def test_a_cheap_channel_behind_a_dear_one_waits():
    offers = [offer(9, 0, 0, channels=4), offer(5, 6, 7, channels=4)]
    assert share_out(offers, 3, 1) == [4, 1]
    assert share_out(offers, 4, 1) == [3, 1]


def test_channels_go_in_groups():
    offers = [offer(*[1] * 15, channels=17), offer(*[2] * 7, channels=8)]
    assert share_out(offers, 1, 4) == [16, 8]
    assert share_out(offers, 2, 4) == [12, 8]
    assert share_out(offers, 13, 4) == [4, 8]


def test_more_than_there_is():
    with pytest.raises(UsageError, match=r"--flops: .* 2 operations are left too many"):
        share_out([offer(1, 1, channels=3)], 4, 1)
