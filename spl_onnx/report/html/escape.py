"""HTML and SVG from parts. Text is escaped unless it was built here: names in models are not trusted."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any, TypeAlias

from spl_onnx.text import visible

#: Elements that have no content and, in HTML, no end.
_VOID = frozenset({"br", "meta"})


class Html(str):
    """Text that is HTML already; only the functions of this file make it."""

    __slots__ = ()


#: What an element may hold: None is left out, HTML is taken as it is, anything else is text.
Part: TypeAlias = Any


def text(value: Any) -> Html:
    """A value as text of a page.

    Control characters, those that turn the direction of writing, and halves of surrogate pairs, which no file
    can hold, are spelt out.
    """
    return Html(html.escape(visible(str(value), keep="\n"), quote=True))


def join(parts: Iterable[Part]) -> Html:
    """Parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts if part is not None))


def tag(name: str, /, *parts: Part, **attributes: Any) -> Html:
    """An element.

    Args:
        name: of the element.
        *parts: its content.
        **attributes: a trailing underscore is dropped (`class_`), others become hyphens; None is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(parts)}</{name}>")


def number(value: Any) -> Any:
    """Coordinates with the digits that a screen can show; anything else as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def raw(content: str) -> Html:
    """Content of style and script elements, which HTML does not escape.

    Raises:
        ValueError: it could end the element.
    """
    if "</" in content:
        raise ValueError("raw content holds '</', wanted text that cannot end its element")
    return Html(content)
