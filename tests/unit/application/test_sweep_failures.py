"""Tickets that fail or are refused neither stop the sweep nor are given up too early."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otai_freshdesk.application.errors import HelpDeskUnavailableError
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.ports import HelpDesk, Written
from otai_freshdesk.application.sweep import Sweep, SweepReport
from otai_freshdesk.application.sweep_state import MAX_FAILING, SweepState
from otai_freshdesk.domain.prediction import Prediction
from otai_freshdesk.domain.ticket import Changes, Ticket
from support.account import Account
from support.classifiers import SubjectClassifier

HOUR = 3600
LONG = 840.0
SHORT = 290.0


def now(account: Account) -> int:
    return int(account.simulator.clock.time())


def pass_time(account: Account, seconds: float) -> None:
    account.simulator.clock.advance(seconds)  # type: ignore[attr-defined]


def state(account: Account) -> SweepState:
    return SweepState.from_json(account.store.load() or "{}")


def refuse(account: Account, status: int, path: str | None = None, method: str = "PUT") -> None:
    account.simulator.faults.sometimes(
        "server_error",
        probability=1.0,
        method=method,
        path=path,
        status=status,
        applied=False,
        body="empty",
    )


async def sweeps(account: Account, count: int) -> None:
    for _ in range(count):
        pass_time(account, 300)
        await account.application.sweep(seconds=LONG)


class HangingDesk:
    """A help desk that takes long over some tickets, and then fails."""

    def __init__(self, account: Account, deadline: float, ids: list[int]) -> None:
        self._account = account
        self._inner = account.application.help_desk(deadline)
        self._ids = ids

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def ticket(self, ticket_id: int) -> Ticket | None:
        if ticket_id in self._ids:
            await self._account.simulator.clock.sleep(75)  # five attempts that time out
            raise HelpDeskUnavailableError("timed out")
        return await self._inner.ticket(ticket_id)


async def sweep_through(account: Account, desk: HelpDesk) -> SweepReport:
    """Sweep as the application does, through another help desk."""
    application = account.application
    settings = application.settings
    triage = application.triage(desk, datetime(2026, 1, 1, tzinfo=UTC), settings)
    sweep = Sweep(desk, triage, settings.sweep_settings(), clock=application.clock)
    stop_at = application.clock.monotonic() + SHORT
    report = await sweep.run(state(account), now=await desk.now(), stop_at=stop_at)
    account.store.save(report.state.to_json())
    return report


async def sweep_with_hanging(account: Account, ids: list[int]) -> None:
    deadline = account.application.clock.monotonic() + SHORT
    await sweep_through(account, HangingDesk(account, deadline, ids))


async def test_tickets_that_hang_do_not_keep_the_new_ones_waiting(account: Account) -> None:
    hanging = [account.add() for _ in range(3)]
    started = datetime.fromtimestamp(now(account), UTC)
    account.store.save(SweepState(cursor=started, failing=dict.fromkeys(hanging, 1)).to_json())
    new = []

    for _ in range(20):
        pass_time(account, 300)
        new.append(account.add())
        await sweep_with_hanging(account, hanging)

    assert sum(account.is_marked(ticket_id) for ticket_id in new) >= 19
    assert set(state(account).parked) == set(hanging)


async def test_failing_tickets_take_turns(account: Account) -> None:
    ids = [account.add() for _ in range(8)]
    started = datetime.fromtimestamp(now(account), UTC)
    account.store.save(SweepState(cursor=started, failing=dict.fromkeys(ids, 1)).to_json())

    for _ in range(8):
        pass_time(account, 300)
        await sweep_with_hanging(account, ids[:-1])

    assert account.is_marked(ids[-1])


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (lambda desk, one: desk.mark_spam(one), lambda desk, one: desk.update(one, spam=False)),
        (lambda desk, one: desk.delete(one), lambda desk, one: desk.restore(one)),
    ],
    ids=["spam", "deleted"],
)
async def test_a_ticket_that_comes_back_is_triaged(account: Account, spoil: Any, mend: Any) -> None:
    ids = [account.add(created_at=now(account) - HOUR + n) for n in range(25)]
    seen: list[Outcome] = []

    def meanwhile(outcome: Outcome) -> None:
        if not seen:
            spoil(account.simulator.humans, ids[-1])
        seen.append(outcome)

    report = await account.application.sweep(seconds=LONG, observe=meanwhile)
    assert report.parked == []
    pass_time(account, 300)
    mend(account.simulator.humans, ids[-1])
    await sweeps(account, 1)

    assert account.is_marked(ids[-1])


@pytest.mark.parametrize("status", [404, 405])
async def test_a_write_that_finds_no_ticket_is_no_failure(account: Account, status: int) -> None:
    gone, other = account.add(), account.add()
    refuse(account, status, rf"/tickets/{gone}$")

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert account.is_marked(other)
    assert (state(account).parked, state(account).failing) == ({}, {})


async def test_a_conflict_is_tried_again(account: Account) -> None:
    ticket_id = account.add()
    account.simulator.faults.next(
        "server_error", method="PUT", status=409, applied=False, body="empty"
    )

    await account.application.sweep(seconds=LONG)

    assert account.is_marked(ticket_id)


async def test_a_webhook_that_meets_a_conflict_leaves_the_ticket_to_the_sweep(
    account: Account,
) -> None:
    ticket_id = account.add()
    account.simulator.faults.next(
        "server_error", method="PUT", status=409, applied=False, body="empty"
    )

    outcome = await account.application.webhook(ticket_id, seconds=8)
    await sweeps(account, 1)

    assert outcome.status is Status.DEFERRED
    assert account.is_marked(ticket_id)


async def test_groups_that_may_not_be_read_stop_the_sweep_and_park_nothing(
    account: Account,
) -> None:
    ids = [account.add() for _ in range(3)]
    refuse(account, 403, "/groups", method="GET")

    report = await account.application.sweep(seconds=LONG)

    assert report.key_refused
    account.simulator.faults.clear()
    await sweeps(account, 1)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_a_few_refused_tickets_are_not_given_up_while_no_other_is_taken(
    account: Account,
) -> None:
    refuse(account, 403)
    ids = []
    for _ in range(12):
        ids += [account.add() for _ in range(3)]
        report = await account.application.sweep(seconds=LONG)
        assert report.parked == []
        pass_time(account, 300)
    account.simulator.faults.clear()

    await sweeps(account, 2)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_many_refused_tickets_do_not_hold_the_cursor_while_others_are_taken(
    account: Account,
) -> None:
    start = now(account) - HOUR
    refused = [account.add(created_at=start + n) for n in range(7)]
    others = [account.add(created_at=start + 60 + n) for n in range(30)]
    refuse(account, 403, rf"/tickets/({'|'.join(map(str, refused))})$")

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert set(report.parked) == set(refused)
    assert all(account.is_marked(ticket_id) for ticket_id in others)


async def test_a_refused_ticket_is_tried_again_when_it_has_changed(account: Account) -> None:
    refused, _ = account.add(), account.add()
    refuse(account, 403, rf"/tickets/{refused}$")
    await account.application.sweep(seconds=LONG)
    assert set(state(account).parked) == {refused}
    account.simulator.faults.clear()
    await sweeps(account, 1)
    assert not account.is_marked(refused)
    pass_time(account, 300)

    account.simulator.humans.customer_replies(refused, "Any news?")
    await sweeps(account, 1)

    assert account.is_marked(refused)
    assert not state(account).parked


async def test_more_failures_than_can_be_remembered_hold_the_cursor(account: Account) -> None:
    await account.application.sweep(seconds=LONG)
    refuse(account, 403)
    ids = []
    for _ in range(30):
        ids += [account.add() for _ in range(4)]
        await sweeps(account, 1)
        assert len(state(account).failing) <= MAX_FAILING
    account.simulator.faults.clear()

    await sweeps(account, 3)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


@pytest.mark.parametrize("age", [24 * HOUR, 0], ids=["in bulk", "singly"])
async def test_fields_that_freshdesk_does_not_take_are_counted(account: Account, age: int) -> None:
    account.simulator.account.remove_group(account.simulator.account.group("Billing").id)
    ids = [account.add(created_at=now(account) - age - n) for n in range(8)]
    outcomes: list[Outcome] = []

    report = await account.application.sweep(seconds=LONG, observe=outcomes.append)
    await sweeps(account, 1)

    assert report.fields_refused == 8
    assert all(outcome.refused == {"group"} for outcome in outcomes)
    assert not any(outcome.written and "group" in outcome.written.values for outcome in outcomes)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


class BrokenClassifier(SubjectClassifier):
    """Has a defect that one subject meets."""

    def classify(self, subject: str, body: str) -> Prediction:
        if subject == "Breaks us":
            raise KeyError(body)
        return super().classify(subject, body)


async def test_a_defect_that_one_ticket_meets_costs_only_that_ticket(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.classifier = BrokenClassifier()
    process = account.process()
    before, bad, after = account.add(), account.add("Breaks us"), account.add()

    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            report = await process.sweep(seconds=LONG)
            assert report.complete
            pass_time(account, 300)
            account.add()

    assert account.is_marked(before)
    assert account.is_marked(after)
    assert set(state(account).parked) == {bad}
    assert "KeyError" in caplog.text
    assert "Text" not in caplog.text


class DefectiveDesk:
    """A help desk in which one ticket meets a defect when it is written."""

    def __init__(self, account: Account, deadline: float, bad: int) -> None:
        self._inner = account.application.help_desk(deadline)
        self._bad = bad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(self, latest: Ticket, changes: Changes) -> Written:
        if latest.id == self._bad:
            raise KeyError(latest.subject)
        return await self._inner.write(latest, changes)


async def test_a_defect_in_writing_one_ticket_costs_only_that_ticket(account: Account) -> None:
    before, bad, after = (account.add() for _ in range(3))

    report = await sweep_through(
        account, DefectiveDesk(account, account.application.clock.monotonic() + SHORT, bad)
    )

    assert report.complete
    assert set(report.state.failing) == {bad}
    assert account.is_marked(before)
    assert account.is_marked(after)


class OutOfOrder(SubjectClassifier):
    """Works for no ticket at all, until it is mended."""

    broken = True

    def classify(self, subject: str, body: str) -> Prediction:
        if self.broken:
            raise MemoryError
        return super().classify(subject, body)


@pytest.mark.parametrize("new", [1, 8])
async def test_a_defect_that_every_ticket_meets_parks_none(account: Account, new: int) -> None:
    account.classifier = classifier = OutOfOrder()
    process = account.process()
    ids = []
    for _ in range(8):
        ids += [account.add() for _ in range(new)]
        report = await process.sweep(seconds=LONG)
        assert report.parked == []
        pass_time(account, 300)
    classifier.broken = False

    for _ in range(3):
        await process.sweep(seconds=LONG)
        pass_time(account, 300)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_tickets_of_which_none_can_be_read_hold_the_cursor(account: Account) -> None:
    ids = [account.add(tags=[12], created_at=now(account) - HOUR + 300 * n) for n in range(8)]
    first = datetime.fromtimestamp(account.ticket(ids[0]).updated_at, UTC)
    for _ in range(8):
        pass_time(account, 300)
        report = await account.application.sweep(seconds=LONG)
        assert not report.complete
        assert (state(account).cursor, report.parked) == (first, [])
    for ticket_id in ids:
        account.simulator.humans.update(ticket_id, tags=["vip"])

    await sweeps(account, 1)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_a_webhook_that_meets_a_defect_leaves_the_ticket_to_the_sweep(
    account: Account,
) -> None:
    account.classifier = BrokenClassifier()

    outcome = await account.process().webhook(account.add("Breaks us"), seconds=8)

    assert outcome.status is Status.DEFERRED


def test_a_cursor_that_has_not_come_is_forgotten() -> None:
    moment = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    later = moment + timedelta(days=1)

    # When triage was switched on stays as it is: an earlier time would take in older tickets.
    assert SweepState(cursor=later, switched_on=later).as_of(moment) == SweepState(
        cursor=None, switched_on=later
    )
