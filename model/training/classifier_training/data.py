"""Tickets from JSON Lines or CSV: subject, body and any label columns."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier_training.errors import DataError

__all__ = ["Ticket", "columns_of_labels", "label_columns", "read_tickets", "row_hash"]

_TEXT_COLUMNS = ("subject", "body")
_ID_COLUMNS = ("id", "ticket_id", "row_id")
_MOST_LABELS = 300
_LONGEST_FIELD = 10_000_000


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
    """SHA-256 of subject, line feed and body: names a row without its file or position."""
    return hashlib.sha256(f"{ticket.subject}\n{ticket.body}".encode()).hexdigest()


def read_tickets(file: Path) -> list[Ticket]:
    """Read a ``.csv`` file, or JSON Lines from any other.

    Raises:
        DataError: The file cannot be read, or a row is not an object with a ``body``.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = _csv_rows(stream) if file.suffix.lower() == ".csv" else _json_rows(stream, file)
            tickets = [_ticket(row, file, line) for line, row in rows]
    except OSError as error:
        raise DataError(file, "cannot be read") from error
    except UnicodeDecodeError as error:
        raise DataError(file, "is not UTF-8") from error
    except csv.Error as error:
        raise DataError(file, "is not a CSV file with one header line") from error
    if not tickets:
        raise DataError(file, "holds no tickets")
    return tickets


def _csv_rows(stream: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.DictReader(stream, strict=True)
    for row in reader:
        yield reader.line_num, row


def _json_rows(stream: Iterable[str], file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise DataError(file, "is not a JSON object", line=line) from error
        if not isinstance(row, dict):
            raise DataError(file, "is not a JSON object", line=line)
        yield line, row


def _ticket(row: Mapping[str, Any], file: Path, line: int) -> Ticket:
    subject, body = row.get("subject") or "", row.get("body") or ""
    if not isinstance(subject, str) or not isinstance(body, str):
        raise DataError(file, "subject and body must be text", line=line)
    if "body" not in row and "subject" not in row:
        raise DataError(file, "has neither subject nor body", line=line)
    row_id = next((str(row[key]) for key in _ID_COLUMNS if row.get(key)), f"{file.name}:{line}")
    labels = {
        str(key): text
        for key, value in row.items()
        if key not in {*_TEXT_COLUMNS, *_ID_COLUMNS} and (text := _label(value))
    }
    return Ticket(row_id, subject, body, labels)


def _label(value: Any) -> str:
    """A cell as a label: text, numbers and booleans; anything else is none."""
    return str(value).strip() if isinstance(value, str | int | float | bool) else ""


def label_columns(tickets: Sequence[Ticket]) -> list[str]:
    """Columns that look like labels; see `columns_of_labels`."""
    return columns_of_labels([ticket.labels for ticket in tickets])


def columns_of_labels(tickets: Sequence[Mapping[str, str]]) -> list[str]:
    """Columns with 2 to 300 distinct values, most of them seen repeatedly.

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
    ]
