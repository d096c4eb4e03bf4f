"""Every command as a new user meets it, whom all goes wrong that can.

One clear sentence on standard error, the documented exit code, and nothing half-written. A command
that joins the program joins `ASKING` if it asks the account, `CONFIGURED` if it reads config.yml,
and `WRITING` if it writes a file.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import Result

from freshdesk_simulator import BOT_KEY
from otai_freshdesk.cli import parameters
from otai_freshdesk.cli.app import app
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.ssm import ssm_client
from unit.cli.conftest import Desk, Run, full_disk
from unit.cli.test_doctor import bot, leave_aws

DONE, FINDINGS, USAGE, CONFIG, BUNDLE = (ExitCode(code) for code in range(5))
REFUSED, UNAVAILABLE, INPUT, FILE = (ExitCode(code) for code in range(5, 9))

WRONG_KEY = "a-wrong-key-nobody-should-see"
LONGEST_FILE = 50  # bytes, where the disk is full


@dataclass(frozen=True)
class Situation:
    """Something that goes wrong.

    Attributes:
        arrange: Makes it so.
        said: What the sentence must hold.
    """

    arrange: Callable[[Desk, pytest.MonkeyPatch], object]
    said: str


def _whole_account(status: int) -> Callable[[Desk, pytest.MonkeyPatch], object]:
    def arrange(desk: Desk, _: pytest.MonkeyPatch) -> None:
        faults = desk.simulator.faults
        faults.sometimes("server_error", probability=1.0, status=status, body="empty")

    return arrange


def _no_groups(desk: Desk, _: pytest.MonkeyPatch) -> None:
    with desk.simulator.account.lock:
        desk.simulator.account.groups.clear()


SITUATIONS: Mapping[str, Situation] = {
    "wrong key": Situation(
        lambda _, monkeypatch: monkeypatch.setenv("OTAI_TEST_API_KEY", WRONG_KEY),
        "The API key is not accepted",
    ),
    "no key": Situation(
        lambda _, monkeypatch: monkeypatch.delenv("OTAI_TEST_API_KEY"),
        "OTAI_TEST_API_KEY is not set",
    ),
    "wrong subdomain": Situation(_whole_account(404), "subdomain"),
    "no permission": Situation(_whole_account(403), "role"),
    "locked agent": Situation(
        lambda desk, _: desk.simulator.account.change_agent(bot(desk), locked=True), "locked"
    ),
    "no network": Situation(lambda desk, _: desk.simulator.stop(), "No connection to Freshdesk"),
    "empty account": Situation(_no_groups, "no"),
}

NO_ANSWER = {
    "wrong key": REFUSED,
    "no key": CONFIG,
    "wrong subdomain": REFUSED,
    "no permission": REFUSED,
    "locked agent": REFUSED,
    "no network": UNAVAILABLE,
}
# Which code each command ends with. `doctor` and `sweep` report what they found, so theirs is 1.
ASKING: Mapping[str, tuple[Sequence[str], Mapping[str, ExitCode]]] = {
    "doctor": (("doctor",), dict.fromkeys(SITUATIONS, FINDINGS)),
    "setup": (
        ("setup", "--config", "new.yml", "--domain", "acme"),
        NO_ANSWER,
    ),
    "triage": (
        ("triage", "1"),
        {
            "wrong key": REFUSED,
            "no key": CONFIG,
            "wrong subdomain": INPUT,
            "no permission": REFUSED,
            "locked agent": REFUSED,
            "no network": UNAVAILABLE,
            "empty account": INPUT,
        },
    ),
    "triage --apply": (
        ("triage", "1", "--apply"),
        {"wrong key": REFUSED, "no network": UNAVAILABLE},
    ),
    "sweep": (
        ("sweep",),
        {
            "wrong key": REFUSED,
            "wrong subdomain": FINDINGS,
            "no permission": REFUSED,
            "locked agent": REFUSED,
            "no network": FINDINGS,
        },
    ),
    "backtest": (("backtest",), NO_ANSWER | {"empty account": INPUT}),
    "review": (("review",), NO_ANSWER | {"empty account": INPUT}),
}
ASKED = [(command, name) for command, (_, codes) in ASKING.items() for name in codes]


def assert_calm(result: Result, code: ExitCode) -> None:
    """Assert one readable sentence on standard error, if any, and the code."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) <= 1
    assert "\x1b" not in result.output
    assert WRONG_KEY not in result.output
    assert BOT_KEY not in result.output


