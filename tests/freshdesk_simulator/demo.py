"""Two hundred tickets of the test split, triaged before your eyes.

    python -m freshdesk_simulator.demo

A simulated Freshdesk serves the tickets on a loopback port. Some are assigned, closed, tagged,
routed or older than triage. Webhooks go through the real handler; one in ten is lost, one in
twenty comes twice. Then the sweep runs. Nothing leaves the machine.

Exits with 1 when a ticket was lost, written twice, or a decision of a human's overwritten.
"""

import io
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from freshdesk_simulator import Simulator, SystemClock, english_account
from freshdesk_simulator.models import PRIORITIES, Status, Ticket

ROOT = Path(__file__).parents[2]
TICKETS = 200
MINUTE = 60
SWITCHED_ON_AGO = 110 * MINUTE
SECRET = "a-demonstration-secret-that-protects-nothing"
LABELS = ("queue", "type", "priority")
MARKER = "otai-"
type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """A ticket of the account with the labels a careful agent would give it."""

    before: Ticket
    labels: Mapping[str, str]
    circumstance: str


@dataclass
class LambdaContext:
    """What the handlers read of the context that Lambda hands in."""

    function_name: str = "demo"
    function_version: str = "1"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:demo"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    seconds: float = 300.0
    _started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self.seconds - (time.monotonic() - self._started)))


class Outcomes(logging.Handler):
    """Reads what became of each ticket from the product's own structured log."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[int, dict[str, Any]] = {}
        self.classify_ms: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        outcome = getattr(record, "ticket", None)
        if outcome is None:
            return
        if "classify_ms" in outcome:
            self.classify_ms.append(outcome["classify_ms"])
        known = self.last.get(outcome["ticket_id"])
        if known is None or known["outcome"] not in {"triaged", "rejected"}:
            self.last[outcome["ticket_id"]] = outcome


def quietly(handler: Handler) -> Handler:
    """Return the handler without the metrics that it prints for CloudWatch."""

    def quiet(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with redirect_stdout(io.StringIO()):
            return handler(event, context)

    return quiet


def main() -> int:
    """Run the demonstration and return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    dice = random.Random(20261122)
    clock = SystemClock()
    simulator = Simulator(english_account(clock, plan="enterprise"), seed=7)
    now = int(clock.time())
    samples = _fill(simulator, now, dice)
    with simulator, _configured(simulator.url, switched_on=now - SWITCHED_ON_AGO):
        # Imported here: the functions read their configuration when they are imported.
        import sweep.app
        import webhook.app
        from otai_freshdesk.observability import logger

        outcomes = Outcomes()
        logging.getLogger(logger.name).handlers[:] = [outcomes]
        # Calls that fail are tried again or left to the sweep; that is what the demo shows.
        logging.getLogger("otai_freshdesk").setLevel(logging.ERROR)
        started = time.monotonic()
        _send_webhooks(samples, quietly(webhook.app.handler), dice, console)
        marked = sum(_is_marked(simulator, sample) for sample in samples)
        with console.status("Sweeping for what the webhooks missed"):
            quietly(sweep.app.handler)({}, LambdaContext())
        seconds = time.monotonic() - started
    console.print(_table(simulator, samples, outcomes.last))
    faults = _faults(simulator, samples, now - SWITCHED_ON_AGO)
    _summary(console, simulator, samples, outcomes, seconds=seconds, by_webhook=marked)
    for fault in faults:
        console.print(f"[bold red]{fault}")
    return 1 if faults else 0


