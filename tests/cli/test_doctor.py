"""`spl-onnx doctor`."""

from __future__ import annotations

from spl_onnx.measure.health import Check


def test_fine(plugin_path, call, report):
    code, out, err = call("doctor")
    assert (code, err) == (0, "") and "loaded and ran" in out and plugin_path in out
    assert {check["name"] for check in report("doctor")} >= {"ONNX Runtime", "operator library", "operators"}


def test_a_problem(call, monkeypatch):
    checks = [Check("a", True, "good"), Check("b", False, "bad", "do this"), Check("c", None, "who knows")]
    monkeypatch.setattr("spl_onnx.measure.health.all_checks", lambda: checks)
    code, out, err = call("doctor")
    assert code == 4 and "PROBLEM" in out and "do this" in out
    assert err == "spl-onnx: error: doctor: 1 problem(s): b; see the table for what to do\n"
