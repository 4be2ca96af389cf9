"""The whole choice, with times that follow from the nodes; and once with a clock."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import rewrite_and_measure
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.time.by_time import choose_by_time
from spl_onnx.steps import carry_out_found
from tests import datasets
from tests.search.watches import FakeWatch, costs
from tests.small_models import small_cnn, small_images

BATCHES = [{"input": small_images(1)}] * 8
DENSE = {"c1": 5.0, "c2": 5.0, "g1": 1.0}
QUICK = {"pooled": 2.0, "second": 3.0, "hidden": 0.5}
SLOW = {"pooled": 9.0, "second": 9.0, "hidden": 9.0}


def choose(watch, **options):
    settings = RewriteOptions(**{"data": "x", "precision": "float32", "search_seconds": 5.0, **options})
    return choose_by_time(read_model(small_cnn()), settings, BATCHES, watch=watch)


def choices(found):
    return {site.site: site.choice for site in found.plan.sites}


def test_every_site_gets_its_quickest_form():
    srmm = {"pooled": 2.0, "second": 6.0, "hidden": 0.6}
    predict = {"pooled": 3.0, "second": 7.0, "hidden": 0.2}
    found = choose(FakeWatch(costs(DENSE, srmm, predict)))
    assert choices(found) == {"pooled": "lossless", "second": "dense", "hidden": "predict", "logits": "dense"}
    first = found.plan.sites[0]
    assert (first.dense_ms, first.now_ms) == (5.0, 2.0)
    assert first.reason == "dense 5 ms, lossless 2 ms, predict 3 ms"
    assert found.plan.sites[2].settings == SiteSettings(predictor="int8")
    assert found.summary.faster and found.summary.speedup == pytest.approx(11 / 7.2)
    assert (found.summary.original_ms, found.summary.chosen_ms) == (11.0, pytest.approx(7.2))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "predict"),
        ({"lossless": True}, "lossless"),
        ({"choices": "dense,lossless"}, "lossless"),
        ({"choices": ("predict",)}, "predict"),
        ({"predictor": "pruned", "keep": 0.5}, "predict"),
        ({"choices": "dense"}, "dense"),
        ({"choices": "predict", "lossless": True}, "dense"),
    ],
)
def test_only_allowed_choices(options, wanted):
    predict = {name: ms / 2 for name, ms in QUICK.items()}
    found = choose(FakeWatch(costs(DENSE, QUICK, predict)), **options)
    assert set(choices(found).values()) - {"dense"} == {wanted} - {"dense"}


def test_settings_of_the_user_are_kept():
    predict = {name: ms / 2 for name, ms in QUICK.items()}
    found = choose(FakeWatch(costs(DENSE, QUICK, predict)), predictor="pruned", keep=0.5)
    assert found.plan.sites[0].settings == SiteSettings(predictor="pruned", keep=0.5)


def test_rules_limit_the_sites():
    found = choose(FakeWatch(costs(DENSE, QUICK, SLOW)), rules="gemm_relu")
    assert [name for name, choice in choices(found).items() if choice != "dense"] == ["hidden"]


def test_layout_conversions_are_counted_on_the_whole_network():
    """The convolutions gain 0.6 together, a single Transpose costs 0.7; the matrix has none."""
    quick = {"pooled": 4.7, "second": 4.7, "hidden": 0.5}
    found = choose(FakeWatch(costs(DENSE, quick, SLOW, transpose=0.7)))
    assert choices(found) == {"pooled": "dense", "second": "dense", "hidden": "lossless", "logits": "dense"}
    assert "quicker in the whole network" in found.plan.sites[0].reason and found.summary.kept >= 1


def test_what_is_not_quicker_is_left_alone():
    original = read_model(small_cnn())
    found = choose(FakeWatch(costs(DENSE, SLOW, SLOW)))
    assert set(choices(found).values()) == {"dense"} and not found.summary.faster
    assert found.summary.note.startswith("nothing worth converting: ")
    assert found.plan.sites[0].dense_ms == found.plan.sites[0].now_ms == 5.0
    assert original.model.SerializeToString() == small_cnn().SerializeToString()


def test_a_gain_within_the_noise_is_none():
    quick = {"pooled": 4.98, "second": 4.98, "hidden": 0.98}
    assert not choose(FakeWatch(costs(DENSE, quick, SLOW), noise=0.2)).summary.faster


def test_no_budget_means_node_times_alone():
    watch = FakeWatch(costs(DENSE, QUICK, SLOW))
    found = choose(watch, search_seconds=0.0)
    assert found.summary.tried == 0 and choices(found)["pooled"] == "lossless"


def test_the_model_itself_where_nothing_gains(plugin_path, monkeypatch):
    watch = FakeWatch(costs(DENSE, SLOW, SLOW))
    monkeypatch.setattr("spl_onnx.search.time.by_time.SessionStopwatch", lambda *_: watch)
    original = read_model(small_cnn())
    options = RewriteOptions(data="x")
    choice = choose_by_time(original, options, BATCHES)
    result = carry_out_found(original, choice.plan, choice.summary.as_json(), options, SiteWeights())
    assert result.model is original.model and result.report["search"]["faster"] is False


def test_with_a_clock(plugin_path):
    """Whatever the machine finds quickest is a valid model that decides as the original."""
    x, labels = datasets.images("mnist_lenet", 60)

    class Digits:
        def __init__(self):
            self.left = list(range(0, 60, 10))

        def get_next(self):
            if not self.left:
                return None
            i = self.left.pop(0)
            self.last_labels = labels[i : i + 10]
            return {"input": x[i : i + 10]}

    options = {"time_images": 12, "search_seconds": 2.0, "max_drop": 0.02}
    result = rewrite_and_measure(datasets.load_network("mnist_lenet"), Digits(), options)
    assert result.report["accuracy"]["images"] == 60 and result.report["accuracy"]["metric"] == "top1"
    assert result.report["search"]["timed_images"] == 12 and result.report["search"]["original_ms"] > 0
    sites = [site for site in result.plan.sites if site.rule != "none" and site.dense_ms is not None]
    assert len(sites) == 3 and all(site.now_ms > 0 for site in sites)
    assert np.isfinite(result.report["search"]["speedup"])
    again = rewrite_and_measure(datasets.load_network("mnist_lenet"), None, {"plan": None})
    assert len(again.plan.sites) == len(result.plan.sites)
