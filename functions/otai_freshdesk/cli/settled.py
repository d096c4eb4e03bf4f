"""What a row of Freshdesk's ticket list says of a ticket that agents have settled.

Both who learns from the past and who measures against it read it here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE
from otai_freshdesk.ticket_systems.freshdesk.gateway import PRIORITY_LABELS, SOURCE_OUTBOUND
from otai_freshdesk.ticket_systems.freshdesk.query import QueryDict

__all__ = ["is_outbound", "is_settled", "settled_since", "standard_labels", "text_of"]

_SETTLED_STATUSES = frozenset({4, 5})
"""Resolved and closed, in every account (Freshdesk documents the numbers)."""


def settled_since(since: datetime) -> QueryDict:
    """Return the query for tickets with their text, by the time of their last update."""
    return {
        "updated_since": since,
        "order_by": "updated_at",
        "order_type": "asc",
        "include": ("description",),
    }


def is_settled(row: Mapping[str, Any]) -> bool:
    """Whether agents are done with it, and it is neither spam nor deleted."""
    return row.get("status") in _SETTLED_STATUSES and not (row.get("spam") or row.get("deleted"))


def is_outbound(row: Mapping[str, Any]) -> bool:
    """Whether an agent wrote first."""
    return row.get("source") == SOURCE_OUTBOUND


def text_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return subject and body, as HTML where the list has it."""
    return row.get("subject") or "", row.get("description") or row.get("description_text") or ""


def standard_labels(row: Mapping[str, Any], group: str | None) -> dict[str, str | None]:
    """Return group, type and priority by name; what its group is called, the caller knows."""
    return {
        GROUP: group,
        TYPE: row.get("type") or None,
        PRIORITY: PRIORITY_LABELS.get(row.get("priority") or 0),
    }
