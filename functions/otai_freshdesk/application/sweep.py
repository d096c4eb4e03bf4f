"""The sweep: find every ticket the webhook missed, and lose none.

The webhook is a hint, the sweep is the guarantee: with the webhook switched off altogether it
alone triages every eligible ticket. It walks the tickets by their time of update, from the
cursor of the last sweep to the moment it starts itself; what is updated later is left to the
next one. Tickets that want the same changes and have no tags wait for each other and go into
one bulk update; the others are written singly, in chunks, each chunk after a last look: one
cheap list of what has changed since the read.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from otai_freshdesk.application.errors import (
    HelpDeskAuthenticationError,
    HelpDeskError,
    HelpDeskUnavailableError,
    TicketUnreadableError,
    UnforeseenError,
    WriteUncertainError,
)
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.ports import HelpDesk, Written
from otai_freshdesk.application.prefetch import prefetch
from otai_freshdesk.application.sweep_state import CLOCK_SKEW, MAX_FAILING, SweepState
from otai_freshdesk.application.triage import MAX_ATTEMPTS, Judged, Mode, Triage
from otai_freshdesk.clock import Clock
from otai_freshdesk.domain.policy import Ineligible, Policy
from otai_freshdesk.domain.ticket import Ticket

AGAIN = (HelpDeskUnavailableError, WriteUncertainError)
OUT_OF_TIME = "out of time; the next sweep goes on from here"
FIRST_PAUSE = 1.0  # seconds before tickets whose write failed are tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How a sweep goes about it.

    Attributes:
        look_back: how far to look where no cursor is known; longer than any outage of ours.
        overlap: how far before the cursor to start, for updates that show up late.
        chunk: most single writes after one last look.
        concurrency: single writes under way at once.
        bulk: write tickets that want the same together.
        bulk_max: tickets in one bulk update.
        bulk_batch: bulk updates after one last look, while tickets are still being judged.
        bulk_min: fewer tickets than this are written singly.
        bulk_min_age: younger tickets are written singly, since a webhook may still come.
        bulk_settles: after this a bulk update has surely been applied.
        pending_max: judged tickets that wait for others of their kind.
        walk_share: part of the time in which to look for tickets; the rest is for writing those
            that wait.
        retry_share: part of the time in which to begin with tickets that failed before; the others
            have their turn in the next sweep.
        read_ahead: tickets read before they are judged.
        park_after: failed sweeps, in which others could be written, after which a ticket is left to
            a human.
        give_up_after: failures or refusals in a row that mean the help desk, not the tickets.
    """

    look_back: timedelta = timedelta(hours=72)
    overlap: timedelta = timedelta(minutes=10)
    chunk: int = 20
    concurrency: int = 4
    bulk: bool = True
    bulk_max: int = 100
    bulk_batch: int = 5
    bulk_min: int = 5
    bulk_min_age: timedelta = timedelta(hours=2)
    bulk_settles: timedelta = timedelta(minutes=1)
    pending_max: int = 3000
    walk_share: float = 0.75
    retry_share: float = 0.2
    read_ahead: int = 50
    park_after: int = 5
    give_up_after: int = 5


@dataclass(kw_only=True)
class SweepReport:
    """What one sweep did.

    `fields_refused` counts values that the help desk did not take, while the rest of the ticket was
    written; `lag` is how far the cursor is behind the start of the sweep; `stopped` says why it
    ended early, None when it is complete; `key_refused` whether that was because nothing will work
    until somebody mends the key.
    """

    state: SweepState
    looked_at: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    abstained: int = 0
    raced: int = 0
    fields_refused: int = 0
    lag: timedelta = timedelta()
    parked: list[int] = field(default_factory=list)
    stopped: str | None = None
    key_refused: bool = False

    def stop(self, error: Exception) -> None:
        """Note why the sweep ends before it is complete."""
        self.stopped = str(error)
        self.key_refused = isinstance(error, HelpDeskAuthenticationError)

    @property
    def complete(self) -> bool:
        """Whether every ticket up to the start of the sweep was handled."""
        return self.stopped is None

    def as_record(self) -> dict[str, object]:
        """Return what logs and replies may show."""
        return {
            "complete": self.complete,
            "stopped": self.stopped,
            "looked_at": self.looked_at,
            "abstained": self.abstained,
            "raced": self.raced,
            "lag_seconds": round(self.lag.total_seconds()),
            "cursor": self.state.cursor.isoformat() if self.state.cursor else None,
            "failing": dict(self.state.failing),
            "parked": self.parked,
            **{f"{status.value}": self.counts[status.value] for status in Status},
        }


