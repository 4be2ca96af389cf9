"""The page: its frame, its parts in their order, and writing it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from spl_onnx.files import write_text
from spl_onnx.report.build import plain_report
from spl_onnx.report.html.layer_chart import layer_chart
from spl_onnx.report.html.markup import raw, render
from spl_onnx.report.html.path_chart import path_chart
from spl_onnx.report.html.sites import by_reason, colours, counts, measured_columns, times_by_choice
from spl_onnx.report.html.view import Report, read_report

#: Files of the folder `templates`.
PARTS = ("headline", "accuracy", "time", "work", "layers", "dense", "search", "settings", "model", "machine")

#: What templates may call.
_FUNCTIONS = {
    function.__name__: function
    for function in (by_reason, colours, counts, layer_chart, measured_columns, path_chart, times_by_choice)
}


def write_html(report: Mapping[str, object], path: str | Path) -> None:
    """Write the page of a report.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(path, page(report), "--html")


def page(report: Mapping[str, object]) -> str:
    """A report as one HTML file that needs no other.

    Args:
        report: as `--json` writes it; `input` and `output` are optional.
    """
    view, script = read_report(plain_report(report)), _resource("sort.js")
    return render(
        "page.html.jinja",
        report=view,
        parts=[part(name, view) for name in PARTS],
        style=_resource("style.css"),
        script=script,
        policy=_policy(script),
    )


def part(name: str, report: Report) -> Markup:
    """The headline, or one section of the page."""
    return render(f"{name}.html.jinja", report=report, **_FUNCTIONS)


def _resource(name: str) -> Markup:
    folder = resources.files("spl_onnx.report.html") / "templates"
    return raw((folder / name).read_text(encoding="utf-8"))


def _policy(script: str) -> str:
    """Nothing is loaded, and only our own script runs, whatever a name in the model may hold."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
