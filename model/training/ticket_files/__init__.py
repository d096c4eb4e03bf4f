"""Files of tickets as help desks have them: JSON Lines or CSV, a row a ticket.

Training and back-test read the same file the same way, since both read it here; `classify`
reads its JSON Lines here too. Nothing but the standard library is needed.

::

    TicketFileError    a file does not hold tickets; an `OSError` is passed on as it is
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

__all__ = [
    "BODIES",
    "CREATED",
    "IDS",
    "SUBJECT",
    "Row",
    "TicketFileError",
    "cell_text",
    "read_json_lines",
    "read_rows",
    "texts",
]

SUBJECT = "subject"
BODIES = ("body", "description", "description_text")
"""Names of the column with the text; the first that is filled counts."""
IDS = ("id", "ticket_id", "row_id")
CREATED = "created_at"

_CSV = frozenset({".csv", ".tsv"})
_DELIMITERS = ",;\t"
_LONGEST_CELL = 10_000_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_TEXT = "no column is named subject or body; rename the one with the text"
_QUOTES = "a quote is not closed, or stands within a text and is not doubled"


class TicketFileError(Exception):
    """A file does not hold tickets; the message shows none of it.

    Attributes:
        name: The file's name as it was given.
        problem: What is wrong, and the way out.
        line: The line at fault, counted from 1, if there is one.
    """

    def __init__(self, name: str, problem: str, *, line: int | None = None) -> None:
        self.name = name
        self.problem = problem
        self.line = line
        super().__init__(f"{name}, line {line}: {problem}" if line else f"{name}: {problem}")


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket's cells by column, and the line on which they end."""

    line: int
    cells: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Row(line={self.line})"


def read_rows(file: Path) -> Iterator[Row]:
    """Read a ``.csv`` or ``.tsv`` file with one header line, or JSON Lines from any other.

    Cells are divided by comma, semicolon or tab, whichever the header has most of. A header's
    surrounding space does not count, nor its case where it names the text, the number or the day.
    Empty rows are passed over.

    Raises:
        TicketFileError: The file holds something else, or no ticket.
        OSError: It cannot be read.
    """
    rows = _csv_rows(file) if file.suffix.lower() in _CSV else _json_rows(file)
    first = next(rows, None)
    if first is None:
        raise TicketFileError(str(file), "there is no ticket in it")
    yield first
    yield from rows


def read_json_lines(lines: Iterable[bytes], name: str) -> Iterator[Row]:
    """Yield the objects of JSON Lines; empty lines are passed over.

    Args:
        lines: The lines; read as they are asked for.
        name: What errors call them.

    Raises:
        TicketFileError: A line is no JSON object in UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            yield Row(number, _json_object(content, name, number))


def texts(row: Row, name: str) -> tuple[str, str]:
    """Subject and body of a row, each "" where it is empty.

    Args:
        row: The row.
        name: What errors call its file.

    Raises:
        TicketFileError: It has a column for neither, or something that is no text in one.
    """
    found = [key for key in (SUBJECT, *BODIES) if key in row.cells]
    if not found:
        raise TicketFileError(name, _NO_TEXT, line=row.line)
    for key in found:
        if not isinstance(row.cells[key] or "", str):
            raise TicketFileError(name, f"{key} must be text", line=row.line)
    body = next((row.cells[key] for key in BODIES if row.cells.get(key)), "")
    return row.cells.get(SUBJECT) or "", body


def cell_text(value: object) -> str:
    """Text, number or truth value as text, "" for anything else.

    Half a surrogate pair, which JSON may hold and no file can, becomes U+FFFD.
    """
    if not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _json_rows(file: Path) -> Iterator[Row]:
    with file.open("rb") as stream:
        yield from read_json_lines(stream, str(file))


def _json_object(line: bytes, name: str, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise TicketFileError(name, "not UTF-8; save the file as UTF-8", line=number) from None
    except (ValueError, RecursionError):
        problem = "not JSON; each line must be one object with subject and body"
        raise TicketFileError(name, problem, line=number) from None
    if not isinstance(row, dict):
        raise TicketFileError(name, "not an object with subject and body", line=number)
    return row


def _csv_rows(file: Path) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    ended = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            delimiter = max(_DELIMITERS, key=header.count)
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            names = _columns(next(reader, []), file)
            ended = reader.line_num
            for cells in reader:
                ended = reader.line_num
                if any(cells[len(names) :]):
                    problem = f"more cells than the header has, divided by {delimiter!r}"
                    raise TicketFileError(str(file), problem, line=ended)
                if any(cells):
                    pairs = zip_longest(names, cells[: len(names)], fillvalue="")
                    yield Row(ended, {name: cell for name, cell in pairs if name})
    except UnicodeDecodeError:
        problem = "not UTF-8; save it as CSV with UTF-8"
        raise TicketFileError(str(file), problem, line=_undecodable(file)) from None
    except csv.Error:
        raise TicketFileError(str(file), _QUOTES, line=ended + 1) from None


def _columns(header: Iterable[str], file: Path) -> list[str]:
    names = [" ".join(cell.split()) for cell in header]
    known = {SUBJECT, *BODIES, *IDS, CREATED}
    names = [name.casefold() if name.casefold() in known else name for name in names]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        problem = f"{len(twice)} names stand above two columns; rename or remove one of each"
        raise TicketFileError(str(file), problem, line=1)
    return names


def _undecodable(file: Path) -> int | None:
    """The first line that is no UTF-8; the reader of text decodes whole blocks."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None
