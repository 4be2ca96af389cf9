"""What a report tells of a search that spent a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spl_onnx.search.budget.problem import Step


@dataclass(frozen=True)
class BudgetSummary:
    """How a search went and what it found.

    Attributes:
        scheme: how it searched.
        metric: that it looked at.
        budget: the largest loss of it.
        path: the configurations that it looked at.
        cost: of what it found, as a share of the original's.
        search_drop: loss of the metric on the samples of the search.
        evaluations: configurations that were run, over all searches so far.
        stopped: why it ended early; None where it did not.
    """

    scheme: str
    metric: str
    budget: float
    path: Sequence[Step]
    cost: float
    search_drop: float
    evaluations: int
    stopped: str | None = None

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {**vars(self), "path": [step.as_dict(number) for number, step in enumerate(self.path)]}
