"""The whole story on real networks: inspect, rewrite, compare, eval, bench, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import spl_onnx
from tests import datasets
from tests.datasets import ELSEWHERE


@pytest.fixture
def spl(tmp_path):
    """Run the command line in a process; gives the report."""

    def run(*words):
        report = tmp_path / "report.json"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        call = [sys.executable, "-m", "spl_onnx", *map(str, words), "--json", str(report)]
        done = subprocess.run(call, env=environment, cwd=ELSEWHERE, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(report.read_text())

    return run


def test_lenet_from_beginning_to_end(plugin_path, spl, tmp_path):
    x, labels = datasets.images("mnist_lenet", 500)
    np.savez(tmp_path / "data.npz", x=x, y=labels)
    model, fast, data = (
        datasets.network_path("mnist_lenet"),
        tmp_path / "fast.onnx",
        ("--data", tmp_path / "data.npz"),
    )
    convertible = [s["name"] for s in spl("inspect", model, *data)["sites"] if s["choice"] == "convertible"]
    report = spl("rewrite", model, fast, *data, "--max-drop", "0.004", "--objective", "none")
    assert [site["name"] for site in report["sites"] if site["choice"] == "predict"] == convertible
    assert report["rules"] == {"conv_pool": 2, "gemm_relu": 1} and report["accuracy"]["images"] == 500
    comparison = spl("compare", model, fast, *data)["accuracy"]
    assert comparison["before"] > 0.97 and comparison["agreement"] >= 0.99
    assert spl("eval", fast, *data)["scores"]["top1"] == pytest.approx(comparison["after"])
    times = spl("bench", model, fast, *data, "--runs", "5")
    assert times["speedup"] > 0 and "SRMM" in times["models"][1]["operators_ms"]


def test_resnet50_through_the_api(plugin_path):
    """From its compressed file; the report says what was measured."""
    images = str(datasets.require("imagenet1k-sample"))
    model = datasets.load_network("resnet50")
    result = spl_onnx.rewrite(
        model, data=images, preprocess="imagenet", limit=8, objective="none", rules="all", no_verify=True
    )
    assert result.report["accuracy"]["drop"] == 0 and result.report["rewritten"] == 53
    assert all(0 < site.density < 1 for site in result.plan.sites if site.choice == "predict")
    flops = result.report["flops"]
    # 4.09 billion multiply-accumulates is the published work of this network.
    assert flops["dense"] == pytest.approx(2 * 4.09e9, rel=0.02)
    assert (
        flops["predictor_full_price"]["reduction"] < flops["reduction"] < flops["predictor_free"]["reduction"]
    )
