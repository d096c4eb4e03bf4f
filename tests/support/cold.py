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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from freshdesk_simulator.limits import PlanLimits
from support.deployment import Deployment, deployment, webhook_event
from support.lambda_emulator import BUILD, LambdaEmulator, Usage

MEGABYTE = 1_000_000
WARM_UP = 100
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


def warm(made: Deployment, invocations: int) -> dict[str, Any]:
    """Return times, memory and growth over many requests, each for a ticket of its own."""
    tickets = [made.add_ticket(SUBJECT, DESCRIPTION).id for _ in range(invocations)]
    with made.function("WebhookFunction") as function:
        for ticket in tickets[:WARM_UP]:
            _require_ok(function.invoke(webhook_event(ticket)), function)
        before = function.usage()
        answers = [function.invoke(webhook_event(ticket)) for ticket in tickets[WARM_UP:]]
        after = function.usage()
        seconds = sorted(function.invoke_seconds[WARM_UP:])
    written = [len(made.simulator.journal.api_writes_to(ticket)) for ticket in tickets]
    return {
        "invocations": invocations,
        "failures": sum(answer.get("statusCode") != 200 for answer in answers),
        "written_once": sum(count == 1 for count in written),
        "warm_p50_ms": _milliseconds(statistics.median(seconds)),
        "warm_p99_ms": _milliseconds(seconds[int(len(seconds) * 0.99)]),
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


def measure(starts: int, invocations: int, bundle: Path | None) -> dict[str, Any]:
    """Return all figures."""
    with deployment(bundle) as made, tempfile.TemporaryDirectory(dir=BUILD.parent) as folder:
        print(f"{starts} cold starts, with byte code ...")
        init, first = cold_starts(made, starts)
        with made.function("WebhookFunction") as function:
            for package, milliseconds in import_shares(function)[:15]:
                print(f"  {package:30}{milliseconds:8.0f} ms")
        print(f"{starts} cold starts, without ...")
        bare = without_byte_code(BUILD, Path(folder) / "build")
        slow, _ = cold_starts(made.of(bare), starts)
        print(f"{invocations} warm requests ...")
        # So many tickets at once would meet Freshdesk's own limit, which is not the subject here.
        made.simulator.limiter.limits = PlanLimits(total=1_000_000)
        return {
            "init_s": round(init, 3),
            "init_without_byte_code_s": round(slow, 3),
            "byte_code_factor": round(slow / init, 2),
            "first_request_ms": _milliseconds(first),
            **warm(made, invocations),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--invocations", type=int, default=500)
    parser.add_argument("--bundle", type=Path, help="in place of the built layer's")
    options = parser.parse_args(arguments)
    print(json.dumps(measure(options.starts, options.invocations, options.bundle)))


if __name__ == "__main__":
    main()
