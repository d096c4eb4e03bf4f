"""Automation rules: events, performer, conditions, actions. They may set each other off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from freshdesk_simulator.desk import Desk, KnobSource, TicketEvent
from freshdesk_simulator.errors import UsageError
from freshdesk_simulator.models import SYSTEM, Actor, Ticket

# One rule's action can set off further rules (hearsay); a real desk must stop somewhere as well.
MAX_CHAIN = 10
ANYTHING = object()
EVENT_NAMES = {"type": "ticket_type", "group_id": "group", "responder_id": "agent", "tags": "tag"}


class Performer(StrEnum):
    """Who must have done it for an update rule to run."""

    AGENT = "agent"
    REQUESTER = "requester"
    AGENT_OR_REQUESTER = "agent_or_requester"
    SYSTEM = "system"

    def covers(self, actor: Actor) -> bool:
        """Return whether an actor is meant."""
        if self is Performer.AGENT_OR_REQUESTER:
            return actor.kind in {"agent", "requester"}
        return actor.kind == self.value


@dataclass(frozen=True, slots=True)
class UpdateFilter:
    """What must have happened: a field changed (from, to), a note or a reply was added.

    `field` is an attribute of a ticket (`status`, `group_id`, `tags`, `custom_fields.cf_x`),
    `note`, `reply`, or `any` for any change of any field.
    """

    field: str
    old: object = ANYTHING
    new: object = ANYTHING
    private: bool | None = None

    def named(self, event: TicketEvent) -> str | None:
        """Return the value of `triggered_event` when the event is meant, else None.

        The form with numbers and without quotes is what receivers have recorded.
        """
        if event.kind in {"note", "reply"}:
            return self._talk(event)
        for change in event.changes:
            if self.field not in {"any", change.field}:
                continue
            if _meant(self.old, change.old) and _meant(self.new, change.new):
                name = EVENT_NAMES.get(change.field, change.field)
                return f"{{{name}:{{from:{change.old},to:{change.new}}}}}"
        return None

    def _talk(self, event: TicketEvent) -> str | None:
        if self.field != event.kind or event.conversation is None:
            return None
        if event.kind == "reply":
            return "{reply_sent:sent}"
        if self.private not in {None, event.conversation.private}:
            return None
        return f"{{note_type:{'private' if event.conversation.private else 'public'}}}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on the ticket as it is after the event."""

    field: str
    operator: Literal["is", "is_not", "contains", "greater", "less"]
    value: object

    def holds(self, ticket: Ticket) -> bool:
        """Return whether the ticket passes."""
        found = read_field(ticket, self.field)
        match self.operator:
            case "is":
                return found == self.value
            case "is_not":
                return found != self.value
            case "contains":
                return isinstance(found, str | tuple) and self.value in found
            case "greater":
                return _number(found) > _number(self.value)
            case "less":
                return _number(found) < _number(self.value)


@dataclass(frozen=True, slots=True)
class TriggerWebhook:
    """POST to a URL.

    Args:
        url: Where to.
        headers: Custom headers.
        basic: User and password of the authentication box.
        template: The advanced content with `{{placeholders}}`; empty means the simple content.
        fields: Placeholders ticked for the simple content.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    template: str = ""
    fields: tuple[str, ...] = (
        "ticket.id",
        "ticket.subject",
        "ticket.description",
        "ticket.url",
        "ticket.status",
        "ticket.priority",
        "ticket.source",
        "ticket.ticket_type",
        "ticket.tags",
        "ticket.group.name",
        "ticket.contact.name",
        "ticket.contact.email",
        "triggered_event",
    )


@dataclass(frozen=True, slots=True)
class SetFields:
    """Set fields of the ticket, as the system."""

    values: Mapping[str, object]


type Action = TriggerWebhook | SetFields


@dataclass(frozen=True, slots=True)
class Rule:
    """One automation rule.

    Args:
        name: For the log.
        on: `creation` or `update`.
        actions: Run in this order.
        events: For update rules, any of which must have happened; the first that did is named in
            `triggered_event`.
        performer: For update rules. API writes count as those of the key's agent.
        agents: With the performer agent, only these.
        conditions: Tests on the ticket.
        match: Whether all conditions must hold or any.
    """

    name: str
    on: Literal["creation", "update"]
    actions: tuple[Action, ...]
    events: tuple[UpdateFilter, ...] = (UpdateFilter("any"),)
    performer: Performer = Performer.AGENT_OR_REQUESTER
    agents: frozenset[int] | None = None
    conditions: tuple[Condition, ...] = ()
    match: Literal["all", "any"] = "all"

    def triggered_by(self, event: TicketEvent) -> str | None:
        """Return the value of `triggered_event` when the rule runs on an event, else None."""
        if not self._conditions_hold(event.after):
            return None
        if self.on == "creation":
            return "{ticket_action:created}" if event.kind == "created" else None
        if event.kind == "created" or not self._performed(event.actor):
            return None
        names = (wanted.named(event) for wanted in self.events)
        return next((name for name in names if name is not None), None)

    def with_actions(self, *actions: Action) -> "Rule":
        """Return the same rule with other actions."""
        return replace(self, actions=actions)

    def _performed(self, actor: Actor) -> bool:
        if not self.performer.covers(actor):
            return False
        return self.agents is None or actor.kind != "agent" or actor.id in self.agents

    def _conditions_hold(self, ticket: Ticket) -> bool:
        if not self.conditions:
            return True
        results = (condition.holds(ticket) for condition in self.conditions)
        return all(results) if self.match == "all" else any(results)


type WebhookSink = Callable[[TriggerWebhook, Ticket, str], None]


class Automation:
    """The rules of an account; listens to the desk.

    Args:
        desk: Whose events.
        knobs: Asked whether API writes fire rules.
        send: Takes a webhook that a rule wants sent.
    """

    def __init__(self, desk: Desk, knobs: KnobSource, send: WebhookSink) -> None:
        """Start without rules."""
        self._desk = desk
        self._knobs = knobs
        self._send = send
        self._depth = 0
        self.rules: list[Rule] = []
        self.fired: dict[str, int] = {}
        desk.add_listener(self._on_event)

    def add(self, rule: Rule) -> Rule:
        """Add a rule behind the others, and return it.

        Raises:
            UsageError: When the name is taken.
        """
        if any(known.name == rule.name for known in self.rules):
            message = f"there is already a rule named {rule.name!r}"
            raise UsageError(message)
        self.rules.append(rule)
        return rule

    def _on_event(self, event: TicketEvent) -> None:
        if event.actor.through_api and not self._knobs().api_writes_fire_rules:
            return
        if self._depth >= MAX_CHAIN:
            return
        self._depth += 1
        try:
            for rule in self.rules:
                triggered = rule.triggered_by(event)
                if triggered is not None:
                    self._run(rule, event.after.id, triggered)
        finally:
            self._depth -= 1

    def _run(self, rule: Rule, ticket_id: int, triggered: str) -> None:
        self.fired[rule.name] = self.fired.get(rule.name, 0) + 1
        for action in rule.actions:
            match action:
                case TriggerWebhook():
                    self._send(action, self._desk.ticket(ticket_id), triggered)
                case SetFields(values):
                    self._desk.change(ticket_id, values, SYSTEM)


def read_field(ticket: Ticket, name: str) -> object:
    """Return a field of a ticket, also by `custom_fields.cf_x`."""
    if name.startswith("custom_fields."):
        return ticket.custom_fields.get(name.removeprefix("custom_fields."))
    return getattr(ticket, name)


def _meant(wanted: object, found: object) -> bool:
    return wanted is ANYTHING or wanted == found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
