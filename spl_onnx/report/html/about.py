"""What the page was made from: settings, models, versions, machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spl_onnx.report.formats import size
from spl_onnx.report.html.blocks import Column, code, facts, missing, note, section, table
from spl_onnx.report.html.escape import Html, Part, tag

Report = Mapping[str, Any]


def settings_section(report: Report) -> Html:
    """The options of the run and the settings of predicted layers."""
    settings = report.get("settings") or {}
    parts: list[Part] = []
    if settings:
        parts.append(facts((f"--{name.replace('_', '-')}", _value(v)) for name, v in settings.items()))
    sites = [site for site in report.get("sites") or [] if site.get("settings")]
    if sites:
        names = list(dict.fromkeys(name for site in sites for name in site["settings"]))
        rows = ([code(site["name"]), *(_value(site["settings"].get(n)) for n in names)] for site in sites)
        columns = (Column("layer", "text name"), *(Column(name) for name in names))
        parts += [tag("h3", "Of single layers"), table(columns, rows)]
    else:
        parts.append(note("No layer is predicted or truncated, so none has settings of its own."))
    return section("Settings", *parts, name="settings")


def _value(value: Any) -> Part:
    """A setting as the command line has it; a list of numbers as its range."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_value(entry)}" for name, entry in value.items()) or None
    if isinstance(value, list | tuple):
        if len(value) > 2 and all(isinstance(entry, int | float) for entry in value):
            return f"{min(value):.3g} to {max(value):.3g}, by channel"
        return ", ".join(str(_value(entry)) for entry in value) or None
    return f"{value:g}" if isinstance(value, float) else value


def model_section(report: Report) -> Html:
    """Both models in numbers, and what the rewriter noted."""
    models = report.get("model") or {}
    before, after = models.get("before") or {}, models.get("after") or {}
    rows: list[list[Part]] = [
        ["nodes", before.get("nodes"), after.get("nodes")],
        ["weights", size(before.get("weight_bytes")), size(after.get("weight_bytes"))],
    ]
    counts = before.get("operators") or {}, after.get("operators") or {}
    names = dict.fromkeys([*counts[1], *counts[0]])
    rows += [[code(name), counts[0].get(name, 0), counts[1].get(name, 0)] for name in names]
    columns = (Column("", "text"), Column("before"), Column("after"))
    ends = [
        ("inputs", ", ".join(before.get("inputs") or [])),
        ("outputs", ", ".join(before.get("outputs") or [])),
        ("opset", before.get("opset")),
        ("checked", _verification(report)),
    ]
    notes = (note(text) for text in report.get("notes") or [])
    folded = tag("details", tag("summary", "Nodes, weights, operators"), table(columns, rows, "plain"))
    return section("Model", facts(ends), *notes, folded, name="model")


def _verification(report: Report) -> str | None:
    verification = report.get("verification")
    if not verification:
        return "no"
    return f"ONNX checker {verification.get('checker', '?')}, random input"


def machine_section(report: Report) -> Html:
    """Versions and machine; times hold for these."""
    machine, versions = report.get("machine") or {}, report.get("versions") or {}
    named = {"isa": "instruction set", "cpu": "processor"}
    entries = [(named.get(name, name), value) for name, value in {**machine, **versions}.items()]
    content = facts(entries) if entries else missing("Not recorded.")
    return section("Versions and machine", content, name="machine")