class _StopSweepError(Exception):
    """Ends the sweep early; what it handled so far stays handled."""


class ChangeFeed:
    """Fresh looks at tickets that others changed while the sweep was under way."""

    def __init__(self, help_desk: HelpDesk, policy: Policy, since: datetime) -> None:
        self._help_desk = help_desk
        self._policy = policy
        self._since = since
        self._latest: dict[int, Ticket] = {}
        self._ours: set[int] = set()

    async def look(self) -> None:
        """Read what has changed since the last look; one cheap list in the usual case."""
        for ticket in await self._help_desk.changed_since(self._since):
            self._since = max(self._since, ticket.updated_at)
            if not (ticket.id in self._ours and self._policy.is_marked(ticket)):
                self._latest[ticket.id] = ticket

    def written(self, ticket_ids: Iterable[int]) -> None:
        """Tell which tickets the sweep itself has written, so that they need no memory."""
        self._ours.update(ticket_ids)

    def latest(self, ticket: Ticket) -> Ticket | None:
        """Return the newest look at `ticket`, None when two looks differ and neither is newer.

        Freshdesk's times have whole seconds: what changed twice within one cannot be put in order.
        """
        seen = self._latest.get(ticket.id, ticket)
        if seen.updated_at > ticket.updated_at:
            return seen
        same = replace(seen, subject=ticket.subject, body=ticket.body) == ticket
        return ticket if same or seen.updated_at < ticket.updated_at else None


