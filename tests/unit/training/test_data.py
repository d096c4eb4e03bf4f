"""Files of tickets: what is read, and what is refused by name and line without its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier_training.data import Ticket, label_columns, read_tickets, row_hash
from classifier_training.errors import DataError, RareLabelsError, TooFewTicketsError
from classifier_training.targets import OTHER, prepare_target


def test_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('\ufeff{"id": 7, "subject": null, "body": "b", "queue": "q", "n": 3}\n\n')
    (ticket,) = read_tickets(file)
    assert (ticket.row_id, ticket.subject, ticket.body) == ("7", "", "b")
    assert ticket.labels == {"queue": "q", "n": "3"}


def test_csv_with_line_breaks_in_a_field(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('subject,body,queue\nhello,"one\ntwo",q\nsecond,,\n')
    first, second = read_tickets(file)
    assert first.body == "one\ntwo"
    assert second.labels == {}
    assert first.row_id == "t.csv:3"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl", b'{"body": "secret"\n', "line 1: is not a JSON object"),
        ("a.jsonl", b'{"body": "x"}\n["secret"]\n', "line 2: is not a JSON object"),
        ("a.jsonl", b'{"body": {"secret": 1}}\n', "line 1: subject and body must be text"),
        ("a.jsonl", b'{"text": "secret"}\n', "line 1: has neither subject nor body"),
        ("a.jsonl", b"\n", "holds no tickets"),
        ("a.jsonl", b"\xff\xfe", "is not UTF-8"),
        ("a.csv", b'body\n"secret\n', "is not a CSV file"),
    ],
)
def test_unusable_files_are_refused_without_their_text(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        read_tickets(file)
    assert "secret" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_tickets(tmp_path / "none.jsonl")


def ticket(**labels: str) -> Ticket:
    return Ticket("id", "s", "b", labels)


def test_label_columns_are_those_with_values_seen_repeatedly() -> None:
    rows = [ticket(queue="ab"[n % 2], key=str(n), same="x") for n in range(20)]
    assert label_columns(rows) == ["queue"]


def test_a_ticket_shows_no_text_and_is_named_by_its_content() -> None:
    assert "s" not in repr(ticket()).removeprefix("Ticket(row_id='id')")
    assert row_hash(ticket(queue="a")) == row_hash(ticket())
    assert len(row_hash(ticket())) == 64


COLUMN: list[str | None] = ["a"] * 20 + ["b"] * 15 + ["c"] * 5 + ["d"] * 4 + [None] * 3


def test_rare_labels_are_merged() -> None:
    target = prepare_target("queue", COLUMN, fewest=8, rare="merge")
    assert target.labels == ("a", "b", OTHER)
    assert target.merged == {"c": 5, "d": 4}
    assert len(target.rows) == 44


def test_rare_labels_too_few_to_merge_are_left_out() -> None:
    target = prepare_target("queue", COLUMN[:40], fewest=8, rare="merge")
    assert target.labels == ("a", "b")
    assert target.left_out == {"c": 5}
    assert len(target.rows) == 35


def test_rare_labels_are_left_out_on_request() -> None:
    target = prepare_target("queue", COLUMN, fewest=8, rare="leave_out")
    assert (target.labels, target.left_out) == (("a", "b"), {"c": 5, "d": 4})


def test_rare_labels_are_refused_by_name_and_count() -> None:
    with pytest.raises(RareLabelsError, match=r"fewer than 8 tickets: c \(5\), d \(4\)"):
        prepare_target("queue", COLUMN, fewest=8, rare="refuse")


@pytest.mark.parametrize(
    ("column", "what"), [(["a"] * 30, "labels"), (["a", "b"] * 5, "tickets"), ([None], "labels")]
)
def test_too_little_to_learn_from(column: list[str | None], what: str) -> None:
    with pytest.raises(TooFewTicketsError, match=f"usable {what}"):
        prepare_target("queue", column, fewest=2, rare="merge")
