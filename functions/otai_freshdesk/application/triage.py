"""Triage one ticket: look, classify, decide, look a last time, write once."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum

from otai_freshdesk.application.errors import (
    HelpDeskError,
    TicketGoneError,
    TicketRejectedError,
    UnforeseenError,
    WriteUncertainError,
)
from otai_freshdesk.application.note import note_lines
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.ports import Classifier, HelpDesk, Written
from otai_freshdesk.clock import Clock
from otai_freshdesk.domain.policy import Decision, Ineligible, Policy
from otai_freshdesk.domain.ticket import Ticket

logger = logging.getLogger(__name__)

MAX_LOOK_AGE = 2.0  # seconds after which a look is too old to write on
MAX_ATTEMPTS = 3  # looks at a ticket whose writes keep losing their replies
REMEMBERED_WRITES = 10_000


class Mode(StrEnum):
    """How far triage may go."""

    OFF = "off"
    SHADOW = "shadow"  # decide, log and count; write nothing, or only a tag of its own
    LIVE = "live"


class TicketLocks:
    """One lock a ticket, for as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[int, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def __call__(self, ticket_id: int) -> AsyncIterator[None]:
        """Hold the lock of `ticket_id`."""
        lock, users = self._locks.get(ticket_id, (asyncio.Lock(), 0))
        self._locks[ticket_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(ticket_id)
            if users > 1:
                self._locks[ticket_id] = (lock, users - 1)


class OwnWrites:
    """When this process last wrote to which ticket; the newest `REMEMBERED_WRITES` of them."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}

    def note(self, ticket_id: int, at: float) -> None:
        """Remember a write to `ticket_id` at the monotonic time `at`."""
        self._at.pop(ticket_id, None)
        self._at[ticket_id] = at
        if len(self._at) > REMEMBERED_WRITES:
            del self._at[next(iter(self._at))]

    def since(self, ticket_id: int, looked_at: float) -> bool:
        """Tell whether a look at `looked_at` is older than our last write to the ticket."""
        return self._at.get(ticket_id, float("-inf")) >= looked_at


@contextmanager
def _contained(ticket_id: int) -> Iterator[None]:
    """Make a defect of ours an error of the one ticket that meets it: the others shall go on.

    Raises:
        UnforeseenError: instead of anything that is no `HelpDeskError`.
    """
    try:
        yield
    except HelpDeskError:
        raise
    except Exception as error:  # noqa: BLE001 - its own message may quote the ticket
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {place.name}, line {place.lineno}"
        logger.error("a defect met ticket %s: %s", ticket_id, where)  # noqa: TRY400 - no text
        raise UnforeseenError(f"a defect of ours ({where}); please report it") from None


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What all triage of one process shares: locks by ticket, and its own writes."""

    locked: TicketLocks = field(default_factory=TicketLocks)
    own_writes: OwnWrites = field(default_factory=OwnWrites)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An eligible ticket as first seen, and what triage wants to do with it.

    `looked_at` is the monotonic time at which that look began.
    """

    ticket: Ticket
    looked_at: float
    decision: Decision
    seconds: float

    def outcome(
        self,
        status: Status,
        *,
        reason: Ineligible | str | None = None,
        written: Written | None = None,
    ) -> Outcome:
        """Return the end of this ticket's way."""
        return Outcome(
            ticket_id=self.ticket.id,
            status=status,
            reason=reason,
            decision=self.decision,
            written=written.changes if written else None,
            refused=written.refused if written else frozenset(),
            raced=reason is Ineligible.MARKED,
            seconds=self.seconds,
        )


class Triage:
    """The use case, for webhook and sweep alike.

    A marked ticket is never written again, whatever is delivered how often. Two processes that
    look at the same instant can at worst write equal values twice, since Freshdesk has neither
    locks nor conditional writes; inside one process a lock per ticket prevents it.
    """

    def __init__(
        self,
        help_desk: HelpDesk,
        classifier: Classifier,
        policy: Policy,
        *,
        mode: Mode,
        clock: Clock,
        memory: ProcessMemory,
        note: bool = False,
    ) -> None:
        self.policy = policy
        self.mode = mode
        self._note = note
        self._help_desk = help_desk
        self._classifier = classifier
        self._clock = clock
        self._locked = memory.locked
        self._own_writes = memory.own_writes

    @property
    def writes(self) -> bool:
        """Whether tickets are written: in shadow mode only where it has a tag of its own."""
        return self.mode is Mode.LIVE or (
            self.mode is Mode.SHADOW and self.policy.shadow_tag is not None
        )

    @property
    def done(self) -> Status:
        """The outcome of a ticket for which everything that the mode allows was done."""
        return Status.TRIAGED if self.mode is Mode.LIVE else Status.SHADOW

    async def ticket(self, ticket_id: int) -> Outcome:
        """Triage the ticket with this id; for the private note, see `noted`.

        Returns:
            What became of it. A ticket the help desk refuses to change is `REJECTED`; one that
            was deleted or marked as spam in the meantime is `SKIPPED`.

        Raises:
            TicketRejectedError: the help desk refuses to show this ticket; nothing was written.
                No outcome, since it may be shown again: webhooks leave it to the sweep, and the
                sweep comes back to it.
            HelpDeskUnavailableError: try again later; nothing was written.
            HelpDeskAuthenticationError: the key must be mended first.
            WriteUncertainError: replies kept getting lost; the marker will tell.
            UnforeseenError: a defect of ours.
        """
        if self.mode is Mode.OFF:
            return Outcome(ticket_id=ticket_id, status=Status.OFF)
        with _contained(ticket_id):
            async with self._locked(ticket_id):
                return await self._triage(ticket_id)

    async def judge(self, ticket: Ticket, looked_at: float) -> Judged:
        """Classify an eligible ticket and decide.

        The classifier runs in a thread, so that requests to the help desk go on meanwhile.

        Raises:
            UnforeseenError: a defect of ours.
        """
        started = self._clock.monotonic()
        classify = self._classifier.classify
        with _contained(ticket.id):
            prediction = await asyncio.to_thread(classify, ticket.subject, ticket.body)
            decision = self.policy.decide(ticket, prediction)
        return Judged(
            ticket=ticket,
            looked_at=looked_at,
            decision=decision,
            seconds=self._clock.monotonic() - started,
        )

    async def write(self, judged: Judged, latest: Ticket) -> Outcome:
        """Write what was decided, `latest` being a look that is known to be fresh.

        Raises:
            WriteUncertainError: the reply was lost; the marker on the next look says whether the
                write arrived.
            HelpDeskUnavailableError: try again later; nothing was written.
            HelpDeskAuthenticationError: the key must be mended first.
            UnforeseenError: a defect of ours.
        """
        with _contained(judged.ticket.id):
            async with self._locked(judged.ticket.id):
                if self._own_writes.since(judged.ticket.id, judged.looked_at):
                    return judged.outcome(Status.SKIPPED, reason=Ineligible.MARKED)
                return await self._write(judged, latest)

    async def write_alike(self, judged: Sequence[Judged]) -> list[Outcome]:
        """Ask for the same changes in many tickets; all must want the same and have no tags.

        The outcomes say what was asked for: the help desk applies it a little later, and only
        the marker on a later look proves it. The same goes for a request whose reply was lost.

        Raises:
            HelpDeskUnavailableError: nothing was asked for.
            HelpDeskAuthenticationError: the key must be mended first.
        """
        fresh = [one for one in judged if not self._own_writes.since(one.ticket.id, one.looked_at)]
        if not fresh:
            return []
        changes = fresh[0].decision.changes
        written = Written(changes)
        with suppress(WriteUncertainError):
            written = await self._help_desk.write_alike([one.ticket.id for one in fresh], changes)
        for one in fresh:
            self._own_writes.note(one.ticket.id, self._clock.monotonic())
        return [one.outcome(self.done, written=written) for one in fresh]

    async def noted(self, outcome: Outcome) -> Outcome:
        """Add the private note for a ticket that has just been triaged, where that is wanted.

        A courtesy beside the promise: at most one a ticket, and none when the help desk fails or
        time ends before it is there, since a marked ticket is not looked at again.
        """
        if not self._note or outcome.status is not Status.TRIAGED or outcome.decision is None:
            return outcome
        lines = note_lines(outcome, self.policy.marker)
        try:
            there = await self._help_desk.add_note(outcome.ticket_id, lines, self.policy.marker)
        except HelpDeskError:
            there = False
        return replace(outcome, noted=there)

    async def _triage(self, ticket_id: int, attempts: int = MAX_ATTEMPTS) -> Outcome:
        judged = await self._look(ticket_id)
        if isinstance(judged, Outcome):
            return judged
        try:
            return await self._write_fresh(judged)
        except WriteUncertainError:
            if attempts == 1:
                raise
        outcome = await self._triage(ticket_id, attempts - 1)
        if outcome.reason is Ineligible.MARKED:
            return judged.outcome(self.done, written=Written(judged.decision.changes))
        return outcome

    async def _look(self, ticket_id: int) -> Judged | Outcome:
        """Return what to do with a ticket, or the outcome when there is nothing to be done."""
        looked_at = self._clock.monotonic()
        first = await self._help_desk.ticket(ticket_id)
        if first is None:
            return Outcome(ticket_id=ticket_id, status=Status.NOT_FOUND)
        if reason := self.policy.ineligible(first):
            return Outcome(ticket_id=ticket_id, status=Status.SKIPPED, reason=reason)
        judged = await self.judge(first, looked_at)
        return judged if self.writes else judged.outcome(Status.SHADOW)

    async def _write_fresh(self, judged: Judged) -> Outcome:
        """Write on a look that is at most `MAX_LOOK_AGE` old."""
        latest: Ticket | None = judged.ticket
        if self._clock.monotonic() - judged.looked_at > MAX_LOOK_AGE:
            latest = await self._help_desk.ticket(judged.ticket.id)
        if latest is None:
            return judged.outcome(Status.NOT_FOUND)
        return await self._write(judged, latest)

    async def _write(self, judged: Judged, latest: Ticket) -> Outcome:
        changes = self.policy.confirm(judged.decision, judged.ticket, latest)
        if isinstance(changes, Ineligible):
            return judged.outcome(Status.SKIPPED, reason=changes)
        try:
            written = await self._help_desk.write(latest, changes)
        except TicketGoneError as error:
            return judged.outcome(Status.SKIPPED, reason=str(error))
        except TicketRejectedError as error:
            return judged.outcome(Status.REJECTED, reason=str(error))
        self._own_writes.note(latest.id, self._clock.monotonic())
        return judged.outcome(self.done, written=written)
