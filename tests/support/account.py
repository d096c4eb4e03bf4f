"""A simulated account, and the application as it is configured for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import yaml

from freshdesk_simulator import Simulator, VirtualClock, english_account
from freshdesk_simulator.models import Conversation, Ticket
from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.application.sweep_state import SweepStateStore
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.clock import Clock
from otai_freshdesk.config.settings import Settings, parse_settings
from otai_freshdesk.state_store import MemoryStore
from support.classifiers import SubjectClassifier

CONFIG = b"""
open_ticket_ai:
  system:
    provider_key: FreshdeskAdapter
    params: {freshdesk_domain: acme, freshdesk_api_key: "file:/nowhere"}
  webhook: {secret: "env:OTAI_TEST_SECRET"}
  triage:
    mode: live
    fields:
      group:
        target: queue
        labels: {billing_payments: Billing, sales_presales: Sales, "tech*": Technical Support}
      type: {target: type}
      priority: {target: priority, undecided: [Low]}
"""


class Account:
    """One simulated account with the application connected to it."""

    def __init__(
        self,
        simulator: Simulator,
        *,
        overrides: Mapping[str, str],
        classifier: Classifier | None = None,
        store: SweepStateStore | None = None,
        triage: Mapping[str, object] | None = None,
    ) -> None:
        """Connect.

        Args:
            simulator: serves the account.
            overrides: variables that lie over the configuration.
            classifier: judges; reads the subject by default.
            store: keeps the sweep's state; memory by default.
            triage: further keys below `triage` in config.yml.
        """
        self.simulator = simulator
        self._config = _config(triage or {})
        self.classifier = classifier or SubjectClassifier()
        self.store = store or MemoryStore()
        self.overrides = dict(overrides)
        self._processes: list[Application] = []
        self.application = self.process()

    def process(self, *, clock: Clock | None = None, **overrides: str) -> Application:
        """Return another process of the same deployment: same state, nothing else shared.

        Args:
            clock: its machine's clock; the simulator's by default.
            overrides: variables that lie over the configuration and the account's.
        """
        process = Application(
            _settings(self._config, _environment(self.simulator.url, self.overrides | overrides)),
            clock=clock or self.simulator.clock,
            classifier=self.classifier,
            store=self.store,
        )
        self._processes.append(process)
        return process

    async def aclose(self) -> None:
        """Close the connections of all processes."""
        for process in self._processes:
            await process.aclose()

    def add(self, subject: str = "Hello", **properties: Any) -> int:
        """Add a ticket and return its id."""
        return self.simulator.account.add_ticket(subject, "<p>Text</p>", **properties).id

    def ticket(self, ticket_id: int) -> Ticket:
        """Return a ticket as it is now."""
        return self.simulator.account.ticket(ticket_id)

    def group_of(self, ticket_id: int) -> str | None:
        """Return the name of a ticket's group."""
        group_id = self.ticket(ticket_id).group_id
        return self.simulator.account.groups[group_id].name if group_id else None

    def writes(self, ticket_id: int) -> int:
        """Return how often a ticket was written through the API; notes are counted by `notes`."""
        writes = self.simulator.journal.api_writes_to(ticket_id)
        return sum(write.note_id is None for write in writes)

    def notes(self, ticket_id: int) -> list[Conversation]:
        """Return what was said about a ticket through the API."""
        said = self.simulator.account.conversations.get(ticket_id, [])
        ours = {
            write.note_id
            for write in self.simulator.journal.api_writes_to(ticket_id)
            if write.note_id is not None
        }
        return [one for one in said if one.id in ours]

    def is_marked(self, ticket_id: int) -> bool:
        """Tell whether a ticket carries the application's marker."""
        marker = self.application.settings.marker(self.classifier.bundle_id)
        return marker in self.ticket(ticket_id).tags


def application_at(url: str, clock: Clock, overrides: Mapping[str, str]) -> Application:
    """Return the application for a simulated account that is served by somebody else."""
    return Application(
        _settings(_config({}), _environment(url, overrides)),
        clock=clock,
        classifier=SubjectClassifier(),
        store=MemoryStore(),
    )


def _environment(url: str, overrides: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    environment = {
        "OTAI_FRESHDESK_URL": url,
        "OTAI_API_KEY": "env:OTAI_TEST_API_KEY",
        "OTAI_TRIAGE_FROM": "2026-01-01T00:00:00Z",
        **overrides,
    }
    return tuple(sorted(environment.items()))


@lru_cache
def _settings(config: bytes, environment: tuple[tuple[str, str], ...]) -> Settings:
    return parse_settings(config, dict(environment))


def _config(triage: Mapping[str, object]) -> bytes:
    document = yaml.safe_load(CONFIG)
    document["open_ticket_ai"]["triage"] |= triage
    return yaml.safe_dump(document).encode()


@asynccontextmanager
async def connected_account(
    triage: Mapping[str, object] | None = None, **overrides: str
) -> AsyncIterator[Account]:
    """Serve an English account on loopback and connect an application; virtual time."""
    clock = VirtualClock(datetime(2026, 11, 22, 8, tzinfo=UTC).timestamp())
    with Simulator(english_account(clock)) as simulator:
        account = Account(simulator, overrides=overrides, triage=triage)
        yield account
        await account.aclose()
