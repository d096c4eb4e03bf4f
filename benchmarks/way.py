"""Part 4: the way through Freshdesk, in credits and in time on the simulator's virtual clock.

A fake classifier stands behind the port: this measures the way, not the model.
"""

import asyncio
import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

from benchmarks.effort import Effort
from benchmarks.errors import BenchmarkError
from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.account import Plan
from freshdesk_simulator.builders import BOT_KEY
from otai_freshdesk.application.outcome import Status
from support.account import Account

type Result = dict[str, Any]

PLANS: tuple[Plan, ...] = ("growth", "pro", "enterprise")
CALL_SECONDS = 0.2
SWEEP_SECONDS = 840.0
SWEEP_EVERY = 60.0
MOST_SWEEPS = 1_000
DAY = 86_400
MOST_WEBHOOKS = 100
WAYS = ("sweep", "webhook", "naive")


def measure(effort: Effort) -> list[Result]:
    """Return credits and seconds of every way, plan and number of tickets, two at a time."""
    wanted = [
        (way, plan, tickets)
        for tickets in sorted(effort.backlogs, reverse=True)
        for plan in PLANS
        for way in WAYS
        if way != "webhook" or tickets <= MOST_WEBHOOKS
    ]
    # Fresh processes: what a simulated account leaves behind must not slow the next one down.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        results = list(pool.map(travel, *zip(*wanted, strict=True)))
    order = {way: place for place, way in enumerate(WAYS)}
    return sorted(
        results,
        key=lambda one: (PLANS.index(one["plan"]), one["tickets"], order[one["way"]]),
    )


def travel(way: str, plan: Plan, tickets: int) -> Result:
    """Triage a backlog in one way, and count.

    Raises:
        BenchmarkError: A ticket was left without triage.
    """
    os.environ["OTAI_TEST_API_KEY"] = BOT_KEY
    clock = VirtualClock(datetime(2026, 11, 22, 8, tzinfo=UTC).timestamp())
    knobs = Knobs.calm(call_seconds=CALL_SECONDS)
    with Simulator(english_account(clock, plan=plan), knobs=knobs, seed=1) as simulator:
        _fill(simulator, tickets)
        start = clock.time()
        travellers = {"sweep": _sweep, "webhook": _webhooks, "naive": _naive}
        asyncio.run(travellers[way](simulator, tickets))
        journal = simulator.journal
        last = max(write.time for write in journal.writes if write.actor.through_api)
        spent = journal.credits_spent
        return {
            "way": way,
            "plan": plan,
            "tickets": tickets,
            "credits": spent,
            "credits_per_ticket": round(spent / tickets, 3),
            "seconds": round(last - start, 1),
            "refused": journal.count(status=429),
        }


def _fill(simulator: Simulator, tickets: int) -> None:
    """Add tickets of the last two days, one in ten with a tag of its own."""
    dice = random.Random(1)
    begin = simulator.clock.time() - 2 * DAY
    for number in range(tickets):
        labels = {
            "queue": dice.choice(["billing_payments", "sales_presales", "tech_support"]),
            "type": dice.choice(["Question", "Incident", "Problem"]),
            "priority": dice.choice(["Low", "Medium", "High", "Urgent"]),
        }
        created = int(begin + number * DAY / tickets)
        tags = ["vip"] if number % 10 == 9 else []
        simulator.account.add_ticket(json.dumps(labels), "<p>x</p>", created_at=created, tags=tags)


async def _sweep(simulator: Simulator, tickets: int) -> None:
    """The sweep as it ships, until nothing is left."""
    account = Account(simulator, overrides={})
    for _ in range(MOST_SWEEPS):
        report = await account.application.sweep(seconds=SWEEP_SECONDS)
        if report.complete and not report.counts[Status.TRIAGED]:
            break
        simulator.clock.advance(SWEEP_EVERY)  # type: ignore[attr-defined]
    await account.aclose()
    missing = sum(not account.is_marked(number) for number in range(1, tickets + 1))
    if missing:
        raise BenchmarkError(f"the sweep left {missing} of {tickets} tickets")


async def _webhooks(simulator: Simulator, tickets: int) -> None:
    """One webhook a ticket, three seconds apart."""
    account = Account(simulator, overrides={})
    for number in range(1, tickets + 1):
        outcome = await account.application.webhook(number, seconds=8.0)
        if outcome.status is not Status.TRIAGED:
            raise BenchmarkError(f"the webhook of ticket {number} ended as {outcome.status}")
        simulator.clock.advance(3.0)  # type: ignore[attr-defined]
    await account.aclose()


async def _naive(simulator: Simulator, tickets: int) -> None:
    """The client of Open Ticket AI's documentation: a GET and a PUT for each ticket, in turn.

    More than is printed there in one thing: it waits where Freshdesk tells it to, since without
    that most of a backlog would be lost to refused calls. It does not look for the tickets, which
    costs it nothing here, leaves nothing of the limit to the agents, and does not look again before
    it writes.
    """
    group = simulator.account.group("Billing").id
    async with simulator.client() as client:
        for number in range(1, tickets + 1):
            changes = {"group_id": group, "priority": 2}
            for method, body in (("GET", None), ("PUT", changes)):
                while True:
                    reply = await client.request(method, f"/tickets/{number}", json=body)
                    if reply.status_code != 429:
                        break
                    simulator.clock.advance(  # type: ignore[attr-defined]
                        float(reply.headers["Retry-After"])
                    )
                reply.raise_for_status()
