"""Blocks of the page: sections, tables, bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spl_onnx.report.formats import percent
from spl_onnx.report.html.escape import Html, Part, join, tag

_MISSING = "-"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        kind: "text", "number" or "bar"; numbers stand at the right and never break.
        hint: what it means, shown by browsers on request.
    """

    title: str
    kind: str = "number"
    hint: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell that is sorted by something other than its text.

    Attributes:
        content: what it shows.
        key: what it is sorted by; None = last.
    """

    content: Part
    key: Any = None


def section(title: str, *parts: Part, name: str) -> Html:
    """A part of the page with a heading."""
    return tag("section", tag("h2", title), *parts, id=name)


def note(*parts: Part) -> Html:
    """A sentence."""
    return tag("p", *parts, class_="note")


def sentence(words: str) -> Html:
    """A line of the terminal as a sentence."""
    return note(f"{words[:1].upper()}{words[1:]}.")


def missing(*parts: Part) -> Html:
    """The sentence that stands where something was not measured."""
    return tag("p", *parts, class_="missing")


def code(value: Any) -> Html:
    """A name, isolated from the direction of the writing around it."""
    return tag("code", tag("bdi", value))


def scroll(*parts: Part) -> Html:
    """Wide content that scrolls by itself."""
    return tag("div", *parts, class_="scroll")


def table(columns: Sequence[Column], rows: Iterable[Sequence[Part | Cell]], class_: str = "cards") -> Html:
    """A table; None is a dash. On narrow screens class `cards` makes a card of each row."""
    head = (tag("th", column.title, class_=column.kind, scope="col", title=column.hint) for column in columns)
    body = (
        tag("tr", *(_cell(column, value) for column, value in zip(columns, row, strict=True))) for row in rows
    )
    return scroll(tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_=class_))


def _cell(column: Column, value: Part | Cell) -> Html:
    cell = value if isinstance(value, Cell) else Cell(value)
    content = _MISSING if cell.content is None else cell.content
    key = f"{cell.key:.9g}" if isinstance(cell.key, float) else cell.key
    empty = " empty" if cell.content is None else ""
    return tag("td", content, class_=column.kind + empty, data_label=column.title, data_key=key)


def facts(pairs: Iterable[tuple[str, Part]]) -> Html:
    """Names and values; those without a value are left out."""
    given = [(name, value) for name, value in pairs if value is not None and value != ""]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in given))


def bars(*parts: tuple[float, str], whole: float = 1.0) -> Html:
    """A bar of several colours.

    Args:
        *parts: lengths and classes, from the left.
        whole: the length that fills the cell.
    """
    pieces = (
        tag("i", class_=kind, style=f"width:{100 * min(max(length / whole, 0.0), 1.0):.2f}%")
        for length, kind in parts
        if whole > 0
    )
    return tag("span", *pieces, class_="bar", aria_hidden="true")


def share(value: float | None, kind: str) -> Cell:
    """A fraction as a bar and in percent."""
    if value is None:
        return Cell(None)
    return Cell(join((bars((value, kind)), tag("span", percent(value)))), value)


def legend(entries: Iterable[tuple[str, str]]) -> Html:
    """Colours and what they mean."""
    return tag("p", *(tag("span", tag("i", class_=kind), words) for kind, words in entries), class_="legend")
