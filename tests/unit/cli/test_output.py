"""Calm output: a bar on a terminal, nothing of it in a pipe, whole lines everywhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from otai_freshdesk.cli.output import print_table, printable

ARGUMENTS = ("classify", "-", "--output", "out.jsonl")
COMMAND = "from otai_freshdesk.cli import main; main()"
TICKET = b'{"subject": "invoice"}\n'


def classify(bundle: Path, stderr: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *ARGUMENTS],
        input=TICKET * 5,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "OTAI_BUNDLE": str(bundle), "TERM": "xterm"},
        check=True,
    )


def test_a_terminal_shows_progress(bundle: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = classify(bundle, stderr=theirs)
        shown = os.read(ours, 65536)
    finally:
        os.close(theirs)
        os.close(ours)

    assert b"Classifying" in shown
    assert b"5 tickets classified" in shown
    assert done.stdout == b""


def test_a_pipe_gets_one_line_without_colours(bundle: Path) -> None:
    done = classify(bundle, stderr=subprocess.PIPE)

    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr
    assert done.stdout == b""


def test_a_table_is_neither_wrapped_nor_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 100

    print_table(("A", "B"), [("[bold]x", long), ("y", "z")])

    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["A", "B"]
    assert first == "[bold]x  " + long.rstrip()
    assert second == "y        z"


def test_nothing_steers_the_terminal() -> None:
    assert printable("a\x1b[31m\x9b\r\nb") == "a [31m   b"
