"""Models that are only timed or judged: their options, and their plans."""

from __future__ import annotations

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.search.trials import trial_options
from tests.small_models import small_cnn


def test_every_rule_is_tried():
    assert trial_options(RewriteOptions()).rules == ("all",)
    assert trial_options(RewriteOptions(rules="lrn,default")).rules == ("lrn", "all")


def test_the_plan_of_all_candidates_leaves_the_model_alone():
    model = small_cnn()
    plan = plan_sites(model, trial_options(RewriteOptions()))
    assert sum(site.is_rewritten for site in plan.sites) == 3
    assert model.SerializeToString() == small_cnn().SerializeToString()
