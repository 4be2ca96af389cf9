"""One pass over calibration samples that gives every site samples of its own input in the exact network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from spl_onnx.arrays import Array
from spl_onnx.calibrate.reconstruct import reconstruct
from spl_onnx.calibrate.samples import SampleCollector
from spl_onnx.calibrate.site import SiteCalibrator
from spl_onnx.data.reader import Feeds
from spl_onnx.errors import RuleError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import ConvertedSite, is_operator
from spl_onnx.progress import Progress, silent
from spl_onnx.search.network.segments import Segment
from spl_onnx.search.network.variants import site_residual, site_weights, variant
from spl_onnx.search.settings import EXACT
from spl_onnx.spec.attributes import SRMM, Activation, parse_activation

#: Places that pruned weights are fitted to, at most.
_PLACES = 16384


@dataclass(frozen=True)
class Fitting:
    """What pruned weights are fitted to.

    Attributes:
        batches: samples that serve nothing else in the calibration.
        keeps: kept shares.
    """

    batches: Sequence[Feeds] = ()
    keeps: Sequence[float] = ()


@dataclass(frozen=True)
class SiteLayer:
    """A site that settings can be found for.

    Attributes:
        site: as the rewritten model has it.
        w: weights, [O, kH, kW, C / group] or [O, K].
        activation: of the site.
        calibrator: gives its settings.
    """

    site: ConvertedSite
    w: Array
    activation: Activation
    calibrator: SiteCalibrator

    @property
    def can_predict(self) -> bool:
        """Whether it has a prediction that may be changed."""
        return self.site.selection is not None


def site_layers(
    segments: Sequence[Segment],
    batches: Sequence[Feeds],
    threads: int = 0,
    progress: Progress = silent,
    fitting: Fitting | None = None,
) -> Iterator[SiteLayer]:
    """Every site with samples of its input, in order.

    The batches go through the network once, one segment after the other; between two segments the states of
    all batches are in memory.

    Args:
        segments: of the rewritten network.
        batches: calibration samples.
        threads: threads inside an operator.
        progress: told 1 for every segment.
        fitting: what pruned weights are fitted to; None fits none.
    """
    fitting = fitting or Fitting()
    states = [dict(feeds) for feeds in (*batches, *fitting.batches)]
    for segment in segments:
        if segment.site is not None:
            own, others = states[: len(batches)], states[len(batches) :]
            yield _layer(segment, segment.site, own, others, fitting.keeps)
        model = segment.model if segment.site is None else variant(segment.model, EXACT)
        session = create_session(model, threads=threads, arena=False)
        for state in states:
            made = run(session, {name: state[name] for name in segment.reads}, segment.writes)
            state.update(zip(segment.writes, made, strict=True))
            for name in segment.drops:
                state.pop(name, None)
        progress(1)


def _layer(
    segment: Segment, site: ConvertedSite, states: list[Feeds], others: list[Feeds], keeps: Sequence[float]
) -> SiteLayer:
    """Sample what a site reads, and fit pruned weights to what it reads of other samples."""
    w, b = site_weights(segment.model)
    fitted = _fitted(site, w, others, keeps) if others and site.selection is not None else {}
    collector = SampleCollector(site.geometry, site.pooling, w.shape)
    residual = site_residual(segment.model)
    for state in states:
        collector.add(state[site.x], None if residual is None else state[residual])
    node = next(node for node in segment.model.graph.node if is_operator(node, SRMM))
    activation = parse_activation({a.name: helper.get_attribute_value(a) for a in node.attribute})
    calibrator = SiteCalibrator(collector.finish(), w, b, activation, site.pooling, fitted)
    return SiteLayer(site, w, activation, calibrator)


def _fitted(
    site: ConvertedSite, w: Array, states: list[Feeds], keeps: Sequence[float]
) -> dict[float, NDArray[np.float32]]:
    """Pruned weights by kept share; none where the layer cannot be fitted."""
    collector = SampleCollector(site.geometry, site.pooling, w.shape, _PLACES)
    for state in states:
        collector.add(state[site.x])
    try:
        return reconstruct(collector.finish(), w, keeps)
    except RuleError:
        return {}
