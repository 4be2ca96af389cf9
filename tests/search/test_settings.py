"""Settings of a site."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.sites.plan import SitePlan
from spl_onnx.search.settings import EXACT, Setting


def test_keys_are_equal_where_the_site_does_the_same():
    """The order of settings and the label mean nothing; dense and lossless give the same values."""
    one = Setting("predict", SiteSettings(predictor="int8", threshold=0.1), "a")
    other = Setting("predict", SiteSettings(threshold=0.1, predictor="int8"), "b")
    assert one.key == other.key != ""
    assert Setting("dense").key == Setting("lossless").key == EXACT.key == ""


def test_keys_differ_where_it_does_not():
    settings = [
        Setting("predict", SiteSettings(predictor="int8")),
        Setting("predict", SiteSettings(predictor="pruned")),
        Setting("predict", SiteSettings(predictor="int8", threshold=[0.1, 0.2])),
        Setting("predict", SiteSettings(predictor="int8", threshold=[0.2, 0.1])),
        Setting("truncate", SiteSettings(floor=0.1)),
        Setting("truncate", SiteSettings(floor=0.1 + 2**-50)),
        EXACT,
    ]
    assert len({setting.key for setting in settings}) == len(settings)


def test_keys_of_weights_are_short_and_differ():
    """Weights are megabytes of text; keys go through tables and the journal."""
    one, other = (SiteSettings("pruned", weights=text * 10**6) for text in "ab")
    keys = [Setting("predict", settings).key for settings in (one, replace(one), other)]
    assert keys[0] == keys[1] != keys[2] and max(map(len, keys)) < 200
    assert one.weights == "a" * 10**6, "the settings stay whole"


def test_a_plan_takes_a_setting():
    setting = Setting("truncate", SiteSettings(floor=0.5))
    entry = SitePlan("y", "conv_relu", "dense")
    setting.apply(entry)
    assert (entry.choice, entry.settings) == ("truncate", SiteSettings(floor=0.5))
