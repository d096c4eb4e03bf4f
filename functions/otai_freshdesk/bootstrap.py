"""Puts the parts together: configuration, classifier, Freshdesk, state.

An `Application` is made once a process. Making it reads the configuration and loads the model,
but touches neither the network nor a secret, so that a snapshot taken afterwards holds neither.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path

from otai_freshdesk.application.errors import HelpDeskError
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.ports import Classifier, HelpDesk
from otai_freshdesk.application.sweep import Sweep, SweepReport
from otai_freshdesk.application.sweep_state import SweepState, SweepStateError, SweepStateStore
from otai_freshdesk.application.triage import Mode, ProcessMemory, Triage
from otai_freshdesk.classification import BundledClassifier
from otai_freshdesk.clock import Clock, SystemClock
from otai_freshdesk.config.overlay import open_overlay
from otai_freshdesk.config.secrets import Secret, WebhookSecrets, prepare_fetching
from otai_freshdesk.config.settings import Settings, load_settings
from otai_freshdesk.observability import logger
from otai_freshdesk.state_store import open_store
from otai_freshdesk.ticket_systems.connect import HelpDeskProvider, connect
from otai_freshdesk.web.request import RequestGuard

GRACE = 5.0  # seconds in which a sweep finishes what it has begun
CONFIG_PATH = Path(__file__).parent.parent / "config.yml"


class Application:
    """Everything a process needs to triage tickets; for one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        classifier: Classifier | None = None,
        store: SweepStateStore | None = None,
    ) -> None:
        """Load the model.

        Args:
            settings: the configuration.
            clock: time; the machine's own by default.
            classifier: judges tickets; the configured bundle by default.
            store: keeps the sweep's state; the configured place by default.
        """
        self.settings = settings
        self.clock = clock or SystemClock()
        self.classifier = classifier or BundledClassifier(
            settings.classifier.bundle, threads=settings.classifier.threads
        )
        self.guard = RequestGuard(
            WebhookSecrets(Secret(settings.webhook.secret)), settings.webhook.max_body_bytes
        )
        self._store = store
        self._overlay = open_overlay(settings.overlay, _complain, self.clock.monotonic)
        self._memory = ProcessMemory()
        self._first_sweep: datetime | None = None

    def prepare(self) -> None:
        """Do what the first ticket would otherwise wait for: load modules, make clients.

        For initialisation, which no request waits for. Like making the application, it touches
        neither the network nor a secret.

        Raises:
            ConfigError: the ticket system cannot be used as it is configured.
        """
        key = self.settings.system.params.get("freshdesk_api_key", "")
        prepare_fetching([str(key), self.settings.webhook.secret])
        _ = self.store, self._adapter
        self.classifier.classify("Warm up", "The first prediction takes longer than the others.")

    @cached_property
    def store(self) -> SweepStateStore:
        """Where the sweep's state is kept; opened on first use."""
        return self._store or open_store(self.settings.sweep.cursor)

    @cached_property
    def _adapter(self) -> HelpDeskProvider:
        """The adapter of the configured name; made on first use."""
        return connect(self.settings.system, self.clock)

    async def aclose(self) -> None:
        """Close the connections, if any were made."""
        if "_adapter" in self.__dict__:
            await self._adapter.aclose()

    async def webhook(self, ticket_id: int, *, seconds: float) -> Outcome:
        """Triage the ticket of a webhook within `seconds`, or leave it to the sweep.

        It never waits for the rate limit, and never raises on anything Freshdesk does, nor where
        the sweep's state cannot be read.
        """
        outcome: Outcome | None = None
        try:
            async with asyncio.timeout(seconds):
                switched_on = await self._switched_on()
                if switched_on is None:
                    return _deferred(ticket_id, "triage starts with the first sweep")
                settings = await asyncio.to_thread(self._overlay.over, self.settings)
                triage = self.triage(self.help_desk(), switched_on, settings)
                outcome = await triage.ticket(ticket_id)
                return await triage.noted(outcome)
        except TimeoutError:
            # A ticket that was triaged stays so, even when its note came too late.
            return outcome or _deferred(ticket_id, f"not done within {seconds:.1f} seconds")
        except (HelpDeskError, OSError) as error:
            return _deferred(ticket_id, str(error))

    async def sweep(
        self,
        *,
        seconds: float,
        since: datetime | None = None,
        observe: Callable[[Outcome], None] | None = None,
    ) -> SweepReport:
        """Sweep once within `seconds`, and remember how far it came.

        Args:
            seconds: after this nothing new is begun.
            since: look at tickets updated from here on, those too that were created since then but
                before triage was switched on, and leave the cursor alone. They are written singly:
                no later sweep would notice a bulk update that is never applied.
            observe: told what became of each ticket.

        Raises:
            OSError: the state can be neither read nor kept.
        """
        stop_at = self.clock.monotonic() + seconds
        settings = await asyncio.to_thread(self._overlay.over, self.settings)
        state = await asyncio.to_thread(self._load_state)
        help_desk = self.help_desk(stop_at + GRACE)
        off = settings.triage.mode is Mode.OFF
        try:
            now = self._now() if off else await help_desk.now()
        except HelpDeskError as error:
            report = SweepReport(state=state, lag=self._now() - (state.cursor or self._now()))
            report.stop(error)
            return report
        state = state if off else state.as_of(now)
        first_sweep = state.switched_on or now
        state = replace(state, switched_on=first_sweep)
        switched_on = settings.triage.switched_on or first_sweep
        how = settings.sweep_settings()
        sweep = Sweep(
            help_desk,
            self.triage(help_desk, min(since or switched_on, switched_on), settings),
            replace(how, bulk=how.bulk and since is None),
            clock=self.clock,
            observe=observe,
            remember=self._save_state,
        )
        report = await sweep.run(state, now=now, stop_at=stop_at, since=since)
        await self._save_state(report.state)
        return report

    def budget_left(self) -> int | None:
        """Return what is left of the account's rate limit, None when nobody knows."""
        return self._adapter.budget_left()

    def help_desk(self, deadline: float | None = None) -> HelpDesk:
        """Return the account's tickets.

        Args:
            deadline: monotonic time up to which calls may wait for the rate limit and try again;
                None: they never wait.
        """
        return self._adapter.help_desk(deadline)

    def triage(self, help_desk: HelpDesk, switched_on: datetime, settings: Settings) -> Triage:
        """Return triage by `settings`; tickets created before `switched_on` stay untouched."""
        return Triage(
            help_desk,
            self.classifier,
            settings.policy(self.classifier.bundle_id, switched_on),
            mode=settings.triage.mode,
            clock=self.clock,
            memory=self._memory,
            note=settings.triage.note,
        )

    async def _switched_on(self) -> datetime | None:
        """Return when triage was switched on, None when no sweep has run yet."""
        known = self.settings.triage.switched_on or self._first_sweep
        if known is None:
            state = await asyncio.to_thread(self._load_state)
            known = self._first_sweep = state.switched_on
        return known

    async def _save_state(self, state: SweepState) -> None:
        await asyncio.to_thread(self.store.save, state.to_json())

    def _load_state(self) -> SweepState:
        """Return the stored state; a damaged one is reported and means the look-back."""
        text = self.store.load()
        try:
            return SweepState.from_json(text) if text else SweepState()
        except SweepStateError as error:
            logger.error("sweep state lost", extra={"reason": str(error)})
            return SweepState(switched_on=self._now() - self.settings.sweep.look_back)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)


def _complain(problem: str) -> None:
    logger.error("switch", extra={"reason": problem})


def _deferred(ticket_id: int, reason: str) -> Outcome:
    return Outcome(ticket_id=ticket_id, status=Status.DEFERRED, reason=reason)


@cache
def application() -> Application:
    """Return the process's application, as `OTAI_CONFIG` or the deployed config.yml describes it.

    Raises:
        ConfigError: the configuration cannot be used; the message says what to do.
        BundleError: the model cannot be used.
    """
    path = Path(os.environ.get("OTAI_CONFIG") or CONFIG_PATH)
    return Application(load_settings(path, os.environ))
