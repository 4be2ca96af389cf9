"""Sites in a profile of the original."""

from __future__ import annotations

import pytest

from spl_onnx.measure.profile import profile_in_turn
from spl_onnx.options import RewriteOptions
from spl_onnx.search.time.site_nodes import NodeNames, named_nodes, site_nodes
from tests import datasets
from tests.small_models import small_cnn, small_images

ALL = RewriteOptions(rules="all")


def test_nodes_of_each_site():
    found = {site.site: site for site in site_nodes(small_cnn(), ALL)}
    assert list(found) == ["pooled", "second", "hidden"]
    assert found["pooled"].own == {"c1", "r1", "pooled"} and found["pooled"].anchor == "c1"
    assert (found["hidden"].anchor_op, found["hidden"].output) == ("Gemm", "hidden")
    assert found["pooled"].shared == frozenset() and found["pooled"].sharers == 1


def test_rules_that_are_not_asked_for_have_no_sites():
    assert [s.site for s in site_nodes(small_cnn(), RewriteOptions(rules="gemm_relu"))] == ["hidden"]


@pytest.mark.parametrize(
    ("profiled", "node"),
    [
        ("conv1", "c1"),
        ("r1_nchwc", "r1"),
        ("fused gemm1", "g1"),
        ("r1_nchwc_token_12", "r1"),
        ("c2", "c2"),
        ("ReorderOutput_token_5", None),
        ("pooled/srmm", None),
    ],
)
def test_names_in_a_profile(profiled, node):
    assert NodeNames.of(small_cnn()).find(profiled) == node


def test_nameless_nodes_have_names_for_a_while():
    model = small_cnn()
    for node in model.graph.node:
        node.ClearField("name")
    before = model.SerializeToString()
    with named_nodes(model):
        assert [node.name for node in model.graph.node[:2]] == ["c1", "r1"]
    assert model.SerializeToString() == before


def test_onnxruntime_keeps_a_name_of_every_site():
    """What the names are made of is ONNX Runtime's own affair: here is what is relied on."""
    model = small_cnn()
    names = NodeNames.of(model)
    ((run,),) = profile_in_turn([model], [{"input": small_images(1)}], 1)
    heavy = {names.find(e.name) for e in run if "Conv" in e.op_type or "Gemm" in e.op_type}
    assert all(heavy & site.own for site in site_nodes(model, ALL))


@pytest.mark.parametrize("name", ["googlenet", "resnet18", "cifar10_resnet20", "mnist_lenet"])
def test_names_of_real_networks_are_kept(name):
    model = datasets.load_network(name)
    names = NodeNames.of(model)
    x = datasets.images(name, 1)[0]
    ((run,),) = profile_in_turn([model], [{model.graph.input[0].name: x}], 1)
    heavy = {names.find(e.name) for e in run if any(kind in e.op_type for kind in ("Conv", "Gemm", "LRN"))}
    assert [site.site for site in site_nodes(model, ALL) if not heavy & site.own] == []


def test_sites_that_share_their_pooling():
    model = datasets.load_network("googlenet")
    sites = [site for site in site_nodes(model, ALL) if site.shared]
    assert {site.sharers for site in sites} == {4} and len(sites) == 8
    assert {site.joined for site in sites} == {"pool3/3x3_s2_out/concat", "pool4/3x3_s2_out/concat"}
