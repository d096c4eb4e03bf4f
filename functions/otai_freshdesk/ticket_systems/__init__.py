"""Ticket systems behind one documented interface, found by name in a registry."""

from otai_freshdesk.ticket_systems.base import (
    AdapterConfig,
    TicketSystemAdapter,
    TicketSystemError,
)
from otai_freshdesk.ticket_systems.registry import (
    InvalidProviderError,
    RegistryError,
    UnknownProviderError,
    adapter_class,
    known_provider_keys,
)

__all__ = [
    "AdapterConfig",
    "InvalidProviderError",
    "RegistryError",
    "TicketSystemAdapter",
    "TicketSystemError",
    "UnknownProviderError",
    "adapter_class",
    "known_provider_keys",
]
