"""What commands print: results to standard output, everything else to standard error."""

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer

from otai_freshdesk.jsontext import dumps

__all__ = [
    "NoteHandler",
    "ProgressBar",
    "note",
    "print_json",
    "print_line",
    "print_table",
    "printable",
    "progress_bar",
    "warn",
]

_PIPE_WIDTH = 1000  # nothing is wrapped or cut where no terminal says how wide it is


class ProgressBar(Protocol):
    """Shows how far long work has come."""

    def __call__(self, done: float, total: float | None = None, label: str | None = None) -> None:
        """Show that `done` of `total` is done; what is not given stays as it was."""
        ...


def print_json(document: object, *, err: bool = False) -> None:
    """Print a document as indented JSON."""
    typer.echo(dumps(document, indent=2), err=err)


def print_line(text: str = "") -> None:
    """Print a line of the result."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """Print what is not part of the result, without what could steer a terminal."""
    typer.echo("\n".join(map(printable, text.split("\n"))), err=True)


def warn(text: str) -> None:
    """Print something that went differently than it should, in one line."""
    note(f"warning: {printable(text)}")


class NoteHandler(logging.Handler):
    """Shows what the product logs, which holds no ticket text, in one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record's message and its reason."""
        reason = getattr(record, "reason", "")
        text = record.getMessage() + (f": {reason}" if reason else "")
        (warn if record.levelno >= logging.WARNING else note)(printable(text))


def printable(text: str) -> str:
    """Return `text` without what could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns, whole in a pipe and wrapped in a terminal."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*headers, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    with console.capture() as capture:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


@contextmanager
def progress_bar(label: str, total: float | None = None) -> Iterator[ProgressBar]:
    """Show a bar on standard error while the block runs, if that is a terminal.

    Args:
        label: What is being done.
        total: Steps in all; None shows only that work goes on.
    """
    if not sys.stderr.isatty():
        yield _no_progress
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)

        def show(done: float, total: float | None = None, label: str | None = None) -> None:
            progress.update(task, completed=done, total=total, description=label)

        yield show


def _no_progress(done: float, total: float | None = None, label: str | None = None) -> None:
    """Show nothing: standard error is a pipe or a file."""
