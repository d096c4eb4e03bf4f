"""Prove that nothing is lost, doubled or overwritten, at scale.

    python -m proofs.prove_sweep [--tickets 35000] [--webhooks 10000] [--examples 500]

Four proofs, each in a process of its own, against the simulator on virtual time: hostile worlds
(`proofs.machine`); a backlog across the 300-page wall, written in bulk and singly; the same walked
by page number, as public clients do, to see it lose tickets; and a storm of webhooks against a
Growth-sized rate limit. A fake classifier stands behind the port: this proves the way, not the
model. Prints a table and, last, one line of JSON; exits with 1 when a proof fails.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.account import Plan
from freshdesk_simulator.builders import BOT_KEY
from freshdesk_simulator.proofs import doubled, lost_tags, overwritten, raced
from otai_freshdesk.application.outcome import Status
from proofs.machine import UNDECIDED, World
from support.account import Account

HOUR = 3600
CALL_SECONDS = 0.2  # what a call to Freshdesk takes
SWEEP_SECONDS = 840.0  # what a Lambda function has, less its margin
MAX_CREDITS = {"bulk": 0.20, "single": 1.10}
type Result = dict[str, Any]


def hostile_worlds(examples: int) -> Result:
    """Run the state machine; it raises when a world ends badly."""
    World.start()
    try:
        run_state_machine_as_test(
            World,
            settings=settings(
                max_examples=examples,
                stateful_step_count=12,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        World.stop()
    return {"examples": examples, "ok": True}


def backlog(tickets: int, mode: str) -> Result:
    """Sweep a backlog until it is at rest."""
    with _simulator("enterprise") as simulator:
        return asyncio.run(_backlog(simulator, tickets, mode))


async def _backlog(simulator: Simulator, tickets: int, mode: str) -> Result:
    _fill(simulator, tickets)
    account = Account(simulator, overrides={"OTAI_SWEEP_BULK": str(mode == "bulk").lower()})
    sweeps = await _sweep_to_rest(account)
    await account.aclose()
    result = _verdict(account, tickets) | {"sweeps": sweeps}
    result["ok"] = result["ok"] and result["credits_per_ticket"] <= MAX_CREDITS[mode]
    return result


def webhook_storm(webhooks: int) -> Result:
    """Deliver webhooks a hundred at a time, far beyond the limit; the sweep does the rest."""
    with _simulator("growth") as simulator:
        return asyncio.run(_webhook_storm(simulator, webhooks))


async def _webhook_storm(simulator: Simulator, webhooks: int) -> Result:
    _fill(simulator, webhooks, age=HOUR)
    account = Account(simulator, overrides={})
    statuses: dict[Status, int] = {}
    for start in range(1, webhooks + 1, 100):
        ids = range(start, min(start + 100, webhooks + 1))
        outcomes = await asyncio.gather(
            *(account.application.webhook(ticket_id, seconds=8) for ticket_id in ids)
        )
        for outcome in outcomes:
            statuses[outcome.status] = statuses.get(outcome.status, 0) + 1
        simulator.clock.advance(1)  # type: ignore[attr-defined]
    sweeps = await _sweep_to_rest(account)
    await account.aclose()
    result = _verdict(account, webhooks) | {"sweeps": sweeps, "too_early": _too_early(simulator)}
    result |= {f"webhook_{status}": count for status, count in statuses.items()}
    result["ok"] = result["ok"] and result["too_early"] == 0
    return result


def naive_walk(tickets: int) -> Result:
    """Walk by page number and write each ticket as it is listed; count what that loses."""
    with _simulator("enterprise", knobs=Knobs.calm()) as simulator:
        _fill(simulator, tickets)
        with httpx.Client(base_url=f"{simulator.url}/api/v2", auth=(BOT_KEY, "X")) as client:
            for page in range(1, 301):
                query: dict[str, str | int] = {
                    "updated_since": "2026-11-01",
                    "order_by": "updated_at",
                    "order_type": "asc",
                    "per_page": 100,
                    "page": page,
                }
                rows = client.get("/tickets", params=query).json()
                for row in rows:
                    if "naive" not in row["tags"]:
                        client.put(f"/tickets/{row['id']}", json={"tags": [*row["tags"], "naive"]})
                    simulator.clock.advance(0.2)  # type: ignore[attr-defined]
                if len(rows) < 100:
                    break
        lost = sum("naive" not in ticket.tags for ticket in simulator.account.tickets)
    return {"tickets": tickets, "lost": lost, "ok": lost > 0}


def _simulator(plan: Plan, knobs: Knobs | None = None) -> Simulator:
    os.environ["OTAI_TEST_API_KEY"] = BOT_KEY
    clock = VirtualClock(datetime(2026, 11, 22, 8, tzinfo=UTC).timestamp())
    chosen = knobs or Knobs(call_seconds=CALL_SECONDS)
    return Simulator(english_account(clock, plan=plan), knobs=chosen, seed=1)


def _fill(simulator: Simulator, tickets: int, age: float = 70 * HOUR) -> None:
    """Add tickets whose labels differ, one in ten with tags of its own, 2,000 at one second."""
    dice = random.Random(1)
    begin = simulator.clock.time() - age
    for number in range(tickets):
        labels = {
            "queue": dice.choice(["billing_payments", "sales_presales", "tech_support"]),
            "type": dice.choice(["Question", "Incident", "Problem"]),
            "priority": dice.choice(["Low", "Medium", "High", "Urgent"]),
        }
        # As after an import; the others came one by one.
        place = max(number, 2000) if tickets > 4000 else number
        created = int(begin + place * age / 2 / tickets)
        tags = ["vip"] if number % 10 == 0 else []
        simulator.account.add_ticket(json.dumps(labels), "<p>x</p>", created_at=created, tags=tags)


async def _sweep_to_rest(account: Account, most: int = 2000) -> int:
    for sweeps in range(1, most):
        report = await account.application.sweep(seconds=SWEEP_SECONDS)
        if report.complete and not report.counts[Status.TRIAGED]:
            return sweeps
        account.simulator.clock.advance(60)  # type: ignore[attr-defined]
    raise AssertionError("the sweep does not come to rest")


def _verdict(account: Account, tickets: int) -> Result:
    journal = account.simulator.journal
    result: Result = {
        "tickets": tickets,
        "missing": sum(not account.is_marked(number) for number in range(1, tickets + 1)),
        "doubled": len(doubled(journal)),
        "raced": len(raced(journal)),
        "overwritten": len(overwritten(journal, UNDECIDED)) + len(lost_tags(journal)),
        "credits_per_ticket": round(journal.credits_spent / tickets, 4),
        "rate_limited": journal.count(status=429),
    }
    result["ok"] = not (result["missing"] or result["doubled"] or result["overwritten"])
    return result


def _too_early(simulator: Simulator) -> int:
    """Count calls that began after a 429 was answered and before its minute was over."""
    calls = simulator.journal.calls
    refused = [call for call in calls if call.status == 429 and call.acknowledged is not None]
    return sum(
        other.began > (call.acknowledged or 0) and other.time < (call.time // 60 + 1) * 60
        for call in refused
        for other in calls[call.number + 1 : call.number + 500]
    )


def _timed(proof: Callable[..., Result], *arguments: object) -> Result:
    started = time.monotonic()
    result = proof(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result | {"seconds": round(time.monotonic() - started), "peak_mb": peak}


def main() -> int:
    """Run all proofs, two at a time, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tickets", type=int, default=35_000)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--examples", type=int, default=500)
    options = parser.parse_args()
    proofs: dict[str, tuple[Any, ...]] = {
        "single": (backlog, options.tickets, "single"),
        "bulk": (backlog, options.tickets, "bulk"),
        "webhook_storm": (webhook_storm, options.webhooks),
        "hostile_worlds": (hostile_worlds, options.examples),
        "naive_walk": (naive_walk, options.tickets),
    }
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:
        running = {name: pool.submit(_timed, *proof) for name, proof in proofs.items()}
        results = {}
        for name, future in running.items():
            results[name] = future.result()
            print(f"{name:16} {json.dumps(results[name])}", file=sys.stderr, flush=True)
    worst = [results[name] for name in ("single", "bulk", "webhook_storm")]
    summary = {
        "tickets": options.tickets,
        **{
            key: sum(result[key] for result in worst)
            for key in ("missing", "doubled", "raced", "overwritten")
        },
        "credits_per_ticket": {
            name: results[name]["credits_per_ticket"] for name in ("bulk", "single")
        },
        "peak_mb": max(result["peak_mb"] for result in worst),
        "naive_walk_lost": results["naive_walk"]["lost"],
        "ok": all(result["ok"] for result in results.values()),
    }
    print(json.dumps(summary))
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
