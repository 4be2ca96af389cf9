"""Densities and input zeros of the converted sites, counted while a model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds
from spl_onnx.errors import ModelError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import ConvertedSite, computed_outputs, constants, converted_sites


@dataclass
class SiteCounts:
    """What was counted for a site so far.

    Attributes:
        outputs: outputs of the layer before pooling.
        computed: how many of them the selection asks for; a place that two windows select counts once.
        inputs: values of the site's input.
        zeros: how many of them are zero.
    """

    outputs: int = 0
    computed: int = 0
    inputs: int = 0
    zeros: int = 0

    @property
    def density(self) -> float:
        """Share of the outputs that is computed."""
        return self.computed / self.outputs if self.outputs else 1.0

    @property
    def zero_share(self) -> float:
        """Share of the inputs that is zero."""
        return self.zeros / self.inputs if self.inputs else 0.0


class CountingModel:
    """A rewritten model that counts while it runs; calling it gives the outputs of the model itself.

    Every selection and every site's input is an extra output of the session. Each batch is counted and
    dropped, so memory grows with the batch, not with the data.
    """

    def __init__(self, model: onnx.ModelProto, threads: int = 0) -> None:
        """Open a session.

        Raises:
            PluginError: the operator library cannot be used; the fallback bodies select nothing.
        """
        self._sites = converted_sites(model)
        self._outputs = [value.name for value in model.graph.output]
        self._weights = {site.w: tuple(_weights(model, site).dims) for site in self._sites}
        inputs = {value.name for value in model.graph.input}
        self._watched = list(dict.fromkeys(name for site in self._sites for name in _tensors(site, inputs)))
        self.counts = {site.name: SiteCounts() for site in self._sites}
        self.seen: dict[str, tuple[int, ...]] = {}
        uint8 = {site.selection for site in self._sites if site.selection}
        uint8 |= {site.x for site in self._sites if site.zero_byte is not None}
        with extra_outputs(model, self._watched, uint8):
            self._session = create_session(model, threads=threads)

    def __call__(self, feeds: Feeds) -> list[Array]:
        """Run one batch, count, and give the model's outputs."""
        self.seen = {name: array.shape for name, array in feeds.items()}
        values = run(self._session, feeds, self._outputs + self._watched)
        tensors = {**feeds, **dict(zip(self._watched, values[len(self._outputs) :], strict=True))}
        for site in self._sites:
            self._count(site, tensors)
        return values[: len(self._outputs)]

    def _count(self, site: ConvertedSite, tensors: Feeds) -> None:
        x = tensors[site.x]
        places = site.places(x.shape, self._weights[site.w])
        counts, total = self.counts[site.name], int(np.prod(places, dtype=np.int64))
        counts.outputs += total
        counts.inputs += x.size
        counts.zeros += x.size - int(np.count_nonzero(x if site.zero_byte is None else x != site.zero_byte))
        if site.selection is None:
            counts.computed += total
        else:
            counts.computed += computed_outputs(tensors[site.selection], site.pooling, places)


def _weights(model: onnx.ModelProto, site: ConvertedSite) -> TensorProto:
    found = constants(model).get(site.w)
    if found is None:
        raise ModelError(f"site {site.name}: its weights {site.w!r} are not an initializer of the model")
    return found


def _tensors(site: ConvertedSite, inputs: set[str]) -> list[str]:
    """Tensors of a site that the session must give out; graph inputs are known from the feeds."""
    names = [site.x] if site.x not in inputs else []
    return [*names, site.selection] if site.selection else names


@contextmanager
def extra_outputs(model: onnx.ModelProto, names: list[str], uint8: set[str]) -> Iterator[None]:
    """Add outputs to a model for as long as a session is made of it; its weights are not copied.

    Args:
        model: the model; it is as before afterwards.
        names: tensors to add; those that are outputs already are skipped.
        uint8: which of them are uint8; the others are float32.
    """
    before = len(model.graph.output)
    present = {value.name for value in model.graph.output}
    # What the model says of a tensor must stay: an output without a rank is taken for one of rank 0.
    known = {value.name: value for value in model.graph.value_info}
    for name in names:
        if name not in present:
            kind = TensorProto.UINT8 if name in uint8 else TensorProto.FLOAT
            model.graph.output.append(known.get(name) or helper.make_tensor_value_info(name, kind, None))
    try:
        yield
    finally:
        del model.graph.output[before:]
