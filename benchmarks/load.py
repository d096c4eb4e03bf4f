"""`make load`: the webhook under 1 to 64 clients on loopback, and what happens beyond.

Two services: the built function in the Lambda runtime, in two execution environments as Lambda
would run them side by side, and `otai-freshdesk serve`. Freshdesk is simulated on the same machine,
and so are the clients, which take their share of its processors.

Up to saturation every number of clients meets a fresh service and sends no more than a minute's
budget of writes lets through. Beyond, many more tickets come at once than that: what is answered
202 is left to the sweep, which then runs on the simulator's virtual clock.
"""

import asyncio
import json
import os
import queue
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.effort import Effort
from benchmarks.errors import LoadError
from benchmarks.paths import BUNDLE, OUR_PYTHON, ROOT
from benchmarks.texts import test_tickets
from benchmarks.timing import milliseconds, percentile
from freshdesk_simulator import BOT_KEY, Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.config.settings import load_settings
from otai_freshdesk.web.routes import PATH
from support.deployment import SAMPLE_SECRET, Deployment, deployment, webhook_event
from support.lambda_emulator import EmulatorError, LambdaEmulator

type Result = dict[str, Any]
type Post = Callable[[int], int]

CONFIG = ROOT / "functions" / "config.yml"
ENVIRONMENTS = 2
NO_ANSWER = 0
OK, DEFERRED = 200, 202
START_SECONDS = 30.0
SWEEP_SECONDS = 840.0
MOST_SWEEPS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got: the HTTP status, 0 for none, and after how long."""

    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Service:
    """A started service.

    Attributes:
        post: Sends the webhook of a ticket and returns the status of the answer.
        peak_bytes: Tells the most memory one of its processes has held.
    """

    post: Post
    peak_bytes: Callable[[], int]


def measure(effort: Effort) -> Result:
    """Return throughput, times, errors and memory of both services, and what is recovered."""
    services = {"function": _function, "serve": _serve}
    with deployment() as made:
        return {
            name: {
                "levels": [
                    _level(made, start, clients, effort.requests) for clients in effort.clients
                ],
                "beyond": _beyond(made, start, effort.clients[-1], effort.beyond),
            }
            for name, start in services.items()
        }


def drive(post: Post, tickets: Sequence[int], clients: int) -> list[Answer]:
    """Send each ticket's webhook once; each client sends its next one when it has an answer."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda ticket: _answer(post, ticket), tickets))


def _answer(post: Post, ticket: int) -> Answer:
    begin = time.perf_counter()
    try:
        status = post(ticket)
    except httpx.HTTPError:
        status = NO_ANSWER
    return Answer(status, time.perf_counter() - begin)


def summary(answers: Sequence[Answer], seconds: float) -> Result:
    """Return throughput, times and kinds of answers of one run that took so many seconds."""
    statuses = Counter(answer.status for answer in answers)
    taken = [answer.seconds for answer in answers]
    return {
        "requests": len(answers),
        "per_s": round(len(answers) / seconds, 1),
        "p50_ms": milliseconds(statistics.median(taken)),
        "p99_ms": milliseconds(percentile(taken, 0.99)),
        "triaged": statuses[OK],
        "deferred": statuses[DEFERRED],
        "errors": len(answers) - statuses[OK] - statuses[DEFERRED],
    }


type Start = Callable[[Deployment, Simulator, ExitStack], Service]


def _level(made: Deployment, start: Start, clients: int, requests: int) -> Result:
    """One number of clients against a fresh service and account."""
    with _account(requests) as (simulator, tickets), ExitStack() as stack:
        service = start(made, simulator, stack)
        begin = time.perf_counter()
        answers = drive(service.post, tickets, clients)
        seconds = time.perf_counter() - begin
        peak = round(service.peak_bytes() / 1e6)
        return {"clients": clients, **summary(answers, seconds), "peak_mb": peak}


def _beyond(made: Deployment, start: Start, clients: int, requests: int) -> Result:
    """More tickets at once than the limits allow, and then the sweep.

    Raises:
        LoadError: A ticket was left without triage, or written twice.
    """
    with _account(requests) as (simulator, tickets), ExitStack() as stack:
        service = start(made, simulator, stack)
        begin = time.perf_counter()
        answers = drive(service.post, tickets, clients)
        seconds = time.perf_counter() - begin
        found = {"clients": clients, **summary(answers, seconds)}
        written = _written(simulator, tickets)
        swept = asyncio.run(_sweep_to_rest(made, simulator))
        writes = Counter(len(simulator.journal.api_writes_to(ticket)) for ticket in tickets)
        if writes != {1: requests}:
            raise LoadError(f"tickets by number of writes after the sweep: {dict(writes)}")
        return {
            **found,
            "written_by_webhooks": written,
            "recovered_by_sweep": requests - written,
            "recovered_in_s": round(swept),
            "refused_by_freshdesk": simulator.journal.count(status=429),
        }


