"""One site cut out of a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.options import RewriteOptions
from spl_onnx.search.time.isolated import cut_site, isolated_ms
from spl_onnx.search.time.site_nodes import site_nodes
from tests.small_models import small_cnn, small_images

ALL = RewriteOptions(rules="all")


def test_every_cut_computes_what_the_network_does():
    model = small_cnn()
    names = ["pooled", "second", "flat", "hidden"]
    with extra_outputs(model, names, set()):
        values = run(create_session(model), {"input": small_images(2)}, names)
    tensors = {"input": small_images(2), **dict(zip(names, values, strict=True))}
    for site in site_nodes(model, ALL):
        cut = cut_site(model, site)
        (entry,) = [value.name for value in cut.graph.input]
        (got,) = run(create_session(cut), {entry: tensors[entry]})
        np.testing.assert_allclose(got, tensors[site.output], rtol=1e-5, atol=1e-6)


def test_the_time_and_the_model_left_alone():
    model = small_cnn()
    before = model.SerializeToString()
    for site in site_nodes(model, ALL):
        assert isolated_ms(model, site, [{"input": small_images(1)}] * 3, 1) > 0
    assert model.SerializeToString() == before


def test_nodes_of_inner_graphs_cannot_be_cut():
    site = site_nodes(small_cnn(), ALL)[0]
    assert cut_site(small_cnn(), replace(site, own=frozenset({"elsewhere"}))) is None
    assert isolated_ms(small_cnn(), replace(site, own=frozenset({"elsewhere"})), [], 1) is None
