"""Times of sites from made-up profiles."""

from __future__ import annotations

import pytest

from spl_onnx.measure.profile import NodeTime
from spl_onnx.search.time.site_nodes import NodeNames, SiteNodes
from spl_onnx.search.time.site_times import layout_ms, site_times

NAMES = NodeNames({"conv": "c", "relu": "r"}, {"c": "c", "r": "r", "p": "p", "k": "k"})
SITE = SiteNodes("r", "conv_relu", frozenset({"c", "r"}), "c", "Conv", "r")
BRANCH = SiteNodes(
    "r/pooled",
    "conv_relu_concat_pool",
    frozenset({"c", "r"}),
    "c",
    "Conv",
    "r",
    frozenset({"k", "p"}),
    2,
    "p/concat",
)


def event(name, op, ms):
    return NodeTime(name, op, ms)


def no_fallback(site):
    raise AssertionError(f"{site.site} is in the profile")


def dense(ms, *others):
    return [event("r_nchwc", "Conv", ms), *others]


def test_medians_over_runs():
    runs = {
        "dense": [dense(1.0), dense(9.0), dense(2.0)],
        "lossless": [[event("r/srmm", "SRMM", ms)] for ms in (3.0, 1.0, 1.5)],
        "predict": [[event("r/spl_predict", "SPLPredict", 0.25), event("r/srmm", "SRMM", 0.5)]] * 3,
    }
    (times,) = site_times([SITE], NAMES, runs, no_fallback)
    assert times.ms == {"dense": 2.0, "lossless": 1.5, "predict": 0.75}
    assert (times.site, times.rule) == ("r", "conv_relu")


def test_all_unfused_nodes_count_and_layout_does_not():
    run = [
        event("conv", "Conv", 1.0),
        event("ReorderOutput_token_1", "ReorderOutput", 8.0),
        event("relu", "Relu", 0.5),
    ]
    ours = [event("r/to_nhwc", "Transpose", 8.0), event("r/srmm", "SRMM", 1.0)]
    (times,) = site_times([SITE], NAMES, {"dense": [run], "lossless": [ours]}, no_fallback)
    assert times.ms == {"dense": 1.5, "lossless": 1.0}
    assert layout_ms([run, run]) == 8.0


def test_shared_nodes_are_divided():
    run = [event("r_nchwc", "Conv", 1.0), event("k", "Concat", 0.25), event("p_nchwc", "MaxPool", 0.75)]
    ours = [event("r/pooled/srmm", "SRMM", 0.5), event("p/concat", "Concat", 0.5)]
    (times,) = site_times([BRANCH], NAMES, {"dense": [run], "lossless": [ours]}, no_fallback)
    assert times.ms == {"dense": 1.5, "lossless": 0.75}


@pytest.mark.parametrize("alone", [4.0, None])
def test_a_lost_name_is_measured_apart(alone):
    """The ReLU alone is not the site."""
    runs = {
        "dense": [[event("a_fusion_of_its_own", "Conv", 1.0), event("relu", "Relu", 0.5)]],
        "lossless": [[]],
    }
    (times,) = site_times([SITE], NAMES, runs, lambda site: alone)
    assert times.ms == ({} if alone is None else {"dense": 4.0})


def test_original_nodes_in_a_converted_model_belong_to_no_site():
    """A node of the original whose name looks like one of ours."""
    names = NodeNames({"r/srmm": "z"}, {"z": "z", "c": "c", "r": "r"})
    runs = {"dense": [dense(1.0)], "lossless": [[event("r/srmm", "Abs", 5.0)]]}
    (times,) = site_times([SITE], names, runs, no_fallback)
    assert times.ms == {"dense": 1.0}
