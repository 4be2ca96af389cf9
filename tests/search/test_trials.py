"""Models that are only timed or judged: what is left out of their options, and their plans."""

from __future__ import annotations

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model_io import read_model
from spl_onnx.search.trials import candidate_plan, trial_options
from tests.small_models import small_cnn


def test_every_rule_is_tried_and_nothing_is_checked_or_written(tmp_path):
    options = trial_options(RewriteOptions(plan_out=tmp_path / "plan.json", dry_run=True))
    assert options.rules == ("all",) and options.no_verify
    assert options.plan_out is None and not options.dry_run
    assert trial_options(RewriteOptions(rules="lrn,default")).rules == ("lrn", "all")


def test_the_plan_of_all_candidates_leaves_the_model_alone():
    original = read_model(small_cnn())
    plan = candidate_plan(original, trial_options(RewriteOptions()))
    assert sum(site.is_rewritten for site in plan.sites) == 3
    assert original.model.SerializeToString() == small_cnn().SerializeToString()
