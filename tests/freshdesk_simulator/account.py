"""One Freshdesk account: people, groups, fields and tickets. `builders.py` makes ready ones."""

import itertools
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from freshdesk_simulator.clock import Clock, parse_timestamp
from freshdesk_simulator.errors import UsageError
from freshdesk_simulator.models import (
    PRIORITIES,
    SOURCES,
    Agent,
    Company,
    Contact,
    Conversation,
    Group,
    NestedLevel,
    Status,
    Ticket,
    TicketField,
)
from freshdesk_simulator.tickets import TicketStore

type Plan = Literal["free", "trial", "growth", "pro", "enterprise"]
type Moment = str | float | None

FIRST_ID = 103_000_000_001
CUSTOM_FIELD_NAME = re.compile(r"cf_[a-z0-9_]+")


class Account:
    """A mutable account whose parts are frozen records.

    Methods named `add_...` lay the ground for a test: they set off no rule, cost nothing and are
    not in the journal. `lock` is held by every call that reads or changes the account, since the
    server answers in a thread of its own.

    Args:
        clock: What timestamps are taken from.
        domain: The subdomain, as in `acme.freshdesk.com`.
        name: The company's name.
        plan: Decides the rate limits.
        language: Of the labels that `ticket_fields` shows.
        statuses: Id to the labels shown to agents and to customers.
        types: The ticket types, in order.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        domain: str = "acme",
        name: str = "Acme",
        plan: Plan = "growth",
        language: str = "en",
        statuses: Mapping[int, tuple[str, str]] | None = None,
        types: Iterable[str] = ("Question", "Incident", "Problem", "Feature Request", "Refund"),
    ) -> None:
        """Make an account without people, groups or tickets."""
        self.clock = clock
        self.domain = domain
        self.name = name
        self.plan: Plan = plan
        self.language = language
        self.lock = threading.RLock()
        self.statuses = dict(statuses or SHIPPED_STATUSES)
        self.priorities = dict(PRIORITIES)
        self.sources = dict(SOURCES)
        self.types = tuple(types)
        self.agents: dict[int, Agent] = {}
        self.groups: dict[int, Group] = {}
        self.contacts: dict[int, Contact] = {}
        self.companies: dict[int, Company] = {}
        self.fields: dict[str, TicketField] = {}
        self.tickets = TicketStore()
        self.conversations: dict[int, list[Conversation]] = defaultdict(list)
        self.watchers: dict[int, set[int]] = defaultdict(set)
        self._ids = itertools.count(FIRST_ID)
        self._ticket_ids = itertools.count(1)
        self._custom_field_names: dict[str, TicketField] = {}
        self._contacts_by_email: dict[str, int] = {}

    @property
    def host(self) -> str:
        """The host name that links in this account carry."""
        return f"{self.domain}.freshdesk.com"

    def now(self) -> int:
        """Return the present second."""
        return int(self.clock.time())

    def next_id(self) -> int:
        """Return a fresh 64-bit id."""
        return next(self._ids)

    def next_ticket_id(self) -> int:
        """Return the next display number, from 1."""
        return next(self._ticket_ids)

    def add_group(self, name: str, description: str = "", *, auto_assign: int = 0) -> Group:
        """Add a group."""
        with self.lock:
            group = Group(
                self.next_id(), name, description, self.now(), auto_ticket_assign=auto_assign
            )
            self.groups[group.id] = group
            return group

    def remove_group(self, group_id: int) -> None:
        """Delete a group; its tickets keep no trace of it here (see `humans.delete_group`).

        Raises:
            UsageError: When there is no such group.
        """
        with self.lock:
            if self.groups.pop(group_id, None) is None:
                message = f"no group {group_id}"
                raise UsageError(message)

    def add_agent(
        self,
        name: str,
        email: str,
        *,
        groups: Iterable[Group] = (),
        admin: bool = False,
        ticket_scope: int = 1,
        api_key: str | None = None,
        password: str = "",
    ) -> Agent:
        """Add an agent and put them into groups; the key defaults to one made from the id."""
        with self.lock:
            agent_id = self.next_id()
            members = tuple(group.id for group in groups)
            agent = Agent(
                id=agent_id,
                name=name,
                email=email,
                created_at=self.now(),
                api_key=api_key or f"key-of-agent-{agent_id}",
                password=password,
                admin=admin,
                ticket_scope=ticket_scope,
                group_ids=members,
                language=self.language,
            )
            self.agents[agent_id] = agent
            for group_id in members:
                group = self.groups[group_id]
                self.groups[group_id] = replace(group, agent_ids=(*group.agent_ids, agent_id))
            return agent

    def change_agent(self, agent_id: int, **changes: object) -> Agent:
        """Replace properties of an agent (`locked`, `ticket_scope`, `admin`, `api_key`, ...)."""
        with self.lock:
            agent = replace(self.agents[agent_id], **changes)  # type: ignore[arg-type]
            self.agents[agent_id] = agent
            return agent

    def add_company(self, name: str) -> Company:
        """Add a customer's company."""
        with self.lock:
            company = Company(self.next_id(), name)
            self.companies[company.id] = company
            return company

    def add_contact(
        self, name: str, email: str, *, company: Company | None = None, phone: str | None = None
    ) -> Contact:
        """Add a customer, or return the one with this address."""
        with self.lock:
            known = self._contacts_by_email.get(email.lower())
            if known is not None:
                return self.contacts[known]
            contact = Contact(self.next_id(), name, email, company.id if company else None, phone)
            self.contacts[contact.id] = contact
            self._contacts_by_email[email.lower()] = contact.id
            return contact

    def contact_by_email(self, email: str) -> Contact | None:
        """Return the customer with this address, whatever its case."""
        contact_id = self._contacts_by_email.get(email.lower())
        return None if contact_id is None else self.contacts[contact_id]

    def add_field(
        self,
        name: str,
        field_type: str,
        label: str,
        *,
        options: Iterable[str] = (),
        tree: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
        level_names: tuple[str, ...] = (),
        required_for_closure: bool = False,
    ) -> TicketField:
        """Add a custom field.

        Args:
            name: Its key in `custom_fields`, `cf_...`.
            field_type: For example `custom_dropdown`, `custom_text`, `nested_field`.
            label: What agents and customers read.
            options: The choices of a dropdown.
            tree: The choices of a nested field, three levels deep.
            level_names: Keys in `custom_fields` of levels 2 and 3 of a nested field.
            required_for_closure: Whether resolving or closing needs a value.

        Raises:
            UsageError: When the name is not one that Freshdesk would give.
        """
        if not CUSTOM_FIELD_NAME.fullmatch(name):
            message = "a custom field's name is cf_ followed by small letters, digits, underscores"
            raise UsageError(message)
        with self.lock:
            levels = tuple(
                NestedLevel(self.next_id(), level_name, level_name.removeprefix("cf_"), level)
                for level, level_name in enumerate(level_names, start=2)
            )
            field = TicketField(
                id=self.next_id(),
                name=name,
                label=label,
                label_for_customers=label,
                type=field_type,
                position=len(self.fields) + 1,
                created_at=self.now(),
                default=False,
                required_for_closure=required_for_closure,
                options=tuple(options),
                tree=tree,
                levels=levels,
            )
            self.fields[name] = field
            self._custom_field_names[name] = field
            self._custom_field_names.update((level.name, field) for level in levels)
            return field

    def put_default_field(self, field: TicketField) -> None:
        """Add or replace a field that every account has; builders call it."""
        self.fields[field.name] = field

    def custom_field_names(self) -> Mapping[str, TicketField]:
        """Return every key that `custom_fields` may hold, nested levels included."""
        return self._custom_field_names

    def add_ticket(
        self,
        subject: str,
        description_html: str = "",
        *,
        requester: Contact | None = None,
        created_at: Moment = None,
        updated_at: Moment = None,
        tags: Iterable[str] = (),
        custom_fields: Mapping[str, object] | None = None,
        **properties: object,
    ) -> Ticket:
        """Add a ticket silently: no rule fires, search finds it at once.

        Args:
            subject: May be empty.
            description_html: The body, as HTML.
            requester: The customer; one is made up when left out.
            created_at: ISO 8601 or epoch seconds; default now.
            updated_at: Likewise; default `created_at`.
            tags: In this order.
            custom_fields: Values by `cf_...` name.
            **properties: Any other field of `models.Ticket`, such as `status`, `priority`,
                `source`, `type`, `group_id`, `responder_id`, `spam`, `deleted`, `archived`.
        """
        with self.lock:
            created = self.moment(created_at)
            customer = requester or self._nobody_in_particular()
            ticket = Ticket(
                id=self.next_ticket_id(),
                subject=subject,
                description=description_html,
                requester_id=customer.id,
                company_id=customer.company_id,
                created_at=created,
                updated_at=created if updated_at is None else self.moment(updated_at),
                tags=tuple(tags),
                custom_fields=dict(custom_fields or {}),
                **properties,  # type: ignore[arg-type]
            )
            self.tickets.put(ticket, now=created, indexed=True)
            return ticket

    def ticket(self, ticket_id: int) -> Ticket:
        """Return the present version of a ticket.

        Raises:
            UsageError: When there is none.
        """
        with self.lock:
            ticket = self.tickets.get(ticket_id)
            if ticket is None:
                message = f"no ticket {ticket_id}"
                raise UsageError(message)
            return ticket

    def group(self, name: str) -> Group:
        """Return the group of this name.

        Raises:
            UsageError: When there is none.
        """
        for group in self.groups.values():
            if group.name == name:
                return group
        message = f"no group named {name!r}"
        raise UsageError(message)

    def clear_tickets(self) -> None:
        """Forget all tickets and conversations; display numbers start again at 1."""
        with self.lock:
            self.tickets = TicketStore()
            self.conversations.clear()
            self.watchers.clear()
            self._ticket_ids = itertools.count(1)

    def moment(self, value: Moment) -> int:
        """Return epoch seconds for an ISO 8601 text, a number, or None for now."""
        if value is None:
            return self.now()
        return parse_timestamp(value) if isinstance(value, str) else int(value)

    def _nobody_in_particular(self) -> Contact:
        return self.add_contact("Ann Example", "ann@example.com")


SHIPPED_STATUSES: Mapping[int, tuple[str, str]] = {
    int(Status.OPEN): ("Open", "Being Processed"),
    int(Status.PENDING): ("Pending", "Awaiting your Reply"),
    int(Status.RESOLVED): ("Resolved", "This ticket has been Resolved"),
    int(Status.CLOSED): ("Closed", "This ticket has been Closed"),
    int(Status.WAITING_ON_CUSTOMER): ("Waiting on Customer", "Awaiting your Reply"),
    int(Status.WAITING_ON_THIRD_PARTY): ("Waiting on Third Party", "Being Processed"),
}
