"""`train --freshdesk`: the account's resolved tickets, read once, kept as numbers meanwhile."""

import json
import random
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classifier_training.vectors import TextEncoder
from freshdesk_simulator import SystemClock
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.resolved import Collection, NoResolvedTicketsError
from unit.cli.conftest import Desk, Run
from unit.cli.test_train import WORDS, bundle_id

GROUPS = dict(zip(WORDS, ("Technical Support", "Operations", "Human Resources"), strict=True))
CLOSED = 5
SECRET_WORD = "zebrafish"


def resolved(desk: Desk, count: int, *, first: int = 0) -> None:
    """Add resolved tickets, an hour apart, whose words tell their group and product area."""
    account, dice = desk.simulator.account, random.Random(first)
    for number in range(first, first + count):
        words = list(WORDS)[number % 3]
        said = dice.choices(WORDS[words], k=3) + [f"{dice.getrandbits(24):06x}" for _ in range(4)]
        text = " ".join([*said, SECRET_WORD])
        moment = SystemClock().time() - 30 * 86_400 + number * 3_600
        account.add_ticket(
            WORDS[words][number % 5],
            f"<p>{text}</p>",
            status=4 if number % 2 else CLOSED,
            group_id=account.group(GROUPS[words]).id,
            priority=1 + number % 2,
            type="Question" if words == "payroll" else "Incident",
            custom_fields={"cf_product_area": "Hardware" if words == "printer" else "Software"},
            created_at=moment,
            updated_at=moment,
        )


def silent(done: int) -> None:
    """Show no progress."""


