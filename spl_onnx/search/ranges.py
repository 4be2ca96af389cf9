"""Ranges of the inputs of sites over samples, for products in 8 bits whose scale is fixed beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from spl_onnx.data.reader import Feeds
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import converted_sites
from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import Numbers, numbers
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Plan, lossless_plan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.spec.attributes import INT8
from spl_onnx.spec.quantize import dynamic_scale

_PARTS = ("ReduceMin", "ReduceMax")


def with_ranges(
    original: LoadedModel, plan: Plan, batches: Sequence[Feeds], weights: SiteWeights, threads: int = 0
) -> Plan:
    """A plan whose sites in 8 bits have the ranges that their inputs have in the exact network.

    Sites in bodies of If and Loop keep ranges that are found while they run.

    Args:
        original: the model.
        plan: what becomes of its sites.
        batches: the samples.
        weights: of the sites of the model.
        threads: inside an operator; 0 = all.
    """
    exact = apply(original.model, lossless_plan(plan), weights).model
    found = input_scales(exact, batches, threads)
    made = Plan([replace(entry) for entry in plan.sites])
    for entry in made.sites:
        if entry.choice == Choice.INT8 and entry.settings.precision == INT8:
            settings = replace(entry.settings, xscale=found.get(entry.site))
            reason = entry.reason.replace(entry.settings.describe(), settings.describe())
            entry.become(Choice.INT8, settings, reason)
    return made


def input_scales(model: onnx.ModelProto, batches: Sequence[Feeds], threads: int = 0) -> dict[str, Numbers]:
    """Scale and zero point of the input of each site, by name; those that are not finite have none.

    Args:
        model: a rewritten model, which is as before afterwards.
        batches: the samples.
        threads: inside an operator; 0 = all.
    """
    sites = converted_sites(model)
    tensors = list(dict.fromkeys(site.x for site in sites))
    if not tensors:
        return {}
    outputs = [f"{name}/{part}" for name in tensors for part in _PARTS]
    with _reduced(model, tensors):
        session = create_session(model, threads=threads)
    limits = np.array([run(session, feeds, outputs) for feeds in batches], np.float32)
    lows, highs = limits[:, 0::2].min(axis=0), limits[:, 1::2].max(axis=0)
    scales = {name: _scale(*pair) for name, *pair in zip(tensors, lows, highs, strict=True)}
    return {site.name: scale for site in sites if (scale := scales[site.x]) is not None}


def _scale(low: np.float32, high: np.float32) -> Numbers | None:
    values = np.array([low, high], np.float32)
    if not np.isfinite(values).all():
        return None
    scale, zero_point = dynamic_scale(values, (0,))
    return numbers((scale[0], zero_point[0]))


@contextmanager
def _reduced(model: onnx.ModelProto, tensors: Sequence[str]) -> Iterator[None]:
    """Add least and largest value of some tensors to the outputs for as long as a session is made."""
    graph = model.graph
    nodes, outputs = len(graph.node), len(graph.output)
    for name in tensors:
        for part in _PARTS:
            made = f"{name}/{part}"
            graph.node.append(helper.make_node(part, [name], [made], made, keepdims=0))
            graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, []))
    try:
        yield
    finally:
        del graph.node[nodes:]
        del graph.output[outputs:]
