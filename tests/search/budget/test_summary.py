"""What a report tells of a search."""

from __future__ import annotations

import json

from spl_onnx.search.budget.problem import Step
from spl_onnx.search.budget.summary import BudgetSummary


def test_all_of_it_is_json_and_steps_are_numbered():
    path = (Step("a", 0.9, 0.1, 0.0, True), Step("b", 0.8, 0.2, 0.5, False))
    entry = json.loads(json.dumps(BudgetSummary("lagrange", "top1", 0.01, path, 0.9, 0.0, 7).as_json()))
    assert list(entry) == [
        "scheme", "metric", "budget", "path", "cost", "search_drop", "evaluations", "stopped"
    ]  # fmt: skip
    assert entry["stopped"] is None and entry["evaluations"] == 7
    wanted = {"step": 1, "label": "b", "cost": 0.8, "loss": 0.2, "drop": 0.5, "kept": False}
    assert entry["path"][1] == wanted and entry["path"][0]["step"] == 0
