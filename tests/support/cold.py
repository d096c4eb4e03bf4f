"""How fast the built webhook starts and answers: `make cold`.

Measured in the Lambda runtime (see `lambda_emulator`) against a simulated Freshdesk and SSM on
this machine, which answer at once and take their share of its processors. Prints what it does
and, as its last line, a JSON object.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from freshdesk_simulator.limits import PlanLimits
from support.deployment import Deployment, deployment, webhook_event
from support.lambda_emulator import BUILD, LambdaEmulator, Usage

MEGABYTE = 1_000_000
SETTLED = 100  # requests after which memory should no longer grow
PACE = 6.5  # requests a second of the long run; the function's budget lets 7 through
SUBJECT = "Charged twice for invoice 4711"
DESCRIPTION = (
    "<div>Hello, our card was charged twice for invoice 4711 of 12 March. Please refund the "
    "second payment and send us a corrected invoice for our accounting. Thank you.</div>"
)
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)")


def cold_starts(made: Deployment, count: int, **environment: str) -> tuple[float, float]:
    """Return the medians of initialisation and of the first request after it, in seconds."""
    init, first = [], []
    for _ in range(count):
        ticket = made.add_ticket(SUBJECT, DESCRIPTION)
        with made.function("WebhookFunction", **environment) as function:
            _require_ok(function.invoke(webhook_event(ticket.id)), function)
            init.append(function.init_seconds)
            first.append(function.invoke_seconds[0])
    return statistics.median(init), statistics.median(first)


def without_byte_code(build: Path, target: Path) -> Path:
    """Return a copy of what was built that lacks the byte code only."""
    shutil.copytree(
        build, target, copy_function=os.link, ignore=shutil.ignore_patterns("__pycache__")
    )
    return target


def import_shares(function: LambdaEmulator) -> list[tuple[str, float]]:
    """Return packages by the milliseconds their own modules take to import, the longest first."""
    done = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", "-c", f"import {function.module}"],
        env=dict(function.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    shares: dict[str, float] = {}
    for own, _, _, module in _IMPORT.findall(done.stderr):
        package = module.partition(".")[0]
        shares[package] = shares.get(package, 0) + int(own) / 1000
    return sorted(shares.items(), key=lambda share: -share[1])


def cpu_seconds(function: LambdaEmulator) -> float:
    """Return the processor time of initialisation, which other load on the machine hardly moves."""
    started = subprocess.Popen(
        [sys.executable, "-S", "-c", f"import {function.module}"], env=dict(function.environment)
    )
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise RuntimeError(f"{function.module} cannot be imported")
    return used.ru_utime + used.ru_stime


def warm(made: Deployment, requests: int) -> dict[str, Any]:
    """Return times over warm requests that write, each for a ticket of its own."""
    tickets = [made.add_ticket(SUBJECT, DESCRIPTION).id for _ in range(requests)]
    with made.function("WebhookFunction") as function:
        for ticket in tickets:
            _require_ok(function.invoke(webhook_event(ticket)), function)
        seconds = sorted(function.invoke_seconds[1:])
    written = [len(made.simulator.journal.api_writes_to(ticket)) for ticket in tickets]
    return {
        "warm_requests": requests,
        "written_once": written.count(1),
        "warm_p50_ms": _milliseconds(statistics.median(seconds)),
        "warm_p99_ms": _milliseconds(seconds[int(len(seconds) * 0.99)]),
    }


def soak(made: Deployment, invocations: int) -> dict[str, Any]:
    """Return what grows over many requests in a row, and how many fail.

    In shadow mode, which does all but write: writes have a lower limit a minute. At a pace within
    the function's own budget for reads, since beyond it a request is answered by 202, left to the
    sweep, and the classifier does not run.
    """
    tickets = [made.add_ticket(SUBJECT, DESCRIPTION).id for _ in range(SETTLED)]
    with made.function("WebhookFunction", OTAI_MODE="shadow") as function:
        for ticket in tickets:
            _require_ok(function.invoke(webhook_event(ticket)), function)
        before = function.usage()
        answers: Counter[int] = Counter()
        for number in range(invocations):
            due = time.monotonic() + 1 / PACE
            answer = function.invoke(webhook_event(tickets[number % SETTLED]))
            answers[answer.get("statusCode", 0)] += 1
            time.sleep(max(0.0, due - time.monotonic()))
        after = function.usage()
    return {
        "invocations": invocations,
        "classified": answers[200],
        "deferred": answers[202],
        "failures": invocations - answers[200] - answers[202],
        **_growth(before, after),
    }


def _growth(before: Usage, after: Usage) -> Mapping[str, float]:
    return {
        "peak_mb": round(after.peak / MEGABYTE, 1),
        "memory_growth_mb": round((after.resident - before.resident) / MEGABYTE, 1),
        "descriptor_growth": after.descriptors - before.descriptors,
        "thread_growth": after.threads - before.threads,
    }


def _require_ok(answer: Mapping[str, Any], function: LambdaEmulator) -> None:
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"the webhook answered {answer}:\n{function.log}")


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def measure(starts: int, requests: int, invocations: int, bundle: Path | None) -> dict[str, Any]:
    """Return all figures."""
    with deployment(bundle) as made, tempfile.TemporaryDirectory(dir=BUILD.parent) as folder:
        # So many requests would meet the limits of the plan, which are not the subject here.
        made.simulator.limiter.limits = PlanLimits(total=1_000_000)
        print(f"{starts} cold starts, with byte code; the longest imports:")
        init, first = cold_starts(made, starts)
        with made.function("WebhookFunction") as function:
            processor = cpu_seconds(function)
            for package, milliseconds in import_shares(function)[:15]:
                print(f"  {package:30}{milliseconds:8.0f} ms")
        print(f"{starts} cold starts, without byte code")
        bare = made.of(without_byte_code(BUILD, Path(folder) / "build"))
        slow, _ = cold_starts(bare, starts)
        with bare.function("WebhookFunction") as function:
            slow_processor = cpu_seconds(function)
        print(f"{requests} warm requests, then {invocations} more for growth")
        return {
            "init_s": round(init, 3),
            "init_without_byte_code_s": round(slow, 3),
            "byte_code_factor": round(slow / init, 2),
            "init_processor_s": round(processor, 3),
            "byte_code_factor_processor": round(slow_processor / processor, 2),
            "first_request_ms": _milliseconds(first),
            **warm(made, requests),
            **soak(made, invocations),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--invocations", type=int, default=2000)
    parser.add_argument("--bundle", type=Path, help="in place of the built layer's")
    options = parser.parse_args(arguments)
    figures = measure(options.starts, options.requests, options.invocations, options.bundle)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
