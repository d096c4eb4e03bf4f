"""The report of a simulated account: `python -m support.report` writes build/report.html.

An English account is served on a loopback port. Its tickets are those of the model's test split,
which no training has seen; their labels stand for what people decided. One in twenty is still open,
and must not count. The command line does the rest, as an administrator would run it.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from freshdesk_simulator import BOT_KEY, Simulator, SystemClock, english_account
from freshdesk_simulator.models import PRIORITIES, Status
from support.template import ROOT

TICKETS = ROOT / "model" / "tickets" / "test.jsonl"
PAGE = ROOT / "build" / "report.html"
FIGURES = PAGE.with_suffix(".json")
COMMAND = Path(sys.executable).with_name("otai-freshdesk")
OPTIONS = ("--language", "en", "--decided", "priority", "--fresh")
DAY = 24 * 60 * 60
SEED = 20261122


def main() -> int:
    """Write the page and its figures; return the command's exit code."""
    config = yaml.safe_load((ROOT / "functions" / "config.yml").read_text("utf-8"))
    simulator = Simulator(english_account(SystemClock(), plan="pro"), seed=SEED)
    _fill(simulator, config["open_ticket_ai"]["triage"]["fields"]["group"]["labels"])
    PAGE.parent.mkdir(exist_ok=True)
    with simulator, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yml"
        config["open_ticket_ai"]["system"]["params"]["freshdesk_domain"] = simulator.account.domain
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        done = subprocess.run(
            [COMMAND, "backtest", "--config", path, "--output", PAGE, "--json", *OPTIONS],
            env=os.environ
            | {
                "OTAI_FRESHDESK_URL": simulator.url,
                "OTAI_API_KEY": "env:REPORT_API_KEY",
                "REPORT_API_KEY": BOT_KEY,
                "OTAI_BUNDLE": str(ROOT / "model" / "bundle"),
            },
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    FIGURES.write_text(done.stdout, encoding="utf-8")
    if done.returncode == 0:
        print(_summary(json.loads(done.stdout)))
    return done.returncode


def _fill(simulator: Simulator, groups: dict[str, str | None]) -> None:
    """Put the tickets into the account, spread over the last ninety days."""
    dice = random.Random(SEED)
    account = simulator.account
    now = int(account.clock.time())
    for line in TICKETS.read_text("utf-8").splitlines():
        row = json.loads(line)
        created = now - dice.randrange(2 * DAY, 90 * DAY)
        group = groups[row["queue"]]
        is_open = dice.random() < 0.05
        body = row["body"].replace("\n", "<br>\n")
        account.add_ticket(
            row["subject"],
            f"<div>{body}</div>",
            created_at=created,
            updated_at=created + dice.randrange(DAY // 24, 2 * DAY),
            status=Status.OPEN if is_open else dice.choice((Status.RESOLVED, Status.CLOSED)),
            group_id=None if group is None else account.group(group).id,
            type=row["type"],
            priority=next(key for key, name in PRIORITIES.items() if name == row["priority"]),
        )


def _summary(figures: dict[str, Any]) -> str:
    parts = []
    for field in figures["fields"]:
        score = field["score"]
        parts.append(f"{field['name']} {score['coverage']:.0%} set, {score['precision']:.1%} right")
    return f"{PAGE.relative_to(ROOT)}: {figures['tickets']} tickets; {'; '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
