"""Freshdesk: adapter, client, rate budget, retries, queries and the help desk built on them."""

from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.errors import FreshdeskError
from otai_freshdesk.ticket_systems.freshdesk.retry import AT_ONCE, RetryPolicy

__all__ = ["AT_ONCE", "FreshdeskAdapter", "FreshdeskError", "RetryPolicy"]
