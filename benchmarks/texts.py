"""What is classified: tickets of the test split, cut to an exact number of pieces."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.paths import BUNDLE, TICKETS
from classifier_training.data import Ticket, read_tickets
from ticket_classifier import clean
from ticket_classifier.bundle import read_bundle
from ticket_classifier.encoder import TicketTokenizer

LENGTHS = (32, 64, 128, 256)
"""Pieces a ticket, the special ones and the prefix included."""

TEXTS_A_LENGTH = 8
TEST_FILE = "test.jsonl"


@dataclass(frozen=True, slots=True)
class Text:
    """One ticket's text, as it arrives and as the encoder sees it."""

    subject: str
    body: str
    cleaned: str


def tokenizer(bundle: Path = BUNDLE) -> TicketTokenizer:
    """Return the tokenizer of the shipped bundle."""
    return read_bundle(bundle).tokenizer


def test_tickets() -> list[Ticket]:
    """Return the test split."""
    return read_tickets(TICKETS / TEST_FILE)


def training_tickets() -> list[Ticket]:
    """Return everything but the test split."""
    files = sorted(TICKETS.glob("*.jsonl"))
    return [row for file in files if file.name != TEST_FILE for row in read_tickets(file)]


def texts_of_length(pieces: int, tickets: Sequence[Ticket], reader: TicketTokenizer) -> list[Text]:
    """Return texts of exactly so many pieces, cut from the tickets and joined where too short.

    Raises:
        ValueError: When the tickets give too few.
    """
    found: list[Text] = []
    for start in range(0, len(tickets), max(1, len(tickets) // (8 * TEXTS_A_LENGTH))):
        text = _cut(tickets[start:], pieces, reader)
        if text is not None:
            found.append(text)
        if len(found) == TEXTS_A_LENGTH:
            return found
    raise ValueError(f"too few texts of {pieces} pieces")


def _cut(tickets: Sequence[Ticket], pieces: int, reader: TicketTokenizer) -> Text | None:
    subject = tickets[0].subject
    words: list[str] = []
    for word in _words(tickets):
        words.append(word)
        body = " ".join(words)
        cleaned = clean(subject, body)
        count = len(reader.ids(cleaned))
        if count == pieces:
            return Text(subject, body, cleaned)
        if count > pieces:
            return None
    return None


def _words(tickets: Sequence[Ticket]) -> Iterator[str]:
    for ticket in tickets:
        yield from clean("", ticket.body).split()


def write_texts(path: Path) -> None:
    """Write the texts of every length as JSON, for processes that cannot import ours."""
    reader, tickets = tokenizer(), test_tickets()
    texts: Mapping[str, list[dict[str, str]]] = {
        str(pieces): [asdict(text) for text in texts_of_length(pieces, tickets, reader)]
        for pieces in LENGTHS
    }
    path.write_text(json.dumps(texts), encoding="utf-8")


def write_cleaned(tickets: Sequence[Ticket], path: Path) -> None:
    """Write cleaned texts with their labels as JSON Lines."""
    lines = (
        json.dumps({"text": clean(row.subject, row.body), "labels": dict(row.labels)})
        for row in tickets
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
