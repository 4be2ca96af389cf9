"""Settings, models, versions."""

from __future__ import annotations

from tests.report.html.reports import Reader, bare, drawn, full


def words(name, report):
    return " ".join(Reader(drawn(name, report)).words[name].split())


def test_settings():
    shown = words("settings", full())
    assert "--rules all --max-drop 0.01 --lossless no --choices dense, predict" in shown
    assert "layer predictor keep threshold floor" in shown
    assert "three pruned 0.25 0.1 to 0.3, by channel 0.5" in shown and "two int8 - - -" in shown
    shapes = full() | {"settings": {"input_shape": {"x": [1, 3]}, "skip_rules": [], "keep": None, "plan": {}}}
    assert "Settings --input-shape x: 1, 3 Of" in words("settings", shapes)
    assert "none has settings of its own" in words("settings", bare())


def test_models():
    shown = words("model", full())
    for part in (
        "opset 17",
        "checked ONNX checker passed",
        "sites beside what they replace 6 equal",
        "a note",
        "nodes 9 11",
        "Conv 4 0",
        "weights 4.00 kB",
    ):
        assert part in shown
    assert "checked no" in words("model", bare())
    skipped = full() | {"verification": {"skipped": "nothing was rewritten"}}
    assert "checked no" in words("model", skipped) and "beside" not in words("model", skipped)
    alone = full() | {"verification": {"checker": "passed", "sites": "skipped: too large"}}
    assert "checker passed" in words("model", alone) and "beside" not in words("model", alone)


def test_machine():
    shown = words("machine", full())
    assert "processor A processor cores 2 spl_onnx 9.8.7 instruction set avx512" in shown
    assert "Not recorded" in words("machine", bare())