def _written(simulator: Simulator, tickets: Sequence[int]) -> int:
    return sum(bool(simulator.journal.api_writes_to(ticket)) for ticket in tickets)


async def _sweep_to_rest(made: Deployment, simulator: Simulator) -> float:
    """Sweep until nothing is left; return the seconds of virtual time up to the last write."""
    clock = simulator.clock
    start = clock.time()
    application = Application(load_settings(CONFIG, _variables(made, simulator)), clock=clock)
    for _ in range(MOST_SWEEPS):
        clock.advance(60)  # type: ignore[attr-defined]
        report = await application.sweep(seconds=SWEEP_SECONDS)
        if report.complete and not report.counts["triaged"]:
            break
    await application.aclose()
    last = max(write.time for write in simulator.journal.writes if write.actor.through_api)
    return last - start


@contextmanager
def _account(tickets: int) -> Iterator[tuple[Simulator, list[int]]]:
    """Serve an Enterprise account with so many new tickets of the test split's texts."""
    clock = VirtualClock(datetime.now(UTC).timestamp())
    texts = test_tickets()
    account = english_account(clock, plan="enterprise")
    with Simulator(account, knobs=Knobs.calm()) as simulator:
        ids = []
        for number in range(tickets):
            text = texts[number % len(texts)]
            ids.append(simulator.account.add_ticket(text.subject, f"<p>{text.body}</p>").id)
        yield simulator, ids


def _variables(made: Deployment, simulator: Simulator) -> dict[str, str]:
    """Return the variables of a process outside the emulator, with what the function has."""
    os.environ["OTAI_BENCH_API_KEY"] = BOT_KEY
    os.environ["OTAI_BENCH_SECRET"] = SAMPLE_SECRET
    return {
        "OTAI_FRESHDESK_URL": simulator.url,
        "OTAI_API_KEY": "env:OTAI_BENCH_API_KEY",
        "OTAI_WEBHOOK_SECRET": "env:OTAI_BENCH_SECRET",
        "OTAI_CURSOR": "memory",
        "OTAI_OVERLAY": "memory",
        "OTAI_BUNDLE": str(BUNDLE),
        **{name: made.environment[name] for name in ("OTAI_MODE", "OTAI_TRIAGE_FROM")},
    }


def _function(made: Deployment, simulator: Simulator, stack: ExitStack) -> Service:
    """Start the built function in several environments; each takes one request at a time."""
    free: queue.SimpleQueue[LambdaEmulator] = queue.SimpleQueue()
    environments = [
        stack.enter_context(made.function("WebhookFunction", OTAI_FRESHDESK_URL=simulator.url))
        for _ in range(ENVIRONMENTS)
    ]
    for environment in environments:
        # The first request initialises; one of a ticket that does not exist spends next to nothing.
        environment.invoke(webhook_event(10**9))
        free.put(environment)

    def post(ticket: int) -> int:
        environment = free.get()
        try:
            return int(environment.invoke(webhook_event(ticket)).get("statusCode", NO_ANSWER))
        finally:
            free.put(environment)

    return Service(post, lambda: max(map(_peak_of, environments)))


def _peak_of(environment: LambdaEmulator) -> int:
    """Return the most memory the function held; 0 when the runtime has ended it as timed out."""
    try:
        return environment.usage().peak
    except EmulatorError:
        return 0


def _serve(made: Deployment, simulator: Simulator, stack: ExitStack) -> Service:
    """Start `otai-freshdesk serve` in a process of its own."""
    log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
    process = subprocess.Popen(
        [
            *(OUR_PYTHON, "-c", "from otai_freshdesk.cli import main; main()", "serve"),
            *("--port", "0", "--json", "--sweep-every", "12h", "--config", CONFIG),
        ],
        env={**os.environ, **_variables(made, simulator)},
        stdout=stack.enter_context(log.open("wb")),
        cwd=ROOT,
    )
    stack.callback(_stop, process)
    client = stack.enter_context(httpx.Client(base_url=_url(log, process), timeout=60))

    def post(ticket: int) -> int:
        reply = client.post(
            PATH, json={"ticket_id": ticket}, headers={"X-OTAI-Secret": SAMPLE_SECRET}
        )
        return reply.status_code

    return Service(post, lambda: _peak_bytes(process.pid))


def _url(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait for the log to tell where it listens."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get("message") == "serving" and _accepts(str(event["url"])):
                return str(event["url"])
        time.sleep(0.05)
    raise LoadError("otai-freshdesk serve did not start; what it wrote stands above")


def _accepts(url: str) -> bool:
    """Whether anybody listens there; the line in the log comes a moment before."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