def _fill(simulator: Simulator, now: int, dice: random.Random) -> list[Sample]:
    """Put tickets into the account, some of them in circumstances that triage must respect."""
    rows = [json.loads(line) for line in _test_split().read_text("utf-8").splitlines()]
    dice.shuffle(rows)
    account = simulator.account
    groups = [group.id for group in account.groups.values()]
    agents = list(account.agents)
    circumstances: dict[str, Callable[[], dict[str, Any]]] = {
        "assigned": lambda: {"responder_id": dice.choice(agents), "group_id": dice.choice(groups)},
        "routed": lambda: {"group_id": dice.choice(groups)},
        "closed": lambda: {"status": Status.CLOSED},
        "tagged": lambda: {"tags": ["vip", "eu"]},
        "raised": lambda: {"priority": 4},
        "old": lambda: {"created_at": now - 2 * SWITCHED_ON_AGO, "updated_at": now - MINUTE},
        "spam": lambda: {"spam": True},
    }
    samples = []
    for number, row in enumerate(rows[:TICKETS]):
        name = dice.choice(list(circumstances)) if dice.random() < 0.3 else ""
        created = now - 100 * MINUTE + number * MINUTE // 2
        properties = {"created_at": created} | (circumstances[name]() if name else {})
        body = row["body"] if "<" in row["body"] else row["body"].replace("\n", "<br>\n")
        ticket = account.add_ticket(row["subject"], f"<div>{body}</div>", **properties)
        labels = {key: row[key] for key in (*LABELS, "language")}
        samples.append(Sample(ticket, labels, name))
    return samples


def _test_split() -> Path:
    return ROOT / "model" / "tickets" / "test.jsonl"


@contextmanager
def _configured(url: str, switched_on: int) -> Iterator[None]:
    """Configure the functions by the deployed config.yml, pointed at the simulator."""
    config = yaml.safe_load((ROOT / "functions" / "config.yml").read_text("utf-8"))
    section = config["open_ticket_ai"]
    # Nobody else needs the simulated account's rate limit.
    section["system"]["params"] |= {"freshdesk_domain": "acme", "rate_limit_share": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        os.environ |= {
            "OTAI_CONFIG": str(path),
            "OTAI_FRESHDESK_URL": url,
            "OTAI_API_KEY": "env:DEMO_API_KEY",
            "DEMO_API_KEY": "simulated-api-key",
            "OTAI_WEBHOOK_SECRET": "env:DEMO_WEBHOOK_SECRET",
            "DEMO_WEBHOOK_SECRET": SECRET,
            "OTAI_MODE": "live",
            "OTAI_CURSOR": "memory",
            "OTAI_BUNDLE": str(ROOT / "model" / "bundle"),
            "OTAI_TRIAGE_FROM": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(switched_on)),
        }
        yield


def _send_webhooks(
    samples: Sequence[Sample],
    handler: Handler,
    dice: random.Random,
    console: Console,
) -> None:
    event = json.loads((ROOT / "events" / "webhook_created.json").read_text("utf-8"))
    event["headers"]["X-OTAI-Secret"] = event["multiValueHeaders"]["X-OTAI-Secret"][0] = SECRET
    for sample in track(samples, "Webhooks", console=console):
        event["body"] = json.dumps({"freshdesk_webhook": {"ticket_id": str(sample.before.id)}})
        luck = dice.random()
        deliveries = 0 if luck < 0.10 else 2 if luck < 0.15 else 1
        for _ in range(deliveries):
            reply = handler(event, LambdaContext(seconds=10.0))
            if reply["statusCode"] not in {200, 202}:
                raise SystemExit(f"the webhook answered {reply['statusCode']}: {reply['body']}")


def _is_marked(simulator: Simulator, sample: Sample) -> bool:
    tags = simulator.account.ticket(sample.before.id).tags
    return any(tag.startswith(MARKER) and tag[len(MARKER) :].isalnum() for tag in tags)


def _eligible(ticket: Ticket, switched_on: int) -> bool:
    return (
        ticket.status == Status.OPEN
        and ticket.responder_id is None
        and not ticket.spam
        and ticket.created_at >= switched_on
    )


def _faults(simulator: Simulator, samples: Sequence[Sample], switched_on: int) -> list[str]:
    """Return what must never happen: tickets lost, written again or overwritten."""
    faults = []
    for sample in samples:
        before, after = sample.before, simulator.account.ticket(sample.before.id)
        writes = len(simulator.journal.api_writes_to(before.id))
        expected = int(_eligible(before, switched_on))
        if writes < expected:
            faults.append(f"ticket {before.id} was lost")
        if writes > expected:
            faults.append(f"ticket {before.id} was written {writes} times, expected {expected}")
        decided = {
            "group": before.group_id is not None and after.group_id != before.group_id,
            "priority": before.priority not in {1, after.priority},
            "tags": not set(before.tags) <= set(after.tags),
        }
        faults += [
            f"ticket {before.id}: {name} overwritten" for name, bad in decided.items() if bad
        ]
    return faults


