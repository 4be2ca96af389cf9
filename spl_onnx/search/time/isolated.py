"""Time of the nodes of one site on their own, where a profile of the whole network does not show them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from spl_onnx.data.reader import Feeds
from spl_onnx.measure.bench import time_interleaved
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.search.time.site_nodes import SiteNodes

#: Samples whose activations are kept for it.
_SAMPLES = 8
_WARMUP = 2


def isolated_ms(
    model: onnx.ModelProto,
    site: SiteNodes,
    batches: Sequence[Feeds],
    threads: int,
    provider: str = "cpu",
) -> float | None:
    """Median time of a site's own nodes as a model of their own, on real activations.

    Args:
        model: the original; it is as before afterwards.
        site: the site.
        batches: inputs of the original.
        threads: threads inside an operator.
        provider: "cpu" or "cuda".

    Returns:
        Milliseconds; None where the nodes are not in the main graph or cannot be cut out.
    """
    cut = cut_site(model, site)
    if cut is None:
        return None
    names = [value.name for value in cut.graph.input]
    fed = {value.name for value in model.graph.input}
    watched = [name for name in names if name not in fed]
    with extra_outputs(model, watched, set()):
        session = create_session(model, threads=threads, provider=provider)
    activations: list[Feeds] = []
    for feeds in batches[:_SAMPLES]:
        values = dict(zip(watched, run(session, feeds, watched), strict=True)) if watched else {}
        known = {**feeds, **values}
        activations.append({name: known[name] for name in names})
    own = create_session(cut, threads=threads, provider=provider)
    return time_interleaved([own], activations, len(batches), _WARMUP)[0].median


def cut_site(model: onnx.ModelProto, site: SiteNodes) -> onnx.ModelProto | None:
    """A model of the site's own nodes; tensors that come from elsewhere are its inputs.

    Returns:
        The model; None where a node of the site is not in the main graph.
    """
    makers = {tensor: node for node in model.graph.node for tensor in node.output}
    if not site.own <= set(makers):
        return None
    nodes = [node for node in model.graph.node if node.output and node.output[0] in site.own]
    inside = {tensor for node in nodes for tensor in node.output}
    read = dict.fromkeys(t for node in nodes for t in node.input if t and t not in inside)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in read]
    constants = [makers[t] for t in read if t in makers and makers[t].op_type == "Constant"]
    known = {tensor.name for tensor in weights} | {node.output[0] for node in constants}
    graph = helper.make_graph(
        [*constants, *nodes],
        "site",
        [_value(name) for name in read if name not in known],
        [_value(site.output)],
        weights,
    )
    return helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=max(model.ir_version, 4)
    )


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
