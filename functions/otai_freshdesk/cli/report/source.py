"""Past tickets, wherever they come from."""

from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from otai_freshdesk.evaluation import Decided

__all__ = ["Batch", "PastTicket", "Source"]


@dataclass(frozen=True, slots=True)
class PastTicket:
    """A ticket that people are done with: its text, and what they made of it."""

    subject: str = field(repr=False)
    body: str = field(repr=False)
    decided: Decided


@dataclass(frozen=True, slots=True)
class Batch:
    """Some tickets that were read together.

    Attributes:
        tickets: Those that count.
        skipped: How many others there were, by reason.
        position: Where to go on from after this batch.
    """

    tickets: tuple[PastTicket, ...]
    skipped: Counter[str]
    position: str


class Source(Protocol):
    """Where past tickets come from."""

    @property
    def identity(self) -> object:
        """What tells it from any other source, as JSON."""
        ...

    def batches(self, position: str | None) -> AsyncGenerator[Batch, None]:
        """Yield all batches, or those after a position."""
        ...
