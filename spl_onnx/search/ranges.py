"""Ranges of the tensors of sites over samples, for 8 bits whose scales are fixed beforehand."""

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
from spl_onnx.predictors.site_settings import Numbers
from spl_onnx.rewrite.bytes.choose import choose_codes, code_of, tensors_in_8_bits
from spl_onnx.rewrite.bytes.pass_bytes import OLDEST_OPSET
from spl_onnx.rewrite.bytes.sites import byte_sites, input_of
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Plan, SitePlan, lossless_plan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.spec.attributes import FLOAT32, INT8, SRMM_INPUTS

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
            _set_scales(entry, found.get(entry.site))
    return made


def with_bytes(
    original: LoadedModel, plan: Plan, batches: Sequence[Feeds], weights: SiteWeights, threads: int = 0
) -> Plan:
    """A plan whose sites in 8 bits hand each other bytes, where they are neighbours.

    Their codes are those of the ranges that tensors have where products are float32.

    Args: as of `with_ranges`.
    """
    made = Plan([replace(entry) for entry in plan.sites])
    in_8_bits = [entry for entry in made.sites if entry.choice == Choice.INT8]
    for entry in in_8_bits:
        _set_scales(entry, entry.settings.xscale if entry.settings.precision == INT8 else None)
    model = apply(original.model, made, weights).model if in_8_bits else original.model
    tensors = tensors_in_8_bits(model.graph)
    if not tensors or _opset(model) < OLDEST_OPSET:
        return made
    with _in_float32(model):
        ranges = tensor_ranges(model, tensors, batches, threads)
    codes = choose_codes(model.graph, ranges)
    for entry in in_8_bits:
        if (code := codes.get(entry.site)) is not None:
            _set_scales(entry, code.x, code.y, code.r)
    return made


def _set_scales(
    entry: SitePlan, x: Numbers | None, y: Numbers | None = None, r: Numbers | None = None
) -> None:
    """Give a site scales of input, output and residual, and say so in its reason."""
    settings = replace(entry.settings, xscale=x, yscale=y, rscale=r)
    reason = entry.reason.replace(entry.settings.describe(), settings.describe())
    entry.become(Choice.INT8, settings, reason)


def _opset(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


@contextmanager
def _in_float32(model: onnx.ModelProto) -> Iterator[None]:
    """Let sites multiply in float32 for as long as a session is made."""
    # Weights that are int8 are multiplied in 8 bits only.
    nodes = [site.node for site in byte_sites(model.graph) if not input_of(site.node, "Wscale")]
    before = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name == "precision":
                attribute.s = FLOAT32.encode()
        del node.input[SRMM_INPUTS.index("Xscale") :]
    try:
        yield
    finally:
        for node, was in zip(nodes, before, strict=True):
            node.CopyFrom(was)


def tensor_ranges(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Sequence[Feeds], threads: int = 0
) -> dict[str, tuple[float, float]]:
    """Least and largest value of some float32 tensors over samples, by name.

    Args:
        model: a model, which is as before afterwards.
        tensors: of its main graph.
        batches: the samples.
        threads: inside an operator; 0 = all.
    """
    outputs = [f"{name}/{part}" for name in tensors for part in _PARTS]
    with _reduced(model, tensors):
        session = create_session(model, threads=threads)
    limits = np.array([run(session, feeds, outputs) for feeds in batches], np.float32)
    lows, highs = limits[:, 0::2].min(axis=0), limits[:, 1::2].max(axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(tensors, lows, highs, strict=True)}


def input_scales(model: onnx.ModelProto, batches: Sequence[Feeds], threads: int = 0) -> dict[str, Numbers]:
    """Scale and zero point of the input of each site that takes floats, by name; infinite ones have none.

    Args:
        model: a rewritten model, which is as before afterwards.
        batches: the samples.
        threads: inside an operator; 0 = all.
    """
    sites = [site for site in converted_sites(model) if site.zero_byte is None]
    tensors = list(dict.fromkeys(site.x for site in sites))
    ranges = tensor_ranges(model, tensors, batches, threads) if tensors else {}
    finite = {name for name, limits in ranges.items() if np.isfinite(limits).all()}
    return {site.name: code_of([ranges[site.x]]) for site in sites if site.x in finite}


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
