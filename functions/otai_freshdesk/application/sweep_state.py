"""What one sweep tells the next: how far it came, and which tickets refuse to be triaged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

MAX_BYTES = 4096  # the size of a standard SSM parameter
MAX_FAILING = 100
MAX_PARKED = 150


class SweepStateError(Exception):
    """The stored state is not ours or is damaged; the look-back makes up for it."""


class SweepStateStore(Protocol):
    """Keeps the state as text: an SSM parameter, a file, or memory. May block."""

    def load(self) -> str | None:
        """Return the stored text, or None when there is none.

        Raises:
            OSError: the store cannot be read now; the message says which and why.
        """
        ...

    def save(self, text: str) -> None:
        """Replace the stored text.

        Raises:
            OSError: the store cannot be written; the message says which and why.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepState:
    """The memory of the sweep.

    Attributes:
        cursor: every ticket updated before it has been handled, or is named below.
        switched_on: when the first sweep ran; older tickets are not triaged unless
            configured otherwise.
        verify_until: a bulk update has touched tickets updated up to here; those that come up
            without a marker once more are written one by one.
        settled_at: when that bulk update has surely been applied.
        failing: tickets that failed, with the number of sweeps they failed in.
        parked: tickets that are left to a human.
    """

    cursor: datetime | None = None
    switched_on: datetime | None = None
    verify_until: datetime | None = None
    settled_at: datetime | None = None
    failing: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    parked: tuple[int, ...] = ()

    def failed(self, ticket_id: int, *, park_after: int) -> "SweepState":
        """Count one more failure of a ticket, and park it when it has failed too often."""
        count = self.failing.get(ticket_id, 0) + 1
        if count >= park_after:
            return replace(self.recovered(ticket_id), parked=self._parked_with(ticket_id))
        return replace(self, failing={**self.failing, ticket_id: count})

    def park(self, ticket_id: int) -> "SweepState":
        """Leave a ticket to a human at once."""
        return replace(self.recovered(ticket_id), parked=self._parked_with(ticket_id))

    def recovered(self, ticket_id: int) -> "SweepState":
        """Forget the failures of a ticket."""
        failing = {known: count for known, count in self.failing.items() if known != ticket_id}
        return replace(self, failing=failing)

    def _parked_with(self, ticket_id: int) -> tuple[int, ...]:
        others = tuple(known for known in self.parked if known != ticket_id)
        return (*others, ticket_id)[-MAX_PARKED:]

    def to_json(self) -> str:
        """Return the state as JSON of at most `MAX_BYTES` bytes.

        The oldest parked ids go first when it would be longer: they are then tried again.
        """
        document = {
            "cursor": _text(self.cursor),
            "switched_on": _text(self.switched_on),
            "verify_until": _text(self.verify_until),
            "settled_at": _text(self.settled_at),
            "failing": {str(key): count for key, count in self.failing.items()},
            "parked": list(self.parked),
        }
        text = json.dumps(document, separators=(",", ":"))
        if len(text) <= MAX_BYTES or not self.parked:
            return text
        return replace(self, parked=self.parked[1:]).to_json()

    @classmethod
    def from_json(cls, text: str) -> "SweepState":
        """Read what `to_json` wrote.

        Raises:
            SweepStateError: the text is not such a state.
        """
        try:
            document: dict[str, Any] = json.loads(text)
            return cls(
                cursor=_time(document.get("cursor")),
                switched_on=_time(document.get("switched_on")),
                verify_until=_time(document.get("verify_until")),
                settled_at=_time(document.get("settled_at")),
                failing={int(k): int(v) for k, v in document.get("failing", {}).items()},
                parked=tuple(int(known) for known in document.get("parked", ())),
            )
        except (ValueError, TypeError, AttributeError) as error:
            message = (
                "the stored sweep state cannot be read; the sweep starts from the look-back and "
                "replaces it"
            )
            raise SweepStateError(message) from error


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
