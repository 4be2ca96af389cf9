"""What truncation saves, in milliseconds, from networks timed with all sites truncated alike.

A site computes faster when its own inputs hold more zeros (its producers are truncated), and predicts faster
when fewer of its own outputs count (it is truncated itself). Both are credited to the site that is truncated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spl_onnx.options import Choice
from spl_onnx.search.time.site_times import SiteTimes

#: Errors of the networks that are timed; other errors lie between them.
TIMED = (0.0, 0.1, 0.3)


@dataclass(frozen=True)
class TimeModel:
    """Times of all sites at the errors `TIMED`.

    Attributes:
        times: of the sites, for each error.
        producers: of each site, with their shares; see `producers`.
    """

    times: Sequence[Sequence[SiteTimes]]
    producers: Mapping[str, Mapping[str, float]]

    def cost(self, site: str, error: float) -> float:
        """Milliseconds of a site, less what its truncation to `error` saves in the sites it feeds."""
        own = self._best(site, 0.0, error)
        fed = [(other, shares[site]) for other, shares in self.producers.items() if site in shares]
        return own + sum(
            share * (self._best(other, error, 0.0) - self._best(other, 0.0, 0.0)) for other, share in fed
        )

    @property
    def total(self) -> float:
        """Milliseconds of all sites, each in its quickest exact way."""
        return sum(self._best(times.site, 0.0, 0.0) for times in self.times[0])

    def _best(self, site: str, fed_error: float, own_error: float) -> float:
        """The quickest way to compute a site whose producers and whose own outputs are truncated so."""
        ways = [self._at(site, Choice.DENSE, 0.0), self._at(site, Choice.LOSSLESS, fed_error)]
        ways.append(self._at(site, Choice.PREDICT, own_error))
        return min((time for time in ways if time is not None), default=0.0)

    def _at(self, site: str, choice: Choice, error: float) -> float | None:
        found = [next((t.ms.get(choice) for t in times if t.site == site), None) for times in self.times]
        known = [time for time in found if time is not None]
        if len(known) != len(TIMED):
            return known[0] if known else None
        return float(np.interp(error, TIMED, known))
