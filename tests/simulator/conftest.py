"""Fixtures of the simulator's own tests: those it offers to others."""

from freshdesk_simulator.pytest_plugin import (
    freshdesk,
    freshdesk_client,
    freshdesk_server,
    german_freshdesk,
    virtual_clock,
)

__all__ = [
    "freshdesk",
    "freshdesk_client",
    "freshdesk_server",
    "german_freshdesk",
    "virtual_clock",
]
