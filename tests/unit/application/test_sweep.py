"""The sweep loses nothing: cursor, bulk, deadlines, failures, and what it leaves behind."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freshdesk_simulator.models import Status as TicketStatus
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.sweep import Pending
from otai_freshdesk.application.sweep_state import SweepState
from otai_freshdesk.application.triage import Judged
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.domain.policy import Decision
from otai_freshdesk.domain.ticket import Changes, Ticket
from support.account import Account, connected_account

HOUR = 3600
LONG = 840.0


def now(account: Account) -> int:
    return int(account.simulator.clock.time())


def old_tickets(account: Account, count: int, **properties: Any) -> list[int]:
    """Add tickets old enough that no webhook will come for them any more."""
    start = now(account) - 24 * HOUR
    return [account.add(created_at=start + 60 * n, **properties) for n in range(count)]


def pass_time(account: Account, seconds: float) -> None:
    account.simulator.clock.advance(seconds)  # type: ignore[attr-defined]


def state(account: Account) -> SweepState:
    return SweepState.from_json(account.store.load() or "{}")


async def test_the_sweep_alone_triages_every_eligible_ticket(account: Account) -> None:
    eligible = [account.add(created_at=now(account) - 60 * n) for n in range(30)]
    closed = account.add(status=TicketStatus.CLOSED)
    too_old = account.add(created_at="2025-12-01T00:00:00Z", updated_at=now(account) - 60)

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert all(account.is_marked(ticket_id) for ticket_id in eligible)
    assert [account.writes(ticket_id) for ticket_id in (closed, too_old)] == [0, 0]


async def test_a_second_sweep_writes_nothing(account: Account) -> None:
    ids = [account.add() for _ in range(5)]
    await account.application.sweep(seconds=LONG)
    pass_time(account, 300)

    report = await account.application.sweep(seconds=LONG)

    assert report.counts[Status.TRIAGED] == 0
    assert [account.writes(ticket_id) for ticket_id in ids] == [1] * 5


async def test_a_backlog_goes_in_bulk_but_for_tickets_with_tags(account: Account) -> None:
    plain, tagged = old_tickets(account, 150), old_tickets(account, 10, tags=["vip"])

    await account.application.sweep(seconds=LONG)
    pass_time(account, 300)
    await account.application.sweep(seconds=LONG)

    journal = account.simulator.journal
    assert all(account.is_marked(ticket_id) for ticket_id in plain + tagged)
    assert sum("bulk_update" in call.path for call in journal.calls) == 2
    assert journal.count(method="PUT") == len(tagged)
    assert all("vip" in account.ticket(ticket_id).tags for ticket_id in tagged)
    assert all(account.writes(ticket_id) == 1 for ticket_id in plain + tagged)


async def test_young_tickets_are_not_written_in_bulk(account: Account) -> None:
    for _ in range(20):
        account.add(created_at=now(account) - HOUR)

    await account.application.sweep(seconds=LONG)

    assert account.simulator.journal.count(method="PUT") == 20


async def test_a_bulk_update_that_is_never_applied_is_made_up_for_singly(
    account: Account,
) -> None:
    ids = old_tickets(account, 30)
    account.simulator.turn(job_life="never_ends", bulk_seconds=1e9)
    first = await account.application.sweep(seconds=LONG)
    assert first.state.cursor is not None
    assert first.state.cursor.timestamp() <= account.ticket(ids[0]).updated_at
    assert not account.is_marked(ids[0])
    pass_time(account, 300)

    await account.application.sweep(seconds=LONG)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_a_sweep_after_a_killed_one_waits_for_its_bulk_update(account: Account) -> None:
    ids = old_tickets(account, 12)
    killed = asyncio.create_task(account.application.sweep(seconds=LONG))
    journal = account.simulator.journal
    while not any("bulk_update" in call.path for call in journal.calls):  # noqa: ASYNC110
        await asyncio.sleep(0.0005)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    await account.process().sweep(seconds=LONG)

    assert all(account.writes(ticket_id) == 1 for ticket_id in ids)


def test_every_waiting_ticket_holds_the_cursor() -> None:
    def judged(minute: int) -> Judged:
        moment = datetime(2026, 11, 22, 8, minute, tzinfo=UTC)
        ticket = Ticket(id=minute, subject="", body="", created_at=moment, updated_at=moment)
        decision = Decision((), Changes({}, ("otai-3f9a2c",)))
        return Judged(ticket=ticket, looked_at=0.0, decision=decision, seconds=0.0)

    pending = Pending()
    assert pending.oldest_update() is None
    for minute, add in (
        (30, pending.singles.append),
        (20, pending.add_to_group),
        (10, lambda one: pending.full.append([one])),
    ):
        one = judged(minute)
        add(one)
        assert pending.oldest_update() == one.ticket.updated_at


async def test_progress_survives_the_deadline(account: Account) -> None:
    ids = [
        account.add(created_at=now(account) - 2 * HOUR + 60 * n, tags=["vip"]) for n in range(100)
    ]
    reports = []
    for _ in range(6):
        reports.append(await account.application.sweep(seconds=60))
        pass_time(account, 1)

    assert not reports[0].complete
    assert reports[1].state.cursor > reports[0].state.cursor  # type: ignore[operator]
    assert all(account.is_marked(ticket_id) for ticket_id in ids)
    assert all(account.writes(ticket_id) == 1 for ticket_id in ids)


async def test_since_reaches_older_tickets_and_leaves_the_cursor_alone(account: Account) -> None:
    await account.application.sweep(seconds=LONG)
    before = state(account).cursor
    old = account.add(created_at="2025-12-20T00:00:00Z")
    since = datetime(2025, 12, 1, tzinfo=UTC)

    report = await account.application.sweep(seconds=LONG, since=since)

    assert account.is_marked(old)
    assert report.state.cursor == before == state(account).cursor


async def test_one_bad_ticket_neither_stops_the_sweep_nor_holds_the_cursor(
    account: Account,
) -> None:
    good, bad, later = account.add(), account.add(), account.add()
    path = rf"/tickets/{bad}$"
    account.simulator.faults.next("server_error", calls=999, path=path, applied=False)
    outcomes: list[Outcome] = []

    for _ in range(5):
        report = await account.application.sweep(seconds=LONG, observe=outcomes.append)
        pass_time(account, 300)
        account.add()

    assert account.is_marked(good)
    assert account.is_marked(later)
    assert report.complete
    assert report.parked == [bad]
    assert set(state(account).parked) == {bad}
    assert state(account).failing == {}
    assert state(account).cursor > datetime.fromtimestamp(account.ticket(bad).updated_at, UTC)  # type: ignore[operator]


@pytest.mark.parametrize("oddity", [{"subject": 4711}, {"tags": [12]}])
async def test_a_ticket_in_a_form_nobody_documents_stops_nothing(
    account: Account, oddity: dict[str, Any]
) -> None:
    before, odd, after = account.add(), account.add(**oddity), account.add()

    for _ in range(5):
        report = await account.application.sweep(seconds=LONG)
        assert report.complete
        pass_time(account, 300)

    assert account.is_marked(before)
    assert account.is_marked(after)
    assert set(state(account).parked) == {odd}
    assert account.writes(odd) == 0


async def test_a_ticket_that_recovers_is_forgotten(account: Account) -> None:
    ticket_id = account.add()
    account.simulator.faults.next("server_error", calls=30, method="PUT", applied=False)
    await account.application.sweep(seconds=LONG)
    assert state(account).failing == {ticket_id: 1}
    account.simulator.faults.clear()
    pass_time(account, 300)

    await account.application.sweep(seconds=LONG)

    assert account.is_marked(ticket_id)
    assert state(account).failing == {}


async def test_an_outage_stops_the_sweep_and_holds_the_cursor(account: Account) -> None:
    ids = [account.add(created_at=now(account) - HOUR + n) for n in range(30)]
    account.simulator.faults.next("server_error", calls=9999, method="PUT", applied=False)

    report = await account.application.sweep(seconds=LONG)

    assert not report.complete
    assert state(account).cursor <= datetime.fromtimestamp(  # type: ignore[operator]
        account.ticket(ids[-1]).updated_at, UTC
    )
    account.simulator.faults.clear()
    for _ in range(2):
        pass_time(account, 300)
        await account.application.sweep(seconds=LONG)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


def groups_out_of_order(account: Account) -> list[int]:
    """Add old tickets of which the larger groups, written first, were updated later."""
    start = now(account) - 24 * HOUR
    billing = account.add('{"queue": "billing_payments"}', created_at=start)
    others = [
        account.add(f'{{"queue": "{queue}"}}', created_at=start + HOUR + 60 * n)
        for queue in ("sales_presales", "technical_support")
        for n in range(4)
    ]
    return [billing, *others]


@pytest.mark.parametrize("status", [401, 503])
async def test_what_stops_the_writing_holds_the_cursor_at_every_ticket_not_written(
    account: Account, status: int
) -> None:
    ids = groups_out_of_order(account)
    account.simulator.faults.sometimes(
        "server_error", probability=1.0, method="PUT", status=status, applied=False
    )

    report = await account.application.sweep(seconds=LONG)

    assert not report.complete
    account.simulator.faults.clear()
    for _ in range(2):
        pass_time(account, 300)
        await account.application.sweep(seconds=LONG)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


@pytest.mark.parametrize("count", [1, 30])
async def test_a_long_outage_parks_nothing(account: Account, count: int) -> None:
    ids = [account.add(created_at=now(account) - HOUR + n) for n in range(count)]
    account.simulator.faults.sometimes("server_error", probability=1.0, method="PUT", applied=False)
    reports = []
    for _ in range(8):
        reports.append(await account.application.sweep(seconds=LONG))
        pass_time(account, 300)
    account.simulator.faults.clear()

    assert [report.parked for report in reports] == [[]] * 8
    for _ in range(2):
        await account.application.sweep(seconds=LONG)
        pass_time(account, 300)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_an_account_that_refuses_every_change_loses_no_ticket(account: Account) -> None:
    ids = [account.add(created_at=now(account) - HOUR + n) for n in range(30)]
    account.simulator.faults.sometimes(
        "server_error", probability=1.0, method="PUT", status=403, applied=False, body="empty"
    )

    report = await account.application.sweep(seconds=LONG)

    assert not report.complete
    assert "refuses one ticket after the other" in str(report.stopped)
    assert state(account).parked == {}
    account.simulator.faults.clear()
    pass_time(account, 300)
    await account.application.sweep(seconds=LONG)
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_a_single_ticket_that_is_refused_is_parked(account: Account) -> None:
    refused, other = account.add(), account.add()
    account.simulator.faults.sometimes(
        "server_error",
        probability=1.0,
        method="PUT",
        path=rf"/tickets/{refused}$",
        status=403,
        applied=False,
        body="empty",
    )

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert report.counts[Status.REJECTED] == 1
    assert set(state(account).parked) == {refused}
    assert account.is_marked(other)


async def test_sweeps_that_get_nowhere_leave_the_cursor_and_say_how_far_behind_they_are(
    account: Account,
) -> None:
    done = await account.application.sweep(seconds=LONG)
    before = state(account).cursor
    account.simulator.faults.sometimes("server_error", probability=1.0)
    lags = []

    for _ in range(3):
        pass_time(account, 300)
        lags.append((await account.application.sweep(seconds=LONG)).lag.total_seconds())

    assert state(account).cursor == before
    assert done.lag == timedelta(0)
    assert lags[0] >= 300
    assert lags[1] - lags[0] >= 300
    assert lags[2] - lags[1] >= 300


async def test_since_writes_singly_for_nobody_looks_again(account: Account) -> None:
    await account.application.sweep(seconds=LONG)
    ids = old_tickets(account, 8)
    account.simulator.turn(job_life="never_ends", bulk_seconds=1e9)
    since = datetime.fromtimestamp(now(account), UTC) - timedelta(days=2)

    await account.application.sweep(seconds=LONG, since=since)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_since_does_no_less_than_a_sweep_without_it(account: Account) -> None:
    ticket_id = account.add(created_at=now(account) - 24 * HOUR, updated_at=now(account) - HOUR)
    since = datetime.fromtimestamp(now(account), UTC) - timedelta(hours=3)

    await account.application.sweep(seconds=LONG, since=since)

    assert account.is_marked(ticket_id)


async def test_a_webhook_is_deferred_while_the_state_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    (tmp_path / "state.json").mkdir()
    async with connected_account(
        OTAI_TRIAGE_FROM="", OTAI_CURSOR=f"file:{tmp_path}/state.json"
    ) as account:
        process = Application(account.application.settings, classifier=account.classifier)
        outcome = await process.webhook(account.add(), seconds=8)
        await process.aclose()

    assert outcome.status is Status.DEFERRED


async def test_a_refused_key_stops_the_sweep_at_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        account.add()
    monkeypatch.setenv("OTAI_TEST_API_KEY", "wrong")

    report = await account.process().sweep(seconds=LONG)

    assert report.key_refused
    assert account.simulator.journal.count(status=401) <= 2


async def test_a_deleted_ticket_is_no_failure(account: Account) -> None:
    ticket_id = account.add()
    # Listed as live, deleted before the write: the last look cannot see it in any list.
    account.simulator.faults.next("server_error", method="PUT", applied=False)
    report = await account.application.sweep(seconds=LONG)
    account.simulator.humans.delete(ticket_id)
    pass_time(account, 300)

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert state(account).failing == {}


async def test_an_agents_decision_during_the_sweep_stays(account: Account) -> None:
    ids = [account.add(created_at=now(account) - HOUR + n) for n in range(25)]
    returns = account.simulator.account.group("Returns").id
    seen: list[Outcome] = []

    def meanwhile(outcome: Outcome) -> None:
        if not seen:
            account.simulator.humans.update(ids[-1], group_id=returns)
        seen.append(outcome)

    report = await account.application.sweep(seconds=LONG, observe=meanwhile)

    assert report.complete
    assert account.group_of(ids[-1]) == "Returns"
    assert account.ticket(ids[-1]).type == "Question"


async def test_a_decision_within_the_second_of_the_first_look_stays(account: Account) -> None:
    ids = [account.add() for _ in range(3)]
    returns = account.simulator.account.group("Returns").id
    sweep = asyncio.create_task(account.application.sweep(seconds=LONG))
    while not account.simulator.journal.calls:  # noqa: ASYNC110 - it serves in a thread
        await asyncio.sleep(0.0005)
    account.simulator.humans.update(ids[0], group_id=returns)

    report = await sweep

    assert report.complete
    assert account.group_of(ids[0]) == "Returns"
    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_shadow_mode_decides_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    async with connected_account(OTAI_MODE="shadow") as account:
        ids = [account.add() for _ in range(3)]

        report = await account.application.sweep(seconds=LONG)

        assert report.counts[Status.SHADOW] == 3
        assert [account.writes(ticket_id) for ticket_id in ids] == [0, 0, 0]


async def test_without_triage_from_the_first_sweep_switches_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    async with connected_account(
        OTAI_TRIAGE_FROM="", OTAI_CURSOR=f"file:{tmp_path}/state.json"
    ) as account:
        before = account.add(created_at=now(account) - HOUR)
        deferred = await account.application.webhook(before, seconds=8)
        await account.application.sweep(seconds=LONG)
        pass_time(account, 60)
        after = account.add(created_at=now(account))
        triaged = await account.process().webhook(after, seconds=8)

        assert deferred.status is Status.DEFERRED
        assert triaged.status is Status.TRIAGED
        assert not account.is_marked(before)


@pytest.mark.parametrize("triage_from", ["2026-01-01T00:00:00Z", ""])
async def test_a_damaged_state_means_the_look_back(
    monkeypatch: pytest.MonkeyPatch, triage_from: str
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    async with connected_account(
        OTAI_TRIAGE_FROM=triage_from, OTAI_CURSOR="ssm:/otai-freshdesk/sweep-state"
    ) as account:
        ticket_id = account.add(created_at=now(account) - 48 * HOUR)
        account.store.save('{"cursor": "yesterday"}')

        report = await account.application.sweep(seconds=LONG)

        assert report.complete
        assert account.is_marked(ticket_id)


def test_the_state_is_the_same_after_it_was_stored() -> None:
    moment = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    written = SweepState(
        cursor=moment,
        switched_on=moment - timedelta(days=3),
        verify_until=moment,
        settled_at=None,
        failing={7: 2},
        parked={3: moment, 1: moment},
    )

    assert SweepState.from_json(written.to_json()) == written


def test_a_state_whose_parked_tickets_have_no_time_is_read() -> None:
    moment = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    written = {"cursor": moment.isoformat(), "switched_on": moment.isoformat(), "parked": [3, 1]}

    assert SweepState.from_json(json.dumps(written)) == SweepState(
        cursor=moment, switched_on=moment, parked={3: moment, 1: moment}
    )


def test_the_state_never_outgrows_a_standard_parameter() -> None:
    grown = SweepState()
    moment = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    for ticket_id in range(10**12, 10**12 + 400):
        grown = grown.park(ticket_id, moment) if ticket_id % 2 else grown.failed(ticket_id)
        if len(grown.failing) > 100:
            break
    for ticket_id in range(10**12 + 500, 10**12 + 900):
        grown = grown.park(ticket_id, moment)

    text = grown.to_json()

    assert len(text.encode()) <= 4096
    assert list(json.loads(text)["parked"])[-1] == str(10**12 + 899)
