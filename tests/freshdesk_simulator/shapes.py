"""The JSON shapes of tickets, conversations, groups, agents and the account."""

import html
import re
from collections.abc import Mapping

from freshdesk_simulator.account import Account
from freshdesk_simulator.clock import format_optional, format_timestamp
from freshdesk_simulator.models import Agent, Contact, Conversation, Group, Stats, Ticket

type Shape = dict[str, object]

TAG = re.compile(r"<[^<>]*>")
SPACE = re.compile(r"\s+")
FORM_ID = 103_000_000_000
ACCOUNT_ID = 2_000_001


def plain_text(markup: str) -> str:
    """Return HTML as one line of text, as `description_text` and `body_text` hold it."""
    return SPACE.sub(" ", html.unescape(TAG.sub(" ", markup))).strip()


def list_row(account: Account, ticket: Ticket, includes: frozenset[str]) -> Shape:
    """Return a ticket as `GET /tickets` shows it."""
    row: Shape = {
        "cc_emails": list(ticket.cc_emails),
        "fwd_emails": [],
        "reply_cc_emails": list(ticket.cc_emails),
        "fr_escalated": False,
        "spam": ticket.spam,
        "email_config_id": ticket.email_config_id,
        "group_id": ticket.group_id,
        "priority": ticket.priority,
        "requester_id": ticket.requester_id,
        "responder_id": ticket.responder_id,
        "source": ticket.source,
        "company_id": ticket.company_id,
        "status": ticket.status,
        "subject": ticket.subject,
        "product_id": ticket.product_id,
        "to_emails": None if ticket.to_emails is None else list(ticket.to_emails),
        "id": ticket.id,
        "type": ticket.type,
        "due_by": format_optional(ticket.due_by),
        "fr_due_by": format_optional(ticket.fr_due_by),
        "is_escalated": False,
        "custom_fields": custom_fields(account, ticket),
        "created_at": format_timestamp(ticket.created_at),
        "updated_at": format_timestamp(ticket.updated_at),
        "tags": list(ticket.tags),
    }
    if ticket.deleted:
        row["deleted"] = True
    if "description" in includes:
        row |= _description(ticket)
    return row | _included(account, ticket, includes)


def search_row(account: Account, ticket: Ticket) -> Shape:
    """Return a ticket as search shows it: a list row with its description."""
    return list_row(account, ticket, frozenset({"description"}))


def full_ticket(account: Account, ticket: Ticket, includes: frozenset[str] = frozenset()) -> Shape:
    """Return a ticket as `GET /tickets/{id}`, POST and PUT show it."""
    shape = list_row(account, ticket, includes - {"description"}) | {
        **_description(ticket),
        "support_email": ticket.support_email,
        "ticket_cc_emails": list(ticket.cc_emails),
        "ticket_bcc_emails": [],
        "nr_due_by": None,
        "nr_escalated": False,
        "attachments": [],
        "association_type": None,
        "form_id": FORM_ID,
    }
    if "conversations" in includes:
        first = account.conversations.get(ticket.id, [])[:10]
        shape["conversations"] = [conversation(entry) for entry in first]
    return shape


def custom_fields(account: Account, ticket: Ticket) -> Shape:
    """Return every custom field of the account, null where the ticket has no value."""
    return {name: ticket.custom_fields.get(name) for name in account.custom_field_names()}


def conversation(entry: Conversation) -> Shape:
    """Return a reply or a note as `GET /tickets/{id}/conversations` shows it."""
    return note(entry) | {"last_edited_at": None, "last_edited_user_id": None}


def note(entry: Conversation) -> Shape:
    """Return a note as `POST /tickets/{id}/notes` answers."""
    return {
        "id": entry.id,
        "body": entry.body,
        "body_text": plain_text(entry.body),
        "incoming": entry.incoming,
        "private": entry.private,
        "user_id": entry.user_id,
        "support_email": None,
        "source": entry.source,
        "ticket_id": entry.ticket_id,
        "to_emails": list(entry.to_emails),
        "from_email": None,
        "cc_emails": None,
        "bcc_emails": None,
        "attachments": [],
        "created_at": format_timestamp(entry.created_at),
        "updated_at": format_timestamp(entry.updated_at),
    }


def group(entry: Group) -> Shape:
    """Return a group."""
    return {
        "id": entry.id,
        "name": entry.name,
        "description": entry.description,
        "business_hour_id": None,
        "escalate_to": None,
        "unassigned_for": None,
        "agent_ids": list(entry.agent_ids),
        "group_type": "support_agent_group",
        "auto_ticket_assign": entry.auto_ticket_assign,
        "created_at": format_timestamp(entry.created_at),
        "updated_at": format_timestamp(entry.created_at),
    }


def agent(entry: Agent) -> Shape:
    """Return an agent as `GET /agents` and `GET /agents/me` show it."""
    created = format_timestamp(entry.created_at)
    return {
        "id": entry.id,
        "available": True,
        "occasional": False,
        "ticket_scope": entry.ticket_scope,
        "signature": None,
        "group_ids": list(entry.group_ids),
        "role_ids": [1 if entry.admin else 2],
        "skill_ids": [],
        "type": "support_agent",
        "available_since": None,
        "created_at": created,
        "updated_at": created,
        "contact": {
            "active": True,
            "email": entry.email,
            "name": entry.name,
            "job_title": None,
            "language": entry.language,
            "mobile": None,
            "phone": None,
            "time_zone": entry.time_zone,
            "last_login_at": None,
            "created_at": created,
            "updated_at": created,
        },
    }


def account_info(account: Account) -> Shape:
    """Return what `GET /account` shows."""
    return {
        "account_id": ACCOUNT_ID,
        "account_name": account.name,
        "account_domain": account.host,
        "organisation_id": ACCOUNT_ID + 1,
        "organisation_name": account.name,
        "bundle_id": None,
        "hipaa_compliant": False,
        "timezone": "Berlin" if account.language == "de" else "London",
        "data_center": "EU",
        "tier_type": account.plan.capitalize(),
        "total_agents": {
            "full_time": len(account.agents),
            "occasional": 0,
            "field_service": 0,
            "collaborators": 0,
        },
        "address": {
            "street": None,
            "city": None,
            "state": None,
            "country": None,
            "postalcode": None,
        },
        "contact_person": {"firstname": None, "lastname": None, "email": None},
    }


def _description(ticket: Ticket) -> Shape:
    return {
        "description": ticket.description,
        "description_text": plain_text(ticket.description),
    }


def _included(account: Account, ticket: Ticket, includes: frozenset[str]) -> Shape:
    shape: Shape = {}
    if "stats" in includes:
        shape["stats"] = _stats(ticket.stats)
    if "requester" in includes:
        shape["requester"] = _requester(account.contacts.get(ticket.requester_id))
    if "company" in includes:
        company = None if ticket.company_id is None else account.companies.get(ticket.company_id)
        shape["company"] = {} if company is None else {"id": company.id, "name": company.name}
    return shape


def _requester(contact: Contact | None) -> Mapping[str, object]:
    if contact is None:
        return {}
    return {
        "id": contact.id,
        "name": contact.name,
        "email": contact.email,
        "mobile": None,
        "phone": contact.phone,
    }


def _stats(stats: Stats) -> Shape:
    return {name: format_optional(getattr(stats, name)) for name in stats.__slots__}