@pytest.mark.parametrize(("command", "situation"), ASKED)
def test_the_account_does_not_answer_as_hoped(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch, command: str, situation: str
) -> None:
    arguments, codes = ASKING[command]
    monkeypatch.setenv("OTAI_API_KEY", "env:OTAI_TEST_API_KEY")
    monkeypatch.setenv("OTAI_FRESHDESK_URL", desk.simulator.url)
    config = desk.config.read_bytes()
    SITUATIONS[situation].arrange(desk, monkeypatch)

    result = run(*arguments)

    assert_calm(result, codes[situation])
    assert SITUATIONS[situation].said in result.stderr + result.stdout
    assert desk.writes == 0
    assert desk.config.read_bytes() == config
    assert not list(Path.cwd().iterdir()), "nothing is written, not even in part"


@pytest.mark.parametrize("command", ["triage", "sweep", "doctor"])
def test_a_domain_of_ones_own(run: Run, desk: Desk, command: str) -> None:
    desk.configure("freshdesk_domain: acme", "freshdesk_domain: help.acme.com")
    desk.configure(f"      freshdesk_url: {desk.simulator.url}\n", "")

    result = run(*ASKING[command][0])

    assert_calm(result, FINDINGS if command == "doctor" else CONFIG)
    assert "must be the account's subdomain" in result.output


def test_an_empty_account_is_swept_in_peace(run: Run, desk: Desk) -> None:
    assert_calm(run("sweep"), DONE)


class TestAGroupThatDoesNotExist:
    @pytest.fixture(autouse=True)
    def _misspelt(self, desk: Desk) -> None:
        desk.configure("billing_payments: Billing", "billing_payments: Biling")

    def test_doctor_finds_it(self, run: Run, desk: Desk) -> None:
        result = run("doctor")

        assert_calm(result, FINDINGS)
        assert "the account has no group Biling" in result.stdout

    def test_triage_writes_the_rest_and_says_so(self, run: Run, desk: Desk) -> None:
        ticket = desk.add("invoice")

        result = run("triage", str(ticket), "--apply")

        assert_calm(result, DONE)
        assert "Freshdesk refused group" in result.stdout
        assert desk.group_of(ticket) is None

    def test_setup_keeps_the_line_and_names_it(self, run: Run, desk: Desk) -> None:
        before = desk.config.read_text(encoding="utf-8")

        result = run("setup")

        assert result.exit_code == FINDINGS
        assert "no group Biling; the line was kept" in result.stderr
        assert "billing_payments: Biling" in before


CONFIGURED = (
    *("doctor", "setup", "sweep", "serve", "triage 1", "triage --file text.txt"),
    *("backtest", "review"),
)
BROKEN = {
    "a bracket": ("open_ticket_ai:", "open_ticket_ai: [", "line 4: not valid YAML"),
    "a tab": ("  sweep:", "\tsweep:", "not valid YAML"),
    "an unknown key": ("  sweep:", "  sweeep:", "sweeep: no such setting; check its spelling"),
    "a key in clear": ("env:OTAI_TEST_API_KEY", WRONG_KEY, "must be a reference"),
    "an unknown mode": ("mode: live", "mode: lively", "triage.mode"),
    "nothing": ("", "", "open_ticket_ai"),
}


@pytest.mark.parametrize("command", CONFIGURED)
@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_configuration(run: Run, desk: Desk, command: str, mistake: str) -> None:
    old, new, said = BROKEN[mistake]
    if old:
        desk.configure(old, new)
    else:
        desk.config.write_bytes(b"")
    before = desk.config.read_bytes()

    result = run(*command.split())

    assert_calm(result, FINDINGS if command == "doctor" else CONFIG)
    assert said in result.output
    assert str(desk.config) in result.output
    assert desk.config.read_bytes() == before
    assert not desk.state.exists()


