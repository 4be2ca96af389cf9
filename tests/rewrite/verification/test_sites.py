"""Checking the sites of a plan one by one."""

from __future__ import annotations

import dataclasses

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.process.runner import RunError
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.verification import sites
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.sites import WrongSites, check_sites
from spl_onnx.steps import rewrite_model
from tests.rewrite.verification.networks import magnified, plain


def plan_of(model) -> Plan:
    return rewrite_model(model, RewriteOptions(rules="all", dry_run=True)).plan


@pytest.fixture
def known():
    with Original(LoadedModel(plain()), RewriteOptions()) as original:
        yield original


def test_right_sites(known):
    report = check_sites(known, plan_of(plain()))
    assert report["compared"] == 2 and report["unproved"] == []
    assert 0 <= report["difference"] < 1e-5


def test_sites_of_outputs_that_prove_nothing_are_proved():
    with Original(LoadedModel(magnified()), RewriteOptions()) as original:
        assert check_sites(original, plan_of(magnified()))["compared"] == 1


def test_wrong_sites_are_named_with_what_they_differ_by(known, monkeypatch):
    real = sites.findings

    def wrong(watched, runs):
        return [
            dataclasses.replace(f, difference=0.5) if f.site.site == "y" else f for f in real(watched, runs)
        ]

    monkeypatch.setattr(sites, "findings", wrong)
    with pytest.raises(
        WrongSites, match=r"of the rewritten model, y: the site differs .* by 0\.5 of"
    ) as caught:
        check_sites(known, plan_of(plain()))
    assert list(caught.value.reasons) == [("y", "conv_relu")]


def test_what_was_found_serves_smaller_plans(known, monkeypatch):
    plan = plan_of(plain())
    check_sites(known, plan)
    monkeypatch.setattr(sites, "side_by_side", lambda *args: pytest.fail("again"))
    assert check_sites(known, Plan(plan.sites[:1]))["compared"] == 1


def test_without_the_library_the_dense_bodies_are_compared(known, monkeypatch):
    real = Original.run_noisy

    def run(self, source, outputs, *, plugin):
        if plugin:
            raise PluginError("not built")
        return real(self, source, outputs, plugin=plugin)

    monkeypatch.setattr(Original, "run_noisy", run)
    assert check_sites(known, plan_of(plain()))["compared"] == 2


@pytest.mark.parametrize("how", ["run", "build", "large"])
def test_a_comparison_that_is_impossible_is_skipped_with_its_reason(known, monkeypatch, how):
    def fail(*args, **kwargs):
        raise (RunError if how == "run" else IndexError)("no way")

    if how == "large":
        monkeypatch.setattr(sites, "MAX_INLINE_BYTES", 0)
    else:
        monkeypatch.setattr(*((Original, "run_noisy") if how == "run" else (sites, "side_by_side")), fail)
    wanted = (
        "skipped: the model is too large to hold its sites twice" if how == "large" else "skipped: no way"
    )
    assert check_sites(known, plan_of(plain())) == wanted