class Pending:
    """Judged tickets that wait to be written, those with equal changes together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[frozenset[tuple[str, str]], tuple[str, ...]], list[Judged]] = {}
        self.singles: list[Judged] = []
        self.full: list[list[Judged]] = []  # groups that are to be written next

    def __len__(self) -> int:
        return len(self.singles) + sum(map(len, self._groups.values()))

    def add_to_group(self, judged: Judged) -> int:
        """Add a ticket to those that want the same; return how many they are now."""
        changes = judged.decision.changes
        group = self._groups.setdefault((frozenset(changes.values.items()), changes.tags), [])
        group.append(judged)
        return len(group)

    def take_group(self, judged: Judged | None = None) -> list[Judged]:
        """Take the group of `judged` out, or the largest one; empty when there is none."""
        if judged is None:
            key = max(self._groups, key=lambda known: len(self._groups[known]), default=None)
        else:
            changes = judged.decision.changes
            key = (frozenset(changes.values.items()), changes.tags)
        return self._groups.pop(key, []) if key else []

    def take_singles(self) -> list[Judged]:
        """Take out the tickets that are written one by one."""
        taken, self.singles = self.singles, []
        return taken

    def oldest_update(self) -> datetime | None:
        """Return the earliest time of update among those that wait."""
        waiting = chain(self.singles, *self.full, *self._groups.values())
        return min((one.ticket.updated_at for one in waiting), default=None)


class Sweep:
    """The use case; one instance runs one sweep after the other."""

    def __init__(
        self,
        help_desk: HelpDesk,
        triage: Triage,
        settings: SweepSettings,
        *,
        clock: Clock,
        observe: Callable[[Outcome], None] | None = None,
        remember: Callable[[SweepState], Awaitable[None]] | None = None,
    ) -> None:
        """Keep what is needed; nothing is read yet.

        Args:
            help_desk: the tickets.
            triage: judges and writes one of them.
            settings: how to go about it.
            clock: time.
            observe: told what became of each ticket.
            remember: keeps a state before a bulk update is asked for, so that a sweep that
                follows a killed one waits until the help desk has applied it.
        """
        self._help_desk = help_desk
        self._triage = triage
        self._settings = settings
        self._clock = clock
        self._observe = observe or (lambda _: None)
        self._remember = remember or _forget

    async def run(
        self, state: SweepState, *, now: datetime, stop_at: float, since: datetime | None = None
    ) -> SweepReport:
        """Triage every eligible ticket updated since the last complete sweep.

        Args:
            state: what the last sweep left behind.
            now: the help desk's time; tickets updated later are left to the next sweep.
            stop_at: monotonic time after which nothing new is begun.
            since: start here instead of at the cursor; the cursor is then left alone.

        Returns:
            What was done, with the state for the next sweep. A sweep that stopped early has
            kept its progress; when the key was refused it stopped at once.
        """
        report = SweepReport(state=state)
        if self._triage.mode is Mode.OFF:
            report.stopped = "triage is switched off"
            return report
        run = _Run(
            help_desk=self._help_desk,
            triage=self._triage,
            settings=self._settings,
            clock=self._clock,
            report=report,
            observe=self._observe,
            remember=self._remember,
            now=now,
            stop_at=stop_at,
        )
        return await run.go(since)


class _Run:
    """One sweep under way."""

    def __init__(
        self,
        *,
        help_desk: HelpDesk,
        triage: Triage,
        settings: SweepSettings,
        clock: Clock,
        report: SweepReport,
        observe: Callable[[Outcome], None],
        remember: Callable[[SweepState], Awaitable[None]],
        now: datetime,
        stop_at: float,
    ) -> None:
        self._help_desk = help_desk
        self._triage = triage
        self._settings = settings
        self._clock = clock
        self._report = report
        self._observe = observe
        self._remember_ahead = remember
        self._stop_at = stop_at
        # Only a bulk update leaves tickets waiting until the end.
        flush_share = 1 - settings.walk_share if settings.bulk else 0.0
        self._started = now
        self._started_monotonic = clock.monotonic()
        time = stop_at - self._started_monotonic
        self._walk_until = stop_at - flush_share * time
        self._retry_until = self._started_monotonic + settings.retry_share * time
        self._feed = ChangeFeed(help_desk, triage.policy, self._started - CLOCK_SKEW)
        self._pending = Pending()
        self._seen: set[int] = set()
        self._reached: datetime | None = None  # every ticket updated before has been looked at
        self._unhandled: datetime | None = None  # the first one that failed in an outage
        self._bulk_since: datetime | None = None
        self._failed_in_a_row = 0
        self._unreadable: list[Ticket] = []
        self._could_read = False
        self._refused: list[tuple[Judged, Outcome]] = []  # since the last write that was taken
        self._failed_again: list[int] = []  # by their own fault, if others can be written
        self._tries: Counter[int] = Counter()
        self._verify_until = report.state.verify_until

    async def go(self, since: datetime | None) -> SweepReport:
        state = self._report.state
        start = since or (state.cursor or self._started - self._settings.look_back)
        if since is None and state.cursor:
            start -= self._settings.overlap
        try:
            await self._let_bulk_settle()
            await self._retry_failing()
            await self._walk(start)
            self._settle_refused()
        except (_StopSweepError, HelpDeskError) as stop:
            self._report.stop(stop)
        if self._wrote:
            for ticket_id in self._failed_again:
                self._fail(ticket_id)
        self._hold_cursor_at(one.ticket for one, _ in self._refused)
        self._hold_cursor_at(self._unreadable)
        if since is None:
            self._remember(start)
        return self._report

    @property
    def _wrote(self) -> bool:
        """Whether tickets could be written, so that those that could not are to blame."""
        return self._report.counts[self._triage.done] > 0

    # -- the walk -----------------------------------------------------------------------------

    async def _walk(self, start: datetime) -> None:
        tickets = self._help_desk.updated_between(start, self._started, self._is_wanted)
        async with prefetch(tickets, self._settings.read_ahead) as ahead:
            whole = await self._take_all(ahead)
        self._settle_unreadable()
        await self._flush_all()
        if not whole:
            raise _StopSweepError(OUT_OF_TIME)
        self._reached = self._started

    async def _take_all(self, tickets: AsyncIterator[Ticket]) -> bool:
        """Judge the tickets in turn; return whether there was time for all of them."""
        async for ticket in tickets:
            if self._clock.monotonic() >= self._walk_until:
                return False
            if ticket.id not in self._seen:
                self._seen.add(ticket.id)
                await self._take(ticket)
            self._reached = ticket.updated_at
        return True

    def _settle_unreadable(self) -> None:
        """Count what could not be read as failures, unless it was everything there is.

        Raises:
            _StopSweepError: then it is the help desk that has changed; the cursor must stay.
        """
        if not self._could_read and len(self._unreadable) >= self._settings.give_up_after:
            raise _StopSweepError("no ticket is shown in a form that can be read")
        while self._unreadable:
            self._fail(self._unreadable[0].id)
            del self._unreadable[0]

    def _is_left_out(self, ticket: Ticket) -> bool:
        state = self._report.state
        parked_at = state.parked.get(ticket.id)
        return ticket.id in state.failing or (
            parked_at is not None and ticket.updated_at <= parked_at
        )

    def _is_wanted(self, ticket: Ticket) -> bool:
        return not self._is_left_out(ticket) and self._triage.policy.ineligible(ticket) is None

    async def _take(self, ticket: Ticket) -> None:
        self._report.looked_at += 1
        if self._is_left_out(ticket):
            return
        self._report.state = self._report.state.recovered(ticket.id)
        if not ticket.is_readable:
            self._unreadable.append(ticket)
            return
        self._could_read = True
        if reason := self._triage.policy.ineligible(ticket):
            self._count(Outcome(ticket_id=ticket.id, status=Status.SKIPPED, reason=reason))
            return
        try:
            judged = await self._triage.judge(ticket, self._started_monotonic)
        except UnforeseenError:
            self._fail(ticket.id)
            return
        # The text has done its work; thousands of tickets may wait.
        judged = replace(judged, ticket=replace(ticket, subject="", body=""))
        if not self._triage.writes:
            self._count(judged.outcome(Status.SHADOW))
        else:
            await self._write_in_time(judged)

    async def _write_in_time(self, judged: Judged) -> None:
        """Let a judged ticket wait for others, and write those that are enough together."""
        if self._may_go_in_bulk(judged.ticket):
            if self._pending.add_to_group(judged) >= self._settings.bulk_max:
                self._pending.full.append(self._pending.take_group(judged))
                if len(self._pending.full) >= self._settings.bulk_batch:
                    await self._flush_full()
        else:
            self._pending.singles.append(judged)
            if len(self._pending.singles) >= self._settings.chunk:
                await self._flush_singles(self._pending.take_singles())
        if len(self._pending) >= self._settings.pending_max:
            self._pending.full.append(self._pending.take_group())
            await self._flush_full()

    def _may_go_in_bulk(self, ticket: Ticket) -> bool:
        """A bulk update replaces all tags, and says nothing of a ticket that it left out."""
        verifying = self._verify_until is not None and ticket.updated_at <= self._verify_until
        old = self._started - ticket.created_at >= self._settings.bulk_min_age
        return self._settings.bulk and old and not ticket.tags and not verifying

    # -- writing ------------------------------------------------------------------------------

    async def _flush_all(self) -> None:
        while group := self._pending.take_group():
            if len(group) < self._settings.bulk_min:
                self._pending.singles.extend(group)
            else:
                self._pending.full.append(group)
        await self._flush_full()
        pause = FIRST_PAUSE
        while singles := self._pending.take_singles():
            await self._flush_singles(singles)
            if self._pending.singles:
                await self._clock.sleep(pause)
                pause *= 4

    async def _flush_full(self) -> None:
        """Write the groups that are complete, several after one look."""
        while self._pending.full:
            room = min(len(self._pending.full), self._settings.chunk)
            # From here on the help desk may apply it, even when its reply is lost.
            for one in chain.from_iterable(self._pending.full[:room]):
                self._bulk_since = _earliest(self._bulk_since, one.ticket.updated_at)
            room = await self._help_desk.room_to_write(room)
            await self._remember_ahead(replace(self._report.state, settled_at=self._settled_at()))
            await self._feed.look()
            groups, self._pending.full = self._pending.full[:room], self._pending.full[room:]
            for group in groups:
                await self._flush_group(group)

    async def _flush_group(self, group: Sequence[Judged]) -> None:
        untouched = {
            one.ticket.id: one for one in group if self._feed.latest(one.ticket) is one.ticket
        }
        self._pending.singles.extend(one for one in group if one.ticket.id not in untouched)
        try:
            outcomes = await self._triage.write_alike(list(untouched.values()))
        except HelpDeskUnavailableError:
            self._pending.singles.extend(untouched.values())
            return
        self._feed.written(outcome.ticket_id for outcome in outcomes)
        for outcome in outcomes:
            self._count(outcome)

    async def _flush_singles(self, singles: Sequence[Judged]) -> None:
        limit = asyncio.Semaphore(self._settings.concurrency)

        async def write(one: Judged) -> Outcome | HelpDeskError:
            async with limit:
                try:
                    latest = self._feed.latest(one.ticket)
                    if latest is None:
                        return await self._triage.ticket(one.ticket.id)
                    return await self._triage.write(one, latest)
                except HelpDeskError as error:
                    return error

        async def note(one: Judged, result: Outcome | HelpDeskError) -> Outcome | HelpDeskError:
            if isinstance(result, HelpDeskError):
                return result
            async with limit:
                return await self._triage.noted(self._as_ours(one, result))

        left = deque(singles)
        try:
            while left:
                self._check_deadline()
                room = await self._help_desk.room_to_write(min(len(left), self._settings.chunk))
                await self._feed.look()
                chunk = list(islice(left, room))
                results = await asyncio.gather(*map(write, chunk))
                # Only now, for notes between the writes would let the last look grow old.
                results = await asyncio.gather(*map(note, chunk, results))
                for one, result in zip(chunk, results, strict=True):
                    self._settle(one, result)
                    left.popleft()
                self._judge_refused(results)
        except (HelpDeskError, _StopSweepError):
            self._hold_cursor_at(one.ticket for one in left)
            raise

    def _settle(self, one: Judged, result: Outcome | HelpDeskError) -> None:
        """Count a write, or remember a failure by the ticket.

        Raises:
            HelpDeskError, _StopSweepError: it is not this ticket alone; the cursor must stay.
        """
        ticket = one.ticket
        if isinstance(result, Outcome):
            self._feed.written([ticket.id])
            if result.status is Status.REJECTED:
                self._refused.append((one, result))
                return
            self._failed_in_a_row = 0
            self._count(result)
            return
        if isinstance(result, HelpDeskAuthenticationError):
            raise result
        if isinstance(result, AGAIN) and self._tries[ticket.id] < MAX_ATTEMPTS:
            # The last look before the next chunk shows whether it was written.
            self._tries[ticket.id] += 1
            self._pending.singles.append(one)
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._settings.give_up_after:
            raise _StopSweepError(f"too many tickets failed in a row; the last said: {result}")
        self._fail(ticket.id)

    def _judge_refused(self, results: Iterable[Outcome | HelpDeskError]) -> None:
        """Settle what was refused if any of the same chunk was taken.

        Raises:
            _StopSweepError: one after the other is refused, and none taken.
        """
        if any(isinstance(one, Outcome) and one.status is self._triage.done for one in results):
            self._settle_refused()
        elif len(self._refused) >= self._settings.give_up_after:
            _, last = self._refused[-1]
            raise _StopSweepError(
                f"Freshdesk refuses one ticket after the other; the last time: {last.reason}"
            )

    def _settle_refused(self) -> None:
        """Leave what was refused to a human if others were taken, else to the next sweep."""
        while self._refused:
            _, outcome = self._refused[0]
            if self._wrote:
                self._park(outcome.ticket_id)
            else:
                self._fail(outcome.ticket_id)
            self._count(outcome)
            del self._refused[0]

    def _as_ours(self, one: Judged, outcome: Outcome) -> Outcome:
        """Return the outcome of a ticket whose marker shows that our own write arrived."""
        if outcome.reason is not Ineligible.MARKED or outcome.ticket_id not in self._tries:
            return outcome
        return one.outcome(self._triage.done, written=Written(one.decision.changes))

    def _fail(self, ticket_id: int) -> None:
        """Count one more failure of a ticket, and leave it to a human when it has failed too often.

        Raises:
            _StopSweepError: no more can be remembered; the cursor must stay.
        """
        state = self._report.state
        if ticket_id not in state.failing and len(state.failing) >= MAX_FAILING:
            raise _StopSweepError("more tickets have failed than can be remembered")
        self._report.counts["failed"] += 1
        self._report.state = state = state.failed(ticket_id)
        if state.failing[ticket_id] >= self._settings.park_after:
            self._park(ticket_id)

    def _park(self, ticket_id: int) -> None:
        self._report.state = self._report.state.park(ticket_id, self._started)
        self._report.parked.append(ticket_id)

    # -- what earlier sweeps left behind ------------------------------------------------------

    async def _let_bulk_settle(self) -> None:
        settled_at = self._report.state.settled_at
        if settled_at and (wait := settled_at - self._started) > timedelta():
            seconds = min(wait, self._settings.bulk_settles).total_seconds()
            if self._clock.monotonic() + seconds >= self._stop_at:
                raise _StopSweepError("the last bulk update is still being applied")
            await self._clock.sleep(seconds)

    async def _retry_failing(self) -> None:
        """Try tickets again that failed before; what takes long must not keep others waiting."""
        for ticket_id in list(self._report.state.failing):
            if self._clock.monotonic() >= self._retry_until:
                return
            try:
                outcome = await self._triage.noted(await self._triage.ticket(ticket_id))
            except HelpDeskAuthenticationError:
                raise
            except TicketUnreadableError:
                self._fail(ticket_id)
                continue
            except HelpDeskError:
                self._failed_again.append(ticket_id)
                self._report.state = self._report.state.failed(ticket_id, times=0)
                continue
            self._count(outcome)
            if outcome.status is Status.REJECTED:
                self._failed_again.append(ticket_id)
                self._report.state = self._report.state.failed(ticket_id, times=0)
                continue
            self._report.state = self._report.state.recovered(ticket_id)
            self._seen.add(ticket_id)

    # -- bookkeeping --------------------------------------------------------------------------

    def _check_deadline(self) -> None:
        if self._clock.monotonic() >= self._stop_at:
            raise _StopSweepError(OUT_OF_TIME)

    def _count(self, outcome: Outcome) -> None:
        self._observe(outcome)
        report = self._report
        report.counts[outcome.status.value] += 1
        report.abstained += outcome.abstained and outcome.status is not Status.SKIPPED
        report.raced += outcome.raced
        report.fields_refused += len(outcome.refused)

    def _hold_cursor_at(self, tickets: Iterable[Ticket]) -> None:
        for ticket in tickets:
            self._unhandled = _earliest(self._unhandled, ticket.updated_at)

    def _settled_at(self) -> datetime:
        passed = timedelta(seconds=self._clock.monotonic() - self._started_monotonic)
        return self._started + passed + self._settings.bulk_settles

    def _remember(self, start: datetime) -> None:
        """Move the cursor to the first ticket that is not surely handled."""
        before = self._report.state
        reached = max(self._reached or start, before.cursor or start)
        marks = (self._unhandled, self._bulk_since, self._pending.oldest_update())
        cursor = min([reached, *(mark for mark in marks if mark)])
        state = replace(before, cursor=cursor)
        self._report.lag = self._started - cursor
        if self._bulk_since:
            # Going on in bulk is worth it only while bulk updates get us anywhere.
            stuck = self._report.complete or cursor == before.cursor
            settled_at = self._settled_at()
            state = replace(state, settled_at=settled_at, verify_until=reached if stuck else None)
        elif self._report.complete:
            state = replace(state, settled_at=None, verify_until=None)
        self._report.state = state


async def _forget(_: SweepState) -> None:
    """Stand in for a memory where nothing follows this sweep."""


def _earliest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
