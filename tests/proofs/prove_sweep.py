"""Prove that nothing is lost, doubled or overwritten, at scale.

    python -m proofs.prove_sweep [--tickets 35000] [--webhooks 10000] [--worlds 500] [--only NAME]

Four proofs, each in a process of its own, against the simulator on virtual time: hostile worlds
(`proofs.machine`); a backlog across the 300-page wall, written in bulk and singly; the same walked
by page number, as public clients do, to see it lose tickets; and a storm of webhooks against a
Growth-sized rate limit. Backlog and storm have the account in another process, so that memory is
the product's own. A fake classifier stands behind the port: this proves the way, not the model.
Prints a line for each and, last, one line of JSON; exits with 1 when a proof fails.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.builders import BOT_KEY
from freshdesk_simulator.proofs import doubled, lost_tags, overwritten, raced
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.bootstrap import Application
from proofs.account_process import RemoteAccount, account_process
from proofs.machine import UNDECIDED, World
from support.account import application_at

HOUR = 3600
CALL_SECONDS = 0.2  # what a call to Freshdesk takes
SWEEP_SECONDS = 840.0  # what a Lambda function has, less its margin
MAX_CREDITS = {"bulk": 0.20, "single": 1.10}
MAX_GROWTH_MB = 24.0  # numbers and times of 30,000 tickets; their texts would take more
START = datetime(2026, 11, 22, 8, tzinfo=UTC).timestamp()
SLOW_CALLS = Knobs(call_seconds=CALL_SECONDS)
type Result = dict[str, Any]


def hostile_worlds(worlds: int) -> Result:
    """Run the state machine on worlds of chance; it raises when one ends badly."""
    World.start()
    try:
        run_state_machine_as_test(
            World,
            settings=settings(
                max_examples=worlds,
                stateful_step_count=12,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        World.stop()
    return {"worlds": worlds, "ok": True}


def backlog(tickets: int, mode: str) -> Result:
    """Sweep a backlog until it is at rest; the account runs in a process of its own."""
    with account_process(
        "enterprise", SLOW_CALLS, START, partial(fill, tickets, 70 * HOUR)
    ) as remote:
        overrides = {"OTAI_SWEEP_BULK": str(mode == "bulk").lower()}
        result = asyncio.run(_backlog(remote, overrides, tickets))
    result["ok"] &= result["credits_per_ticket"] <= MAX_CREDITS[mode]
    result["ok"] &= result["growth_mb"] <= MAX_GROWTH_MB
    return result


async def _backlog(remote: RemoteAccount, overrides: dict[str, str], tickets: int) -> Result:
    memory = Memory(tickets)
    application = application_at(remote.url, remote.clock, overrides)
    sweeps = await _sweep_to_rest(application, remote.clock, memory)
    await application.aclose()
    found: Result = remote.ask(partial(verdict, _marker(application), tickets))
    return found | memory.as_result() | {"sweeps": sweeps}


def webhook_storm(webhooks: int) -> Result:
    """Deliver webhooks a hundred at a time, far beyond the limit; the sweep does the rest."""
    ground = partial(fill, webhooks, HOUR)
    with account_process("growth", SLOW_CALLS, START, ground) as remote:
        return asyncio.run(_webhook_storm(remote, webhooks))


async def _webhook_storm(remote: RemoteAccount, webhooks: int) -> Result:
    application = application_at(remote.url, remote.clock, {})
    statuses: Counter[Status] = Counter()
    for start in range(1, webhooks + 1, 100):
        ids = range(start, min(start + 100, webhooks + 1))
        outcomes = await asyncio.gather(
            *(application.webhook(ticket_id, seconds=8) for ticket_id in ids)
        )
        statuses.update(outcome.status for outcome in outcomes)
        remote.clock.advance(1)
    sweeps = await _sweep_to_rest(application, remote.clock)
    await application.aclose()
    result: Result = remote.ask(partial(verdict, _marker(application), webhooks))
    result |= {"sweeps": sweeps, "too_early": remote.ask(too_early)}
    result |= {f"webhook_{status}": count for status, count in statuses.items()}
    result["ok"] &= result["too_early"] == 0
    return result


def naive_walk(tickets: int) -> Result:
    """Walk by page number and write each ticket as it is listed; count what that loses."""
    clock = VirtualClock(START)
    with Simulator(english_account(clock, plan="enterprise"), knobs=Knobs.calm()) as simulator:
        fill(tickets, 70 * HOUR, simulator)
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
                    clock.advance(CALL_SECONDS)
                if len(rows) < 100:
                    break
        lost = sum("naive" not in ticket.tags for ticket in simulator.account.tickets)
    return {"tickets": tickets, "lost": lost, "ok": lost > 0}


class Memory:
    """How the peak of this process grows, from a seventh of the tickets to the last.

    What is loaded once, and what fills up to a bound, is there by then; what is left is growth.
    """

    def __init__(self, tickets: int) -> None:
        self._after = tickets // 7
        self._handled = 0
        self._peak: float | None = None

    def observe(self, _: Outcome) -> None:
        """Count a ticket."""
        self._handled += 1
        if self._handled == self._after:
            self._peak = peak_mb()

    def as_result(self) -> Result:
        """Return peak and growth in MB."""
        peak = peak_mb()
        grown = peak - (peak if self._peak is None else self._peak)
        return {"peak_mb": round(peak), "growth_mb": round(grown, 1)}


def peak_mb() -> float:
    """Return the most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(tickets: int, age: float, simulator: Simulator) -> None:
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


