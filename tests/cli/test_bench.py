"""`spl-onnx bench`."""

from __future__ import annotations

import pytest

RUNS = ("--runs", "4", "--warmup", "1")


def test_one_model(report, call, model):
    content = report("bench", model, *RUNS)
    assert content["speedup"] is None and content["threads"] == 1
    (entry,) = content["models"]
    assert len(entry["times_ms"]) == 4 and entry["p10_ms"] <= entry["median_ms"] <= entry["p90_ms"]
    assert any("Conv" in name for name in entry["operators_ms"])
    code, out, _ = call("bench", model, *RUNS)
    assert code == 0 and "ONNX Runtime" in out and "random, seed 0" in out and "1 thread" in out


def test_two_models_and_data(plugin_path, report, call, model, rewritten, data):
    content = report("bench", model, rewritten, *RUNS, "--data", data, "--threads", "2")
    assert content["speedup"] > 0 and content["input_shapes"] == {"input": [1, 3, 8, 8]}
    assert {"SRMM", "SPLPredict"} <= set(content["models"][1]["operators_ms"])
    assert any(node["name"] == "pooled/srmm" for node in content["models"][1]["nodes"])
    assert " x: time of the first / time of the second" in call("bench", model, rewritten, *RUNS)[1]


def test_batches_and_shapes(report, model, data):
    assert report("bench", model, *RUNS, "--data", data, "--batch", "5")["input_shapes"]["input"][0] == 5
    shaped = report("bench", model, *RUNS, "--input-shape", "input:3,3,8,8")
    assert shaped["input_shapes"]["input"] == [3, 3, 8, 8]


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--runs", "0"), 2, "--runs"),
        (("--threads", "-1"), 2, "--threads"),
        (("--input-shape", "input:1,3,9,8"), 4, "[1, 3, 9, 8]"),
        (("--data", "nowhere"), 4, "nowhere"),
    ],
)
def test_wrong_input(call, model, flags, code, message):
    got, _, err = call("bench", model, *flags)
    assert got == code and message in err


def test_missing_model(call, model):
    assert call("bench", model, "no.onnx")[0] == 3


@pytest.mark.parametrize("command", ["bench", "eval", "compare"])
def test_the_provider_reaches_the_sessions(call, model, data, command):
    models = [model, model] if command == "compare" else [model]
    code, _, error = call(command, *models, "--data", data, "--provider", "tpu")
    assert code == 2 and "--provider: got 'tpu', wanted one of cpu, cuda" in error
