"""The page: its frame, and writing it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path, PurePath
from typing import Any

from spl_onnx.files import write_text
from spl_onnx.report.build import plain_report
from spl_onnx.report.html.about import machine_section, model_section, settings_section
from spl_onnx.report.html.escape import Html, join, raw, tag
from spl_onnx.report.html.headline import headline
from spl_onnx.report.html.layers import dense_section, layers_section
from spl_onnx.report.html.results import accuracy_section, time_section, work_section
from spl_onnx.report.html.search_path import search_section

_SECTIONS = (
    accuracy_section,
    time_section,
    work_section,
    layers_section,
    dense_section,
    search_section,
    settings_section,
    model_section,
    machine_section,
)


def write_html(report: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of a report.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(path, page(report), "--html")


def page(report: Mapping[str, Any]) -> str:
    """A report as one HTML file that needs no other.

    Args:
        report: as `--json` writes it; `input` and `output` are optional.
    """
    report = plain_report(report)
    style, script = raw(_resource("style.css")), raw(_resource("sort.js"))
    title = _title(report)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title}: spl-onnx"),
        tag("style", style),
    )
    body = tag("body", tag("main", *_content(report, title)), tag("script", script))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _content(report: Mapping[str, Any], title: str) -> list[Html]:
    files = [str(report[key]) for key in ("input", "output") if report.get(key)]
    header = tag(
        "header",
        tag("p", "Report of spl-onnx rewrite", class_="kind"),
        tag("h1", tag("bdi", title)),
        tag("p", join(tag("bdi", name) if name != "→" else " → " for name in _arrows(files))),
    )
    footer = tag("footer", "Times hold for the machine named above.")
    return [header, headline(report), *(make(report) for make in _SECTIONS), footer]


def _arrows(names: list[str]) -> list[str]:
    return [part for name in names for part in ("→", name)][1:]


def _title(report: Mapping[str, Any]) -> str:
    """The name of the model's file; without one, of its first input and output."""
    return PurePath(str(report.get("input") or "")).name or "Model in memory"


def _resource(name: str) -> str:
    return resources.files("spl_onnx.report.html").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Nothing is loaded, and only our own script runs, whatever a name in the model may hold."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
