"""Sites beside what they replace."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.process.child import Job, execute
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.side_by_side import Finding, Watched, findings, side_by_side
from spl_onnx.rewrite.verification.tolerance import MOST_TOLERANCE
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, images
from tests.rewrite.rules.quantised.layers import SIGNED, chain


def network() -> onnx.ModelProto:
    """Every kind of site: branches that are pooled together, a residual, a normalisation, a matrix."""
    made = Net()
    made.input("x", ["N", 3, 12, 12])
    made.node("Relu", [made.norm(made.conv("x", "a", 4, 3, pads=[1] * 4), "an", 4)], "ar")
    made.node("Relu", [made.conv("x", "b", 4, 3, 1, 1)], "br")
    made.node("Concat", ["ar", "br"], "j", axis=1)
    made.node("MaxPool", ["j"], "p", kernel_shape=[2, 2], strides=[2, 2])
    made.node("LRN", ["p"], "n", size=3)
    made.node("Add", [made.conv("n", "c", 8, 8, pads=[1] * 4), "n"], "s")
    made.node("Relu", ["s"], "r")
    made.node("Flatten", ["r"], "f")
    made.node("Relu", [made.node("Gemm", ["f", made.random("w", 288, 6), made.random("v", 6)], "g")], "y")
    return made.model("y")


def found(model: onnx.ModelProto, spoil: str = "", by: float = 1e-2, **options) -> dict[str, Finding]:
    """What a comparison finds, without the library; `spoil` is a constant that is changed."""
    plan = rewrite_model(model, RewriteOptions(rules="all", dry_run=True, **options)).plan
    beside, watched = side_by_side(model, plan, SiteWeights())
    onnx.checker.check_model(beside, full_check=True)
    for tensor in beside.graph.initializer:
        if tensor.name == spoil:
            values = numpy_helper.to_array(tensor) + np.float32(by)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    names = tuple(name for entry in watched for name in entry.outputs)
    x = images(*(dim.dim_value or 1 for dim in model.graph.input[0].type.tensor_type.shape.dim))
    runs = execute(Job(beside.SerializeToString(), {"x": x}, outputs=names, repeat=4))
    return {finding.site.site: finding for finding in findings(watched, runs)}


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_right_sites_are_within_their_tolerance(options):
    model = network()
    before = model.SerializeToString()
    sites = found(model, **options)
    assert set(sites) == {"ar/pooled", "br/pooled", "n", "r", "y"}
    for finding in sites.values():
        assert finding.is_proved and not finding.is_wrong
        assert finding.tolerance < 1e-4
    assert model.SerializeToString() == before


@pytest.mark.parametrize(("constant", "site"), [("ar/pooled/B", "ar/pooled"), ("r/B", "r"), ("y/W", "y")])
def test_a_wrong_site_is_named_and_no_other(constant, site):
    sites = found(network(), constant)
    assert [name for name, finding in sites.items() if finding.is_wrong] == [site]


@pytest.mark.parametrize(("steps", "wrong"), [(0.0, False), (0.5, False), (1.6, True)])
def test_layers_of_bytes_may_differ_by_one_step(steps, wrong):
    (finding,) = found(chain().model("c.d"), "c.q/B", steps * SIGNED[0]).values()
    assert finding.is_proved and finding.is_wrong is wrong
    assert round(255 * finding.difference) == np.ceil(steps)
    assert finding.tolerance == pytest.approx(1 / 255)


def test_sites_in_branches_are_left_out():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 6, 6]), "c", 3, 2)], "t")
    model = made.in_if("t")
    plan = rewrite_model(model, RewriteOptions(rules="all", dry_run=True)).plan
    assert plan.counts() == {"conv_relu": 1}
    assert side_by_side(model, plan, SiteWeights())[1] == []


def test_dense_entries_are_left_out():
    model = network()
    plan = rewrite_model(model, RewriteOptions(rules="all", dry_run=True)).plan
    kept = Plan([entry for entry in plan.sites if entry.site == "r"])
    assert [entry.site.site for entry in side_by_side(model, kept, SiteWeights())[1]] == ["r"]


NAN = math.nan


@pytest.mark.parametrize(
    ("numbers", "wrong", "proved"),
    [
        ([2.0, 1e-6, 1e-6, 0.0, 0.0], False, True),
        ([2.0, 1e-3, 1e-6, 0.0, 0.0], True, True),
        ([2.0, 1e-6, 1e-6, NAN, 0.0], True, True),
        ([2.0, NAN, 1e-6, 0.0, 0.0], True, True),
        ([2.0, 1e-6, 1e-6, NAN, NAN], False, False),
        ([math.inf, NAN, NAN, NAN, NAN], False, False),
        ([2.0, 1.0, 1.0, 0.0, 0.0], False, False),
        ([0.0, 0.0, 0.0, 0.0, 0.0], False, True),
        ([0.0, 1e-3, 0.0, 0.0, 0.0], True, True),
    ],
)
def test_numbers_of_a_site(numbers, wrong, proved):
    site = SitePlan("s", "conv_relu", "lossless")
    (finding,) = findings([Watched(site, ("a", "b", "c", "d", "e"))], [[np.float32(n) for n in numbers]] * 2)
    assert (finding.is_wrong, finding.is_proved) == (wrong, proved)
    assert finding.is_proved is (finding.tolerance <= MOST_TOLERANCE)
