"""The command line: `python -m freshdesk_simulator` serves one account until interrupted."""

import argparse
import html
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from freshdesk_simulator.account import Account, Plan
from freshdesk_simulator.builders import BUILDERS
from freshdesk_simulator.clock import SystemClock, VirtualClock
from freshdesk_simulator.errors import SimulatorError, UsageError
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.simulator import Simulator

SECRET_USER = "freshdesk"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        simulator = build(options)
        simulator.start(host=options.host, port=options.port)
    except (SimulatorError, OSError, ValueError) as error:
        sys.stderr.write(f"freshdesk_simulator: {error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ready = {
        "url": simulator.url,
        "api_key": simulator.api_key,
        "account": options.account,
        "plan": options.plan,
        "tickets": len(simulator.account.tickets),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    stop.wait()
    simulator.stop()
    return 0


def build(options: argparse.Namespace) -> Simulator:
    """Return the simulator that the options describe, not yet started.

    Raises:
        UsageError: When the tickets' file has a line that is no ticket.
        UnsafeTargetError: When the webhook's URL is not on this machine.
    """
    clock = VirtualClock() if options.clock == "virtual" else SystemClock()
    account = BUILDERS[options.account](clock, plan=options.plan)
    knobs = Knobs.calm() if options.calm else Knobs()
    simulator = Simulator(account, knobs=knobs, seed=options.seed)
    if options.tickets is not None:
        load_tickets(account, options.tickets)
    if options.webhook_url is not None:
        secret, header = options.webhook_secret, options.webhook_header
        simulator.add_webhook(
            options.webhook_url,
            headers={header: secret} if secret and header else {},
            basic=(SECRET_USER, secret) if secret and not header else None,
        )
    return simulator


def load_tickets(account: Account, path: Path) -> int:
    """Add the tickets of a JSON Lines file, and return how many.

    Each line holds `subject` and `body` (plain text) or `description` (HTML). Properties of the
    ticket (`created_at`, `status`, `tags`, `group_id`, ...) go into an object `ticket`; other keys,
    such as labels, are ignored.

    Raises:
        UsageError: When a line is no such object.
    """
    count = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                _add_row(account, json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                message = f"line {number} of {path.name} is not a ticket"
                raise UsageError(message) from error
            count += 1
    return count


def text_to_html(text: str) -> str:
    """Return plain text as the HTML that an e-mail becomes in Freshdesk."""
    paragraphs = html.escape(text, quote=False).replace("\n", "<br>\n")
    return f"<div>{paragraphs}</div>"


def _add_row(account: Account, row: dict[str, object]) -> None:
    description = row.get("description")
    if description is None:
        description = text_to_html(str(row["body"]))
    properties = row.get("ticket", {})
    if not isinstance(properties, dict):
        message = "`ticket` is an object"
        raise TypeError(message)
    account.add_ticket(str(row["subject"]), str(description), **properties)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m freshdesk_simulator",
        description="Serve a simulated Freshdesk account; prints one JSON line when ready.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="loopback or private address (default: %(default)s)")
    add("--port", type=int, default=8080, help="0 takes a free one (default: %(default)s)")
    add("--account", choices=sorted(BUILDERS), default="english")
    add("--plan", choices=get_args(Plan.__value__), default="growth", help="decides the limits")
    add("--tickets", type=Path, metavar="FILE", help="JSON Lines: subject, body or description")
    add("--webhook-url", metavar="URL", help="gets a webhook for each new ticket (loopback)")
    add("--webhook-secret", metavar="TEXT", help="sent as the Basic password of the webhook")
    add("--webhook-header", metavar="NAME", help="send the secret in this header instead")
    add("--clock", choices=("real", "virtual"), default="real")
    add("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    add("--calm", action="store_true", help="no server errors; every webhook once, at once")
    return parser
