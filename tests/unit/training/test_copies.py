"""Near-copies are found, and the project's own tickets have none of the test split."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier_training.copies import main, near_copies
from classifier_training.data import read_tickets
from unit.training.corpus import make_rows, write_rows

TICKETS = Path(__file__).parents[3] / "model" / "tickets"
LONG = "The parcel with the lamp arrived on Tuesday, and the glass is cracked on both sides. "


def test_near_copies_are_named_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = make_rows(30, seed=1)
    rows[3]["body"] = LONG + "Please send a new one."
    rows[20] |= {"subject": rows[3]["subject"], "body": LONG + "Please send us a new one."}
    write_rows(tmp_path / "some.jsonl", rows[:15])
    write_rows(tmp_path / "test.jsonl", rows[15:])

    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == "row-3 row-20\n"

    (tmp_path / "test.jsonl").unlink()
    assert main([str(tmp_path)]) == 0


def test_a_file_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.jsonl").write_text("[]")
    assert main([str(tmp_path)]) == 2
    assert "line 1: not an object" in capsys.readouterr().err


def test_no_training_ticket_is_a_near_copy_of_a_test_ticket() -> None:
    tickets = [ticket for file in sorted(TICKETS.glob("*.jsonl")) for ticket in read_tickets(file)]
    test = {ticket.row_id for ticket in read_tickets(TICKETS / "test.jsonl")}
    assert len(test) > 500
    mixed = [group for group in near_copies(tickets) if not test.isdisjoint(group)]
    assert mixed == []
