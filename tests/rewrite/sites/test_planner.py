"""What becomes of every candidate, before anything is edited."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.sites import planner
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.planner import complete_plan, plan_sites
from tests.rewrite.builders import Net
from tests.small_models import small_cnn
from tests.test_steps import net


def test_the_options_complete_the_entries():
    plan = plan_sites(net().model("y"), RewriteOptions(keep=0.5))
    done = [entry for entry in plan.sites if entry.is_rewritten]
    assert [entry.settings for entry in done] == [SiteSettings("pruned", 0.5)] * 2
    assert [entry.macs_per_output for entry in done] == [27, 80]


def test_layers_that_are_skipped_say_so():
    plan = plan_sites(small_cnn(), RewriteOptions(rules="all", skip_layers="conv2"))
    (entry,) = [entry for entry in plan.sites if entry.layer == "conv2"]
    assert not entry.is_rewritten and entry.reason == "left out (--skip-layers)"


def test_a_plan_of_some_sites_is_completed():
    """The model says the work, the plan the choice; the plan that was given stays as it is."""
    every = plan_sites(small_cnn(), RewriteOptions(rules="all"))
    some = Plan([entry for entry in every.sites if entry.site == "second"])
    some.sites[0].macs_per_output = 0
    whole = complete_plan(small_cnn(), some)
    assert [entry.site for entry in whole.sites] == [entry.site for entry in every.sites]
    assert [entry.site for entry in whole.sites if entry.is_rewritten] == ["second"]
    assert whole.sites[1].macs_per_output > 0 == some.sites[0].macs_per_output


def test_settings_that_do_not_fit_leave_a_site_dense():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "y")
    plan = plan_sites(made.model("y"), RewriteOptions(rules="all"))
    plan.sites[0].settings = SiteSettings("int8", shift=(1.0,) * 5)
    (entry,) = complete_plan(made.model("y"), plan).sites
    assert not entry.is_rewritten and "shift" in entry.reason
    plan.sites[0].settings = SiteSettings("int8", keep=2.0)
    with pytest.raises(UsageError, match="keep"):
        complete_plan(made.model("y"), plan)


def test_weights_that_are_not_finite_leave_a_site_dense():
    made = Net()
    x = made.input("x", [1, 3, 8, 8])
    w = made.const("w", np.full((4, 3, 3, 3), np.nan, np.float32))
    made.node("Relu", [made.node("Conv", [x, w], "c")], "y")
    (entry,) = plan_sites(made.model("y"), RewriteOptions(rules="all")).sites
    assert entry.reason == "weights of Conv 'c_node' are not all finite"


def test_what_nobody_foresaw_is_an_error_of_the_model(monkeypatch):
    def fail(*args):
        raise KeyError("group")

    monkeypatch.setattr(planner, "find_candidates", fail)
    with pytest.raises(ModelError, match=r"^unexpected KeyError while rewriting the model: 'group'"):
        plan_sites(small_cnn(), RewriteOptions())
