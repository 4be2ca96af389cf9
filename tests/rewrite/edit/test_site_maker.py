"""The nodes of a site, made beside the old ones."""

from __future__ import annotations

import pytest

from spl_onnx.errors import ModelError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.rewrite.edit import site_maker
from spl_onnx.rewrite.edit.emit import SiteEmitter
from spl_onnx.rewrite.edit.site_maker import make_site
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.sites import weights as site_weights
from spl_onnx.rewrite.sites.candidates import Candidate, find_candidates
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.spec.attributes import LRN
from tests.rewrite.builders import Net, assert_same, images, ops, rewritten
from tests.test_steps import net


def candidates(made: Net, *outputs: str) -> list[Candidate]:
    model = ModelContext(made.model(*outputs))
    return find_candidates(model, selector(RewriteOptions(rules="all", lossless=True)))


def lossless(found: Candidate) -> site_maker.MadeSite:
    found.entry.choice = "lossless"
    assert found.rule is not None and found.match is not None
    return make_site(found.rule, found.match, found.entry, SiteWeights())


def test_the_graph_stays_as_it_is():
    found = candidates(net(), "y")[0]
    assert found.match is not None
    graph = found.match.scope.graph
    nodes, before = list(graph.nodes), [list(node.outputs) for node in graph.nodes]
    made = lossless(found)
    assert list(graph.nodes) == nodes and [list(node.outputs) for node in nodes] == before
    assert made.nodes[-1].outputs == [made.output]
    assert made.output.name not in graph.tensors()


def test_the_output_is_put_in_later():
    found = candidates(net(), "y")[0]
    made = lossless(found)
    assert found.match is not None
    output = found.match.output
    output.inputs.clear()
    made.write_to(output)
    assert output.inputs == [made.nodes[-1]] and not made.output.inputs


def test_nodes_without_weights():
    made = Net()
    made.node("LRN", [made.input("x", [1, 4, 5, 5])], "y", size=3)
    (found,) = candidates(made, "y")
    nodes = lossless(found).nodes
    assert [node.op for node in nodes] == ["Transpose", LRN, "Transpose"]
    assert nodes[1].name == "y/lrn"


@pytest.mark.parametrize("step", ["emit", "build_predictor", "fold", "site"])
def test_a_site_that_cannot_be_made_is_dense_and_the_others_are_made(monkeypatch, step):
    """Whatever happens, no trace of it is left in the graph."""
    model = net().model("y")
    if step == "emit":
        real = SiteEmitter._srmm

        def srmm(self, *args):
            if self.name == "r2":
                raise ModelError("strides [0, 0] are below 1")
            return real(self, *args)

        monkeypatch.setattr(SiteEmitter, "_srmm", srmm)
    elif step == "build_predictor":
        make = site_weights.build_predictor
        monkeypatch.setattr(
            site_weights, step, lambda site, settings: 1 / 0 if site.w.shape[0] == 5 else make(site, settings)
        )
    else:
        from spl_onnx.rewrite.rules.conv_relu import ConvRelu

        monkeypatch.setattr(ConvRelu, step, lambda self, match, *folded: [][0])
    result = rewritten(model, no_verify=True)
    by_site = {entry.site: entry for entry in result.plan.sites}
    assert (by_site["r2"].choice, by_site["r2"].settings) == ("dense", NOTHING_SET)
    assert "Conv 'c2_node' has something that was not foreseen (" in by_site["r2"].reason
    assert ops(result.model).count("SRMM") == 2
    assert ops(result.model).count("Conv") == 1
    assert_same(model, result, {"x": images(2, 3, 14, 14)})
