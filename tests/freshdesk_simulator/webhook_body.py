"""Bodies of automation webhooks: simple or advanced, well-formed or as broken as seen."""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from freshdesk_simulator.account import Account
from freshdesk_simulator.automation import TriggerWebhook
from freshdesk_simulator.models import Agent, Company, Contact, Group, Ticket

WRAPPER = "freshdesk_webhook"
PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
CLOSING_BRACES = re.compile(r"\s*\}[\s}]*\Z")


def render(
    action: TriggerWebhook, account: Account, ticket: Ticket, triggered: str, escaping: str
) -> tuple[bytes, str]:
    """Return a webhook's body and its content type.

    Args:
        action: Names the fields, or brings the template.
        account: For labels and people.
        ticket: What it is about.
        triggered: The value of `triggered_event`.
        escaping: `escaped`, `raw` (values pasted as they are), `trailing_comma` or `form`.
    """
    values = placeholders(account, ticket) | {"triggered_event": triggered}
    raw = escaping == "raw"
    if action.template:
        text = _advanced(action.template, values, raw=raw)
    else:
        text = _simple(action.fields, values, raw=raw)
    match escaping:
        case "form":
            return urlencode(_flat(text), errors="replace").encode(), FORM_TYPE
        case "trailing_comma":
            broken = CLOSING_BRACES.sub(lambda end: "," + end[0].lstrip(), text)
            return broken.encode("utf-8", "replace"), JSON_TYPE
        case _:
            return text.encode("utf-8", "replace"), JSON_TYPE


def placeholders(account: Account, ticket: Ticket) -> dict[str, object]:
    """Return the value of every placeholder; labels rather than numbers, empty rather than null."""
    contact = account.contacts.get(ticket.requester_id)
    agent = account.agents.get(ticket.responder_id or 0)
    group = account.groups.get(ticket.group_id or 0)
    company = account.companies.get(ticket.company_id or 0)
    url = f"https://{account.host}/helpdesk/tickets/{ticket.id}"
    values: dict[str, object] = {
        "ticket.id": ticket.id,
        "ticket.subject": ticket.subject,
        # Two newlines behind the markup: seen on live accounts.
        "ticket.description": f"{ticket.description}\n\n" if ticket.description else "",
        "ticket.url": url,
        "ticket.portal_url": url.replace("/helpdesk/", "/support/"),
        "ticket.status": account.statuses.get(ticket.status, ("", ""))[0],
        "ticket.priority": account.priorities.get(ticket.priority, ""),
        "ticket.source": account.sources.get(ticket.source, ""),
        "ticket.ticket_type": ticket.type or "",
        "ticket.tags": ", ".join(ticket.tags),
        **_people(contact, agent, group, company),
        **_talk(account, ticket),
    }
    for name in account.custom_field_names():
        value = ticket.custom_fields.get(name)
        values[f"ticket.{name}"] = "" if value is None else value
    return values


def _people(
    contact: Contact | None, agent: Agent | None, group: Group | None, company: Company | None
) -> dict[str, object]:
    name, email = (contact.name, contact.email) if contact else ("", "")
    return {
        "ticket.contact.name": name,
        "ticket.contact.email": email,
        "ticket.contact.phone": (contact.phone if contact else None) or "",
        "ticket.requester.name": name,
        "ticket.requester.email": email,
        "ticket.agent.name": agent.name if agent else "",
        "ticket.agent.email": agent.email if agent else "",
        "ticket.group.name": group.name if group else "",
        "ticket.company.name": company.name if company else "",
    }


def _talk(account: Account, ticket: Ticket) -> dict[str, object]:
    values: dict[str, object] = {
        "ticket.latest_public_comment": "",
        "ticket.latest_private_comment": "",
    }
    for entry in account.conversations.get(ticket.id, []):
        kind = "private" if entry.private else "public"
        author = account.agents.get(entry.user_id or 0) or account.contacts.get(entry.user_id or 0)
        values[f"ticket.latest_{kind}_comment"] = f"{author.name if author else ''} : {entry.body}"
    return values


def _simple(fields: tuple[str, ...], values: Mapping[str, object], *, raw: bool) -> str:
    named = {_simple_name(path): values.get(path, "") for path in fields}
    if not raw:
        return json.dumps({WRAPPER: named}, ensure_ascii=False)
    pairs = ", ".join(
        f'"{name}": {value}' if isinstance(value, int) else f'"{name}": "{value}"'
        for name, value in named.items()
    )
    return f'{{"{WRAPPER}": {{{pairs}}}}}'


def _simple_name(path: str) -> str:
    return "ticket_type" if path == "ticket.ticket_type" else path.replace(".", "_")


def _advanced(template: str, values: Mapping[str, object], *, raw: bool) -> str:
    def paste(match: re.Match[str]) -> str:
        text = str(values.get(match[1], ""))
        return text if raw else json.dumps(text, ensure_ascii=False)[1:-1]

    return PLACEHOLDER.sub(paste, template)


def _flat(text: str) -> dict[str, object]:
    try:
        body = json.loads(text)
    except ValueError:
        return {"body": text}
    if not isinstance(body, dict):
        return {"body": text}
    inner = body.get(WRAPPER)
    return inner if isinstance(inner, dict) else body
