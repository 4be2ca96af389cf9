"""How many channels each pair gives up, by one rule for the whole network.

Every pair says in which order its channels would go and what has been lost after each. Channels go where the
loss per operation saved is least, from all pairs together, until the work is down to the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.channel_pruning.reconstruction import Elimination
from spl_onnx.errors import UsageError


@dataclass(frozen=True)
class Offer:
    """What a pair could give up.

    Attributes:
        elimination: its channels in the order they would go, and the loss after each.
        channels: channels it has.
        work: operations of one channel in both convolutions, for one sample.
    """

    elimination: Elimination
    channels: int
    work: float


def share_out(offers: Sequence[Offer], saving: float, multiple: int) -> list[int]:
    """Channels that each pair keeps.

    Args:
        offers: of the pairs.
        saving: operations to be saved.
        multiple: channels go in groups of this many, which vector kernels like.

    Raises:
        UsageError: all offers together do not save so much.
    """
    kept = [offer.channels for offer in offers]
    for _, pair, size in _by_price(offers, multiple):
        if saving <= 0:
            return kept
        kept[pair] -= size
        saving -= size * offers[pair].work
    if saving > 0:
        raise UsageError(
            f"--flops: with every pair cut to its least, {saving:.4g} operations are left too many: "
            "wanted a larger share"
        )
    return kept


def _by_price(offers: Sequence[Offer], multiple: int) -> list[tuple[float, int, int]]:
    """Groups of channels of all pairs as (loss per operation, pair, size), the cheapest first."""
    groups = []
    for pair, offer in enumerate(offers):
        errors = np.concatenate([[0.0], offer.elimination.errors])
        # The first group brings the rest to a multiple.
        ends = np.arange(offer.channels % multiple or multiple, len(errors), multiple)
        starts = np.concatenate([[0], ends[:-1]])
        prices = (errors[ends] - errors[starts]) / ((ends - starts) * offer.work)
        # Within a pair the order is fixed: a cheap group behind a dear one waits for it.
        dear = np.maximum.accumulate(prices)
        groups += [(float(p), pair, int(e - s)) for p, s, e in zip(dear, starts, ends, strict=True)]
    return sorted(groups, key=lambda group: group[0])