@pytest.mark.parametrize("command", [one for one in CONFIGURED if one != "setup"])
def test_no_configuration(run: Run, desk: Desk, command: str) -> None:
    desk.config.unlink()

    result = run(*command.split())

    assert_calm(result, FINDINGS if command == "doctor" else CONFIG)
    assert "--config" in result.output


WRITING: Mapping[str, Sequence[str]] = {
    "setup": ("setup", "--config", "{folder}/new.yml", "--domain", "acme"),
    "setup again": ("setup", "--config", "{config}", "--undecided", "Sales"),
    "classify": ("classify", "{tickets}", "--output", "{folder}/out.jsonl"),
    "sweep": ("sweep",),
    "backtest": ("backtest", "--file", "{tickets}", "--output", "{folder}/report.html"),
}


@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("OTAI_API_KEY", "env:OTAI_TEST_API_KEY")
    monkeypatch.setenv("OTAI_FRESHDESK_URL", desk.simulator.url)
    folder = tmp_path / "out"
    folder.mkdir()
    tickets = tmp_path / "tickets.jsonl"
    row = '{"subject": "invoice", "body": "crash", "group": "Billing"}\n'
    tickets.write_text(row * 9, encoding="utf-8")
    before = desk.config.read_bytes()
    places = {"folder": folder, "config": desk.config, "tickets": tickets}

    with full_disk(LONGEST_FILE):
        result = run(*(part.format(**places) for part in WRITING[command]))

    assert_calm(result, FILE)
    assert "File too large (a limit on the size of files" in result.stderr
    assert str(tmp_path) in result.stderr, "the file is named"
    assert not list(folder.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"config.yml", "cwd", "out", tickets.name}
    assert desk.config.read_bytes() == before


def test_a_disk_that_is_full(run: Run, tmp_path: Path) -> None:
    tickets = tmp_path / "tickets.jsonl"
    tickets.write_text('{"subject": "invoice", "body": "crash"}\n', encoding="utf-8")

    result = run("classify", str(tickets), "--output", "/dev/full")

    assert_calm(result, FILE)
    assert "the disk is full" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("setup", "--config", "no/such/folder/config.yml", "--domain", "acme"),
        ("classify", "no.jsonl", "--output", "out.jsonl"),
        ("triage", "--file", "no.txt"),
    ],
)
def test_a_file_that_is_not_there(run: Run, desk: Desk, arguments: Sequence[str]) -> None:
    result = run(*arguments)

    assert_calm(result, FILE)
    assert "no" in result.stderr
    assert "check the path" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("triage", "--file", "text.txt"), ("classify", "text.txt", "--output", "out"), ("sweep",)],
)
def test_no_bundle(run: Run, desk: Desk, arguments: Sequence[str]) -> None:
    Path("text.txt").write_text("Hello", encoding="utf-8")

    result = run(*arguments, "--bundle", "nowhere")

    assert_calm(result, BUNDLE)
    assert "nowhere" in result.stderr
    assert not Path("out").exists()


def test_a_port_that_is_taken(run: Run, desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        result = run("serve", "--port", str(port))

    assert result.exit_code == FILE, result.output
    assert "choose one with --port" in result.stderr


def test_training_without_tickets(run: Run, bundle: Path) -> None:
    result = run("train", "--tickets", "no.jsonl", "--output", "mine", "--base", str(bundle))

    assert result.exit_code in {INPUT, FILE}, result.output
    assert "no.jsonl" in result.stderr
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize("what", ["secrets", "live"])
def test_parameters_without_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    leave_aws(monkeypatch)
    ssm_client.cache_clear()

    code = parameters.main([what])

    said = capsys.readouterr()
    assert code == CONFIG
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "region" in said.err


def test_every_command_is_tried_here() -> None:
    commands = {one.callback.__name__ for one in app.registered_commands if one.callback}
    tried = [*ASKING, *CONFIGURED, *WRITING, "train"]

    assert commands <= {name.split()[0] for name in tried}
