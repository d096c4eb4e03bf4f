"""`classify`: one line out for each ticket in, all of them or none."""

import json
import os
import threading
from pathlib import Path

import pytest

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.files import open_output
from unit.cli.conftest import Run

INVOICE = {"subject": "Invoice", "body": "Where is my invoice?", "id": 7}
CRASH = {"subject": "It does", "body": "<p>crash</p>", "queue": "ignored"}
NOTHING = {"subject": "Hello", "body": None}


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.jsonl"
    file.write_text(lines(INVOICE, CRASH, NOTHING), encoding="utf-8")
    return file


def test_each_ticket_gets_its_line_in_order(run: Run, tickets: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"

    result = run("classify", str(tickets), "--output", str(output))

    assert result.exit_code == ExitCode.DONE, result.stderr
    assert result.stdout == ""
    assert "3 tickets classified" in result.stderr
    invoice, crash, nothing = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    assert invoice["queue"] == {
        "label": "billing_payments",
        "probability": pytest.approx(1, abs=0.05),
        "abstained": False,
    }
    assert crash["queue"]["label"] == "technical_support"
    assert crash["type"]["label"] == "Incident"
    assert list(nothing) == ["queue", "type", "priority"]


def test_the_likeliest_label_is_given_also_when_the_model_abstains(run: Run) -> None:
    result = run("classify", "-", "--output", "-", stdin=lines(NOTHING))

    [row] = map(json.loads, result.stdout.splitlines())
    assert row["type"] == {"label": "Question", "probability": 0.5, "abstained": True}


def test_the_summary_for_scripts_is_json(run: Run, tickets: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"

    summary = json.loads(run("classify", str(tickets), "-o", str(output), "--json").stdout)

    assert summary["tickets"] == 3
    assert summary["output"] == str(output)


def test_a_pipe_gives_what_a_file_gives(run: Run, tickets: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    run("classify", str(tickets), "-o", str(output))

    piped = run("classify", "-", "-o", "-", stdin=tickets.read_text(encoding="utf-8"))

    assert piped.stdout == output.read_text(encoding="utf-8")


def test_a_byte_order_mark_and_empty_lines_are_no_tickets(run: Run) -> None:
    stdin = b"\xef\xbb\xbf" + lines(INVOICE).encode() + b"\n  \n" + lines(CRASH).encode()

    result = run("classify", "-", "-o", "-", stdin=stdin)

    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b"{}", "no column is named subject or body"),
        (b'{"subject": 4}', "subject must be text"),
        (b'{"subject": "secret words \xff"}', "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    run: Run, tmp_path: Path, line: bytes, problem: str
) -> None:
    file, output = tmp_path / "tickets.jsonl", tmp_path / "out.jsonl"
    file.write_bytes(lines(INVOICE).encode() + line + b"\n")
    output.write_text("what was here before")

    result = run("classify", str(file), "--output", str(output))

    assert result.exit_code == ExitCode.INPUT
    assert f"{file}, line 2: {problem}" in result.stderr
    assert "secret" not in result.output
    assert output.read_text() == "what was here before"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [output.name, file.name]


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    run: Run, tickets: Path, tmp_path: Path
) -> None:
    result = run("classify", str(tickets), "--output", str(tmp_path / "no" / "such" / "file"))

    assert result.exit_code == ExitCode.FILE
    assert "check the path" in result.stderr


@pytest.mark.parametrize("how", ["same", "link"])
def test_the_file_that_is_read_is_not_overwritten(
    run: Run, tickets: Path, tmp_path: Path, how: str
) -> None:
    before = tickets.read_bytes()
    output = tickets
    if how == "link":
        output = tmp_path / "link.jsonl"
        output.symlink_to(tickets)

    result = run("classify", str(tickets), "--output", str(output))

    assert result.exit_code == ExitCode.USAGE
    assert "is the file that is read" in result.stderr
    assert tickets.read_bytes() == before


def test_a_full_disk_ends_in_one_sentence(run: Run, tickets: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    result = run("classify", str(tickets), "--output", "/dev/full")

    assert result.exit_code == ExitCode.FILE
    assert result.stderr.strip() == (
        "error: No space left on device (the disk is full; free some space and run the command "
        "again)"
    )


def test_a_pipe_as_output_is_written_not_replaced(run: Run, tickets: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_text()))
    reader.start()

    run("classify", str(tickets), "--output", str(fifo))

    reader.join(timeout=10)
    assert fifo.is_fifo()
    assert len(received[0].splitlines()) == 3


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(
    run: Run, tickets: Path, tmp_path: Path
) -> None:
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(target)

    run("classify", str(tickets), "--output", str(link))

    assert link.is_symlink()
    assert len(target.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("missing", ["file", "bundle"])
def test_what_is_not_there_is_named(run: Run, tickets: Path, tmp_path: Path, missing: str) -> None:
    gone = str(tmp_path / "gone")
    file = gone if missing == "file" else str(tickets)
    options = ["--bundle", gone] if missing == "bundle" else []

    result = run("classify", file, "--output", str(tmp_path / "out"), *options)

    assert result.exit_code == (ExitCode.FILE if missing == "file" else ExitCode.BUNDLE)
    assert gone in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("before", encoding="utf-8")

    def interrupted() -> None:
        with open_output(output) as stream:
            stream.write("half a line")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert output.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.jsonl"]
