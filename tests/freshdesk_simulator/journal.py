"""The journal: every API call and every change of a ticket, in order, with who and when."""

import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from freshdesk_simulator.clock import Clock
from freshdesk_simulator.models import Actor, Ticket

# Fields whose changes are journaled; the rest of a ticket follows from them.
JOURNALED = (
    "subject",
    "description",
    "status",
    "priority",
    "source",
    "type",
    "group_id",
    "responder_id",
    "requester_id",
    "company_id",
    "product_id",
    "email_config_id",
    "internal_agent_id",
    "internal_group_id",
    "parent_id",
    "tags",
    "due_by",
    "fr_due_by",
    "spam",
    "deleted",
    "archived",
    "merged_into",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field's old and new value; custom fields appear as `custom_fields.cf_x`."""

    field: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class TicketWrite:
    """A change of one ticket, or a note on it.

    `tick` orders everything in the journal, also within one second. `call` is the number of the
    API call that caused it, None for edits by people and by the system.
    """

    ticket_id: int
    tick: int
    time: float
    actor: Actor
    changes: tuple[Change, ...]
    call: int | None = None
    note_id: int | None = None
    created: bool = False

    def change_of(self, field: str) -> Change | None:
        """Return the change of one field, if any."""
        return next((change for change in self.changes if change.field == field), None)


@dataclass(frozen=True, slots=True)
class Call:
    """One API call.

    `answered` is the tick at which it was decided, so what a read saw is what was true then.
    `status` is what the simulator decided, also when a fault kept the reply from arriving;
    `acknowledged` is the tick at which the whole reply had been sent, None when it never was.
    """

    number: int
    began: int
    time: float
    method: str
    path: str
    query: str
    status: int | None = None
    credits: int = 0
    agent_id: int | None = None
    request_id: str = ""
    fault: str | None = None
    tickets_read: tuple[int, ...] = ()
    answered: int | None = None
    acknowledged: int | None = None
    acknowledged_at: float | None = None


class Journal:
    """An append-only record; `clear()` starts a new one."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._ticks = itertools.count(1)
        self._calls: list[Call] = []
        self.writes: list[TicketWrite] = []
        self._writes_of: dict[int, list[TicketWrite]] = defaultdict(list)

    @property
    def calls(self) -> list[Call]:
        """All API calls, in the order they began."""
        return list(self._calls)

    def next_tick(self) -> int:
        """Return the next place in the order of events."""
        return next(self._ticks)

    def begin(self, method: str, path: str, query: str) -> int:
        """Open a call and return its number."""
        now = self._clock.time()
        with self._lock:
            number = len(self._calls)
            self._calls.append(Call(number, self.next_tick(), now, method, path, query))
            return number

    def settle(
        self,
        number: int,
        *,
        status: int,
        used: int,
        agent_id: int | None,
        request_id: str,
        tickets_read: tuple[int, ...],
    ) -> None:
        """Note what was decided about a call; a second time adds to the credits of the first."""
        call = self._calls[number]
        self._calls[number] = replace(
            call,
            status=status,
            credits=call.credits + used,
            agent_id=agent_id or call.agent_id,
            request_id=request_id,
            tickets_read=tickets_read or call.tickets_read,
            answered=self.next_tick(),
        )

    def mark_fault(self, number: int, fault: str) -> None:
        """Note the fault that a call ran into."""
        self._calls[number] = replace(self._calls[number], fault=fault)

    def acknowledge(self, number: int) -> None:
        """Note that the whole reply was sent."""
        self._calls[number] = replace(
            self._calls[number],
            acknowledged=self.next_tick(),
            acknowledged_at=self._clock.time(),
        )

    def record_write(
        self,
        before: Ticket | None,
        after: Ticket,
        actor: Actor,
        *,
        call: int | None = None,
        note_id: int | None = None,
        time: float | None = None,
    ) -> None:
        """Note a change of a ticket, its creation (`before` None) or a note on it."""
        write = TicketWrite(
            ticket_id=after.id,
            tick=self.next_tick(),
            time=self._clock.time() if time is None else time,
            actor=actor,
            changes=() if before is None else differences(before, after),
            call=call,
            note_id=note_id,
            created=before is None,
        )
        self.writes.append(write)
        self._writes_of[after.id].append(write)

    def writes_to(self, ticket_id: int) -> list[TicketWrite]:
        """Return all writes to one ticket, people's included, in order."""
        return list(self._writes_of.get(ticket_id, ()))

    def api_writes_to(self, ticket_id: int) -> list[TicketWrite]:
        """Return the writes that came through the API."""
        return [write for write in self.writes_to(ticket_id) if write.actor.through_api]

    def call_of(self, write: TicketWrite) -> Call | None:
        """Return the API call that caused a write."""
        return None if write.call is None else self._calls[write.call]

    @property
    def credits_spent(self) -> int:
        """Credits of all API calls (webhooks are counted by the deliveries)."""
        return sum(call.credits for call in self._calls)

    def count(self, *, status: int | None = None, method: str | None = None) -> int:
        """Return how many calls had this status and method."""
        return sum(
            (status is None or call.status == status) and (method is None or call.method == method)
            for call in self._calls
        )

    def as_rows(self) -> Iterator[dict[str, object]]:
        """Yield the calls as JSON objects, each with the writes it caused."""
        caused: dict[int, list[Mapping[str, object]]] = defaultdict(list)
        for write in self.writes:
            if write.call is not None:
                caused[write.call].append(asdict(write))
        for call in self._calls:
            yield asdict(call) | {"writes": caused.get(call.number, [])}


def differences(before: Ticket, after: Ticket) -> tuple[Change, ...]:
    """Return what differs between two versions of a ticket."""
    changes = [
        Change(name, getattr(before, name), getattr(after, name))
        for name in JOURNALED
        if getattr(before, name) != getattr(after, name)
    ]
    for name in sorted(before.custom_fields.keys() | after.custom_fields.keys()):
        old, new = before.custom_fields.get(name), after.custom_fields.get(name)
        if old != new:
            changes.append(Change(f"custom_fields.{name}", old, new))
    return tuple(changes)
