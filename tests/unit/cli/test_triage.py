"""`triage`: one ticket explained, dry unless asked otherwise."""

import json
from pathlib import Path

import pytest

from freshdesk_simulator.models import Status
from otai_freshdesk.cli.errors import ExitCode
from unit.cli.conftest import Desk, Run

CRASH = ("It broke", "crash crash, urgent")


def test_a_dry_run_shows_everything_and_writes_nothing(run: Run, desk: Desk) -> None:
    ticket_id = desk.add(*CRASH)

    result = run("triage", str(ticket_id))

    assert result.exit_code == ExitCode.DONE, result.stderr
    assert f"Ticket {ticket_id}" in result.stdout
    assert "technical_support" in result.stdout
    assert "approximation" in result.stdout
    assert "Would write: group = Technical Support, type = Incident" in result.stdout
    assert desk.writes == 0


def test_apply_writes_whatever_the_mode_is(run: Run, desk: Desk) -> None:
    desk.configure("mode: live", "mode: shadow")
    ticket_id = desk.add(*CRASH)

    result = run("triage", str(ticket_id), "--apply")

    assert result.exit_code == ExitCode.DONE, result.stderr
    assert "Written: group = Technical Support" in result.stdout
    assert desk.group_of(ticket_id) == "Technical Support"
    assert desk.writes == 1


@pytest.mark.parametrize("asked", [1, 2])
def test_apply_adds_the_private_note_where_it_is_switched_on(
    run: Run, desk: Desk, asked: int
) -> None:
    desk.configure("mode: live", "mode: live\n    note: true")
    ticket_id = desk.add(*CRASH)

    results = [run("triage", str(ticket_id), "--apply") for _ in range(asked)]

    assert "; a private note says why" in results[0].stdout, results[0].output
    (note,) = desk.simulator.account.conversations[ticket_id]
    assert note.private


def test_the_json_tells_every_labels_probability_and_the_telling_words(
    run: Run, desk: Desk
) -> None:
    ticket_id = desk.add(*CRASH)

    found = json.loads(run("triage", str(ticket_id), "--json").stdout)

    queue = found["targets"]["queue"]
    assert queue["label"] == "technical_support"
    assert sum(queue["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert found["why"]["approximate"] is True
    assert found["why"]["targets"]["queue"][0]["word"] == "crash"
    assert found["why"]["targets"]["queue"][0]["odds_factor"] > 1
    assert found["fields"]["group"]["value"] == "Technical Support"
    assert found["would_write"]["values"]["type"] == "Incident"
    assert found["outcome"] is None


def test_the_words_of_the_ticket_can_be_left_out(run: Run, desk: Desk) -> None:
    ticket_id = desk.add("crash", "of the flux capacitor")

    assert "capacitor" not in run("triage", str(ticket_id), "--no-why").stdout
    assert (
        json.loads(run("triage", str(ticket_id), "--no-why", "--json").stdout)["why"]["targets"]
        == {}
    )


def test_what_would_be_left_alone_is_said_and_never_written(run: Run, desk: Desk) -> None:
    ticket_id = desk.add(*CRASH, status=Status.CLOSED)

    dry, applied = run("triage", str(ticket_id)), run("triage", str(ticket_id), "--apply")

    assert "Would be left alone: not open" in dry.stdout
    assert json.loads(run("triage", str(ticket_id), "--json").stdout)["would_write"] == {
        "values": {},
        "tags": [],
    }
    assert applied.exit_code == ExitCode.FINDINGS
    assert "Not written: skipped (not_open)" in applied.stdout
    assert desk.writes == 0


@pytest.mark.parametrize("through", ["file", "pipe"])
def test_text_stands_for_a_new_ticket(run: Run, desk: Desk, tmp_path: Path, through: str) -> None:
    text = "It broke\n\nThere was a crash, and it is urgent."
    file = tmp_path / "text.txt"
    file.write_text(text, encoding="utf-8")
    arguments = ["--file", str(file)] if through == "file" else ["-"]

    result = run("triage", *arguments, stdin=text)

    assert "Would write into a new ticket: group = Technical Support" in result.stdout
    assert "priority = High" in result.stdout, "a new ticket has the priority nobody chose"
    assert not desk.simulator.journal.calls


def test_text_cannot_steer_the_terminal(run: Run, desk: Desk) -> None:
    result = run("triage", "-", stdin="crash\x1b[2J \x9b31m\nurgent")

    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("7", "--file", "x"), ("seven",), ("0",), ("-", "--apply"), ("--file", "x", "--apply")],
)
def test_a_wrong_command_line_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("triage", *arguments).exit_code == ExitCode.USAGE


class TestWhatCanBeWrong:
    def test_no_such_ticket(self, run: Run, desk: Desk) -> None:
        result = run("triage", "4711")

        assert result.exit_code == ExitCode.INPUT
        assert "the account has no ticket 4711" in result.stderr

    def test_no_configuration(self, run: Run) -> None:
        result = run("triage", "1")

        assert result.exit_code == ExitCode.CONFIG
        assert "--config" in result.stderr

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("mode: live", "mode: [", "not valid YAML"),
            ("mode: live", "mode: alive", "triage.mode"),
            ("freshdesk_domain: acme", "freshdesk_api_kez: abc", "freshdesk_domain"),
            ("env:OTAI_TEST_API_KEY", "abcdef", "must be a reference"),
            ("  webhook:", "  webhuk:", "webhuk"),
        ],
    )
    def test_a_broken_configuration(
        self, run: Run, desk: Desk, old: str, new: str, problem: str
    ) -> None:
        if "freshdesk_domain" in old:
            desk.configure(f"freshdesk_url: {desk.simulator.url}", "")
        desk.configure(old, new)

        result = run("triage", "1")

        assert result.exit_code == ExitCode.CONFIG, result.stderr
        assert result.stderr.startswith("error: ")
        assert problem in result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_a_missing_key(self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OTAI_TEST_API_KEY")

        result = run("triage", "1")

        assert result.exit_code in {ExitCode.CONFIG, ExitCode.REFUSED}
        assert "OTAI_TEST_API_KEY" in result.stderr

    def test_a_wrong_key(self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTAI_TEST_API_KEY", "a-wrong-key-nobody-should-see")

        result = run("triage", "1")

        assert result.exit_code == ExitCode.REFUSED
        assert "API key is not accepted" in result.stderr
        assert "nobody-should-see" not in result.output

    def test_no_permission(self, run: Run, desk: Desk) -> None:
        agents = desk.simulator.account.agents.values()
        bot = next(agent.id for agent in agents if agent.api_key == desk.simulator.api_key)
        desk.simulator.account.change_agent(bot, locked=True)

        result = run("triage", "1")

        assert result.exit_code == ExitCode.REFUSED
        assert "role and ticket scope" in result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_no_network(self, run: Run, desk: Desk) -> None:
        desk.simulator.stop()

        result = run("triage", "1")

        assert result.exit_code == ExitCode.UNAVAILABLE
        assert len(result.stderr.splitlines()) == 1
        assert "Traceback" not in result.output
