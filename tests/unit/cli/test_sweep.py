"""`sweep`: once, now; a dry run leaves no trace at all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from otai_freshdesk.cli.durations import parse_duration, parse_moment
from otai_freshdesk.cli.errors import ExitCode
from unit.cli.conftest import Desk, Run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_every_waiting_ticket_is_triaged_and_the_mark_is_kept(run: Run, desk: Desk) -> None:
    first, second = desk.add("invoice"), desk.add("crash", status=5)

    result = run("sweep")

    assert result.exit_code == ExitCode.DONE, result.stderr
    assert desk.group_of(first) == "Billing"
    assert desk.group_of(second) is None
    assert [line.split("  ")[0] for line in result.stdout.splitlines()[:4]] == [
        "Tickets",
        "looked at",
        "triaged",
        "left alone",
    ]
    assert json.loads(desk.state.read_text(encoding="utf-8"))["cursor"]


def test_a_dry_run_writes_no_ticket_and_no_state(run: Run, desk: Desk) -> None:
    ticket_id = desk.add("invoice")

    result = run("sweep", "--dry-run")

    assert result.exit_code == ExitCode.DONE, result.stderr
    assert "nothing was written" in result.stdout
    assert desk.writes == 0
    assert not desk.state.exists()
    run("sweep")
    assert desk.group_of(ticket_id) == "Billing", "the dry run must not have used it up"


def test_a_switch_that_says_live_makes_no_dry_run_write(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    switch = tmp_path / "switch.json"
    switch.write_text('{"mode": "live"}', encoding="utf-8")
    desk.configure("  sweep:", f'  overlay: "file:{switch}"\n  sweep:')
    desk.add("invoice")

    assert run("sweep", "--dry-run").exit_code == ExitCode.DONE
    assert desk.writes == 0


def test_a_switch_that_says_off_is_obeyed(run: Run, desk: Desk, tmp_path: Path) -> None:
    switch = tmp_path / "switch.json"
    switch.write_text('{"mode": "off"}', encoding="utf-8")
    desk.configure("  sweep:", f'  overlay: "file:{switch}"\n  sweep:')
    desk.add("invoice")

    assert "switched off" in run("sweep").stderr
    assert desk.writes == 0


def test_since_reaches_tickets_older_than_triage_and_the_look_back(run: Run, desk: Desk) -> None:
    old = datetime.now(UTC).timestamp() - 20 * 86_400
    ticket_id = desk.add("invoice", created_at=old, updated_at=old)
    desk.configure("from: 2026-01-01T00:00:00Z", f"from: {datetime.now(UTC).isoformat()}")

    assert run("sweep").exit_code == ExitCode.DONE
    assert desk.group_of(ticket_id) is None
    assert run("sweep", "--since", "21d").exit_code == ExitCode.DONE
    assert desk.group_of(ticket_id) == "Billing"


def test_the_report_for_scripts_is_json(run: Run, desk: Desk) -> None:
    desk.add("invoice")

    report = json.loads(run("sweep", "--dry-run", "--json").stdout)

    assert report["mode"] == "shadow"
    assert report["dry_run"] is True
    assert (report["complete"], report["looked_at"], report["shadow"]) == (True, 1, 1)


def test_an_empty_account_is_no_finding(run: Run, desk: Desk) -> None:
    result = run("sweep")

    assert result.exit_code == ExitCode.DONE
    assert result.stdout.splitlines()[-1].split() == ["looked", "at", "0"]


def test_a_wrong_key_ends_as_refused(run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "a-wrong-key")

    result = run("sweep")

    assert result.exit_code == ExitCode.REFUSED
    assert "API key is not accepted" in result.stderr


def test_a_mode_that_is_off_is_said(run: Run, desk: Desk) -> None:
    desk.configure("mode: live", 'mode: "off"')

    result = run("sweep")

    assert result.exit_code == ExitCode.FINDINGS
    assert "triage is switched off" in result.stderr


def test_an_account_that_does_not_answer_is_not_complete(run: Run, desk: Desk) -> None:
    desk.simulator.faults.next("server_error", calls=100)

    result = run("sweep", "--at-most", "2s")

    assert result.exit_code == ExitCode.FINDINGS
    assert "not complete" in result.stderr


def test_state_that_cannot_be_kept_is_an_error_of_the_file(run: Run, desk: Desk) -> None:
    desk.state.mkdir()

    result = run("sweep")

    assert result.exit_code == ExitCode.FILE
    assert str(desk.state) in result.stderr


@pytest.mark.parametrize("since", ["yesterday", "3w", "2026-11-20T08:00:00", "2999-01-01T00:00Z"])
def test_a_start_that_cannot_be_meant_is_refused(run: Run, since: str) -> None:
    assert run("sweep", "--since", since).exit_code == ExitCode.USAGE


def test_durations_and_moments() -> None:
    assert parse_duration("90s") == timedelta(seconds=90)
    assert parse_moment("3d", NOW) == NOW - timedelta(days=3)
    assert parse_moment("2026-11-20T09:00:00+01:00", NOW) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    with pytest.raises(typer.BadParameter, match="0s"):
        parse_duration("0s")
