"""Counting while a model runs, against counts from the reference operators."""

from __future__ import annotations

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import computed_outputs, converted_sites, is_operator
from spl_onnx.measure.statistics import CountingModel, SiteCounts, extra_outputs
from spl_onnx.options import RewriteOptions
from spl_onnx.spec.attributes import SRMM
from spl_onnx.spec.reference_ops import reference_ops
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net
from tests.rewrite.bytes.layers import Layers, images, passing, precise
from tests.small_models import small_cnn, small_images


def rewritten(**options):
    return rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True, **options)).model


def test_extra_outputs_leave_no_trace():
    model = rewritten()
    before = model.SerializeToString()
    site = converted_sites(model)[0]
    with pytest.raises(RuntimeError), extra_outputs(model, [site.selection, "logits"], {site.selection}):
        assert [v.name for v in model.graph.output] == ["logits", site.selection]
        raise RuntimeError
    assert model.SerializeToString() == before


def test_a_watched_site_keeps_its_rank_for_those_who_read_its_sizes(plugin_path):
    """Shape of an output that has no rank would be empty for ONNX Runtime, which then refuses the Resize."""
    made = Net()
    made.conv(made.input("x", [None, 3, None, None]), "c", 4, 3)
    made.node("Relu", ["c"], "site")
    made.node("Relu", [made.conv("site", "d", 4, 4, 1, 1)], "next")
    made.node("MaxPool", ["next"], "small", kernel_shape=[2, 2], strides=[2, 2])
    for name, (first, last), of in (("front", (0, 2), "small"), ("back", (2, 4), "site")):
        made.node("Shape", [of], f"{name}.shape")
        bounds = [made.const(f"{name}.{end}", np.array([end])) for end in (first, last)]
        made.node("Slice", [f"{name}.shape", *bounds], name)
    made.node("Concat", ["front", "back"], "sizes", axis=0)
    made.node("Resize", ["small", "", "", "sizes"], "y", mode="nearest")
    model = rewrite_model(made.model("y"), RewriteOptions(rules="all", no_verify=True, lossless=True)).model
    watched = [node.output[0] for node in model.graph.node if is_operator(node, SRMM)]
    assert len(watched) == 2
    for name in watched:
        with extra_outputs(model, [name], set()):
            session = create_session(model)
        assert run(session, {"x": small_images(2)}, ["y"])[0].shape == (2, 4, 6, 6)


def test_zeros_among_bytes_are_those_of_the_zero_point(plugin_path):
    """A ReLU gives the same zeros as bytes; an input of both signs has some where values are small."""
    net = Layers()
    model = net.model(net.site(net.site("x", "a"), "b"))
    counting = CountingModel(passing(model, images()))
    counting({"x": images()})
    x = images()
    assert counting.counts["a"].zeros == np.count_nonzero(np.rint(x / np.float32(np.ptp(x) / 255)) == 0)
    zeros = counting.counts["b"].zeros
    model.graph.output[0].name = "a"
    assert zeros >= np.count_nonzero(run(create_session(precise(model)), {"x": x})[0] == 0) > 0


def test_counts_are_those_of_the_reference(plugin_path):
    model = rewritten()
    x = small_images(5)
    counting = CountingModel(model)
    outputs = [counting({"input": part})[0] for part in (x[:2], x[2:])]
    sites = converted_sites(model)
    names = [site.selection for site in sites] + [site.x for site in sites]
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    tensors = evaluator.run(None, {"input": x}, intermediate=True)
    assert np.abs(np.concatenate(outputs) - tensors["logits"]).max() < 1e-4
    assert set(names) <= set(tensors)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for site in sites:
        counts, inputs = counting.counts[site.name], tensors[site.x]
        places = site.places(inputs.shape, shapes[site.w])
        assert counts.outputs == np.prod(places)
        assert counts.computed == computed_outputs(tensors[site.selection], site.pooling, places)
        assert (counts.inputs, counts.zeros) == (inputs.size, int((inputs == 0).sum()))
        assert 0 < counts.density < 1


def test_lossless_sites_compute_everything(plugin_path):
    counting = CountingModel(rewritten(lossless=True))
    counting({"input": small_images(3)})
    assert {name: counts.density for name, counts in counting.counts.items()} == {
        "pooled": 1.0,
        "second": 1.0,
        "hidden": 1.0,
    }
    assert counting.counts["second"].zero_share > 0
    assert counting.seen == {"input": (3, 3, 8, 8)}


def test_nothing_counted_yet():
    assert SiteCounts().density == 1 and SiteCounts().zero_share == 0
