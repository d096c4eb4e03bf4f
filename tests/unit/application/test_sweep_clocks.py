"""Tickets carry Freshdesk's time, so a machine whose own clock is wrong loses none of them."""

from datetime import UTC, datetime, timedelta

import pytest

from otai_freshdesk.application.outcome import Outcome
from otai_freshdesk.application.sweep_state import SweepState
from support.account import Account, connected_account
from support.clocks import WrongClock

HOUR = 3600
LONG = 840.0


def now(account: Account) -> datetime:
    return datetime.fromtimestamp(account.simulator.clock.time(), UTC)


def pass_time(account: Account, seconds: float) -> None:
    account.simulator.clock.advance(seconds)  # type: ignore[attr-defined]


def remember(account: Account, state: SweepState) -> None:
    account.store.save(state.to_json())


@pytest.mark.parametrize("ahead", [15 * 60, 24 * HOUR, -HOUR])
async def test_every_new_ticket_is_triaged_whatever_our_clock_says(
    account: Account, ahead: float
) -> None:
    process = account.process(clock=WrongClock(account.simulator.clock, ahead=ahead))
    await process.sweep(seconds=LONG)
    ids = []
    for _ in range(6):
        pass_time(account, 150)
        ids.append(account.add())
        pass_time(account, 150)
        report = await process.sweep(seconds=LONG)
        assert report.complete

    assert all(account.is_marked(ticket_id) for ticket_id in ids)


async def test_tickets_after_the_first_sweep_are_new_whatever_our_clock_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    async with connected_account(
        OTAI_TRIAGE_FROM="", OTAI_CURSOR="ssm:/otai-freshdesk/sweep-state"
    ) as account:
        process = account.process(clock=WrongClock(account.simulator.clock, ahead=HOUR))
        await process.sweep(seconds=LONG)
        pass_time(account, 60)
        ticket_id = account.add()
        pass_time(account, 240)

        await process.sweep(seconds=LONG)

        assert account.is_marked(ticket_id)


async def test_an_agents_decision_during_the_sweep_stays_though_our_clock_is_ahead(
    account: Account,
) -> None:
    start = int(now(account).timestamp()) - HOUR
    ids = [account.add(created_at=start + n) for n in range(25)]
    returns = account.simulator.account.group("Returns").id
    process = account.process(clock=WrongClock(account.simulator.clock, ahead=5 * 60))
    seen: list[Outcome] = []

    def meanwhile(outcome: Outcome) -> None:
        if not seen:
            pass_time(account, 20)
            account.simulator.humans.update(ids[-1], group_id=returns)
        seen.append(outcome)

    await process.sweep(seconds=LONG, observe=meanwhile)

    assert account.group_of(ids[-1]) == "Returns"


async def test_a_cursor_that_lies_ahead_means_the_look_back(account: Account) -> None:
    remember(account, SweepState(cursor=now(account) + timedelta(days=1)))
    ticket_id = account.add(created_at=int(now(account).timestamp()) - 48 * HOUR)

    report = await account.application.sweep(seconds=LONG)

    assert account.is_marked(ticket_id)
    assert report.state.cursor == now(account)


async def test_a_cursor_a_moment_ahead_costs_no_look_back(account: Account) -> None:
    """Freshdesk answers from several machines, whose clocks differ by a little."""
    remember(account, SweepState(cursor=now(account) + timedelta(seconds=5)))
    missed = account.add(created_at=int(now(account).timestamp()) - HOUR)

    report = await account.application.sweep(seconds=LONG)

    assert report.complete
    assert not account.is_marked(missed)


async def test_while_switched_off_our_own_clock_changes_no_memory(account: Account) -> None:
    remember(account, SweepState(cursor=now(account), switched_on=now(account)))
    before = account.store.load()
    clock = WrongClock(account.simulator.clock, ahead=-HOUR)

    await account.process(clock=clock, OTAI_MODE="off").sweep(seconds=LONG)

    assert account.store.load() == before
    assert not account.simulator.journal.calls


async def test_a_bulk_update_that_settles_tomorrow_stops_no_sweep(account: Account) -> None:
    settled_at = now(account) + timedelta(days=1)
    remember(account, SweepState(cursor=now(account), settled_at=settled_at))
    ticket_id = account.add()

    report = await account.application.sweep(seconds=290)

    assert report.complete
    assert account.is_marked(ticket_id)


async def test_an_outage_at_the_very_start_is_reported_and_changes_nothing(
    account: Account,
) -> None:
    await account.application.sweep(seconds=LONG)
    before = account.store.load()
    account.simulator.faults.sometimes("server_error", probability=1.0, path="/agents/me")
    pass_time(account, 300)

    report = await account.application.sweep(seconds=LONG)

    assert not report.complete
    assert report.lag >= timedelta(seconds=300)
    assert account.store.load() == before
