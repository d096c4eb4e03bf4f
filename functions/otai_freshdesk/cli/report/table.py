"""Past tickets from a file: JSON Lines or CSV, a column for the text and one for each decision."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from itertools import batched, islice
from pathlib import Path
from typing import Any

from otai_freshdesk.cli.errors import InputError
from otai_freshdesk.cli.report.source import Batch, PastTicket
from otai_freshdesk.evaluation import Decided
from otai_freshdesk.evaluation.judge import LANGUAGE

__all__ = ["TicketTable"]

SUBJECT = "subject"
BODIES = ("body", "description", "description_text")
CREATED = "created_at"
ID = "id"
_TEXTS = frozenset({SUBJECT, *BODIES, CREATED, ID, LANGUAGE})
_BATCH = 100
_LONGEST_CELL = 4 * 1024 * 1024
_DELIMITERS = ",;\t"

type Row = Mapping[str, Any]


class TicketTable:
    """Reads a file row by row.

    Attributes:
        columns: The names of the columns that may hold decisions.
    """

    def __init__(self, path: Path) -> None:
        """Look at the file's first row.

        Raises:
            InputError: It does not hold tickets.
            OSError: It cannot be read.
        """
        self._path = path
        self._is_csv = path.suffix.lower() in {".csv", ".tsv"}
        first = next(self._rows(), None)
        if first is None:
            raise InputError(str(path), "there is no ticket in it")
        _, row = first
        if not {SUBJECT, *BODIES} & row.keys():
            raise InputError(
                str(path), "no column is named subject or body; rename the one with the text"
            )
        self.columns = frozenset(row) - _TEXTS

    @property
    def identity(self) -> object:
        """A hash of the content."""
        with self._path.open("rb") as stream:
            return {"file": hashlib.file_digest(stream, "sha256").hexdigest()}

    @property
    def rows(self) -> int:
        """How many tickets the file holds; reads it through."""
        return sum(1 for _ in self._rows())

    async def batches(self, position: str | None) -> AsyncGenerator[Batch, None]:
        """Yield the tickets, those of a hundred rows at a time.

        Raises:
            InputError: A row is not what its neighbours are.
            OSError: The file cannot be read.
        """
        done = int(position or 0)
        for rows in batched(islice(self._rows(), done, None), _BATCH, strict=False):
            tickets = tuple(
                self._ticket(row, done + number, line)
                for number, (line, row) in enumerate(rows, start=1)
            )
            done += len(rows)
            yield Batch(tickets, Counter(), str(done))

    def _rows(self) -> Iterator[tuple[int, Row]]:
        """Yield each row with its line."""
        return self._csv_rows() if self._is_csv else self._json_rows()

    def _json_rows(self) -> Iterator[tuple[int, Row]]:
        with self._path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                except (ValueError, RecursionError):
                    problem = "not JSON in UTF-8; each line must be one object"
                    raise InputError(str(self._path), problem, line=number) from None
                if not isinstance(row, dict):
                    problem = "not an object with subject, body and labels"
                    raise InputError(str(self._path), problem, line=number)
                yield number, row

    def _csv_rows(self) -> Iterator[tuple[int, Row]]:
        with (
            self._path.open(encoding="utf-8-sig", newline="") as stream,
            _csv_errors(str(self._path)),
        ):
            header = stream.readline()
            stream.seek(0)
            delimiter = max(_DELIMITERS, key=header.count)
            reader = csv.DictReader(stream, delimiter=delimiter)
            for row in reader:
                if None in row:
                    problem = f"more cells than the header has, divided by {delimiter!r}"
                    raise InputError(str(self._path), problem, line=reader.line_num)
                yield reader.line_num, {name.strip(): value for name, value in row.items()}

    def _ticket(self, row: Row, number: int, line: int) -> PastTicket:
        for name in (SUBJECT, *BODIES):
            if not isinstance(row.get(name) or "", str):
                raise InputError(str(self._path), f"{name} must be text", line=line)
        given = row.get(ID)
        text_id = str(given) if given is not None else ""
        return PastTicket(
            subject=row.get(SUBJECT) or "",
            body=next((row[name] for name in BODIES if row.get(name)), ""),
            decided=Decided(
                ticket_id=int(text_id) if text_id.isascii() and text_id.isdigit() else number,
                created=_day(row.get(CREATED)),
                values={name: _value(row.get(name)) for name in self.columns},
                language=_value(row.get(LANGUAGE)),
            ),
        )


@contextmanager
def _csv_errors(name: str) -> Iterator[None]:
    """Turn what the csv module and the codec raise into errors of the file."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    except (csv.Error, UnicodeDecodeError):
        problem = "not CSV in UTF-8; save it as CSV with UTF-8, quotes around texts"
        raise InputError(name, problem) from None
    finally:
        csv.field_size_limit(before)


def _value(value: object) -> str | None:
    """Return a cell's text; half a surrogate pair, which JSON may hold, can be written nowhere."""
    if not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "replace").decode().strip() or None


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None
