"""Layers that are left out before a search."""

from __future__ import annotations

import importlib

import pytest

from spl_onnx.errors import VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.search import sound
from spl_onnx.search.sound import note_left_out, sound_options
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn


@pytest.fixture
def broken(monkeypatch):
    """Verification refuses the layer conv2, whatever site it is part of."""
    # The package has a function of the name of this folder.
    repair = importlib.import_module("spl_onnx.rewrite.verification.repair")
    real = repair.verify
    plans = []

    def verify(loaded, rewritten, options, plan, original=None):
        plans.append(plan)
        if any(site.layer == "conv2" and site.is_rewritten for site in plan.sites):
            raise VerificationError("it differs")
        return real(loaded, rewritten, options, plan, original)

    monkeypatch.setattr(repair, "verify", verify)
    return plans


def test_nothing_is_left_out_where_nothing_fails():
    options = RewriteOptions(data="x", max_drop=0.1)
    assert sound_options(read_model(small_cnn()), options) == (options, {})


def test_a_layer_that_fails_is_left_out_whatever_rule_would_take_it(broken):
    options = RewriteOptions(data="x", skip_layers="gemm1")
    sound_ones, refused = sound_options(read_model(small_cnn()), options)
    assert refused == {"conv2": "failed verification: it differs"}
    assert sound_ones.skip_layers == ("gemm1", "conv2")
    assert all(site.choice in ("lossless", "dense") for plan in broken for site in plan.sites)
    plan = rewrite_model(small_cnn(), RewriteOptions(rules="all", skip_layers=sound_ones.skip_layers)).plan
    assert [site.layer for site in plan.sites if site.is_rewritten] == ["conv1"]


def test_without_verification_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(sound, "apply_checked", lambda *args: pytest.fail("tried"))
    options = RewriteOptions(data="x", no_verify=True)
    assert sound_options(read_model(small_cnn()), options) == (options, {})


def test_the_reason_stands_in_plan_and_report():
    result = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True, skip_layers="conv2"))
    note_left_out(result, {"conv2": "failed verification: it differs"})
    (site,) = [site for site in result.plan.sites if site.layer == "conv2"]
    assert site.reason == "failed verification: it differs"
    assert result.report["notes"] == [
        "left out of the search after a failed check: conv2 (failed verification: it differs)"
    ]
