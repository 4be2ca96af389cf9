"""Text from models, files and users, made safe to print.

Names may hold what a terminal obeys (escapes, carriage returns) or what hides their order (marks that turn
the direction of writing). Whatever prints text that is not the program's own passes it through here.
"""

from __future__ import annotations

#: A message keeps this many characters; names in models may have millions.
LONGEST_LINE = 4000


def visible(text: str, keep: str = "") -> str:
    r"""`text` with every character that cannot be seen spelt out, as ``\u001b`` for an escape.

    Halves of surrogate pairs, which stand for bytes that are no text in names of files, are spelt out too.

    Args:
        text: anything.
        keep: characters that stay all the same, for instance a line feed.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else f"\\u{ord(c):04x}" for c in text)


def one_line(text: str) -> str:
    """`text` in one line without characters that cannot be seen; very long ones lose their middle."""
    line = visible(" ".join(text.split()))
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} [...] {line[-half:]}"