def _shown(simulator: Simulator, ticket: Ticket) -> str:
    group = simulator.account.groups.get(ticket.group_id or 0)
    parts = (group.name if group else "-", ticket.type or "-", PRIORITIES[ticket.priority])
    return " / ".join(parts)


def _table(
    simulator: Simulator, samples: Sequence[Sample], outcomes: Mapping[int, Mapping[str, Any]]
) -> Table:
    table = Table("Ticket", "Lang", "Before", "After", "Confidence", "Why not all of it")
    for sample in samples:
        outcome = outcomes.get(sample.before.id, {})
        fields = outcome.get("fields", {})
        scores = " / ".join(f"{one['probability']:.2f}" for one in fields.values())
        after = _shown(simulator, simulator.account.ticket(sample.before.id))
        before = _shown(simulator, sample.before)
        table.add_row(
            str(sample.before.id),
            sample.labels["language"],
            before,
            after if after != before else "=",
            scores,
            _why(outcome),
        )
    return table


def _why(outcome: Mapping[str, Any]) -> str:
    if outcome.get("outcome") == "skipped":
        return f"skipped: {outcome['reason'].replace('_', ' ')}"
    if not outcome:
        return "skipped: spam is in no list"
    reasons = defaultdict(list)
    for name, one in outcome.get("fields", {}).items():
        if one["verdict"] in {"abstain", "decided", "automated"}:
            reasons[one["verdict"]].append(name)
    texts = {"abstain": "unsure of", "decided": "decided:", "automated": "automated mail:"}
    return "; ".join(f"{texts[verdict]} {', '.join(names)}" for verdict, names in reasons.items())


def _summary(
    console: Console,
    simulator: Simulator,
    samples: Sequence[Sample],
    outcomes: Outcomes,
    *,
    seconds: float,
    by_webhook: int,
) -> None:
    counts = Counter(one["outcome"] for one in outcomes.last.values())
    triaged = counts["triaged"]
    unsure = sum("otai-unsure" in one.get("tags", ()) for one in outcomes.last.values())
    spent = simulator.journal.credits_spent
    times = sorted(outcomes.classify_ms)
    console.print(
        f"{len(samples)} tickets in {seconds:.0f} s: {triaged} triaged ({by_webhook} by webhook, "
        f"{triaged - by_webhook} recovered by the sweep), {unsure} of them with a field left to a "
        f"human, {len(samples) - triaged} skipped.\n"
        f"{spent / max(1, triaged):.2f} credits a triaged ticket; "
        f"{times[len(times) // 2]:.1f} ms to classify one (median)."
    )
    console.print(_agreement(samples, outcomes.last))


def _agreement(samples: Sequence[Sample], outcomes: Mapping[int, Mapping[str, Any]]) -> Table:
    """Return how often the model agrees with the true labels, where it was sure and in all."""
    languages = sorted({sample.labels["language"] for sample in samples})
    table = Table("Agreement with the true labels", "all", *languages, "where sure", "sure")
    for name, target in (("group", "queue"), ("type", "type"), ("priority", "priority")):
        right: dict[str, list[bool]] = defaultdict(list)
        for sample in samples:
            one = outcomes.get(sample.before.id, {}).get("fields", {}).get(name)
            if one is None:
                continue
            agrees = one["label"] == sample.labels[target]
            right["all"].append(agrees)
            right[sample.labels["language"]].append(agrees)
            if one["probability"] >= one["threshold"]:
                right["sure"].append(agrees)
        sure = len(right["sure"]) / max(1, len(right["all"]))
        columns = ["all", *languages, "sure"]
        table.add_row(name, *(_share(right[column]) for column in columns), f"{sure:.0%}")
    return table


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.0%}" if right else "-"


if __name__ == "__main__":
    sys.exit(main())
