"""Several processes share one account's rate limit and leave room for the agents."""

import asyncio
from collections import Counter

import pytest

from otai_freshdesk.application.outcome import Status
from otai_freshdesk.bootstrap import Application
from support.account import Account

PROCESSES = 6


def calls_by_minute(account: Account) -> Counter[int]:
    """Return the credits spent in each minute of the simulated limit."""
    spent: Counter[int] = Counter()
    for call in account.simulator.journal.calls:
        spent[int(call.time // 60)] += call.credits
    return spent


async def deliver(process: Application, ids: range) -> list[Status]:
    return [(await process.webhook(ticket_id, seconds=8)).status for ticket_id in ids]


async def test_one_process_leaves_the_agents_their_share(account: Account) -> None:
    account.simulator.turn(server_error_rate=0.0)
    for _ in range(300):
        account.add()

    statuses = await deliver(account.application, range(1, 301))

    limit = account.simulator.limiter.limits.total
    assert Status.DEFERRED in statuses
    assert account.simulator.journal.count(status=429) == 0
    assert max(calls_by_minute(account).values()) <= 0.6 * limit


async def test_six_processes_overshoot_by_no_more_than_the_calls_in_flight(
    account: Account,
) -> None:
    account.simulator.turn(server_error_rate=0.0)
    for _ in range(600):
        account.add()
    processes = [account.process() for _ in range(PROCESSES)]

    await asyncio.gather(
        *(
            deliver(process, range(1 + 100 * number, 101 + 100 * number))
            for number, process in enumerate(processes)
        )
    )

    limit = account.simulator.limiter.limits.total
    refused = account.simulator.journal.count(status=429)
    assert refused == 0
    assert max(calls_by_minute(account).values()) <= 0.6 * limit + PROCESSES


async def test_what_was_deferred_is_recovered_by_the_sweep(account: Account) -> None:
    ids = [account.add() for _ in range(200)]
    await deliver(account.application, range(1, 201))
    deferred = [ticket_id for ticket_id in ids if not account.is_marked(ticket_id)]
    assert deferred

    await account.application.sweep(seconds=840)

    assert all(account.is_marked(ticket_id) for ticket_id in ids)
    assert all(account.writes(ticket_id) == 1 for ticket_id in ids)


@pytest.mark.parametrize("retry_after", [3, 45])
async def test_a_429_is_not_answered_before_its_time(account: Account, retry_after: int) -> None:
    ids = [account.add() for _ in range(10)]
    account.simulator.turn(server_error_rate=0.0)
    account.simulator.faults.next("rate_limit", retry_after=retry_after)

    outcome = await account.application.webhook(ids[0], seconds=8)
    assert outcome.status is Status.DEFERRED
    await account.application.sweep(seconds=840)

    refused, *later = account.simulator.journal.calls
    assert refused.status == 429
    assert later
    assert all(call.time >= refused.time + retry_after for call in later)
