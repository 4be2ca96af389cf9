"""Tables of times."""

from __future__ import annotations

from spl_onnx.measure.profile import NodeTime
from spl_onnx.report.bench_tables import nodes_table, operators_table, times_table
from spl_onnx.report.console import Terminal
from spl_onnx.report.entries import TimedModel

MODELS = [
    TimedModel(
        model="a.onnx",
        median_ms=2.0,
        p10_ms=1.9,
        p90_ms=2.5,
        times_ms=[2.0] * 7,
        operators_ms={"Conv": 1.5, "Relu": 0.25},
        nodes=[NodeTime(f"n{i}", "Conv", 1.0) for i in range(20)],
    ),
    TimedModel(
        model="b.onnx",
        median_ms=1.0,
        p10_ms=0.9,
        p90_ms=1.5,
        times_ms=[1.0] * 7,
        operators_ms={"SRMM": 0.75},
        nodes=[],
    ),
]


def text_of(capsys, table):
    Terminal().table(table)
    return capsys.readouterr().out


def test_the_ratio_comes_first(capsys):
    text = text_of(capsys, times_table(MODELS, 2.0))
    assert text.startswith("2.000 x")
    assert "b.onnx" in text and "1.900 ms" in text and "2.500 ms" in text
    assert text_of(capsys, times_table(MODELS[:1], None)).startswith("time per run")


def test_operators_of_both_models(capsys):
    text = text_of(capsys, operators_table(MODELS))
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if line.startswith("│")}
    assert set(rows) == {"Conv", "Relu", "SRMM"}
    assert rows["SRMM"].split("│")[2].strip() == "-" and "0.750 ms" in rows["SRMM"]


def test_only_the_slowest_nodes(capsys):
    text = text_of(capsys, nodes_table(MODELS[0]))
    assert "n14" in text and "n15" not in text
