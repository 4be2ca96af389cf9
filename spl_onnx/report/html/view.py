"""A report as the page sees it: typed, and None where something was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from spl_onnx.report.entries import ModelSummary, RewriteEntry
from spl_onnx.report.html.results import Accuracy, Flops, Search
from spl_onnx.report.html.sites import Layer
from spl_onnx.report.plain import from_json


@dataclass(frozen=True)
class Report(RewriteEntry):
    """All that the page shows."""

    sites: Sequence[Layer] = ()
    accuracy: Accuracy | None = None
    flops: Flops | None = None
    input: str | None = None
    output: str | None = None
    notes: Sequence[str] = ()
    search: Search | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    verification: Mapping[str, object] = field(default_factory=dict)

    @property
    def before(self) -> ModelSummary:
        """The original."""
        return self.model.before

    @property
    def after(self) -> ModelSummary:
        """The rewritten model."""
        return self.model.after

    @property
    def title(self) -> str:
        """The name of the model's file."""
        return PurePath(str(self.input or "")).name or "Model in memory"

    @property
    def times(self) -> Search:
        """The times of the whole network, all None where there was no search."""
        return self.search or Search()

    def dense(self, timed: bool) -> list[tuple[int, Layer]]:
        """Layers that were left dense, with their numbers: those that were timed, or the others."""
        numbered = [(number, site) for number, site in enumerate(self.sites, 1) if site.is_dense]
        return [(number, site) for number, site in numbered if (site.dense_ms is not None) == timed]

    def own_settings(self) -> list[str]:
        """Names of the settings that single layers have."""
        return list(dict.fromkeys(name for site in self.sites for name in site.settings))

    @property
    def metric(self) -> str:
        """The metric that the search looked at."""
        return self.times.metric or (self.accuracy.metric if self.accuracy else None) or "accuracy"

    @property
    def limit(self) -> float | None:
        """The largest drop that the search allowed; older reports have it among the settings."""
        limit = self.settings.get("max_drop") if self.times.budget is None else self.times.budget
        return limit if isinstance(limit, int | float) else None


def read_report(report: Mapping[str, object]) -> Report:
    """The view of a report as `--json` writes it."""
    return from_json(Report, report)
