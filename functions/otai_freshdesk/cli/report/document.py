"""What a report says, as one document: `--json` prints it, the page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import heappush, heappushpop
from typing import Any

from otai_freshdesk.evaluation import Case, Evaluation
from otai_freshdesk.evaluation.evaluate import DISAGREEMENTS

__all__ = ["Document", "Kind", "Subjects", "shortened"]

FORMAT = 1
LONGEST_SUBJECT = 60


class Kind(StrEnum):
    """What was compared with people."""

    BACKTEST = "backtest"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A comparison that is over.

    Attributes:
        kind: What was compared.
        created_at: When.
        bundle_id: The bundle that judged.
        marker: The tag of the tickets, where only marked ones count.
        source: `{"account": name}` or `{"file": name}`.
        ticket_url: What a ticket's number is added to for its address; None without an account.
        skipped: How many tickets did not count, by reason.
        evaluation: The figures.
        subjects: Shortened subjects by ticket; None when no text is to be shown.
    """

    kind: Kind
    created_at: datetime
    bundle_id: str
    marker: str | None
    source: Mapping[str, str]
    ticket_url: str | None
    skipped: Mapping[str, int]
    evaluation: Evaluation
    subjects: Mapping[int, str] | None

    def as_record(self) -> dict[str, Any]:
        """Return everything as JSON."""
        record = {
            "format": FORMAT,
            "kind": self.kind.value,
            "created_at": self.created_at.isoformat(timespec="seconds"),
            "bundle_id": self.bundle_id,
            "marker": self.marker,
            "source": dict(self.source),
            "ticket_url": self.ticket_url,
            "with_text": self.subjects is not None,
            "skipped": dict(self.skipped),
            **self.evaluation.as_record(),
        }
        if self.subjects is not None:
            for field in record["fields"]:
                for one in field["disagreements"]:
                    one["subject"] = self.subjects.get(one["ticket_id"])
        return record


class Subjects:
    """The subjects of the surest disagreements, and of no other ticket."""

    def __init__(self) -> None:
        self._heaps: dict[int, list[tuple[float, int, str]]] = {}

    def note(self, case: Case, subject: str) -> None:
        """Keep a subject while it belongs to one of the surest disagreements of a field."""
        for number, one in enumerate(case.judgements):
            if one is None or one.agrees or not one.acts:
                continue
            heap = self._heaps.setdefault(number, [])
            push = heappush if len(heap) < DISAGREEMENTS else heappushpop
            push(heap, (one.probability, -case.ticket_id, shortened(subject)))

    def by_ticket(self) -> dict[int, str]:
        """Return what was kept."""
        return {-number: text for heap in self._heaps.values() for _, number, text in heap}


def shortened(subject: str) -> str:
    """Return the beginning of a subject, on one line, without what could steer a reader's eye."""
    plain = "".join(char if char.isprintable() else " " for char in subject)
    line = " ".join(plain.split())
    if len(line) <= LONGEST_SUBJECT:
        return line
    return line[: LONGEST_SUBJECT - 1].rstrip() + "…"
