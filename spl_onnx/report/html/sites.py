"""Layers as the page shows them, and what may become of one: its names and its colour."""

from __future__ import annotations

from collections.abc import Sequence

from spl_onnx.report.entries import SiteEntry
from spl_onnx.report.formats import milliseconds

#: By choice, the converted ones first: in a sentence, and what it means.
NAMES = {
    "lossless": ("lossless", "lossless: only zero inputs are skipped"),
    "truncate": ("truncated", "truncated: small outputs become zero"),
    "int8": ("in 8 bits", "in 8 bits: products of bytes"),
    "predict": ("predicted", "predicted: outputs that do not matter are skipped"),
    "dense": ("left dense", "left dense"),
}

#: Columns of the table of layers that may be empty: class in the style sheet, and what of a layer they hold.
_MEASURED = {
    "work": ("number", "work_share"),
    "computed": ("bar", "density"),
    "kept": ("number", "keep"),
    "input zeros": ("bar", "zeros"),
    "before": ("number", "dense_ms"),
    "now": ("number", "now_ms"),
    "ratio": ("number", "ratio"),
}


class Layer(SiteEntry):
    """A site as the page shows it. What was not measured is None."""

    @property
    def kind(self) -> str:
        """The choice, which is a class of the style sheet; one that is not known counts as dense."""
        return self.choice if self.choice in NAMES else "dense"

    @property
    def is_dense(self) -> bool:
        """Whether the layer was left as it is."""
        return self.kind == "dense"

    @property
    def word(self) -> str:
        """What became of the layer."""
        return NAMES[self.kind][0].removeprefix("left ")

    @property
    def way(self) -> str | None:
        """The predictor, or what the layer multiplies in where that is not float32; None where neither is."""
        named = {"predict": "predictor", "int8": "precision"}.get(self.kind, "")
        way = self.settings.get(named)
        return None if way is None else str(way)

    @property
    def keep(self) -> float | None:
        """Fraction of the weights that the predictor keeps; None where nothing was pruned."""
        keep = self.settings.get("keep")
        return float(keep) if isinstance(keep, int | float) and self.kind == "predict" else None

    @property
    def ratio(self) -> float | None:
        """Time before over time now of a converted layer."""
        return self.dense_ms / self.now_ms if self.dense_ms and self.now_ms and not self.is_dense else None

    @property
    def about(self) -> str:
        """The rule and, for converted layers, the reason; those of the others have their own list."""
        return f"{self.rule}: {self.reason}" if self.reason and not self.is_dense else str(self.rule)

    def own(self, names: Sequence[str]) -> list[object]:
        """The settings of those names; None where the layer lacks one."""
        return [self.settings.get(name) for name in names]

    def measured(self, column: str) -> float | None:
        """What a column of the table of layers holds."""
        value: float | None = getattr(self, _MEASURED[column][1])
        return value


def measured_columns(sites: Sequence[Layer]) -> dict[str, str]:
    """Columns in which any layer has a value, with their classes."""
    return {
        column: kind
        for column, (kind, _) in _MEASURED.items()
        if any(site.measured(column) is not None for site in sites)
    }


def counts(sites: Sequence[Layer]) -> str:
    """How many layers became what, in words."""
    numbers = {name: sum(site.kind == choice for site in sites) for choice, (name, _) in NAMES.items()}
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number)


def colours(sites: Sequence[Layer]) -> list[tuple[str, str]]:
    """Colours of a drawing of layers, and what they mean."""
    used = {site.kind for site in sites}
    return [("original", "original"), *((kind, words) for kind, (_, words) in NAMES.items() if kind in used)]


def times_by_choice(sites: Sequence[Layer]) -> list[list[str | int | None]]:
    """Of each choice: name, number of layers that were timed, time before, time now, ratio."""
    rows: list[list[str | int | None]] = []
    for kind, (name, _) in NAMES.items():
        timed = [(s.dense_ms, s.now_ms) for s in sites if s.kind == kind]
        known = [(before, now) for before, now in timed if before is not None and now is not None]
        if known:
            before, now = (sum(times) for times in zip(*known, strict=True))
            ratio = f"{before / now:.2f} x" if now else None
            rows.append([name, len(known), milliseconds(before), milliseconds(now), ratio])
    return rows


def by_reason(numbered: Sequence[tuple[int, Layer]]) -> list[tuple[str, list[tuple[int, Layer]]]]:
    """Layers that have a reason in common, the largest groups first."""
    groups: dict[str, list[tuple[int, Layer]]] = {}
    for number, site in numbered:
        groups.setdefault(site.reason or "no reason was given", []).append((number, site))
    return sorted(groups.items(), key=lambda group: -len(group[1]))