async def _sweep_to_rest(
    application: Application, clock: VirtualClock, memory: Memory | None = None, most: int = 2000
) -> int:
    observe = memory.observe if memory else None
    for sweeps in range(1, most):
        report = await application.sweep(seconds=SWEEP_SECONDS, observe=observe)
        if report.complete and not report.counts[Status.TRIAGED]:
            return sweeps
        clock.advance(60)
    raise AssertionError("the sweep does not come to rest")


def _marker(application: Application) -> str:
    return application.settings.marker(application.classifier.bundle_id)


def verdict(marker: str, tickets: int, simulator: Simulator) -> Result:
    """Return what the account and its journal say, in the process that has them."""
    journal = simulator.journal
    callers = (journal.call_of(write) for write in journal.writes)
    bulk_ids = sum(call is not None and call.path.endswith("/bulk_update") for call in callers)
    result: Result = {
        "tickets": tickets,
        "missing": sum(
            marker not in simulator.account.ticket(number).tags for number in range(1, tickets + 1)
        ),
        "doubled": len(doubled(journal)),
        "raced": len(raced(journal)),
        "overwritten": len(overwritten(journal, UNDECIDED)) + len(lost_tags(journal)),
        "credits_per_ticket": round(journal.credits_spent / tickets, 4),
        "credits_at_1_an_id": round((journal.credits_spent + bulk_ids) / tickets, 4),
        "rate_limited": journal.count(status=429),
    }
    result["ok"] = not (result["missing"] or result["doubled"] or result["overwritten"])
    return result


def too_early(simulator: Simulator) -> int:
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
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(one.ru_utime + one.ru_stime for one in used)
    seconds = time.monotonic() - started
    return result | {"seconds": round(seconds), "processor_seconds": round(processor)}


def main() -> int:
    """Run all proofs, two at a time, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tickets", type=int, default=35_000)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--only", help="run this proof alone, and print its line")
    options = parser.parse_args()
    proofs: dict[str, tuple[Any, ...]] = {
        "single": (backlog, options.tickets, "single"),
        "bulk": (backlog, options.tickets, "bulk"),
        "webhook_storm": (webhook_storm, options.webhooks),
        "hostile_worlds": (hostile_worlds, options.worlds),
        "naive_walk": (naive_walk, options.tickets),
    }
    if options.only:
        result = _timed(*proofs[options.only])
        print(json.dumps(result))
        return 0 if result["ok"] else 1
    started = time.monotonic()
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:
        running = {name: pool.submit(_timed, *proof) for name, proof in proofs.items()}
        results = {}
        for name, future in running.items():
            results[name] = future.result()
            print(f"{name:16} {json.dumps(results[name])}", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    swept = [results[name] for name in ("single", "bulk")]
    worst = [*swept, results["webhook_storm"]]
    summary = {
        "tickets": options.tickets,
        **{
            key: sum(result[key] for result in worst)
            for key in ("missing", "doubled", "raced", "overwritten")
        },
        "credits_per_ticket": {
            name: results[name]["credits_per_ticket"] for name in ("bulk", "single")
        },
        "credits_at_1_an_id": results["bulk"]["credits_at_1_an_id"],
        "peak_mb": max(result["peak_mb"] for result in swept),
        "growth_mb": max(result["growth_mb"] for result in swept),
        "naive_walk_lost": results["naive_walk"]["lost"],
        "too_early": results["webhook_storm"]["too_early"],
        "worlds": results["hostile_worlds"]["worlds"],
        "seconds": round(seconds),
        "processor_seconds": sum(result["processor_seconds"] for result in results.values()),
        "ok": all(result["ok"] for result in results.values()),
    }
    print(json.dumps(summary))
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
