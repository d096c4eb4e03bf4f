"""The ports: what the use cases need of the world, in words of the domain."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from otai_freshdesk.domain.prediction import Prediction
from otai_freshdesk.domain.ticket import Changes, Ticket


class Classifier(Protocol):
    """Judges text; one ticket at a time, so that no ticket's result depends on another."""

    @property
    def bundle_id(self) -> str:
        """Return the name of the bundle that judges."""
        ...

    def classify(self, subject: str, body: str) -> Prediction:
        """Return the prediction for one ticket; deterministic, never raises on any text."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What the help desk took: the changes, and the fields it refused."""

    changes: Changes
    refused: frozenset[str] = frozenset()


class HelpDesk(Protocol):
    """Reads and writes tickets. All methods raise the errors of `application.errors`."""

    async def now(self) -> datetime:
        """Return the time by the clock that stamps the tickets, which ours need not agree with."""
        ...

    async def ticket(self, ticket_id: int) -> Ticket | None:
        """Return a fresh look at a ticket, or None when there is none (any more)."""
        ...

    async def write(self, latest: Ticket, changes: Changes) -> Written:
        """Write `changes` in one request, tags merged into those of `latest`.

        A field whose value the help desk refuses is left out and reported, the rest written.
        """
        ...

    def updated_between(
        self, since: datetime, until: datetime, wanted: Callable[[Ticket], bool]
    ) -> AsyncIterator[Ticket]:
        """Stream the tickets last updated in [since, until], oldest update first.

        Each is yielded at least once even while others (or we) write to the tickets, and no
        ticket is yielded before all that share its time of update have been read. Those that are
        `wanted` come with their text.
        """
        ...

    async def changed_since(self, since: datetime) -> Sequence[Ticket]:
        """Return fresh looks, without text, at the tickets updated at or after `since`."""
        ...

    async def room_to_write(self, most: int) -> int:
        """Wait until a look at what has changed, and writes after it, may be sent at once.

        Returns how many writes, `most` or as many as the rate limit ever allows. Writes
        themselves never wait: between the last look and the write lies no more than the time
        both take.
        """
        ...

    async def write_alike(self, ticket_ids: Sequence[int], changes: Changes) -> Written:
        """Ask for the same changes in many tickets that have no tags; applied a little later.

        A field whose value the help desk does not know is left out and reported. It promises
        nothing for a single ticket: look for the marker afterwards.
        """
        ...

    async def add_note(self, ticket_id: int, lines: Sequence[str], marker: str) -> bool:
        """Add a note that only agents see, unless one that holds `marker` is there already.

        Returns whether the note is there; False when the ticket is not. `lines` hold the marker.
        """
        ...
