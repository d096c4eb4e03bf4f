"""`backtest`: past tickets judged blind, from the account or a file, and nothing written to it."""

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from otai_freshdesk.cli.errors import ExitCode
from unit.cli.conftest import Desk, Run, full_disk
from unit.cli.tiny_bundle import build

ENOUGH_FOR_A_BATCH = 12_000  # bytes

DAY = 86_400
LETTERS = [
    # subject, group and priority that people chose
    ("invoice urgent", "Billing", 3),
    ("invoice again", "Billing", 1),
    ("crash", "Technical Support", 1),
    ("crash and burn", "Billing", 2),
    ("hello", None, 1),
]


@pytest.fixture
def past(desk: Desk) -> Desk:
    """Give the account a past: resolved tickets, and some that must not count."""
    now = datetime.now(UTC).timestamp()
    for number, (subject, group, priority) in enumerate(LETTERS):
        updated = now - (3 + 12 * number) * DAY
        add(desk, subject, group, priority=priority, updated_at=updated)
    add(desk, "invoice", "Billing", status=2)
    add(desk, "invoice", "Billing", source=10)
    add(desk, "invoice", "Billing", tags=["otai-0a1b2c"])
    return desk


def add(desk: Desk, subject: str, group: str | None, **properties: object) -> int:
    found = None if group is None else desk.simulator.account.group(group).id
    return desk.add(subject, "how", **{"status": 5, "group_id": found} | properties)


def field(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["fields"] if one["name"] == name)
    return found


