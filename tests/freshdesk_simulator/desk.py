"""What can be done to tickets, whoever does it: agents, customers, API calls, rules.

Every change goes through here, so that each is journaled once and offered to the automation rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from freshdesk_simulator.account import Account
from freshdesk_simulator.errors import UsageError
from freshdesk_simulator.journal import Change, Journal, differences
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.models import Actor, Conversation, Stats, Status, Ticket

type KnobSource = Callable[[], Knobs]

REPLY_SOURCE = 0
NOTE_SOURCE = 2
DONE = (int(Status.RESOLVED), int(Status.CLOSED))


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """Something that happened to a ticket, as rules see it.

    `kind` is created, updated, note or reply; `before` is None for a creation.
    """

    kind: str
    actor: Actor
    before: Ticket | None
    after: Ticket
    changes: tuple[Change, ...] = ()
    conversation: Conversation | None = None


class Desk:
    """The operations on an account's tickets.

    Args:
        account: Whose tickets.
        journal: Where every change is noted.
        knobs: Asked for the present settings.
    """

    def __init__(self, account: Account, journal: Journal, knobs: KnobSource) -> None:
        """Start without listeners."""
        self.account = account
        self.journal = journal
        self._knobs = knobs
        self._listeners: list[Callable[[TicketEvent], None]] = []

    def add_listener(self, listener: Callable[[TicketEvent], None]) -> None:
        """Call `listener` after every event."""
        self._listeners.append(listener)

    def ticket(self, ticket_id: int) -> Ticket:
        """Return the present version.

        Raises:
            UsageError: When there is no such ticket.
        """
        return self.account.ticket(ticket_id)

    def create(
        self, values: Mapping[str, object], actor: Actor, *, call: int | None = None
    ) -> Ticket:
        """Create a ticket from values of `models.Ticket` (`subject`, `requester_id` needed)."""
        now = self.account.now()
        fields = dict(values)
        fields["custom_fields"] = dict(_mapping(fields.get("custom_fields")))
        ticket = Ticket(
            id=self.account.next_ticket_id(),
            created_at=now,
            updated_at=now,
            **fields,  # type: ignore[arg-type]
        )
        self.account.tickets.put(ticket, now=self.account.clock.time())
        self.journal.record_write(None, ticket, actor, call=call)
        self._tell(TicketEvent("created", actor, None, ticket))
        return ticket

    def change(
        self,
        ticket_id: int,
        values: Mapping[str, object],
        actor: Actor,
        *,
        call: int | None = None,
        time: float | None = None,
    ) -> Ticket:
        """Set fields of a ticket; fields (and custom fields) left out stay as they are.

        Args:
            ticket_id: Which ticket.
            values: By attribute name of `models.Ticket`; `custom_fields` is merged key by key.
            actor: Who does it.
            call: Number of the API call behind it.
            time: When it happened, for what is applied later than it was due; default now.
        """
        before = self.ticket(ticket_id)
        moment = self.account.clock.time() if time is None else time
        wanted = dict(values)
        if "custom_fields" in wanted:
            merged = dict(before.custom_fields) | dict(_mapping(wanted["custom_fields"]))
            wanted["custom_fields"] = merged
        after = replace(before, **wanted)  # type: ignore[arg-type]
        changes = differences(before, after)
        if changes or self._knobs().same_value_put == "bump":
            after = replace(
                after, updated_at=int(moment), stats=_stats_after(before, after, moment)
            )
            self.account.tickets.put(after, now=moment)
            self.journal.record_write(before, after, actor, call=call, time=moment)
            self._tell(TicketEvent("updated", actor, before, after, changes))
        else:
            self.journal.record_write(before, after, actor, call=call, time=moment)
        return after

    def add_note(
        self,
        ticket_id: int,
        body: str,
        actor: Actor,
        *,
        private: bool = True,
        incoming: bool = False,
        user_id: int | None = None,
        call: int | None = None,
    ) -> Conversation:
        """Add a note to a ticket."""
        note = self._converse(
            ticket_id,
            body,
            source=NOTE_SOURCE,
            private=private,
            incoming=incoming,
            user_id=user_id if user_id is not None else actor.id,
        )
        ticket = self.ticket(ticket_id)
        if self._knobs().note_bumps_updated_at:
            ticket = self._touch(ticket)
        self.journal.record_write(ticket, ticket, actor, call=call, note_id=note.id)
        self._tell(TicketEvent("note", actor, ticket, ticket, conversation=note))
        return note

    def reply(self, ticket_id: int, body: str, actor: Actor) -> Conversation:
        """Add a public reply; a customer's one opens the ticket again."""
        incoming = actor.kind == "requester"
        message = self._converse(
            ticket_id, body, source=REPLY_SOURCE, private=False, incoming=incoming, user_id=actor.id
        )
        ticket = self.ticket(ticket_id)
        now = self.account.now()
        moment = {"requester_responded_at" if incoming else "agent_responded_at": now}
        stats = replace(ticket.stats, **moment)
        if not incoming and stats.first_responded_at is None:
            stats = replace(stats, first_responded_at=now)
        ticket = self._touch(replace(ticket, stats=stats))
        self.journal.record_write(ticket, ticket, actor, note_id=message.id)
        self._tell(TicketEvent("reply", actor, ticket, ticket, conversation=message))
        if incoming and ticket.status != Status.OPEN:
            self.change(ticket_id, {"status": int(Status.OPEN)}, actor)
        return message

    def merge(
        self, primary_id: int, secondary_ids: list[int], actor: Actor, *, call: int | None = None
    ) -> None:
        """Merge tickets into one: the others become closed and point at it.

        Raises:
            UsageError: When the primary is among the others, or one does not exist.
        """
        self.ticket(primary_id)
        if primary_id in secondary_ids:
            message = "a ticket cannot be merged into itself"
            raise UsageError(message)
        for ticket_id in secondary_ids:
            self.ticket(ticket_id)
        for ticket_id in secondary_ids:
            closed = {"status": int(Status.CLOSED), "merged_into": primary_id}
            self.change(ticket_id, closed, actor, call=call)
            note = f"<div>This ticket is closed and merged into ticket {primary_id}</div>"
            self.add_note(ticket_id, note, actor, call=call)

    def _converse(
        self,
        ticket_id: int,
        body: str,
        *,
        source: int,
        private: bool,
        incoming: bool,
        user_id: int | None,
    ) -> Conversation:
        now = self.account.now()
        conversation = Conversation(
            id=self.account.next_id(),
            ticket_id=self.ticket(ticket_id).id,
            body=body,
            created_at=now,
            updated_at=now,
            source=source,
            incoming=incoming,
            private=private,
            user_id=user_id,
        )
        self.account.conversations[ticket_id].append(conversation)
        return conversation

    def _touch(self, ticket: Ticket) -> Ticket:
        touched = replace(ticket, updated_at=self.account.now())
        self.account.tickets.put(touched, now=self.account.clock.time())
        return touched

    def _tell(self, event: TicketEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _stats_after(before: Ticket, after: Ticket, moment: float) -> Stats:
    if before.status == after.status:
        return before.stats
    now = int(moment)
    stats = replace(before.stats, status_updated_at=now)
    match after.status:
        case Status.RESOLVED:
            stats = replace(stats, resolved_at=now)
        case Status.CLOSED:
            stats = replace(stats, closed_at=now, resolved_at=stats.resolved_at or now)
        case Status.PENDING:
            stats = replace(stats, pending_since=now)
        case Status.OPEN if before.status in DONE:
            stats = replace(stats, reopened_at=now, resolved_at=None, closed_at=None)
        case _:
            pass
    return stats


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
