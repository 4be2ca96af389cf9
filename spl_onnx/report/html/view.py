"""A report as the page sees it: typed, and None where something was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import TypeVar

from spl_onnx.report.formats import Entry
from spl_onnx.report.html.results import Accuracy, Flops, Search
from spl_onnx.report.html.sites import Site
from spl_onnx.report.rewrite_tables import confidence_line

T = TypeVar("T")


@dataclass(frozen=True)
class Model:
    """A model in numbers."""

    opset: int | None = None
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    nodes: int | None = None
    operators: Mapping[str, int] = field(default_factory=dict)
    weight_bytes: int | None = None


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    input: str | None = None
    output: str | None = None
    rewritten: int | None = None
    notes: Sequence[str] = ()
    sites: Sequence[Site] = ()
    accuracy: Accuracy | None = None
    flops: Flops | None = None
    search: Search | None = None
    settings: Entry = field(default_factory=dict)
    before: Model = field(default_factory=Model)
    after: Model = field(default_factory=Model)
    verification: Entry = field(default_factory=dict)
    machine: Entry = field(default_factory=dict)
    versions: Entry = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of the model's file."""
        return PurePath(str(self.input or "")).name or "Model in memory"

    @property
    def times(self) -> Search:
        """The times of the whole network, all None where there was no search."""
        return self.search or Search()

    def dense(self, timed: bool) -> list[tuple[int, Site]]:
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


def read_report(report: Entry) -> Report:
    """The view of a report as `--json` writes it."""
    accuracy, models, search = report.get("accuracy"), report.get("model") or {}, report.get("search")
    limit = (report.get("settings") or {}).get("max_drop")
    return read(
        Report,
        {
            **report,
            "sites": [read(Site, site) for site in report.get("sites") or []],
            "accuracy": read(Accuracy, {**accuracy, "known": _known(accuracy)}) if accuracy else None,
            "flops": read(Flops, report["flops"]) if report.get("flops") else None,
            "search": read(Search, {"limit": search.get("budget", limit), **search}) if search else None,
            "before": read(Model, models.get("before") or {}),
            "after": read(Model, models.get("after") or {}),
        },
    )


def _known(accuracy: Entry) -> str | None:
    return None if accuracy.get("confidence_upper") is None else confidence_line(accuracy)


def read(kind: type[T], entry: Entry) -> T:
    """An entry of a report as a dataclass; what the entry lacks has its default."""
    names = {known.name for known in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in entry.items() if key in names and value is not None})
