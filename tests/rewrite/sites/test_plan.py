"""Plans as files."""

from __future__ import annotations

import json

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.sites.plan import Plan, SitePlan


def test_json_keeps_everything():
    site = SitePlan(
        "y", "conv_relu", "predict", {"predictor": "int8", "threshold": [0.5, 1.0]}, "why", "conv", 36, 0.25
    )
    plan = Plan([site, SitePlan("z", "none", "dense")])
    assert Plan.from_json(plan.to_json()) == plan
    assert plan.find("y", "conv_relu") is site
    assert plan.find("y", "gemm_relu") is None
    assert plan.counts() == {"conv_relu": 1}


def site(**changes: object) -> str:
    return json.dumps(
        {"version": 1, "sites": [{"site": "y", "rule": "conv_relu", "choice": "predict", **changes}]}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "wanted an object with version 1"),
        ('{"version": 2, "sites": []}', "wanted an object with version 1"),
        (site(choice="maybe"), "choice is 'maybe', wanted one of predict, lossless, truncate, int8, dense"),
        (site(settings={"predictor": "magic"}), "predictor is 'magic', wanted one of int8, pruned"),
        (site(settings=3), "settings is 3, wanted an object"),
        (site(extra=1), r"unknown fields \['extra'\]"),
        ('{"version": 1, "sites": [{"site": "y"}]}', r"missing fields \['choice', 'rule'\]"),
        ('{"version": 1, "sites": [3]}', "site 0"),
        (site(settings={"predictor": "pruned", "keep": 2}), "keep is 2, wanted a fraction above 0"),
        (site(settings={"predictor": "int8", "floor": -1}), "floor is -1, wanted a number >= 0"),
        (site(settings={"predictr": "int8"}), "unknown settings predictr"),
        (site(settings={}), "choice predict needs a predictor"),
        ("[" * 100_000, "not a plan|not JSON"),
        ('{"version": 1, "sites": [' + "[" * 100_000, "not a plan|not JSON"),
        ('{"version": ' + "1" * 5000 + "}", "not a plan|wanted an object with version 1"),
        ('{"version": 1, "sites": 3}', "sites is '3', wanted a list of sites"),
        (site(site=["y"]), r"site is \"\['y'\]\", wanted a text"),
        (site(rule=None), "rule is 'None', wanted a text"),
        (site(choice=["predict"]), "choice is .*, wanted a text"),
        (site(macs_per_output="many"), "macs_per_output is 'many', wanted a whole number"),
        (site(density="all"), "density is 'all', wanted a number"),
        (site(zeros=True), "zeros is 'True', wanted a number"),
        (site(settings={"predictor": "int8", "floor": 10**400}), "floor is"),
        (site(settings={"predictor": ["int8"]}), "predictor is"),
        (site(settings={"predictor": "int8", "threshold": [10**400]}), "threshold is"),
    ],
)
def test_bad_plans(text, message, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        Plan.read(path)


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        Plan.read(tmp_path / "plan.json")


def test_choice_and_settings_may_be_given_as_json_has_them():
    entry = SitePlan("a", "conv_relu", "predict", {"predictor": "int8"})
    assert entry.choice is Choice.PREDICT and entry.settings == SiteSettings("int8")
    entry.choice, entry.settings = "truncate", {"floor": 0.5, "shift": [1.0]}
    assert entry.choice is Choice.TRUNCATE and entry.settings.shift == (1.0,)
    assert entry.as_json()["settings"] == {"floor": 0.5, "shift": [1.0]}
    with pytest.raises(UsageError, match="site 'a': choice is 'none', wanted one of predict, lossless"):
        entry.choice = "none"
    with pytest.raises(UsageError, match="site 'a': unknown settings depth"):
        entry.settings = {"depth": 3}


def test_what_becomes_of_a_site_is_set_at_once():
    entry = SitePlan("a", "conv_relu", "predict", {"predictor": "int8"}, reason="quick")
    entry.become(Choice.TRUNCATE, SiteSettings(floor=0.5))
    assert (entry.choice, entry.settings.floor, entry.reason) == ("truncate", 0.5, "quick")
    entry.become(Choice.DENSE, reason="slow")
    assert (entry.choice, entry.settings, entry.reason) == ("dense", SiteSettings(), "slow")
