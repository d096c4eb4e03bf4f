"""What agents and customers do at their screens: it costs no credits and fires rules."""

from collections.abc import Mapping

from freshdesk_simulator.account import Account
from freshdesk_simulator.desk import Desk
from freshdesk_simulator.errors import UsageError
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.models import Actor, Contact, Conversation, Status, Ticket


class Humans:
    """Edits by people, journaled as theirs.

    Every method that takes `by` takes an agent's id; left out, it is the first agent of the
    account.

    Args:
        desk: Where the edits are made.
    """

    def __init__(self, desk: Desk) -> None:
        """Take the desk."""
        self._desk = desk

    @property
    def _account(self) -> Account:
        return self._desk.account

    @property
    def _journal(self) -> Journal:
        return self._desk.journal

    def submit_ticket(
        self,
        subject: str,
        description_html: str = "",
        *,
        requester: Contact | None = None,
        **properties: object,
    ) -> Ticket:
        """Write in as a customer, by e-mail unless `source` says otherwise; creation rules run."""
        with self._account.lock:
            customer = requester or self._account.add_contact("Ann Example", "ann@example.com")
            values: dict[str, object] = {
                "subject": subject,
                "description": description_html,
                "requester_id": customer.id,
                "company_id": customer.company_id,
                **properties,
            }
            return self._desk.create(values, Actor.requester(customer.id))

    def update(
        self,
        ticket_id: int,
        *,
        by: int | None = None,
        custom_fields: Mapping[str, object] | None = None,
        **changes: object,
    ) -> Ticket:
        """Set fields of a ticket as an agent (`group_id`, `status`, `tags`, ...)."""
        with self._account.lock:
            values = dict(changes)
            if "tags" in values:
                values["tags"] = tuple(_texts(values["tags"]))
            if custom_fields is not None:
                values["custom_fields"] = dict(custom_fields)
            return self._desk.change(ticket_id, values, self._agent(by))

    def add_tags(self, ticket_id: int, *tags: str, by: int | None = None) -> Ticket:
        """Add tags to those the ticket has."""
        with self._account.lock:
            present = self._desk.ticket(ticket_id).tags
            return self.update(ticket_id, by=by, tags=(*dict.fromkeys((*present, *tags)),))

    def assign(self, ticket_id: int, *, to: int | None = None, by: int | None = None) -> Ticket:
        """Give a ticket to an agent; left out, the agent takes it."""
        agent = self._agent(by)
        return self.update(ticket_id, by=agent.id, responder_id=to or agent.id)

    def close(self, ticket_id: int, *, by: int | None = None) -> Ticket:
        """Close a ticket."""
        return self.update(ticket_id, by=by, status=int(Status.CLOSED))

    def mark_spam(self, ticket_id: int, *, by: int | None = None) -> Ticket:
        """Mark a ticket as spam; it vanishes from ordinary lists."""
        return self.update(ticket_id, by=by, spam=True)

    def delete(self, ticket_id: int, *, by: int | None = None) -> Ticket:
        """Delete a ticket; it can be restored."""
        return self.update(ticket_id, by=by, deleted=True)

    def restore(self, ticket_id: int, *, by: int | None = None) -> Ticket:
        """Restore a deleted ticket."""
        return self.update(ticket_id, by=by, deleted=False)

    def archive(self, ticket_id: int, *, by: int | None = None) -> Ticket:
        """Archive a ticket: from then on it can only be read, under another path."""
        return self.update(ticket_id, by=by, archived=True)

    def merge(self, primary_id: int, *secondary_ids: int, by: int | None = None) -> None:
        """Merge tickets into one."""
        with self._account.lock:
            self._desk.merge(primary_id, list(secondary_ids), self._agent(by))

    def note(
        self, ticket_id: int, body: str, *, private: bool = True, by: int | None = None
    ) -> Conversation:
        """Add a note as an agent."""
        with self._account.lock:
            return self._desk.add_note(ticket_id, body, self._agent(by), private=private)

    def reply(self, ticket_id: int, body: str, *, by: int | None = None) -> Conversation:
        """Answer the customer as an agent."""
        with self._account.lock:
            return self._desk.reply(ticket_id, body, self._agent(by))

    def customer_replies(self, ticket_id: int, body: str) -> Conversation:
        """Answer as the ticket's requester; a ticket that was not open opens again."""
        with self._account.lock:
            requester = Actor.requester(self._desk.ticket(ticket_id).requester_id)
            return self._desk.reply(ticket_id, body, requester)

    def delete_group(self, group_id: int, *, by: int | None = None) -> None:
        """Delete a group; its tickets lose it."""
        with self._account.lock:
            for ticket in list(self._account.tickets):
                if ticket.group_id == group_id:
                    self.update(ticket.id, by=by, group_id=None)
            self._account.remove_group(group_id)

    def _agent(self, agent_id: int | None) -> Actor:
        chosen = next(iter(self._account.agents), None) if agent_id is None else agent_id
        if chosen not in self._account.agents:
            message = f"no agent {agent_id}"
            raise UsageError(message)
        return Actor.agent(chosen)


def _texts(value: object) -> list[str]:
    if not isinstance(value, list | tuple | set | frozenset):
        message = "tags are a collection of texts"
        raise UsageError(message)
    return [str(entry) for entry in value]