def collection(desk: Desk, folder: Path, **changes: object) -> Collection:
    since = datetime.now(UTC) - timedelta(days=180)
    values: dict[str, object] = {
        "config": desk.config,
        "since": since,
        "span": "180d",
        "folder": folder,
    }
    return Collection(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def encoder(bundle: Path) -> TextEncoder:
    return TextEncoder(bundle)


def test_fields_that_agents_filled_in_are_learnt(run: Run, desk: Desk, tmp_path: Path) -> None:
    resolved(desk, 120)
    output = tmp_path / "mine"

    trained = run("train", "--freshdesk", "--output", str(output), "--json")

    assert trained.exit_code == ExitCode.DONE, trained.output
    report = json.loads(trained.stdout)["report"]
    figures = {target["target"]: target for target in report["targets"]}
    assert list(figures) == ["group", "type", "priority", "cf_product_area"]
    assert figures["group"]["labels"] == sorted(GROUPS.values())
    assert figures["group"]["metrics"]["accuracy"] > 0.9
    assert not figures["priority"]["predictable"]
    classified = run(
        "classify", "-", "-o", "-", "--bundle", str(output), stdin='{"subject": "toner paper jam"}'
    )
    assert json.loads(classified.stdout)["group"]["label"] == "Technical Support"
    assert desk.writes == 0


def test_neither_text_nor_numbers_are_left_over(run: Run, desk: Desk, tmp_path: Path) -> None:
    resolved(desk, 60)

    trained = run("train", "--freshdesk", "--output", str(tmp_path / "mine"), "--targets", "group")

    assert trained.exit_code == ExitCode.DONE, trained.output
    assert SECRET_WORD not in trained.output
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET_WORD.encode() not in file.read_bytes(), file


def test_text_is_kept_when_asked_for_and_trains_the_same_bundle(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    resolved(desk, 60)
    text = tmp_path / "kept.jsonl"
    of_account, of_file = tmp_path / "one", tmp_path / "two"

    run(
        "train",
        "--freshdesk",
        "--keep-text",
        str(text),
        "-o",
        str(of_account),
        "--targets",
        "group",
    )
    run("train", "--tickets", str(text), "-o", str(of_file), "--targets", "group")

    assert stat.S_IMODE(text.stat().st_mode) == 0o600
    assert len(text.read_text(encoding="utf-8").splitlines()) == 60
    assert bundle_id(of_account) == bundle_id(of_file)


def test_only_tickets_that_people_have_settled_count(
    desk: Desk, encoder: TextEncoder, tmp_path: Path
) -> None:
    resolved(desk, 3)
    group = desk.simulator.account.group("Billing").id
    for unfit in ({"status": 2}, {"spam": True}, {"deleted": True}, {"source": 10}, {"body": ""}):
        properties = {"status": CLOSED, "group_id": group, "body": "invoice"} | unfit
        desk.add(str(properties["body"]), **properties)  # type: ignore[arg-type]

    corpus = collection(desk, tmp_path / "kept").collect(encoder, silent)

    assert sorted(corpus.row_ids) == ["1", "2", "3"]
    assert corpus.labels[0] == {
        "group": "Technical Support",
        "type": "Incident",
        "priority": "Low",
        "cf_product_area": "Hardware",
    }


def test_an_interrupted_run_goes_on_where_it_stopped(
    desk: Desk, encoder: TextEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved(desk, 250)
    text = tmp_path / "kept.jsonl"

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    interrupted = collection(desk, tmp_path / "kept", keep_text=text)
    with pytest.raises(KeyboardInterrupt), interrupted.kept():
        interrupted.collect(encoder, interrupt)
    assert "run this command again" in capsys.readouterr().err
    assert not text.exists()
    pages = len([call for call in desk.simulator.journal.calls if call.path.endswith("/tickets")])

    desk.simulator.journal.clear()
    told: list[int] = []
    again = collection(desk, tmp_path / "kept", keep_text=text)
    corpus = again.collect(encoder, told.append)
    again.finish()

    assert pages == 1
    assert sorted(map(int, corpus.row_ids)) == list(range(1, 251))
    assert told[0] > 100, "what was read before counts"
    kept = [json.loads(line)["id"] for line in text.read_text(encoding="utf-8").splitlines()]
    assert set(kept) == set(range(1, 251))
    assert not (tmp_path / "kept").exists()


def test_what_stays_of_a_failed_training_is_said(run: Run, desk: Desk, tmp_path: Path) -> None:
    resolved(desk, 60)
    text = tmp_path / "kept.jsonl"

    failed = run(
        "train",
        "--freshdesk",
        "--keep-text",
        str(text),
        "--output",
        str(tmp_path / "mine"),
        "--targets",
        "no_such_field",
    )

    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert failed.exit_code != ExitCode.DONE
    assert left == {".mine.collected", ".kept.jsonl.partial"}
    assert all(str(tmp_path / name) in failed.stderr for name in left)


def test_what_was_read_of_another_time_is_read_anew_with_a_word(
    desk: Desk, encoder: TextEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved(desk, 60)
    for span, words in [("180d", False), ("180d", False), ("26w", True)]:
        collection(desk, tmp_path / "kept", span=span).collect(encoder, silent)
        assert ("reading anew" in capsys.readouterr().err) is words


def test_it_keeps_within_the_share_of_the_rate_limit(
    desk: Desk, encoder: TextEncoder, tmp_path: Path
) -> None:
    resolved(desk, 250)

    collection(desk, tmp_path / "kept").collect(encoder, silent)

    # A page of 100 with text costs 3 credits; groups and fields cost one each.
    assert desk.simulator.journal.credits_spent <= 3 * 4 + 2


def test_an_account_without_resolved_tickets_is_said(
    run: Run, desk: Desk, encoder: TextEncoder, tmp_path: Path
) -> None:
    desk.add("invoice")
    with pytest.raises(NoResolvedTicketsError):
        collection(desk, tmp_path / "kept").collect(encoder, silent)

    result = run("train", "--freshdesk", "--output", str(tmp_path / "mine"))

    assert result.exit_code == ExitCode.INPUT
    assert "no resolved tickets" in result.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.usefixtures("acme_desk")
def test_another_ticket_system_cannot_be_read(run: Run, desk: Desk, tmp_path: Path) -> None:
    desk.configure("  system:\n", "  system:\n    provider_key: AcmeDesk\n")

    result = run("train", "--freshdesk", "--output", str(tmp_path / "mine"))

    assert result.exit_code == ExitCode.CONFIG, result.output
    assert "not through AcmeDesk" in result.stderr
    assert "--tickets" in result.stderr
