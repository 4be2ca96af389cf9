"""From a model to a plan, and from a plan to a model."""

from __future__ import annotations

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.sites.plan import Plan, SitePlan, lossless_plan
from spl_onnx.rewrite.sites.planner import plan_sites
from tests.rewrite.builders import ops
from tests.small_models import small_cnn


def test_deciding_changes_nothing():
    model = small_cnn()
    before = model.SerializeToString()
    plan = plan_sites(model, RewriteOptions(rules="all"))
    assert [entry.choice for entry in plan.sites] == ["predict", "predict", "predict", "dense"]
    assert model.SerializeToString() == before
    applied = apply(model, plan)
    assert ops(applied.model).count("SPLPredict") == 3
    assert model.SerializeToString() == before


def test_a_plan_of_some_sites():
    plan = plan_sites(small_cnn(), RewriteOptions(rules="all"))
    some = Plan([entry for entry in plan.sites if entry.site == "second"])
    applied = apply(small_cnn(), some)
    assert ops(applied.model).count("SRMM") == 1
    assert applied.plan.counts() == {"conv_relu": 1}


def test_a_site_the_model_does_not_have():
    with pytest.raises(UsageError, match="site 'z' cannot be rewritten by rule conv: no such site"):
        apply(small_cnn(), Plan([SitePlan("z", "conv", "lossless")]))


def test_the_same_sites_exact():
    plan = Plan(
        [
            SitePlan("a", "conv_relu", "predict", {"predictor": "int8", "floor": 0.5, "shift": [1.0]}),
            SitePlan("b", "conv_relu", "truncate", {"shift": [1.0]}),
            SitePlan("c", "conv_relu", "dense"),
        ]
    )
    exact = lossless_plan(plan)
    assert [(e.choice, e.settings) for e in exact.sites] == [
        ("lossless", NOTHING_SET),
        ("lossless", NOTHING_SET),
        ("dense", NOTHING_SET),
    ]
    assert plan.sites[0].settings.floor == 0.5
