"""`review`: what triage set is judged again, and compared with what people left standing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.config.settings import load_settings
from ticket_classifier import load
from unit.cli.conftest import Desk, Run
from unit.cli.tiny_bundle import build


def resolve(desk: Desk, ticket_id: int, **changes: Any) -> None:
    """Let an agent correct a ticket, if need be, and resolve it."""
    desk.simulator.humans.update(
        ticket_id, custom_fields={"cf_root_cause": "Unknown"}, status=4, **changes
    )


def group(desk: Desk, name: str) -> int:
    return desk.simulator.account.group(name).id


def reviewed(run: Run, *options: str) -> dict[str, Any]:
    result = run("review", "--json", *options)
    assert result.exit_code == ExitCode.DONE, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_agreement_is_what_people_left_standing(run: Run, desk: Desk) -> None:
    left, corrected, emptied, still_open = (desk.add(f"invoice {n}", "how") for n in range(4))
    run("sweep")
    resolve(desk, left)
    resolve(desk, corrected, group_id=group(desk, "Sales"))
    resolve(desk, emptied, group_id=None)
    by_hand = desk.add("invoice", "how", status=4, group_id=group(desk, "Sales"))

    report = reviewed(run)

    assert report["tickets"] == 3
    assert report["skipped"] == {"open": 1, "unmarked": 1}
    found = report["fields"][0]
    assert found["name"] == "group"
    assert (found["score"]["routed"], found["score"]["wrong"]) == (3, 2)
    wrong = {one["ticket_id"]: one["decided"] for one in found["disagreements"]}
    assert wrong == {corrected: "Sales", emptied: ""}
    [week] = found["by_week"]
    assert (week["routed"], week["wrong"]) == (3, 2)
    assert {still_open, by_hand}.isdisjoint(wrong)


def test_what_was_triaged_counts_though_the_bundle_has_learnt_the_same_words(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build(tmp_path / "own", taught_by=[("invoice", "how")])
    monkeypatch.setenv("OTAI_BUNDLE", str(tmp_path / "own"))
    ticket_id = desk.add("invoice", "how")
    run("sweep")
    resolve(desk, ticket_id)

    assert reviewed(run)["tickets"] == 1


def test_the_marker_of_another_configuration_is_left_out(run: Run, desk: Desk) -> None:
    old = desk.add("invoice")
    run("sweep")
    resolve(desk, old)
    desk.configure("undecided: [Low]", "undecided: [Low], min_confidence: 0.5")
    new = desk.add("invoice")
    run("sweep")
    resolve(desk, new)

    report = reviewed(run)

    assert report["tickets"] == 1
    assert report["skipped"] == {"other_marker": 1}
    bundle_id = load(Path(os.environ["OTAI_BUNDLE"])).bundle_id
    assert report["marker"] == load_settings(desk.config).marker(bundle_id)


def test_a_recommendation_is_a_number_with_the_precision_it_gives(run: Run, desk: Desk) -> None:
    """Of forty sure tickets ten are corrected: no threshold gives 95 of 100, any gives 75."""
    tickets = [desk.add("invoice", "how") for _ in range(40)]
    run("sweep")
    for number, ticket_id in enumerate(tickets):
        wrong = {} if number % 4 else {"group_id": group(desk, "Sales")}
        resolve(desk, ticket_id, **wrong)

    strict = reviewed(run)["fields"][0]["recommendation"]
    lenient = reviewed(run, "--precision", "0.7")["fields"][0]["recommendation"]

    assert strict["advice"] == "out_of_reach"
    assert lenient["advice"] in {"lower", "keep"}
    assert lenient["precision"] == 0.75
    assert 0.55 < lenient["precision_at_least"] < 0.75


def test_before_switch_on_there_is_nothing_to_review(run: Run, desk: Desk) -> None:
    desk.add("invoice", status=5, group_id=group(desk, "Billing"))
    result = run("review")
    assert result.exit_code == ExitCode.INPUT
    assert "1 unmarked" in result.stderr
    assert not Path("review.html").exists()


def test_nothing_is_written_to_the_account(run: Run, desk: Desk) -> None:
    ticket_id = desk.add("invoice")
    run("sweep")
    resolve(desk, ticket_id)
    before = desk.writes
    assert run("review").exit_code == ExitCode.DONE
    assert desk.writes == before
    assert "What people left standing" in Path("review.html").read_text(encoding="utf-8")
