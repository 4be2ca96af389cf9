"""Sites that fail their checks are found and left dense."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import onnx
import pytest

from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.rewrite.process import runner
from spl_onnx.rewrite.sites.plan import Plan, SitePlan, leave_dense
from spl_onnx.rewrite.verification import repair
from spl_onnx.rewrite.verification.sites import WrongSites
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, assert_same, images, ops, rewritten

SITES = [f"r{i}" for i in range(6)]


def chain() -> onnx.ModelProto:
    """Six convolutions in a row, sites r0 to r5."""
    made = Net()
    x = made.input("x", [1, 3, 8, 8])
    for index in range(6):
        x = made.node("Relu", [made.conv(x, f"c{index}", 3, 3, pads=[1] * 4)], f"r{index}")
    return made.model(x)


@pytest.fixture
def failing(monkeypatch):
    """Makes verification fail; counts how often it is asked."""
    calls = []

    def install(error):
        real = repair.verify

        def verify(loaded, changed, options, plan, original=None):
            sites = {entry.site for entry in plan.sites if entry.is_rewritten}
            assert ops(changed).count("SRMM") == len(sites)
            calls.append(sites)
            if (problem := error(sites)) is not None:
                raise problem
            return real(loaded, changed, options, plan, original)

        monkeypatch.setattr(repair, "verify", verify)
        return calls

    return install


def if_any(bad):
    return lambda sites: VerificationError("it fails") if sites & bad else None


@pytest.mark.parametrize("bad", [{"r3"}, {"r0", "r5"}, {"r1", "r2", "r3"}])
def test_sites_that_fail_are_dense_and_all_others_stay(failing, bad):
    calls = failing(if_any(bad))
    model = chain()
    result = rewritten(model)
    assert {entry.site for entry in result.plan.sites if not entry.is_rewritten} == bad
    assert {entry.reason for entry in result.plan.sites if entry.site in bad} == {
        "failed verification: it fails"
    }
    assert result.refused == {(site, "conv_relu"): "it fails" for site in sorted(bad)}
    assert result.report["verification"]["checker"] == "passed"
    assert ops(result.model).count("SRMM") == sum(result.plan.counts().values()) == 6 - len(bad)
    assert_same(model, result, {"x": images(1, 3, 8, 8)})
    assert len(calls) < 16


def test_sites_that_fail_together_only(failing):
    for pair in combinations(SITES, 2):
        failing(lambda sites, pair=pair: VerificationError("it fails") if set(pair) <= sites else None)
        result = rewritten(chain())
        assert [entry.site for entry in result.plan.sites if not entry.is_rewritten] == [pair[1]]
        break


def test_named_sites_are_left_out_without_a_search(failing):
    bad = {("r1", "conv_relu"): "one", ("r4", "conv_relu"): "four"}
    calls = failing(lambda sites: WrongSites(bad) if sites & {"r1", "r4"} else None)
    result = rewritten(chain())
    assert result.refused == bad
    assert len(calls) == 2


def test_when_everything_fails_the_original_stays(failing):
    failing(if_any(set(SITES)))
    model = chain()
    result = rewritten(model)
    assert result.model == model and sum(result.plan.counts().values()) == 0
    assert result.report["verification"] == {"skipped": "nothing was rewritten"}
    assert result.report["notes"] == [
        "6 sites were left as in the original after a failed check: r0, r1, r2, r3, r4 and 1 more (it fails)"
    ]


@pytest.mark.parametrize(("name", "limit"), [("MOST_ATTEMPTS", 3), ("MOST_SECONDS", 0.0)])
def test_the_search_ends(failing, monkeypatch, name, limit):
    monkeypatch.setattr(repair, name, limit)
    calls = failing(if_any({"r0", "r2", "r4"}))
    result = rewritten(chain())
    assert len(calls) <= 6
    assert {"r0", "r2", "r4"} <= {entry.site for entry in result.plan.sites if not entry.is_rewritten}


def test_a_rewrite_that_stumbles_over_one_site(monkeypatch):
    """An exception that nobody foresaw, behind the point where sites are made one by one."""
    from spl_onnx.rewrite.edit.editor import Editor

    real = Editor.rewrite

    def rewrite(self, candidates):
        if any(c.entry.site == "r2" and c.entry.is_rewritten for c in candidates):
            raise IndexError("list index out of range")
        return real(self, candidates)

    monkeypatch.setattr(Editor, "rewrite", rewrite)
    result = rewritten(chain())
    (site,) = [entry for entry in result.plan.sites if not entry.is_rewritten]
    assert site.site == "r2"
    assert site.reason == "failed verification: rewriting fails (IndexError: list index out of range)"


def test_an_abort_inside_onnx_runtime_costs_one_site(monkeypatch, plugin_path):
    """The child process really dies, in each session with the library that has the site r3."""
    program = runner._PROGRAM.replace(
        "from spl_onnx.rewrite.process.child import serve; serve(",
        "import os; from spl_onnx.rewrite.process import child; real = child.answer; "
        "child.answer = lambda job: os.abort() if job.plugin and b'r3/srmm' in job.model else real(job); "
        "child.serve(",
    )
    assert program != runner._PROGRAM
    monkeypatch.setattr(runner, "_PROGRAM", program)
    model = chain()
    result = rewritten(model)
    (site,) = [entry for entry in result.plan.sites if not entry.is_rewritten]
    assert site.site == "r3"
    assert (
        "fails, run with the library and all sites exact: ONNX Runtime ended its process by SIGABRT"
        in site.reason
    )
    assert_same(model, result, {"x": images(1, 3, 8, 8)})


def test_a_plan_that_fails_keeps_what_is_right(failing):
    failing(if_any({"r1"}))
    plan = rewritten(chain(), no_verify=True).plan
    plan.sites[4].choice, plan.sites[4].settings = "dense", NOTHING_SET
    result = rewrite_model(chain(), RewriteOptions(), plan=plan)
    assert [entry.choice for entry in result.plan.sites] == ["predict", "dense"] + ["predict"] * 2 + [
        "dense",
        "predict",
    ]
    assert plan.sites[1].choice == "predict", "the plan that was given is not changed"


def test_a_usage_error_is_none_of_the_sites(failing):
    failing(lambda sites: UsageError("no such input"))
    with pytest.raises(UsageError, match="no such input"):
        rewritten(chain())


def test_an_original_that_does_not_run_ends_the_rewrite():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", ["N", 3, 8, 8]), "c", 4, 3)], "y")
    made.node("Reshape", ["y", made.const("s", np.array([7, 11]))], "z")
    with pytest.raises(VerificationError, match="original model does not run"):
        rewritten(made.model("z"))


def test_leave_dense_changes_a_copy():
    plan = Plan(
        [SitePlan("a", "conv_relu", "predict", {"predictor": "int8"}), SitePlan("b", "conv", "lossless")]
    )
    made = leave_dense(plan, {("a", "conv_relu"): "why"})
    assert [(e.choice, e.settings) for e in made.sites] == [("dense", NOTHING_SET), ("lossless", NOTHING_SET)]
    assert made.sites[0].reason == "failed verification: why"
    assert plan.sites[0].choice == "predict" and plan.sites[0].settings.predictor
