"""What is made of the weights of a model's sites, once for all plans of it: folded, and for a prediction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.predictors.weights import PredictorWeights
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.site import Match, Site
from spl_onnx.rewrite.sites.predict import build_predictor

#: Bytes that are held at most; what is too much is made anew each time.
MOST_BYTES = 1 << 30

_Made = TypeVar("_Made")


class SiteWeights:
    """Weights of the sites of one model, by site and settings. What was not used for longest goes first.

    Whoever applies many plans to a model makes one and passes it to each; it must not serve another model.

    Args:
        most_bytes: How much is held at most.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._held: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()

    def site(self, rule: LayerRule, match: Match) -> Site:
        """The site of an accepted match; errors as `LayerRule.fold` and `LayerRule.site`."""
        folded = self._once(_place(match), lambda: rule.fold(match), lambda made: made)
        return rule.site(match, folded)

    def predictor(self, site: Site, settings: SiteSettings) -> PredictorWeights:
        """Weights of the predictor of a site, whose bias is shifted as `settings` say; errors as it."""
        key = _place(site.match), settings
        return self._once(key, lambda: build_predictor(site, settings), lambda made: vars(made).values())

    def _once(
        self, key: Hashable, make: Callable[[], _Made], parts: Callable[[_Made], Iterable[object]]
    ) -> _Made:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]  # type: ignore[return-value]
        made = make()
        arrays = [part for part in parts(made) if isinstance(part, np.ndarray)]
        self._keep(key, made, arrays)
        return made

    def _keep(self, key: Hashable, made: object, arrays: list[Array]) -> None:
        for array in arrays:
            array.setflags(write=False)  # many models share it
        size = sum(array.nbytes for array in arrays)
        if size > self._most:
            return
        self._held[key] = made, size
        self._bytes += size
        while self._bytes > self._most:
            self._bytes -= self._held.popitem(last=False)[1][1]


def _place(match: Match) -> Hashable:
    """Where the nodes of a match are in the original; names may repeat in models that are not sound."""
    return match.scope.path, *(match.scope.order[id(node)] for node in match.nodes)
