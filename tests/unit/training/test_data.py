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
        ("a.jsonl", b'{"body": "secret"\n', "line 1: not JSON"),
        ("a.jsonl", b'{"body": "x"}\n["secret"]\n', "line 2: not an object"),
        ("a.jsonl", b'{"body": {"secret": 1}}\n', "line 1: body must be text"),
        ("a.jsonl", b'{"text": "secret"}\n', "line 1: no column is named subject or body"),
        ("a.jsonl", b'{"body": "", "sec\\u0000ret": "a"}\n', "line 1: the name of a column"),
        ("a.jsonl", b'{"a":' + b"[" * 100_000, "line 1: not JSON"),
        ("a.jsonl", b"\n", "there is no ticket in it"),
        ("a.jsonl", b"\xff\xfe", "line 1: not UTF-8"),
        ("a.csv", b'body\n"secret\n', "line 2: a quote is not closed"),
        ("a.csv", b'body,team\n"secret" text,b\n', "line 2: a quote"),
        ("a.csv", b"body,team\na,b,secret\n", "line 2: more cells than the header has"),
        ("a.csv", b"body,team\nok,b\nGr\xfc\xdfe,secret\n", "line 3: not UTF-8"),
        ("a.csv", b"team,body,team\na,secret,c\n", "line 1: 1 names stand above two columns"),
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


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("text", ["body", "Description", "description_text"])
def test_the_files_of_offices(tmp_path: Path, delimiter: str, suffix: str, text: str) -> None:
    rows = [["ID", "Subject", text, "created_at", "Team", ""]]
    rows += [["7", "hello", '"one;\n two,\tthree"', "2026-05-01", " a ", ""], [""] * 6]
    file = tmp_path / f"t.{suffix}"
    file.write_text("\r\n".join(map(delimiter.join, rows)), encoding="utf-8-sig")
    assert read_tickets(file) == [Ticket("7", "hello", "one;\n two,\tthree", {"Team": "a"})]


def test_the_first_filled_text_column_counts(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"body": "", "description": null, "description_text": "text"}')
    (ticket,) = read_tickets(file)
    assert (ticket.subject, ticket.body) == ("", "text")


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"id": 0, "body": "b\\ud800", "team": "t\\udfff"}')
    (ticket,) = read_tickets(file)
    assert (ticket.row_id, ticket.labels) == ("0", {"team": "t\ufffd"})
    assert len(row_hash(ticket)) == 64


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_tickets(tmp_path / "none.jsonl")


def ticket(**labels: str) -> Ticket:
    return Ticket("id", "s", "b", labels)


def test_label_columns_are_those_with_values_seen_repeatedly() -> None:
    rows = [ticket(queue="ab"[n % 2], key=str(n), same="x") for n in range(20)]
    assert label_columns(rows) == ["queue"]


def test_a_column_of_mail_addresses_holds_no_labels() -> None:
    rows = [ticket(queue="ab"[n % 2], requester=f"Ann{n % 2}@x.de") for n in range(20)]
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


def test_tickets_already_called_other_count_once() -> None:
    column = ["a"] * 20 + ["b"] * 15 + [OTHER] * 4
    target = prepare_target("queue", column, fewest=8, rare="merge")
    assert (target.labels, target.merged, target.left_out) == (("a", "b"), {}, {OTHER: 4})


def test_rare_labels_join_those_already_called_other() -> None:
    column = ["a"] * 20 + [OTHER] * 9 + ["b"] * 2
    target = prepare_target("queue", column, fewest=8, rare="merge")
    assert (target.labels, target.merged) == (("a", OTHER), {"b": 2})


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
