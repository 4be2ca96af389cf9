"""What a rewrite gives back: its notes, and where its weights are written."""

from __future__ import annotations

from pathlib import Path

import onnx

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.apply import Applied
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.plan import Plan
from tests.small_models import small_cnn


def test_notes_stand_in_the_order_of_the_steps():
    loaded = LoadedModel(small_cnn(), notes=["read"])
    refused = {("a", "conv"): "it fails"}
    applied = Applied(loaded.model, Plan(), ["moved"], {"checker": "passed", "notes": ["proved"]}, refused)
    result = RewriteResult.of(loaded, RewriteOptions(), applied)
    failed = "1 site was left as in the original after a failed check: a (it fails)"
    assert result.report == {
        "notes": ["read", "moved", failed, "proved"],
        "verification": applied.verification,
    }
    assert result.refused == refused


def test_without_checks_there_is_no_verification():
    loaded = LoadedModel(small_cnn())
    assert RewriteResult.of(loaded, RewriteOptions(), Applied(loaded.model, Plan())).report == {"notes": []}


def test_weights_are_written_as_in_the_input_or_as_wanted(tmp_path):
    loaded = LoadedModel(small_cnn(), external_data=True, weight_files=(Path("w.data"),))
    applied = Applied(loaded.model, Plan())
    inherited = RewriteResult.of(loaded, RewriteOptions(), applied)
    assert inherited.external_data and inherited.protected == (Path("w.data"),)
    wanted = RewriteResult.of(loaded, RewriteOptions(external_data=False), applied)
    assert wanted.external_data is False
    assert wanted.save(tmp_path / "out.onnx") == (tmp_path / "out.onnx",)
    assert onnx.load(tmp_path / "out.onnx") == loaded.model
