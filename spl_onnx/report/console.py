"""The terminal: tables on standard output, progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars
from rich.table import Table
from rich.text import Text

from spl_onnx.progress import Progress, silent
from spl_onnx.text import visible

#: Width where the output is a file or a pipe: names of sites are long, and nobody folds a log by hand.
_PIPE_WIDTH = 160


class _Console(Console):
    """A console that leaves a closed pipe to the caller, who knows the exit code."""

    def on_broken_pipe(self) -> None:
        """Raise on: rich calls this while it handles the error."""
        raise


class Terminal:
    """Prints unless it is quiet; names from models are never read as markup, nor obeyed by the terminal.

    Args:
        quiet: print nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        width = None if sys.stdout.isatty() else _PIPE_WIDTH
        self._console = _Console(
            file=sys.stdout, width=width, markup=False, emoji=False, highlight=False, quiet=quiet
        )

    def line(self, text: str) -> None:
        """Print one line of text."""
        self._console.print(visible(text), soft_wrap=True)

    def table(self, table: Table) -> None:
        """Print a table with an empty line behind it."""
        self._console.print(table)
        self._console.print()

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Progress]:
        """A progress bar on standard error; yields a function that is told how much was done."""
        if self.quiet or not sys.stderr.isatty():
            yield silent
            return
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with ProgressBars(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(what, total=total or None)
            yield lambda done: bars.update(task, advance=done)


def make_table(title: str, *columns: str, text: tuple[str, ...] = ()) -> Table:
    """An empty table; columns named in `text` are left-aligned and may fold, the others are numbers."""
    table = Table(title=visible(title), title_justify="left", title_style="bold")
    for name in columns:
        if name in text:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table


def add_row(table: Table, *cells: object) -> None:
    """Add a row; None is a dash."""
    table.add_row(*(Text("-" if cell is None else visible(str(cell))) for cell in cells))
