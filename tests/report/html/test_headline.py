"""Four tiles say what was gained."""

from __future__ import annotations

import pytest

from spl_onnx.report.html.results import Accuracy, Search
from tests.report.html.reports import Reader, bare, drawn, full


def words(report):
    return " ".join(Reader(drawn("headline", report)).words[""].split())


def test_everything_measured():
    shown = words(full())
    for part in (
        "Faster by 2.50 x 10.0 ms → 4.00 ms, 2 threads",
        "top1 on 400 samples 75.75 → 75.50 % drop 0.25 points 95 % interval -0.10 to 0.60 points",
        "FLOPs 60.0 % fewer int8 predictor counted at a quarter 66.7 % fewer if it is not counted",
        "Layers converted 4 of 6 1 lossless, 1 truncated, 2 predicted, 2 left dense",
    ):
        assert part in shown


def test_nothing_measured():
    shown = words(bare())
    assert "Speed not measured" in shown and "Accuracy not measured" in shown
    assert "FLOPs not known" in shown and "0 of 0" in shown


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"faster": False, "speedup": 0.99}, "not faster best found 0.99 x"),
        ({"speedup": 0.9}, "0.90 x: slower"),
        ({"speedup": None}, "Speed not measured"),
        ({"original_ms": None, "threads": 0}, "2.50 x all threads"),
    ],
)
def test_speed(changes, part):
    report = full()
    report["search"] |= changes
    assert part in words(report)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"reduction": -0.05}, "5.0 % more"),
        ({"reduction": None}, "FLOPs not measured"),
        ({"reduction": 0.0, "predictor": 0}, "FLOPs unchanged"),
        ({"reduction": 0.1, "predictor": 0}, "10.0 % fewer nothing is predicted"),
    ],
)
def test_flops(changes, part):
    report = full()
    report["flops"] |= changes
    assert part in words(report)


def test_metrics_that_compare_with_the_original():
    report = full()
    report["accuracy"] |= {"metric": "psnr", "before": None, "after": 41.5, "drop": 0.01, "interval": None}
    assert "psnr on 400 samples 41.500 dB drop 0.01" in words(report)
    report["accuracy"] |= {"after": None}
    assert "samples equal" in words(report)


def test_small_texts():
    assert Accuracy("top1", interval=[0.0, 0.01]).range == "0.00 to 1.00 points"
    assert Accuracy("mse", interval=[0.5, 1.0]).range == "0.5 to 1"
    assert Accuracy("top1").range is None
    assert Accuracy("top1", interval=[None, 1.0]).range is None
    assert [Search(threads=n).threads_text for n in (0, 1, 4, None)] == [
        "all threads",
        "1 thread",
        "4 threads",
        None,
    ]
