"""Templates become HTML and SVG. Every text they are given is escaped: names in models are not trusted."""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spl_onnx.report import formats
from spl_onnx.text import visible


def render(template: str, **values: object) -> Markup:
    """A template of the folder `templates`, filled in."""
    return Markup(_environment().get_template(template).render(values))


def draw(template: str, macro: str, *values: object) -> Markup:
    """One macro of a template."""
    return Markup(getattr(_environment().get_template(template).module, macro)(*values))


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("spl_onnx.report.html"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ms": formats.milliseconds,
        "percent": formats.percent,
        "operations": formats.operations,
        "size": formats.size,
        "drop": lambda value, metric: formats.metric_drop(metric, value),
        "rounded": rounded,
        "sentence": sentence,
        "setting": setting,
    }
    return made


def _printable(value: object) -> str:
    """A text with control characters, marks that turn the direction of writing, and surrogates spelt out."""
    return value if isinstance(value, Markup) else visible(str(value), keep="\n")


def rounded(value: object) -> object:
    """Coordinates with the digits that a screen can show; anything else as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def sentence(words: object) -> str:
    """A line of the terminal as a sentence."""
    return f"{str(words)[:1].upper()}{str(words)[1:]}."


def setting(value: object) -> object:
    """A setting as the command line has it; a list of numbers as its range; None where there is nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {setting(entry)}" for name, entry in value.items()) or None
    if isinstance(value, list):
        if len(value) > 2 and all(isinstance(entry, int | float) for entry in value):
            return f"{min(value):.3g} to {max(value):.3g}, by channel"
        return ", ".join(str(setting(entry)) for entry in value) or None
    return f"{value:g}" if isinstance(value, float) else value


def raw(content: str) -> Markup:
    """Content of style and script elements, which HTML does not escape.

    Raises:
        ValueError: it could end the element.
    """
    if "</" in content:
        raise ValueError("raw content holds '</', wanted text that cannot end its element")
    return Markup(content)
