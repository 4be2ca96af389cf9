"""Accuracy, work and times as the page shows them. What was not measured is None."""

from __future__ import annotations

from collections.abc import Mapping

from spl_onnx.report.entries import AccuracyEntry, FlopsEntry, PriceEntry, SearchEntry
from spl_onnx.report.formats import metric_drop, metric_value, milliseconds, percent
from spl_onnx.report.rewrite_tables import confidence_line

Row = list[str | None]


class Accuracy(AccuracyEntry):
    """The metric of both models, and what the samples say about the true drop."""

    @property
    def known(self) -> str | None:
        """What the samples say, in words; None in reports that do not have it."""
        return None if self.confidence_upper is None else confidence_line(self)

    @property
    def lost(self) -> str | None:
        """The drop with its unit."""
        return metric_drop(self.metric, self.drop)

    @property
    def range(self) -> str | None:
        """The interval of the drop, in words; None where it is not known."""
        if not self.interval or None in self.interval:
            return None
        low, high = (metric_drop(self.metric, value) for value in self.interval)
        return f"{str(low).removesuffix(' points')} to {high}"

    @property
    def change(self) -> str:
        """Both values with one unit."""
        before, after = (metric_value(self.metric, value) for value in (self.before, self.after))
        if before is None:
            return after or "equal"
        unit = before.partition(" ")[2]
        short = before.removesuffix(f" {unit}") if unit and after and after.endswith(f" {unit}") else before
        return f"{short} → {after or '?'}"

    def rows(self) -> list[Row]:
        """Of each metric: name, before, after, drop, interval."""
        values = [metric_value(self.metric, value) for value in (self.before, self.after)]
        rows: list[Row] = [[self.metric, *values, self.lost, self.range]]
        if self.top5_before is not None and self.top5_after is not None:
            shown = [metric_value("top5", value) for value in (self.top5_before, self.top5_after)]
            rows.append(["top5", *shown, metric_drop("top5", self.top5_before - self.top5_after), None])
        if self.agreement is not None and self.metric != "agreement":
            drop = metric_drop("agreement", 1 - self.agreement)
            rows.append(["agreement", None, metric_value("agreement", self.agreement), drop, None])
        return rows


class Flops(FlopsEntry):
    """Work of a sample."""

    @property
    def change(self) -> str:
        """The reduction in words."""
        if not self.reduction:
            return "0.0 % fewer" if self.predictor else "unchanged"
        return f"{percent(abs(self.reduction))} {'fewer' if self.reduction >= 0 else 'more'}"

    @property
    def free(self) -> str | None:
        """The reduction where the predictor is not counted."""
        return percent(self.predictor_free.reduction)

    def prices(self) -> list[tuple[str, float, float | None]]:
        """What the predictor takes, and the reduction, in each way to count it."""
        own = PriceEntry(self.predictor, self.reduction)
        prices = {
            "int8 predictor at a quarter": own,
            "int8 predictor in full": self.predictor_full_price,
            "int8 predictor not counted": self.predictor_free,
        }
        if not self.predictor and not self.predictor_full_price.predictor:
            prices = {"now, nothing is predicted": own}
        return [
            (name, price.predictor, price.reduction)
            for name, price in prices.items()
            if price.predictor is not None
        ]


class Search(SearchEntry):
    """How the choices were found, and the times of the whole network."""

    @property
    def samples(self) -> int | None:
        """Samples that the search has seen."""
        return self.images.get("search") if isinstance(self.images, Mapping) else self.images

    @property
    def others(self) -> int | None:
        """The same, where they are not those of the result."""
        return self.samples if isinstance(self.images, Mapping) else None

    @property
    def cost_name(self) -> str:
        """What the cost of a step is a share of."""
        unit = str(self.cost_unit or self.objective or "time")
        return {"time": "time, % of the original's", "flops": "FLOPs, % of the original's"}.get(unit, unit)

    @property
    def change(self) -> str | None:
        """The times of both networks; None where one is not known."""
        times = [milliseconds(value) for value in (self.original_ms, self.chosen_ms)]
        return f"{times[0]} → {times[1]}" if all(times) else None

    @property
    def conditions(self) -> list[str]:
        """How the whole network was timed."""
        batches = "sample by sample" if self.time_batch == 1 else f"in batches of {self.time_batch}"
        images = None if self.timed_images is None else f"{self.timed_images} samples"
        noise = None if self.noise is None else f"noise {percent(self.noise)}"
        return [words for words in (f"Both in turn, {batches}", images, self.threads_text, noise) if words]

    @property
    def threads_text(self) -> str | None:
        """The threads times were measured with; None where that is not known."""
        if self.threads is None:
            return None
        return f"{self.threads or 'all'} thread{'' if self.threads == 1 else 's'}"
