"""Past tickets from a file: JSON Lines or CSV, a column for the text and one for each decision."""

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import date, datetime
from itertools import batched, islice
from pathlib import Path

from otai_freshdesk.cli.report.source import Batch, PastTicket
from otai_freshdesk.evaluation import Decided
from otai_freshdesk.evaluation.judge import LANGUAGE
from ticket_files import BODIES, CREATED, IDS, SUBJECT, Row, cell_text, read_rows, texts

__all__ = ["TicketTable"]

_NO_DECISIONS = frozenset({SUBJECT, *BODIES, CREATED, *IDS, LANGUAGE})
_BATCH = 100
_MOST_DIGITS = 18


class TicketTable:
    """Reads a file row by row.

    Attributes:
        columns: The names of the columns that may hold decisions.
        names_tickets: Whether each row has a number of its own. Without it a ticket is called
            by the number of its row, so that none is taken for another.
    """

    def __init__(self, path: Path) -> None:
        """Read the file through, so that a bad row is said before the work.

        Raises:
            TicketFileError: It does not hold tickets.
            OSError: It cannot be read.
        """
        self._path = path
        columns: dict[str, None] = {}
        numbers: set[int | None] = set()
        count = 0
        for row in read_rows(path):
            texts(row, str(path))
            columns |= dict.fromkeys(row.cells)
            numbers.add(_number(row))
            count += 1
        self.columns = columns.keys() - _NO_DECISIONS
        self.names_tickets = len(numbers) == count and None not in numbers

    @property
    def identity(self) -> object:
        """A hash of the content."""
        with self._path.open("rb") as stream:
            return {"file": hashlib.file_digest(stream, "sha256").hexdigest()}

    async def batches(self, position: str | None) -> AsyncGenerator[Batch, None]:
        """Yield the tickets, those of a hundred rows at a time.

        Raises:
            TicketFileError: A row is not what its neighbours are.
            OSError: The file cannot be read.
        """
        done = int(position or 0)
        rows = islice(read_rows(self._path), done, None)
        for batch in batched(rows, _BATCH, strict=False):
            tickets = tuple(
                self._ticket(row, number) for number, row in enumerate(batch, start=done + 1)
            )
            done += len(batch)
            yield Batch(tickets, Counter(), str(done))

    def _ticket(self, row: Row, number: int) -> PastTicket:
        subject, body = texts(row, str(self._path))
        own = _number(row) if self.names_tickets else None
        return PastTicket(
            subject=subject,
            body=body,
            decided=Decided(
                ticket_id=number if own is None else own,
                created=_day(row.cells.get(CREATED)),
                values={name: _value(row, name) for name in self.columns},
                language=_value(row, LANGUAGE),
            ),
        )


def _number(row: Row) -> int | None:
    """Return the ticket's number, if the row holds one."""
    found = next(filter(None, (cell_text(row.cells.get(name)) for name in IDS)), "")
    is_number = found.isascii() and found.isdigit() and len(found) <= _MOST_DIGITS
    return int(found) if is_number else None


def _value(row: Row, name: str) -> str | None:
    return cell_text(row.cells.get(name)) or None


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None
