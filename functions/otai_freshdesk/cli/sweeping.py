"""One sweep for the command line, with its progress shown."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.sweep import SweepReport
from otai_freshdesk.application.sweep_state import SweepStateStore
from otai_freshdesk.application.triage import Mode
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.cli.configuration import open_application, settings_now, with_mode
from otai_freshdesk.cli.output import progress_bar
from otai_freshdesk.state_store import open_store

__all__ = ["Swept", "sweep_once"]

_WORDS = {
    Status.TRIAGED: "triaged",
    Status.SHADOW: "decided, not written",
    Status.SKIPPED: "left alone",
    Status.NOT_FOUND: "gone meanwhile",
    Status.REJECTED: "refused by Freshdesk",
}


@dataclass(frozen=True, slots=True)
class Swept:
    """One sweep that is over."""

    mode: Mode
    report: SweepReport

    @property
    def writes_nothing(self) -> bool:
        """Whether the mode forbids writing."""
        return self.mode is not Mode.LIVE

    @property
    def wants_attention(self) -> bool:
        """Whether it did not reach its end, or left tickets to a human."""
        return not self.report.complete or bool(self.report.parked or self.report.state.failing)

    def rows(self) -> list[tuple[str, str]]:
        """Return what happened, in words and numbers."""
        report = self.report
        counted = [(text, report.counts[status.value]) for status, text in _WORDS.items()]
        counted += [
            ("with a field left to a human", report.abstained),
            ("failed, to be tried again", len(report.state.failing)),
            ("left to a human for good", len(report.parked)),
        ]
        seen = [(text, str(count)) for text, count in counted if count]
        return [("looked at", str(report.looked_at)), *seen]


class _ReadOnlyStore:
    """Shows the stored state and keeps nothing, so that a dry run moves no cursor."""

    def __init__(self, store: SweepStateStore) -> None:
        self._store = store

    def load(self) -> str | None:
        """Return the stored text.

        Raises:
            OSError: It cannot be read now.
        """
        return self._store.load()

    def save(self, text: str) -> None:
        """Keep nothing."""


def sweep_once(
    config: Path,
    bundle: Path | None,
    *,
    since: datetime | None,
    seconds: float,
    dry_run: bool,
) -> Swept:
    """Sweep once.

    Args:
        config: Path of config.yml.
        bundle: What beats the configuration.
        since: Look at tickets updated from here on; None: from where the last sweep ended.
        seconds: After this nothing new is begun.
        dry_run: Decide as in mode shadow, and leave the stored state as it is.

    Raises:
        CommandError, ConfigError, BundleError: Configuration or bundle cannot be used.
        OSError: The state can be neither read nor kept.
    """
    settings = settings_now(config, bundle)
    store = None
    if dry_run:
        settings = with_mode(settings, Mode.SHADOW)
        store = _ReadOnlyStore(open_store(settings.sweep.cursor))
    application = open_application(settings, store=store)
    report = asyncio.run(_sweep(application, since, seconds))
    return Swept(settings.triage.mode, report)


async def _sweep(application: Application, since: datetime | None, seconds: float) -> SweepReport:
    done = 0
    with progress_bar("Sweeping") as progress:

        def observe(_: Outcome) -> None:
            nonlocal done
            done += 1
            progress(done, label=f"Sweeping: {done} tickets")

        async with aclosing(application):
            return await application.sweep(seconds=seconds, since=since, observe=observe)
