"""Records of one Freshdesk account; all frozen, timestamps in whole epoch seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

OUTBOUND_EMAIL = 10
NO_CUSTOM_FIELDS: Mapping[str, object] = MappingProxyType({})


class Status(IntEnum):
    """Statuses that Freshdesk ships; an account may add its own above 7."""

    OPEN = 2
    PENDING = 3
    RESOLVED = 4
    CLOSED = 5
    WAITING_ON_CUSTOMER = 6
    WAITING_ON_THIRD_PARTY = 7


PRIORITIES: Mapping[int, str] = MappingProxyType({1: "Low", 2: "Medium", 3: "High", 4: "Urgent"})
SOURCES: Mapping[int, str] = MappingProxyType(
    {1: "Email", 2: "Portal", 3: "Phone", 7: "Chat", 9: "Feedback Widget", 10: "Outbound Email"}
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of agents."""

    id: int
    name: str
    description: str
    created_at: int
    agent_ids: tuple[int, ...] = ()
    auto_ticket_assign: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent; `ticket_scope` is 1 global, 2 group, 3 restricted to own tickets."""

    id: int
    name: str
    email: str
    created_at: int
    api_key: str = field(repr=False)
    password: str = field(default="", repr=False)
    admin: bool = False
    locked: bool = False
    ticket_scope: int = 1
    group_ids: tuple[int, ...] = ()
    language: str = "en"
    time_zone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer."""

    id: int
    name: str
    email: str
    company_id: int | None = None
    phone: str | None = None
    unique_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """A customer's company."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class NestedLevel:
    """Level 2 or 3 of a nested field; `name` is its key in `custom_fields`."""

    id: int
    name: str
    label: str
    level: int


@dataclass(frozen=True, slots=True)
class TicketField:
    """A ticket field as an administrator defines it.

    `options` holds the choices of a type or dropdown field, `tree` those of a nested one. The
    choices of status, priority, source, group and agent come from the account.
    """

    id: int
    name: str
    label: str
    type: str
    position: int
    created_at: int
    label_for_customers: str = ""
    default: bool = True
    required_for_closure: bool = False
    required_for_agents: bool = False
    required_for_customers: bool = False
    options: tuple[str, ...] = ()
    tree: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None
    levels: tuple[NestedLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class Stats:
    """Moments in a ticket's life, as `include=stats` shows them."""

    agent_responded_at: int | None = None
    requester_responded_at: int | None = None
    first_responded_at: int | None = None
    status_updated_at: int | None = None
    reopened_at: int | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    pending_since: int | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One version of a ticket; a change makes a new version."""

    id: int
    subject: str
    description: str
    requester_id: int
    created_at: int
    updated_at: int
    status: int = int(Status.OPEN)
    priority: int = 1
    source: int = 1
    type: str | None = None
    responder_id: int | None = None
    group_id: int | None = None
    company_id: int | None = None
    product_id: int | None = None
    email_config_id: int | None = None
    internal_agent_id: int | None = None
    internal_group_id: int | None = None
    parent_id: int | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping[str, object] = NO_CUSTOM_FIELDS
    cc_emails: tuple[str, ...] = ()
    to_emails: tuple[str, ...] | None = None
    support_email: str | None = None
    due_by: int | None = None
    fr_due_by: int | None = None
    spam: bool = False
    deleted: bool = False
    archived: bool = False
    merged_into: int | None = None
    stats: Stats = field(default_factory=Stats)

    @property
    def listed(self) -> bool:
        """Whether the ordinary list shows it: neither deleted, spam nor archived."""
        return not (self.deleted or self.spam or self.archived)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A reply (source 0) or a note (source 2) on a ticket."""

    id: int
    ticket_id: int
    body: str
    created_at: int
    updated_at: int
    source: int = 2
    incoming: bool = False
    private: bool = True
    user_id: int | None = None
    to_emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an agent (also through the API), a requester, or the system."""

    kind: str
    id: int | None = None
    through_api: bool = False

    @classmethod
    def agent(cls, agent_id: int, *, through_api: bool = False) -> "Actor":
        """Return an agent at the screen, or behind an API key."""
        return cls("agent", agent_id, through_api)

    @classmethod
    def requester(cls, contact_id: int) -> "Actor":
        """Return a customer."""
        return cls("requester", contact_id)


SYSTEM = Actor("system")
