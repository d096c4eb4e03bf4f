"""What one sweep tells the next: how far it came, and which tickets refuse to be triaged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

MAX_BYTES = 4096  # the size of a standard SSM parameter
MAX_FAILING = 100
MAX_PARKED = 150
CLOCK_SKEW = timedelta(minutes=2)  # by how much the help desk's own clocks may differ


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
        failing: tickets that failed, with the number of sweeps they failed in; those that have
            waited longest for another try come first.
        parked: tickets that are left to a human, with the time since when: one that is updated
            later is tried again.
    """

    cursor: datetime | None = None
    switched_on: datetime | None = None
    verify_until: datetime | None = None
    settled_at: datetime | None = None
    failing: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    parked: Mapping[int, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def as_of(self, now: datetime) -> "SweepState":
        """Correct a cursor that lies ahead: a clock that was wrong wrote it.

        Nobody knows what has been handled up to there, so it counts as none.
        """
        if self.cursor is None or self.cursor <= now:
            return self
        return replace(self, cursor=now if self.cursor - now <= CLOCK_SKEW else None)

    def failed(self, ticket_id: int, *, times: int = 1) -> "SweepState":
        """Count failures of a ticket, and let the others have their turn before it."""
        others = _without(self.failing, ticket_id)
        count = self.failing.get(ticket_id, 0) + times
        return replace(self, failing={**others, ticket_id: count})

    def park(self, ticket_id: int, at: datetime) -> "SweepState":
        """Leave a ticket to a human, unless it is updated after `at`."""
        parked = {**_without(self.parked, ticket_id), ticket_id: at}
        newest = dict(list(parked.items())[-MAX_PARKED:])
        return replace(self, failing=_without(self.failing, ticket_id), parked=newest)

    def recovered(self, ticket_id: int) -> "SweepState":
        """Forget the failures of a ticket, and that it was parked."""
        failing, parked = _without(self.failing, ticket_id), _without(self.parked, ticket_id)
        return replace(self, failing=failing, parked=parked)

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
            "parked": {str(key): round(at.timestamp()) for key, at in self.parked.items()},
        }
        text = json.dumps(document, separators=(",", ":"))
        if len(text) <= MAX_BYTES or not self.parked:
            return text
        return replace(self, parked=dict(list(self.parked.items())[1:])).to_json()

    @classmethod
    def from_json(cls, text: str) -> "SweepState":
        """Read what `to_json` wrote.

        Raises:
            SweepStateError: the text is not such a state.
        """
        try:
            document: dict[str, Any] = json.loads(text)
            cursor = _time(document.get("cursor"))
            parked = document.get("parked", {})
            if isinstance(parked, list):  # as it was kept before the times were
                parked = dict.fromkeys(parked, cursor.timestamp() if cursor else 0)
            return cls(
                cursor=cursor,
                switched_on=_time(document.get("switched_on")),
                verify_until=_time(document.get("verify_until")),
                settled_at=_time(document.get("settled_at")),
                failing={int(k): int(v) for k, v in document.get("failing", {}).items()},
                parked={int(k): datetime.fromtimestamp(v, UTC) for k, v in parked.items()},
            )
        except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            message = (
                "the stored sweep state cannot be read; the sweep starts from the look-back and "
                "replaces it"
            )
            raise SweepStateError(message) from error


def _without[T](entries: Mapping[int, T], ticket_id: int) -> dict[int, T]:
    return {known: value for known, value in entries.items() if known != ticket_id}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