class TestAccount:
    def test_resolved_tickets_are_compared_with_what_people_decided(
        self, run: Run, past: Desk
    ) -> None:
        result = run("backtest", "--json")

        assert result.exit_code == ExitCode.DONE, result.stderr
        report = json.loads(result.stdout)
        assert report["tickets"] == 5
        assert report["skipped"] == {"open": 1, "outbound": 1, "marked": 1}
        group = field(report, "group")
        assert group["undecided"] == 1
        assert group["score"]["decided"] == 4
        assert (group["score"]["routed"], group["score"]["wrong"]) == (4, 1)
        assert [one["subject"] for one in group["disagreements"]] == ["crash and burn"]
        assert past.writes == 0

    def test_the_report_is_one_page_beside_nothing(self, run: Run, past: Desk) -> None:
        result = run("backtest")

        assert result.exit_code == ExitCode.DONE, result.stderr
        assert [path.name for path in Path.cwd().iterdir()] == ["backtest.html"]
        assert "5 tickets" in result.stdout
        assert re.search(r"^group +4 ", result.stdout, re.MULTILINE)

    def test_a_preset_priority_counts_where_it_is_asked_for(self, run: Run, past: Desk) -> None:
        without = field(json.loads(run("backtest", "--json").stdout), "priority")
        counted = json.loads(run("backtest", "--json", "--decided", "priority").stdout)
        assert without["score"]["decided"] == 2
        assert field(counted, "priority")["score"]["decided"] == 5

    def test_no_text_shows_no_word_of_any_ticket(self, run: Run, past: Desk) -> None:
        result = run("backtest", "--json", "--no-text")
        assert result.exit_code == ExitCode.DONE, result.stderr
        shown = result.stdout + Path("backtest.html").read_text(encoding="utf-8")
        assert not [subject for subject, _, _ in LETTERS if f'"{subject}"' in shown]

    def test_no_more_tickets_than_asked_for_the_newest_weeks_first(
        self, run: Run, past: Desk
    ) -> None:
        report = json.loads(run("backtest", "--json", "-n", "2").stdout)
        assert report["tickets"] == 2
        assert field(report, "group")["score"]["decided"] == 2
        assert [one["group"] for one in field(report, "group")["by_group"]] == ["Billing"]

    def test_older_tickets_than_asked_for_are_left_out(self, run: Run, past: Desk) -> None:
        report = json.loads(run("backtest", "--json", "--since", "20d").stdout)
        assert report["tickets"] == 2

    def test_the_page_speaks_the_language_of_the_reader(
        self, run: Run, past: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
        run("backtest")
        assert '<html lang="de">' in Path("backtest.html").read_text(encoding="utf-8")
        run("backtest", "--language", "en")
        assert '<html lang="en">' in Path("backtest.html").read_text(encoding="utf-8")


class TestWhatTaughtTheBundle:
    """A bundle is nearly always right about the tickets it was trained on."""

    def test_of_the_account_is_left_out(self, run: Run, past: Desk, tmp_path: Path) -> None:
        build(tmp_path / "own", taught_by=[("invoice urgent", "how"), ("crash", "how")])

        report = json.loads(run("backtest", "--json", "--bundle", str(tmp_path / "own")).stdout)

        assert report["tickets"] == 3
        assert report["skipped"]["taught_the_bundle"] == 2

    def test_of_a_file_is_left_out(self, run: Run, tmp_path: Path) -> None:
        build(tmp_path / "own", taught_by=[("invoice", "")])
        rows = [{"subject": one, "queue": "billing_payments"} for one in ("invoice", "bill")]
        options = ("--bundle", str(tmp_path / "own"))

        report = json.loads(run("backtest", "--json", "--file", json_lines(rows), *options).stdout)

        assert report["tickets"] == 1
        assert report["skipped"] == {"taught_the_bundle": 1}

    def test_where_nothing_else_is_there_nothing_can_be_said(
        self, run: Run, tmp_path: Path
    ) -> None:
        build(tmp_path / "own", taught_by=[("invoice", "")])
        file = json_lines([{"subject": "invoice", "queue": "billing_payments"}])

        result = run("backtest", "--file", file, "--bundle", str(tmp_path / "own"))

        assert result.exit_code == ExitCode.INPUT
        assert "left out: 1 taught the bundle" in result.stderr


class TestWhatGoesWrong:
    def test_a_wrong_key(self, run: Run, past: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTAI_TEST_API_KEY", "a-wrong-key")
        result = run("backtest")
        assert result.exit_code == ExitCode.REFUSED
        assert "API key is not accepted" in result.stderr
        assert not Path("backtest.html").exists()

    def test_an_account_without_a_past(self, run: Run, desk: Desk) -> None:
        desk.add("invoice")
        result = run("backtest")
        assert result.exit_code == ExitCode.INPUT
        assert "left out: 1 open" in result.stderr
        assert "--since" in result.stderr
        assert list(Path.cwd().iterdir()) == []

    def test_no_configuration(self, run: Run) -> None:
        result = run("backtest")
        assert result.exit_code == ExitCode.CONFIG
        assert "--config" in result.stderr

    def test_no_subdomain(self, run: Run, past: Desk) -> None:
        past.configure("      freshdesk_domain: acme\n", "")
        past.configure(f"      freshdesk_url: {past.simulator.url}\n", "")
        result = run("backtest")
        assert result.exit_code == ExitCode.CONFIG
        assert "freshdesk_domain" in result.stderr

    def test_a_ticket_system_nobody_knows(self, run: Run, past: Desk) -> None:
        past.configure("  system:\n", "  system:\n    provider_key: Elsewhere\n")
        result = run("backtest")
        assert result.exit_code == ExitCode.CONFIG
        assert "Elsewhere" in result.stderr
        assert "Known: FreshdeskAdapter" in result.stderr

    @pytest.mark.usefixtures("acme_desk")
    def test_another_ticket_system(self, run: Run, past: Desk) -> None:
        past.configure("  system:\n", "  system:\n    provider_key: AcmeDesk\n")
        result = run("backtest")
        assert result.exit_code == ExitCode.CONFIG
        assert "not through AcmeDesk" in result.stderr
        assert "--file" in result.stderr

    def test_a_report_that_cannot_be_written(self, run: Run, past: Desk) -> None:
        result = run("backtest", "-o", "no/such/folder/report.html")
        assert result.exit_code == ExitCode.FILE
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        "options",
        [("--since", "soon"), ("-n", "0"), ("--precision", "1.2"), ("--language", "fr")],
    )
    def test_options_that_mean_nothing(self, run: Run, options: tuple[str, str]) -> None:
        assert run("backtest", *options).exit_code == ExitCode.USAGE


class TestFile:
    def test_columns_are_targets_without_a_configuration(self, run: Run) -> None:
        rows: list[dict[str, Any]] = [
            {"subject": "invoice", "body": "", "queue": "billing_payments", "language": "de"},
            {"subject": "crash", "body": "", "queue": "billing_payments", "language": "de"},
            {"subject": "bounce", "body": "", "queue": None, "language": "fr"},
        ]
        result = run("backtest", "--json", "--file", json_lines(rows))

        assert result.exit_code == ExitCode.DONE, result.stderr
        report = json.loads(result.stdout)
        queue = field(report, "queue")
        assert (queue["score"]["decided"], queue["score"]["right"]) == (2, 1)
        assert queue["undecided"] == 1
        assert [one["language"] for one in queue["by_language"]] == ["de"]
        assert [one["ticket_id"] for one in queue["disagreements"]] == [2]
        assert report["source"] == {"file": "past.jsonl"}

    def test_columns_are_fields_with_one(self, run: Run, desk: Desk) -> None:
        rows = [{"id": "77", "subject": "invoice", "group": "billing", "type": "Question"}]
        path = json_lines(rows)
        report = json.loads(run("backtest", "--json", "--file", path).stdout)
        assert field(report, "group")["score"]["right"] == 1
        assert desk.simulator.journal.calls == []

    @pytest.mark.parametrize(
        ("ids", "shown"),
        [([8, 9, 10], [8, 9, 10]), ([9, 9, 2], [1, 2, 3]), ([2, None, 9], [1, 2, 3])],
        ids=["of their own", "twice", "missing"],
    )
    def test_no_ticket_is_taken_for_another(
        self, run: Run, ids: list[int | None], shown: list[int]
    ) -> None:
        rows = [{"id": one, "subject": "crash", "queue": "billing_payments"} for one in ids]

        result = run("backtest", "--json", "--file", json_lines(rows))

        queue = field(json.loads(result.stdout), "queue")
        assert queue["score"]["decided"] == 3
        assert [one["ticket_id"] for one in queue["disagreements"]] == shown
        assert ("rows are counted" in result.stderr) == (shown != ids)

    def test_a_number_of_five_thousand_digits_is_no_number(self, run: Run) -> None:
        rows = [{"id": "9" * 5000, "subject": "invoice", "queue": "billing_payments"}]
        assert run("backtest", "--file", json_lines(rows)).exit_code == ExitCode.DONE

    def test_a_column_may_begin_empty(self, run: Run) -> None:
        rows = [{"subject": "invoice"}, {"subject": "invoice", "queue": "billing_payments"}]
        report = json.loads(run("backtest", "--json", "--file", json_lines(rows)).stdout)
        assert field(report, "queue")["score"]["decided"] == 1

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_csv_in_the_dialects_of_offices(self, run: Run, delimiter: str) -> None:
        with Path("past.csv").open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream, delimiter=delimiter)
            writer.writerow(["subject", "description", "created_at", "queue"])
            body = f"two lines{delimiter}\nof an invoice"
            writer.writerow(["Hello", body, "2026-11-02 10:00", "billing_payments"])
        report = json.loads(run("backtest", "--json", "--file", "past.csv").stdout)
        assert field(report, "queue")["score"]["right"] == 1
        assert report["period"]["first"] == "2026-11-02"

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("empty.jsonl", "", "there is no ticket"),
            ("list.jsonl", "[1]\n", "line 1"),
            ("broken.jsonl", '{"subject": "a", "queue": "b"}\n{"subj', "line 2"),
            ("number.jsonl", '{"subject": 7, "queue": "b"}', "subject must be text"),
            ("other.jsonl", '{"text": "a", "queue": "b"}', "no column is named subject"),
            ("plain.jsonl", '{"subject": "a"}', "queue, type, priority"),
            ("latin.csv", "subject,queue\nGr\xfc\xdfe,x\n".encode("latin-1"), "UTF-8"),
            ("wide.csv", "subject,queue\na,b,c\n", "more cells"),
        ],
    )
    def test_a_file_that_holds_something_else(
        self, run: Run, name: str, content: str | bytes, says: str
    ) -> None:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = run("backtest", "--file", name)
        assert result.exit_code == ExitCode.INPUT, result.stderr
        assert says in result.stderr
        assert name in result.stderr
        assert not Path("backtest.html").exists()

    def test_a_file_that_is_not_there(self, run: Run) -> None:
        assert run("backtest", "--file", "nothing.jsonl").exit_code == ExitCode.FILE

    def test_the_page_overwrites_neither_the_file_nor_a_folder(self, run: Run) -> None:
        path = Path(json_lines([{"subject": "invoice", "queue": "billing_payments"}]))
        before = path.read_bytes()

        same = run("backtest", "--file", str(path), "--output", str(path))
        folder = run("backtest", "--file", str(path), "--output", ".")

        assert (same.exit_code, folder.exit_code) == (ExitCode.USAGE, ExitCode.FILE)
        assert "is the file that is read" in same.stderr
        assert "it is a folder" in folder.stderr
        assert path.read_bytes() == before

    def test_an_interrupted_run_goes_on(self, run: Run) -> None:
        """The disk is full at first; what was judged until then is not judged again."""
        rows: list[dict[str, Any]] = [
            {"subject": "invoice", "queue": "billing_payments"} for _ in range(250)
        ]
        path = json_lines(rows)
        with full_disk(ENOUGH_FOR_A_BATCH):
            failed = run("backtest", "--file", path)
        assert failed.exit_code == ExitCode.FILE
        kept = re.search(r"(\d+) tickets are judged and kept in \.backtest", failed.stderr)
        assert kept

        done = run("backtest", "--json", "--file", path)
        assert f"going on after {kept[1]} tickets" in done.stderr
        assert json.loads(done.stdout)["tickets"] == 250
        assert not Path(".backtest.html.progress").exists()

    def test_the_progress_of_another_file_does_not_count(self, run: Run) -> None:
        row = {"subject": "invoice", "queue": "billing_payments"}
        path = json_lines([row] * 250)
        with full_disk(ENOUGH_FOR_A_BATCH):
            run("backtest", "--file", path)
        json_lines([row] * 240)
        mended = run("backtest", "--json", "--file", path)
        assert "of another comparison: beginning anew" in mended.stderr
        assert json.loads(mended.stdout)["tickets"] == 240

    def test_a_bad_row_is_said_before_the_work(self, run: Run) -> None:
        rows = [{"subject": "invoice", "queue": "billing_payments"}] * 250
        failed = run("backtest", "--file", json_lines([*rows, {"subject": 7}]))
        assert (failed.exit_code, failed.stderr) == (
            ExitCode.INPUT,
            "error: past.jsonl, line 251: subject must be text\n",
        )
        assert not Path(".backtest.html.progress").exists()


def json_lines(rows: list[dict[str, Any]]) -> str:
    path = Path("past.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)
