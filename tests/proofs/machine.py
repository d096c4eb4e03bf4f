"""The whole product against a hostile world, as a state machine.

Tickets are created, edited, merged, spammed and deleted by people; webhooks are lost and
doubled; any call may fail in any way; processes are killed half-way. When the world comes to
rest and the sweep has run, every eligible ticket carries exactly one triage, nothing decided
before our last look was overwritten, and no tag was lost.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.builders import BOT_KEY
from freshdesk_simulator.faults import FaultKind
from freshdesk_simulator.journal import TicketWrite
from freshdesk_simulator.models import Status
from freshdesk_simulator.proofs import doubled, lost_tags, overwritten
from otai_freshdesk.bootstrap import Application
from support.account import Account
from support.clocks import WrongClock

HOUR = 3600
SWITCHED_ON = "2026-11-21T08:00:00Z"
SWEEP_SECONDS = 840.0
WEBHOOK_SECONDS = 8.0
# A hang is a matter of real time-outs, which the fault table proves; here it would only wait.
FAULTS = [kind for kind in FaultKind if kind not in {FaultKind.HANG, FaultKind.SLOW_DRIP}]

subjects = st.sampled_from(
    [
        "An ordinary ticket",
        json.dumps({"queue": "sales_presales", "priority": "Low"}),
        json.dumps({"queue": "tech_x", "sure": 0.5}),
        json.dumps({"queue": "of no group here"}),
        json.dumps({"type": "A type this account does not have"}),
        "out of scope",
    ]
)


class World(RuleBasedStateMachine):
    """One account, two processes that share nothing but the sweep's state.

    The clock of the second may be wrong.
    """

    tickets: Bundle[int] = Bundle("tickets")
    runner: asyncio.Runner
    simulator: Simulator

    @classmethod
    def start(cls) -> None:
        """Start what all examples share: a server on loopback and an event loop."""
        os.environ["OTAI_TEST_API_KEY"] = BOT_KEY
        cls.runner = asyncio.Runner()
        clock = VirtualClock(datetime(2026, 11, 22, 8, tzinfo=UTC).timestamp())
        account = english_account(clock, plan="pro")
        cls.simulator = Simulator(account, knobs=Knobs(server_error_rate=0.0))
        cls.simulator.start()

    @classmethod
    def stop(cls) -> None:
        """Stop what `start` started."""
        cls.simulator.stop()
        cls.runner.close()

    @initialize(note=st.booleans(), ahead=st.sampled_from([0, 0, 5 * 60, HOUR, -HOUR]))
    def open(self, *, note: bool, ahead: int) -> None:
        self.simulator.reset()
        self.account = Account(
            self.simulator, overrides={"OTAI_TRIAGE_FROM": SWITCHED_ON}, triage={"note": note}
        )
        self.note = note
        self.may_be_parked: set[int] = set()
        wrong = WrongClock(self.simulator.clock, ahead=ahead)
        self.processes = [self.account.application, self.account.process(clock=wrong)]

    def teardown(self) -> None:
        """Let the world come to rest, and look."""
        if not hasattr(self, "account"):
            return
        try:
            self.simulator.faults.clear()
            self._rest()
            self._judge()
        finally:
            self.run(self.account.aclose())

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    # -- people ---------------------------------------------------------------------------------

    @rule(
        target=tickets,
        subject=subjects,
        age=st.sampled_from([0, 60, 3 * HOUR, 20 * HOUR, 30 * HOUR]),
        tags=st.sampled_from([(), (), ("vip",), ("vip", "eu")]),
        priority=st.sampled_from([1, 1, 1, 3]),
        count=st.sampled_from([1, 1, 3, 12]),
    )
    def arrive(
        self, subject: str, age: int, tags: tuple[str, ...], priority: int, count: int
    ) -> Any:
        now = int(self.simulator.clock.time())
        ids = [
            self.account.add(
                subject, created_at=now - age, updated_at=now, tags=tags, priority=priority
            )
            for _ in range(count)
        ]
        return multiple(*ids)

    @rule(ticket=tickets, group=st.sampled_from(["Billing", "Returns"]))
    def route(self, ticket: int, group: str) -> None:
        self._edit(ticket, group_id=self.simulator.account.group(group).id)

    @rule(ticket=tickets, priority=st.sampled_from([1, 2, 4]))
    def prioritise(self, ticket: int, priority: int) -> None:
        self._edit(ticket, priority=priority)

    @rule(ticket=tickets, status=st.sampled_from([Status.OPEN, Status.PENDING, Status.CLOSED]))
    def set_status(self, ticket: int, status: Status) -> None:
        self._edit(ticket, status=status)

    @rule(ticket=tickets)
    def take(self, ticket: int) -> None:
        self._edit(ticket, responder_id=next(iter(self.simulator.account.agents)))

    @rule(ticket=tickets, tag=st.sampled_from(["urgent", "call back"]))
    def tag(self, ticket: int, tag: str) -> None:
        with suppress(Exception):  # a deleted ticket takes no tags
            self.simulator.humans.add_tags(ticket, tag)

    @rule(ticket=tickets)
    def write_again(self, ticket: int) -> None:
        with suppress(Exception):
            self.simulator.humans.customer_replies(ticket, "Any news?")

    @rule(ticket=tickets)
    def mark_spam(self, ticket: int) -> None:
        self.simulator.humans.mark_spam(ticket)

    @rule(ticket=tickets)
    def delete(self, ticket: int) -> None:
        self.simulator.humans.delete(ticket)

    @rule(ticket=tickets)
    def restore(self, ticket: int) -> None:
        self.simulator.humans.restore(ticket)

    @rule(primary=tickets, secondary=consumes(tickets))
    def merge(self, primary: int, secondary: int) -> None:
        with suppress(Exception):  # deleted and merged tickets cannot be merged
            if primary != secondary:
                self.simulator.humans.merge(primary, secondary)

    def _edit(self, ticket: int, **changes: Any) -> None:
        with suppress(Exception):  # nobody edits a deleted ticket
            self.simulator.humans.update(ticket, **changes)

    # -- the product ----------------------------------------------------------------------------

    @rule(ticket=tickets, process=st.sampled_from([0, 1]), copies=st.sampled_from([1, 1, 2]))
    def webhook(self, ticket: int, process: int, copies: int) -> None:
        self.run(self._webhooks(self.processes[process], ticket, copies))

    @rule(process=st.sampled_from([0, 1]))
    def sweep(self, process: int) -> None:
        self.run(self.processes[process].sweep(seconds=SWEEP_SECONDS))

    @rule(ticket=tickets)
    def sweep_and_webhook_at_once(self, ticket: int) -> None:
        process = self.processes[0]

        async def both() -> None:
            await asyncio.gather(
                process.sweep(seconds=SWEEP_SECONDS), self._webhooks(process, ticket, 1)
            )

        self.run(both())

    @rule(process=st.sampled_from([0, 1]), calls=st.integers(1, 12))
    def sweep_killed_halfway(self, process: int, calls: int) -> None:
        self.run(self._killed_after(self.processes[process], calls))
        self.processes[process] = self.account.process()

    @rule(
        ticket=tickets,
        group=st.sampled_from(["Billing", "Returns"]),
        calls=st.integers(1, 6),
    )
    def routed_while_the_sweep_runs(self, ticket: int, group: str, calls: int) -> None:
        async def both() -> None:
            sweep = asyncio.create_task(self.processes[0].sweep(seconds=SWEEP_SECONDS))
            await self._until_calls(calls, sweep)
            self.route(ticket, group)
            await sweep

        self.run(both())

    @rule(
        kind=st.sampled_from(FAULTS),
        calls=st.sampled_from([1, 1, 2, 7]),
        method=st.sampled_from([None, "GET", "PUT", "POST"]),
        applied=st.sampled_from([None, True, False]),
    )
    def fault(self, kind: FaultKind, calls: int, method: str | None, applied: bool | None) -> None:
        options: dict[str, Any] = {"applied": applied} if kind in APPLICABLE else {}
        self.simulator.faults.next(kind, calls=calls, method=method, **options)

    @rule(
        status=st.sampled_from([401, 403, 503]),
        method=st.sampled_from([None, "PUT", "GET"]),
        sweeps=st.integers(1, 7),
    )
    def outage(self, status: int, method: str | None, sweeps: int) -> None:
        """Fail for as long as it takes; no ticket may be given up for it."""
        self.simulator.faults.sometimes(
            FaultKind.SERVER_ERROR, probability=1.0, method=method, status=status, applied=False
        )
        for _ in range(sweeps):
            self.run(self.processes[0].sweep(seconds=SWEEP_SECONDS))
            self.time_passes(300)
        self.simulator.faults.clear()
        if status == 403:  # a few tickets that are refused are left to a human
            self.may_be_parked.update(ticket.id for ticket in self.simulator.account.tickets)

    @rule(seconds=st.sampled_from([1, 70, 400, HOUR, 5 * HOUR]))
    def time_passes(self, seconds: int) -> None:
        self.simulator.clock.advance(seconds)  # type: ignore[attr-defined]

    async def _webhooks(self, process: Application, ticket: int, copies: int) -> None:
        if self._bulk_under_way():
            # The race that remains: another process cannot see a bulk update that Freshdesk has
            # taken and not yet applied. Such tickets are older than webhooks usually come.
            return
        await asyncio.gather(
            *(process.webhook(ticket, seconds=WEBHOOK_SECONDS) for _ in range(copies))
        )

    def _bulk_under_way(self) -> bool:
        now = self.simulator.clock.time()
        recent = (call for call in self.simulator.journal.calls if call.time > now - 60)
        return any("bulk_update" in call.path for call in recent)

    async def _killed_after(self, process: Application, calls: int) -> None:
        sweep = asyncio.create_task(process.sweep(seconds=SWEEP_SECONDS))
        await self._until_calls(calls, sweep)
        sweep.cancel()
        with suppress(asyncio.CancelledError):
            await sweep

    async def _until_calls(self, calls: int, task: asyncio.Task[Any]) -> None:
        target = len(self.simulator.journal.calls) + calls
        # The simulator serves in a thread of its own, so there is nothing to await but time.
        while not task.done() and len(self.simulator.journal.calls) < target:  # noqa: ASYNC110
            await asyncio.sleep(0.0005)

    # -- what must hold -------------------------------------------------------------------------

    @invariant()
    def nothing_decided_is_overwritten(self) -> None:
        journal = self.simulator.journal
        assert not overwritten(journal, UNDECIDED)
        assert not lost_tags(journal)
        assert not doubled(journal)

    @invariant()
    def nobody_is_told_twice(self) -> None:
        notes = Counter(write.ticket_id for write in self._noted())
        assert all(count == 1 for count in notes.values()), notes
        assert self.note or not notes

    def _noted(self) -> list[TicketWrite]:
        writes = self.simulator.journal.writes
        return [write for write in writes if write.note_id is not None and write.actor.through_api]

    def _rest(self) -> None:
        for _ in range(12):
            self.time_passes(400)
            report = self.run(self.processes[1].sweep(seconds=SWEEP_SECONDS))
            if report.complete and not report.counts["triaged"] and not report.state.failing:
                return
        raise AssertionError(f"the sweep does not come to rest: {report.as_record()}")

    def _judge(self) -> None:
        self.nothing_decided_is_overwritten()
        assert max(self._spent_by_minute().values(), default=0) <= MOST_A_MINUTE
        account = self.simulator.account
        start = account.moment(SWITCHED_ON)
        parked = json.loads(self.account.store.load() or "{}").get("parked", {})
        for ticket in account.tickets:
            eligible = (
                ticket.status == Status.OPEN
                and ticket.responder_id is None
                and not (ticket.spam or ticket.deleted)
                and ticket.created_at >= start
            )
            if eligible and not (str(ticket.id) in parked and ticket.id in self.may_be_parked):
                assert self.account.is_marked(ticket.id), f"ticket {ticket.id} was lost"

    def _spent_by_minute(self) -> Counter[int]:
        """Return what the account's calls cost, by the minute in which they began."""
        spent: Counter[int] = Counter()
        for call in self.simulator.journal.calls:
            spent[int(call.time // 60)] += call.credits
        return spent


IN_FLIGHT = 12  # credits of the calls that two processes may have under way
MOST_A_MINUTE = 0.6 * 400 + IN_FLIGHT  # the share of the plan `pro` that is not left to others
APPLICABLE = {FaultKind.RESET, FaultKind.SERVER_ERROR, FaultKind.REDIRECT}
UNDECIDED = {"priority": (1,)}
