"""No command writes text, names, addresses, keys or secrets, with --debug neither."""

import json
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from freshdesk_simulator import BOT_KEY
from otai_freshdesk.cli.app import app
from otai_freshdesk.web.routes import PATH
from unit.cli.conftest import SECRET, Desk, Run
from unit.cli.test_serve import PATIENCE, serving, until

SUBJECT, BODY = "XYZZYSUBJECT invoice", "XYZZYBODY please call me, crash"
NAME, ADDRESS, PHONE = "Xyzzy Requester", "xyzzy@customer.example", "+49 30 7654321"
PLANTED = ("xyzzysubject", "xyzzybody", "xyzzy requester", ADDRESS, PHONE, BOT_KEY, SECRET.lower())

# Each command's arguments; `triage` shows words of the one ticket that is named, if asked to.
ARGUMENTS = {
    "setup": ("--domain", "acme", "--yes"),
    "doctor": (),
    "classify": ("tickets.jsonl", "--output", "predictions.jsonl"),
    "triage": ("{ticket}", "--no-why", "--apply"),
    "sweep": (),
    "backtest": ("--no-text", "--fresh"),
    "review": ("--no-text", "--fresh"),
    "train": ("--tickets", "tickets.jsonl", "--targets", "team", "--output", "own"),
}
FAULTS: dict[str, Callable[[Desk], object]] = {
    "none": lambda desk: desk.simulator.faults.clear(),
    "server error": lambda desk: desk.simulator.faults.next("server_error", calls=50, body="json"),
    "half a reply": lambda desk: desk.simulator.faults.next("half_body", calls=50),
    "redirect": lambda desk: desk.simulator.faults.next("redirect", calls=50),
    "refused key": lambda desk: desk.configure("OTAI_TEST_API_KEY", "OTAI_WRONG_KEY"),
}
# What a command has to read from the account, and what it reads from a file.
FROM_FILES = {"classify", "train"}


@pytest.fixture
def planted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> int:
    """Plant the words in the account and in a file; return the ticket's number."""
    monkeypatch.setenv("OTAI_WRONG_KEY", "XYZZYBODYwrongkey0123")
    monkeypatch.setenv("OTAI_API_KEY", "env:OTAI_TEST_API_KEY")
    requester = desk.simulator.account.add_contact(NAME, ADDRESS, phone=PHONE)
    tickets = [desk.add(SUBJECT, f"{BODY} {ADDRESS} {PHONE}", requester=requester) for _ in "123"]
    rows = [
        {"id": n, "subject": SUBJECT, "body": f"{BODY} {ADDRESS}", "team": "ab"[n % 2]}
        for n in range(40)
    ]
    rows[20]["team"] = ""
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    Path("tickets.jsonl").write_text(text + '{"subject": "XYZZYSUBJECT', encoding="utf-8")
    return tickets[0]


def test_each_command_is_here() -> None:
    names = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }
    assert names == {*ARGUMENTS, "serve"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ARGUMENTS)
def test_nothing_planted_comes_out(
    run: Run, desk: Desk, planted: int, command: str, fault: str
) -> None:
    if command in FROM_FILES and fault != "none":
        pytest.skip("reads nothing of the account")
    FAULTS[fault](desk)
    arguments = [argument.format(ticket=planted) for argument in ARGUMENTS[command]]

    result = run("--debug", command, *arguments)

    written = result.output + result.stderr
    if result.exception:
        written += "".join(traceback.format_exception(result.exception))
    written += "".join(path.read_text("utf-8", "replace") for path in written_files())
    assert len(written) > 20
    for word in PLANTED:
        assert word.lower() not in written.lower()


def written_files() -> list[Path]:
    """Return the reports and predictions that a command has left."""
    return [path for path in Path().glob("*.*") if path.name != "tickets.jsonl" and path.is_file()]


def test_nor_from_serve(run: Run, desk: Desk, planted: int) -> None:
    with serving(desk) as (process, url):
        wrong = {"X-OTAI-Secret": "XYZZYBODY-wrong-secret-of-32-characters"}
        body = {"ticket_id": planted, "ticket_subject": SUBJECT, "email": ADDRESS}
        answers = [
            httpx.post(url + PATH, json=body, headers=wrong),
            httpx.post(url + PATH, json=body, headers={"X-OTAI-Secret": SECRET}, timeout=20),
            httpx.post(
                url + PATH,
                content=SUBJECT,
                headers={"X-OTAI-Secret": SECRET, "Content-Type": "application/json"},
                timeout=20,
            ),
        ]
        until(lambda: desk.group_of(planted) is not None)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)

    assert [answer.status_code for answer in answers] == [401, 200, 422]
    written = out + err + "".join(answer.text for answer in answers)
    assert '"ticket"' in written
    for word in PLANTED:
        assert word.lower() not in written.lower()
