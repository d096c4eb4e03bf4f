"""Tickets from JSON Lines or CSV: subject, body and any label columns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier_training.errors import DataError
from ticket_files import (
    BODIES,
    CREATED,
    IDS,
    SUBJECT,
    Row,
    TicketFileError,
    cell_text,
    read_rows,
    texts,
)

__all__ = ["Ticket", "columns_of_labels", "label_columns", "read_tickets", "row_hash"]

_NO_LABELS = frozenset({SUBJECT, *BODIES, *IDS, CREATED, ""})
_MOST_LABELS = 300
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One labelled ticket.

    Attributes:
        row_id: Its ``id`` column, else ``FILE:LINE``; the only thing reports say of it.
        subject: Subject, may be empty.
        body: Plain text or HTML.
        labels: Label by column; columns without a value are absent.
    """

    row_id: str
    subject: str
    body: str
    labels: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Ticket(row_id={self.row_id!r})"


def row_hash(ticket: Ticket) -> str:
    """SHA-256 of subject, line feed and body in UTF-8: names a row without its file or position."""
    return hashlib.sha256(
        f"{ticket.subject}\n{ticket.body}".encode("utf-8", "surrogatepass")
    ).hexdigest()


def read_tickets(file: Path) -> list[Ticket]:
    """Read a ``.csv`` or ``.tsv`` file, or JSON Lines from any other; see `ticket_files`.

    Raises:
        DataError: The file does not hold tickets.
        OSError: It cannot be read.
    """
    try:
        return [_ticket(row, file) for row in read_rows(file)]
    except TicketFileError as error:
        raise DataError(file, error.problem, line=error.line) from error


def _ticket(row: Row, file: Path) -> Ticket:
    subject, body = texts(row, str(file))
    ids = (cell_text(row.cells.get(key)) for key in IDS)
    row_id = next(filter(None, ids), f"{file.name}:{row.line}")
    labels = {
        key: text
        for key, value in row.cells.items()
        if key not in _NO_LABELS and (text := cell_text(value))
    }
    if not all(map(str.isprintable, labels)):
        problem = "the name of a column holds control characters; rename it"
        raise DataError(file, problem, line=row.line)
    return Ticket(row_id, subject, body, labels)


def label_columns(tickets: Sequence[Ticket]) -> list[str]:
    """Columns that look like labels; see `columns_of_labels`."""
    return columns_of_labels([ticket.labels for ticket in tickets])


def columns_of_labels(tickets: Sequence[Mapping[str, str]]) -> list[str]:
    """Columns with 2 to 300 distinct values, most of them seen repeatedly; no mail addresses.

    Args:
        tickets: Value by column, of each ticket.
    """
    values: dict[str, list[str]] = {}
    for labels in tickets:
        for column, label in labels.items():
            values.setdefault(column, []).append(label)
    return [
        column
        for column, seen in values.items()
        if 2 <= len(set(seen)) <= min(_MOST_LABELS, max(2, len(seen) // 2))
        and not _are_addresses(seen)
    ]


def _are_addresses(values: Sequence[str]) -> bool:
    """Whether most values tell who it was, and not what it was about."""
    return 2 * sum(map(bool, map(_ADDRESS.fullmatch, values))) > len(values)
