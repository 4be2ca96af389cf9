"""Accuracy, work and time, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spl_onnx.report.formats import metric_drop, metric_value, milliseconds, operations, percent
from spl_onnx.report.html.blocks import Column, bars, legend, missing, note, section, sentence, table
from spl_onnx.report.html.choices import NAMES, choice_of
from spl_onnx.report.html.escape import Html, Part
from spl_onnx.report.html.headline import interval_text, threads_text
from spl_onnx.report.rewrite_tables import confidence_line

Report = Mapping[str, Any]


def accuracy_section(report: Report) -> Html:
    """The metric before and after, the drop and what the samples can prove."""
    accuracy = report.get("accuracy")
    if not accuracy:
        words = (
            "Not measured: there was no data. Give some with --data; random inputs say nothing of accuracy."
        )
        return section("Accuracy", missing(words), name="accuracy")
    columns = (
        Column("metric", "text"),
        Column("before"),
        Column("after"),
        Column("drop"),
        Column("95 % interval of the drop"),
    )
    return section(
        "Accuracy", table(columns, _accuracy_rows(accuracy)), *_accuracy_notes(report), name="accuracy"
    )


def _accuracy_rows(accuracy: Mapping[str, Any]) -> list[list[Part]]:
    metric = accuracy["metric"]
    values = [metric_value(metric, accuracy.get(key)) for key in ("before", "after")]
    rows = [[metric, *values, metric_drop(metric, accuracy.get("drop")), interval_text(accuracy)]]
    if accuracy.get("top5_before") is not None and accuracy.get("top5_after") is not None:
        five = accuracy["top5_before"], accuracy["top5_after"]
        shown = [metric_value("top5", value) for value in five]
        rows.append(["top5", *shown, metric_drop("top5", five[0] - five[1]), None])
    if accuracy.get("agreement") is not None and metric != "agreement":
        same = accuracy["agreement"]
        drop = metric_drop("agreement", 1 - same)
        rows.append(["agreement", None, metric_value("agreement", same), drop, None])
    return rows


def _accuracy_notes(report: Report) -> list[Html]:
    accuracy, search = report["accuracy"], report.get("search") or {}
    if report.get("rewritten") == 0:
        return [note("Nothing was converted, so both are the same model.")]
    images, notes = accuracy.get("images"), []
    if images is not None:
        notes.append(note(f"On {images} samples, the same for both models{_apart(search)}."))
    if accuracy.get("confidence_upper") is not None:
        notes.append(sentence(confidence_line(accuracy)))
    return notes


def _apart(search: Mapping[str, Any]) -> str:
    """Whether the search saw other samples."""
    images = search.get("images")
    if not isinstance(images, Mapping) or images.get("search") is None:
        return ""
    return f"; the search has seen {images['search']} others"


def work_section(report: Report) -> Html:
    """FLOPs of a sample, with the predictor at its three prices."""
    flops = report.get("flops")
    if not flops or not flops.get("dense"):
        words = "Not known: the shapes of the model are not all known. Give them with --input-shape."
        return section("Work", missing(words), name="work")
    if flops.get("selected") is None:
        words = (
            f"The original takes {operations(flops['dense'])} a sample, the predictor "
            f"{operations(flops['predictor'])}. How much of the rest is computed depends on data: "
            "give some with --data."
        )
        return section("Work", missing(words), name="work")
    columns = (
        Column("FLOPs of a sample", "text"),
        Column("", "bar wide"),
        Column("exact"),
        Column("predictor"),
        Column("together"),
        Column("reduction"),
    )
    rows = _work_rows(flops)
    colours = [("original", "original"), ("lossless", "computed exactly")]
    colours += [("predict", "predictor")] if len(rows) > 2 else []
    return section("Work", legend(colours), table(columns, rows), *_work_notes(flops), name="work")


def _work_rows(flops: Mapping[str, Any]) -> list[list[Part]]:
    dense, selected = flops["dense"], flops["selected"]
    prices: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("int8 predictor at a quarter", flops),
        ("int8 predictor in full", flops.get("predictor_full_price") or {}),
        ("int8 predictor not counted", flops.get("predictor_free") or {}),
    )
    if not flops["predictor"] and not (flops.get("predictor_full_price") or {}).get("predictor"):
        prices = (("now, nothing is predicted", flops),)
    known = [(name, price) for name, price in prices if price.get("predictor") is not None]
    whole = max([dense, *(selected + price["predictor"] for _, price in known)])
    rows: list[list[Part]] = [
        ["before", bars((dense, "original"), whole=whole), operations(dense), None, operations(dense), None]
    ]
    for name, price in known:
        cost = price["predictor"]
        bar = bars((selected, "lossless"), (cost, "predict"), whole=whole)
        shown = (operations(value) for value in (selected, cost, selected + cost))
        rows.append([name, bar, *shown, percent(price.get("reduction"))])
    return rows


def _work_notes(flops: Mapping[str, Any]) -> list[Html]:
    zeros, selected = flops.get("zero_inputs"), flops["selected"]
    notes = []
    if zeros and selected:
        notes.append(
            note(
                f"Of the exact work, {operations(zeros)} ({percent(zeros / selected)}) has an input that is "
                "zero and is skipped too; the reductions above leave that out."
            )
        )
    notes.append(note("A multiply-accumulate counts 2. Fewer FLOPs are not by themselves less time."))
    return notes


def time_section(report: Report) -> Html:
    """Time of the network before and after, and of its layers by what became of them."""
    search = report.get("search") or {}
    before, after = search.get("original_ms"), search.get("chosen_ms")
    if before is None or after is None:
        return section("Time", missing(_why_no_time(report)), name="time")
    whole = max(before, after)
    faster = search.get("faster") is not False
    kind = "lossless" if faster else "dense"
    rows = [
        ["original", bars((before, "original"), whole=whole), milliseconds(before)],
        ["now" if faster else "best found", bars((after, kind), whole=whole), milliseconds(after)],
    ]
    columns = (Column("whole network", "text"), Column("", "bar wide"), Column("median time"))
    parts: list[Part] = [table(columns, rows), note(_time_words(search))]
    if search.get("note"):
        parts.insert(0, sentence(str(search["note"])))
    by_choice = _choice_rows(report.get("sites") or [])
    if by_choice and faster:
        heads = (Column("layers", "text"), Column("number"), Column("before"), Column("now"), Column("ratio"))
        parts += [table(heads, by_choice), note(_LAYER_TIMES)]
    return section("Time", *parts, name="time")


_LAYER_TIMES = (
    "Times of layers come from a profiler. Conversions between layouts belong to no layer, so these do not "
    "add up to the whole network."
)


def _why_no_time(report: Report) -> str:
    if (report.get("settings") or {}).get("objective", "time") != "time":
        return "Not measured: the choices were not made by time. Use --objective time, or spl-onnx bench."
    return "Not measured: times are measured with --data (or with spl-onnx bench on both models)."


def _time_words(search: Mapping[str, Any]) -> str:
    images, noise = search.get("timed_images"), search.get("noise")
    size = search.get("time_batch", 1)
    words = ["Both in turn, " + ("sample by sample" if size == 1 else f"in batches of {size}")]
    words += [f"{images} samples"] if isinstance(images, int) else []
    words += [text] if (text := threads_text(search)) else []
    words += [f"noise {percent(noise)}"] if noise is not None else []
    return ", ".join(words) + "."


def _choice_rows(sites: Sequence[Mapping[str, Any]]) -> list[list[Part]]:
    rows: list[list[Part]] = []
    for choice, (name, _) in NAMES.items():
        timed = [
            (site["dense_ms"], site["now_ms"])
            for site in sites
            if choice_of(site) == choice
            and site.get("dense_ms") is not None
            and site.get("now_ms") is not None
        ]
        if timed:
            before, now = (sum(times) for times in zip(*timed, strict=True))
            ratio = f"{before / now:.2f} x" if now else None
            rows.append([name, len(timed), milliseconds(before), milliseconds(now), ratio])
    return rows
