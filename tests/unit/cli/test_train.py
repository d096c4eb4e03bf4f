"""`train`: a bundle of one's own, which never replaces a better one by accident."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.training import Comparison, Figures
from unit.cli.conftest import Run

WORDS = {
    "printer": ["toner", "paper", "jam", "cartridge", "printing"],
    "network": ["router", "cable", "wifi", "switch", "offline"],
    "payroll": ["salary", "bonus", "payslip", "overtime", "tax"],
}

PATIENCE = 60.0


def tickets(path: Path, *, share_wrong: float = 0.0, seed: int = 1, rows: int = 150) -> Path:
    """Write tickets whose words tell their label, but for a share."""
    dice = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            label = list(WORDS)[number % 3]
            words = dice.choices(WORDS[label], k=4) + dice.choices("abcdefghij", k=6)
            dice.shuffle(words)
            if dice.random() < share_wrong:
                label = dice.choice(list(WORDS))
            row = {"id": number, "subject": words[0], "body": " ".join(words[1:]), "team": label}
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return tickets(tmp_path / "good.jsonl")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return tickets(tmp_path / "bad.jsonl", share_wrong=1.0)


def arguments(tickets: Path, output: Path, bundle: Path, *more: str) -> list[str]:
    files = ("--tickets", str(tickets), "--output", str(output), "--base", str(bundle))
    return ["train", *files, *more]


def bundle_id(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["bundle_id"])


def test_a_bundle_is_trained_and_used_at_once(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    output = tmp_path / "mine"

    trained = run(*arguments(good, output, bundle, "--targets", "team"))
    classified = run(
        "classify", "-", "-o", "-", "--bundle", str(output), stdin='{"subject": "toner paper jam"}'
    )

    assert trained.exit_code == ExitCode.DONE, trained.output
    assert "team" in trained.stdout
    assert bundle_id(output) in trained.stdout
    assert json.loads(classified.stdout)["team"]["label"] == "printer"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_better_bundle_stays_unless_forced(
    run: Run, bundle: Path, good: Path, bad: Path, tmp_path: Path
) -> None:
    output = tmp_path / "mine"
    run(*arguments(good, output, bundle))
    before = bundle_id(output)

    refused = run(*arguments(bad, output, bundle))
    assert refused.exit_code == ExitCode.FINDINGS
    assert "worse in team" in refused.stdout
    assert bundle_id(output) == before

    forced = run(*arguments(bad, output, bundle, "--force", "--json"))
    assert forced.exit_code == ExitCode.DONE, forced.output
    assert json.loads(forced.stdout)["replaced"] is True
    assert bundle_id(output) != before


def test_a_target_of_chance_beside_it_hides_no_loss(
    run: Run, bundle: Path, good: Path, bad: Path, tmp_path: Path
) -> None:
    for file in (good, bad):
        dice = random.Random(7)
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        lines = [json.dumps(row | {"noise": dice.choice("ab")}) for row in rows]
        file.write_text("\n".join(lines), encoding="utf-8")
    output = tmp_path / "mine"
    first = run(*arguments(good, output, bundle))
    again = run(*arguments(good, output, bundle))
    refused = run(*arguments(bad, output, bundle))

    assert "always abstains" in first.stderr
    assert (again.exit_code, refused.exit_code) == (ExitCode.DONE, ExitCode.FINDINGS)
    assert "worse in team" in refused.stdout


def test_the_same_tickets_give_the_same_bundle(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        run(*arguments(good, tmp_path / name, bundle))

    assert bundle_id(tmp_path / "one") == bundle_id(tmp_path / "two")


def test_both_can_be_compared_on_tickets_new_to_both(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    output, holdout = tmp_path / "mine", tickets(tmp_path / "new.jsonl", seed=9, rows=60)
    run(*arguments(good, output, bundle))

    result = run(*arguments(good, output, bundle, "--holdout", str(holdout), "--json"))

    [team] = json.loads(result.stdout)["comparisons"]
    assert team["before"] == team["after"]
    assert team["before"]["rows"] == 60


def test_described_labels_make_a_bundle_that_says_it_is_unmeasured(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    labels, output = tmp_path / "labels.yml", tmp_path / "mine"
    entries = {label: {"keywords": words} for label, words in WORDS.items()}
    labels.write_text(json.dumps({"targets": {"team": entries}}), encoding="utf-8")

    trained = run(
        *("train", "--labels", str(labels), "--unlabelled", str(good)),
        *("--output", str(output), "--base", str(bundle)),
    )
    classified = run(
        "classify", "-", "-o", "-", "--bundle", str(output), stdin='{"subject": "toner paper jam"}'
    )

    assert trained.exit_code == ExitCode.DONE, trained.output
    [team] = [line for line in trained.stdout.splitlines() if line.startswith("team")]
    assert team.split() == ["team", "3", "0", "-", "-", "-", "-"]
    assert "min_confidence" in trained.stderr
    answer = json.loads(classified.stdout)["team"]
    assert (answer["label"], answer["abstained"]) == ("printer", True)


def test_examples_beside_labels_are_measured(run: Run, bundle: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.yml"
    rows = [json.loads(line) for line in tickets(tmp_path / "t.jsonl").read_text().splitlines()]
    entries = {
        label: {"examples": [row["body"] for row in rows if row["team"] == label][:20]}
        for label in WORDS
    }
    labels.write_text(json.dumps({"targets": {"team": entries}}), encoding="utf-8")

    trained = run(
        *("train", "--labels", str(labels), "--base", str(bundle)),
        *("--output", str(tmp_path / "mine"), "--json"),
    )

    [team] = json.loads(trained.stdout)["report"]["targets"]
    assert team["rows"] == 60
    assert team["metrics"]["accuracy"] > 0.8


def test_labels_with_too_few_tickets_are_merged_left_out_or_refused_by_name(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    with good.open("a", encoding="utf-8") as file:
        for number in range(9):
            row = {"subject": "", "body": f"plant pot {number}", "team": f"garden{number % 2}"}
            file.write(json.dumps(row) + "\n")
    options = arguments(good, tmp_path / "mine", bundle)

    merged = run(*options)
    left_out = run(*options, "--rare", "leave-out", "--force")
    refused = run(*options, "--rare", "refuse")

    assert "became 'other': garden0 (5), garden1 (4)" in merged.stderr
    assert "were left out: garden0 (5), garden1 (4)" in left_out.stderr
    assert refused.exit_code == ExitCode.INPUT
    assert "garden0 (5), garden1 (4)" in refused.stderr


def test_mislabelled_rows_are_reported_by_number_alone(
    run: Run, bundle: Path, tmp_path: Path
) -> None:
    file = tickets(tmp_path / "t.jsonl", share_wrong=0.08)

    trained = run(*arguments(file, tmp_path / "mine", bundle))

    assert "rows may be mislabelled, first" in trained.stderr
    assert "toner" not in trained.output


def test_labels_of_chance_end_in_a_warning_and_a_model_that_abstains(
    run: Run, bundle: Path, bad: Path, tmp_path: Path
) -> None:
    output = tmp_path / "mine"

    trained = run(*arguments(bad, output, bundle))
    classified = run(
        "classify", "-", "-o", "-", "--bundle", str(output), stdin='{"subject": "toner paper jam"}'
    )

    assert "team: the text does not tell this label" in trained.stderr
    assert json.loads(classified.stdout)["team"]["abstained"] is True


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], ExitCode.USAGE),
        (["--tickets", "TICKETS", "--labels", "TICKETS"], ExitCode.USAGE),
        (["--tickets", "TICKETS", "--unlabelled", "TICKETS"], ExitCode.USAGE),
        (["--tickets", "TICKETS", "--keep-text", "kept.jsonl"], ExitCode.USAGE),
        (["--freshdesk", "--since", "soon"], ExitCode.USAGE),
        (["--freshdesk", "--config", "gone.yml"], ExitCode.CONFIG),
        (["--labels", "TICKETS"], ExitCode.INPUT),
        (["--tickets", "gone.jsonl"], ExitCode.FILE),
        (["--tickets", "TICKETS", "--targets", "nothing"], ExitCode.INPUT),
        (["--tickets", "TICKETS", "--targets", ","], ExitCode.USAGE),
        (["--labels", "TICKETS", "--targets", " "], ExitCode.USAGE),
        (["--tickets", "TICKETS", "--holdout", "gone.jsonl"], ExitCode.FILE),
        (["--labels", "gone.yml"], ExitCode.FILE),
        (["--freshdesk", "--keep-text", "."], ExitCode.FILE),
        (["--tickets", "TICKETS", "--base", "gone"], ExitCode.BUNDLE),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(
    run: Run, bundle: Path, good: Path, tmp_path: Path, options: list[str], code: ExitCode
) -> None:
    options = [str(good) if option == "TICKETS" else option for option in options]

    result = run("train", "--output", str(tmp_path / "mine"), *options)

    assert result.exit_code == code, result.output
    assert len(result.stderr.strip().splitlines()) <= 4
    assert "Traceback" not in result.output
    assert not (tmp_path / "mine").exists()


def test_targets_that_the_holdout_lacks_are_compared_by_their_training(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    holdout = tmp_path / "other.jsonl"
    holdout.write_text('{"body": "toner", "language": "en"}', encoding="utf-8")
    output = tmp_path / "mine"
    run(*arguments(good, output, bundle))

    result = run(*arguments(good, output, bundle, "--holdout", str(holdout), "--json"))

    [team] = json.loads(result.stdout)["comparisons"]
    assert team["before"] == team["after"]
    assert team["before"]["rows"] == 150


def test_labels_that_differ_in_case_only_are_named(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    lines = good.read_text(encoding="utf-8").splitlines()
    lines[:60] = [line.replace('"team": "printer"', '"team": "Printer"') for line in lines[:60]]
    good.write_text("\n".join(lines), encoding="utf-8")

    trained = run(*arguments(good, tmp_path / "mine", bundle))

    assert "differ in case only and are learnt as rivals: Printer, printer" in trained.stderr


def test_asked_to_end_it_leaves_nothing_behind(good: Path, bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine"
    command = "from otai_freshdesk.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments(good, output, bundle)],
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE
    while not list(tmp_path.glob(".mine-*")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)

    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, said.splitlines()[-1:]) == (ExitCode.INTERRUPTED, ["interrupted"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cwd", "good.jsonl"]


def test_a_folder_that_is_no_bundle_is_left_alone(
    run: Run, bundle: Path, good: Path, tmp_path: Path
) -> None:
    output = tmp_path / "letters"
    output.mkdir()
    (output / "letter.txt").write_text("Dear", encoding="utf-8")

    result = run(*arguments(good, output, bundle))

    assert result.exit_code == ExitCode.FILE
    assert "letter.txt" in result.stderr
    assert (output / "letter.txt").read_text(encoding="utf-8") == "Dear"


def test_without_its_extra_it_says_how_to_get_it(
    run: Run, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "otai_freshdesk.cli.training", raising=False)
    monkeypatch.setitem(sys.modules, "classifier_training", None)

    result = run("train", "--tickets", str(good), "--output", "mine")

    assert result.exit_code == ExitCode.CONFIG
    assert "pip install 'otai-freshdesk[train]'" in result.stderr


class TestComparison:
    @given(st.floats(0, 1), st.integers(1, 5000))
    def test_a_bundle_is_not_worse_than_itself(self, accuracy: float, rows: int) -> None:
        figures = Figures(rows, accuracy, 1.0, accuracy)

        assert not Comparison("queue", figures, figures).is_worse

    def test_worse_is_only_what_chance_does_not_explain(self) -> None:
        before = Figures(1000, 0.90, 1.0, None)

        assert not Comparison("queue", before, Figures(1000, 0.88, 1.0, None)).is_worse
        assert Comparison("queue", before, Figures(1000, 0.86, 1.0, None)).is_worse

    def test_a_target_that_got_lost_is_worse_and_a_new_one_is_not(self) -> None:
        figures = Figures(10, 0.5, 1.0, None)

        assert Comparison("queue", figures, None).is_worse
        assert not Comparison("queue", None, figures).is_worse
