"""Tables of times."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from spl_onnx.report.console import add_row, make_table
from spl_onnx.report.entries import TimedModel

_SHOWN_NODES = 15


def times_table(models: Sequence[TimedModel], speedup: float | None) -> Table:
    """Median and spread per model; the ratio of two models is the title, because it is what one asks for."""
    title = (
        "time per run"
        if speedup is None
        else f"{speedup:.3f} x: time of the first / time of the second model"
    )
    table = make_table(title, "model", "median", "p10", "p90", "runs", text=("model",))
    for model in models:
        add_row(
            table,
            model.model,
            f"{model.median_ms:.3f} ms",
            f"{model.p10_ms:.3f} ms",
            f"{model.p90_ms:.3f} ms",
            len(model.times_ms),
        )
    return table


def operators_table(models: Sequence[TimedModel]) -> Table:
    """Milliseconds per operator type of each model."""
    names = [f"model {i + 1}" for i in range(len(models))]
    table = make_table("time per operator (profiler)", "operator", *names, text=("operator",))
    operators = dict.fromkeys(name for model in models for name in model.operators_ms)
    for name in operators:
        cells = (model.operators_ms.get(name) for model in models)
        add_row(table, name, *(None if ms is None else f"{ms:.3f} ms" for ms in cells))
    return table


def nodes_table(model: TimedModel) -> Table:
    """The slowest nodes of a model."""
    table = make_table(
        f"slowest nodes of {model.model}", "node", "operator", "time", text=("node", "operator")
    )
    for node in model.nodes[:_SHOWN_NODES]:
        add_row(table, node.name, node.op_type, f"{node.ms:.3f} ms")
    return table
