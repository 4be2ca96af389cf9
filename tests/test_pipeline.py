"""Rewriting with data: measured, judged, reported."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from spl_onnx.data import DataOptions
from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import measured_rewrite, rewrite_and_measure
from spl_onnx.report.build import plain_report
from spl_onnx.rewrite.model.model_io import read_model
from tests.small_models import small_cnn, small_images


@pytest.fixture
def data(tmp_path):
    np.savez(tmp_path / "data.npz", x=small_images(20))
    return str(tmp_path / "data.npz")


def test_without_data_work_is_known_and_densities_are_not():
    result = rewrite_and_measure(small_cnn(), None, {"no_verify": True, "rules": "all"})
    report = json.loads(json.dumps(result.report))
    assert report["rewritten"] == 3 and report["accuracy"] is None
    assert report["flops"]["dense"] > 0 and report["flops"]["reduction"] is None
    assert [site["density"] for site in report["sites"] if site["choice"] != "dense"] == [None] * 3


def test_with_data_everything_is_known(plugin_path, data):
    result = rewrite_and_measure(
        small_cnn(), data, {"rules": "all", "max_drop": 0.2, "batch": 6, "objective": "none"}
    )
    report = json.loads(json.dumps(result.report))
    accuracy, flops = report["accuracy"], report["flops"]
    assert accuracy["metric"] == "agreement" and accuracy["images"] == 20
    assert accuracy["before"] == 1 and accuracy["drop"] == pytest.approx(1 - accuracy["after"])
    assert flops["reduction"] == pytest.approx(1 - (flops["selected"] + flops["predictor"]) / flops["dense"])
    full, free = flops["predictor_full_price"]["reduction"], flops["predictor_free"]["reduction"]
    assert full < flops["reduction"] < free
    for site in report["sites"]:
        measured = site["choice"] != "dense"
        assert (site["density"] is not None) == (site["zeros"] is not None) == measured
    assert {"name", "rule", "choice", "settings", "reason", "dense_ms", "now_ms"} <= set(report["sites"][0])
    assert result.plan.find("pooled", "conv_relu_pool").density == report["sites"][0]["density"]


def test_any_reader_will_do(plugin_path):
    class Once:
        def __init__(self):
            self.left = [small_images(4), small_images(3, seed=2)]

        def get_next(self):
            return {"input": self.left.pop()} if self.left else None

    result = rewrite_and_measure(small_cnn(), Once(), {"max_drop": 1.0, "metric": "cosine"})
    assert result.report["accuracy"]["images"] == 7 and result.report["accuracy"]["metric"] == "cosine"


def test_free_image_sizes_come_from_the_data(plugin_path, tmp_path):
    np.savez(
        tmp_path / "a.npz", x=np.random.default_rng(0).standard_normal((3, 3, 16, 12)).astype(np.float32)
    )
    result = rewrite_and_measure(
        small_cnn(size="S"),
        str(tmp_path / "a.npz"),
        {"max_drop": 1.0, "no_verify": True, "objective": "none"},
    )
    conv1 = 2 * (8 * 16 * 12) * 27
    assert result.report["sites"][0]["flops"] == conv1


def test_a_drop_above_the_limit_writes_no_plan(plugin_path, data, tmp_path):
    options = {"rules": "all", "predictor": "pruned", "keep": 0.02, "metric": "mse", "max_drop": 1e-9}
    options["objective"] = "none"
    with pytest.raises(VerificationError, match=r"mse on 20 samples .* wanted at most 1e-09"):
        rewrite_and_measure(small_cnn(), data, {**options, "plan_out": str(tmp_path / "plan.json")})
    assert not (tmp_path / "plan.json").exists()


def test_the_plan_holds_what_was_measured_and_can_be_applied(plugin_path, data, tmp_path):
    plan = str(tmp_path / "plan.json")
    first = rewrite_and_measure(small_cnn(), data, {"objective": "none", "max_drop": 1.0, "plan_out": plan})
    assert json.loads((tmp_path / "plan.json").read_text())["sites"][0]["density"] > 0
    again = rewrite_and_measure(small_cnn(), None, {"plan": plan})
    assert again.model.SerializeToString() == first.model.SerializeToString()


def test_reports_are_written_from_python_too(tmp_path):
    onnx.save(small_cnn(), tmp_path / "in.onnx")
    files = {"json": str(tmp_path / "r.json"), "html": str(tmp_path / "r.html")}
    result = rewrite_and_measure(str(tmp_path / "in.onnx"), None, files)
    assert json.loads((tmp_path / "r.json").read_text()) == plain_report(result.report)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "in.onnx: spl-onnx" in page
    assert rewrite_and_measure(small_cnn(), None, {}).report["input"] is None


def test_a_drop_above_the_limit_writes_no_report(plugin_path, data, tmp_path):
    options = {"rules": "all", "predictor": "pruned", "keep": 0.02, "metric": "mse", "max_drop": 1e-9}
    options |= {"objective": "none", "json": str(tmp_path / "r.json"), "html": str(tmp_path / "r.html")}
    with pytest.raises(VerificationError):
        rewrite_and_measure(small_cnn(), data, options)
    assert not (tmp_path / "r.json").exists() and not (tmp_path / "r.html").exists()


def test_a_dry_run_with_data_is_measured_too(plugin_path, data):
    options = RewriteOptions(data=data, dry_run=True, max_drop=1.0)
    result = measured_rewrite(read_model(small_cnn()), options, DataOptions())
    assert result.report["accuracy"]["images"] == 20


def test_the_original_is_not_changed(plugin_path, data):
    model = small_cnn()
    before = model.SerializeToString()
    rewrite_and_measure(model, data, {"rules": "all", "max_drop": 1.0})
    assert model.SerializeToString() == before


def test_unknown_options():
    with pytest.raises(UsageError, match=r"got unknown option max_dorp, wanted one of .*batch.*max_drop"):
        rewrite_and_measure(small_cnn(), None, {"max_dorp": 1})


@pytest.mark.parametrize("option", ["json", "html", "plan_out", "resume"])
def test_files_of_the_input_are_no_reports(tmp_path, option):
    """Refused before the work starts."""
    onnx.save(
        small_cnn(), tmp_path / "in.onnx", save_as_external_data=True, location="in.data", size_threshold=0
    )
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    flag = "--" + option.replace("_", "-")
    for name in ("in.onnx", "in.data"):
        options = {option: str(tmp_path / name), "metric": "auto"}
        with pytest.raises(UsageError, match=rf"{flag} .*: holds the input model or its weights"):
            rewrite_and_measure(tmp_path / "in.onnx", None, options)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_result_knows_the_weights_of_the_input(tmp_path):
    onnx.save(
        small_cnn(), tmp_path / "in.onnx", save_as_external_data=True, location="in.data", size_threshold=0
    )
    result = rewrite_and_measure(tmp_path / "in.onnx", None, {"no_verify": True})
    assert result.protected == (tmp_path / "in.data",)
    with pytest.raises(UsageError, match="holds the input model or its weights"):
        result.save(tmp_path / "in.data")
