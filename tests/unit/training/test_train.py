"""From a file of tickets to a bundle that serves."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier_training import Settings, TrainingReport, train_default, train_from_tickets
from classifier_training.data import Ticket, read_tickets, row_hash
from classifier_training.errors import DataError, OutputFolderError, TooFewTicketsError
from classifier_training.evaluate import evaluate, main
from classifier_training.vectors import (
    TextEncoder,
    Vectors,
    count_matrix,
    dense_matrix,
    fit_space,
    sparse_matrix,
)
from ticket_classifier import clean, load
from ticket_classifier.encoder import JOINED_DIMENSIONS
from ticket_classifier.features import WORD_BUCKETS
from unit.training.corpus import make_rows, write_rows


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = make_rows(240)
    # Five wrong labels, to be found; one row without a label.
    for row in rows[:5]:
        row["queue"] = "refunds" if row["queue"] != "refunds" else "access"
    del rows[5]["queue"]
    return write_rows(tmp_path_factory.mktemp("tickets") / "tickets.jsonl", rows)


@pytest.fixture(scope="module")
def trained(
    tickets: Path, tiny_encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainingReport:
    output = tmp_path_factory.mktemp("output") / "bundle"
    stages: list[str] = []
    report = train_from_tickets(
        tickets,
        output,
        base=tiny_encoder_folder,
        targets=["queue", "chance"],
        progress=lambda stage, done, total: stages.append(f"{stage} {done}/{total}"),
    )
    assert stages[-2:] == ["learn 1/2", "learn 2/2"]
    assert "embed 240/240" in stages
    return report


def test_a_column_the_text_tells_is_learnt(trained: TrainingReport) -> None:
    queue = trained.targets[0]
    assert queue.predictable
    assert queue.metrics is not None
    assert queue.metrics.accuracy > 0.9
    assert queue.metrics.accuracy >= max(queue.parts.values())
    assert queue.metrics.precision is not None
    assert queue.metrics.precision >= 0.95
    assert queue.rows == 239


def test_wrong_labels_are_reported_by_row_id(trained: TrainingReport) -> None:
    suspicious = set(trained.targets[0].suspicious)
    assert suspicious <= {f"row-{number}" for number in range(5)}
    assert len(suspicious) >= 3


def test_a_column_of_chance_ends_in_a_warning_and_abstains(trained: TrainingReport) -> None:
    chance = trained.targets[1]
    assert not chance.predictable
    assert any("does not tell" in warning for warning in chance.warnings)
    classifier = load(trained.bundle)
    for row in make_rows(30, seed=1):
        assert classifier.classify(row["subject"], row["body"]).targets["chance"].abstained


def test_the_bundle_serves_what_was_measured(trained: TrainingReport, tmp_path: Path) -> None:
    fresh = write_rows(tmp_path / "fresh.jsonl", make_rows(150, seed=2))
    report = evaluate(trained.bundle, fresh)
    assert report.bundle_id == trained.bundle_id
    queue = report.targets["queue"]
    assert queue.metrics.accuracy > 0.9
    assert queue.by_language["en"].rows == 150
    assert sum(sum(row.values()) for row in queue.confusion.values()) == 150
    assert report.in_scope > 0.95


def test_serving_computes_the_same_features_as_training(tiny_encoder_folder: Path) -> None:
    rows = [(row["subject"], row["body"]) for row in make_rows(40)]
    encoder = TextEncoder(tiny_encoder_folder)
    vectors = encoder.vectors(rows)
    space = fit_space(vectors, 3)
    sparse, dense = sparse_matrix(space, vectors), dense_matrix(space, vectors)
    for number, (subject, body) in enumerate(rows):
        text = clean(subject, body)
        served = space.sparse(text)
        row = np.zeros(sparse.shape[1], np.float32)
        row[served.rows] = served.values
        np.testing.assert_allclose(sparse[[number]].toarray()[0], row, atol=1e-6)
        np.testing.assert_allclose(dense[number], space.dense(encoder.embed(text)), atol=1e-5)


def test_words_weigh_as_much_as_they_are_told() -> None:
    counts = count_matrix(["refund my parcel", "refund my order"])
    vectors = Vectors(np.zeros((2, JOINED_DIMENSIONS), np.float32), counts)
    plain, heavy = fit_space(vectors, 2), fit_space(vectors, 2, word_weight=3.0)
    of_words = plain.buckets >= WORD_BUCKETS
    assert 0 < of_words.sum() < len(of_words)
    assert np.allclose(heavy.idf / plain.idf, np.where(of_words, 3.0, 1.0))


def test_same_seed_same_bundle_other_seed_other_folds(
    trained: TrainingReport, tickets: Path, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    again = train_from_tickets(
        tickets, tmp_path / "again", base=tiny_encoder_folder, targets=["queue", "chance"]
    )
    assert again.bundle_id == trained.bundle_id
    other = train_from_tickets(
        tickets,
        tmp_path / "other",
        base=tiny_encoder_folder,
        targets=["queue", "chance"],
        settings=Settings(seed=1),
    )
    assert other.bundle_id != trained.bundle_id


def test_targets_that_are_not_trained_are_inherited(
    trained: TrainingReport, tmp_path: Path
) -> None:
    rows = make_rows(80, seed=3)
    for row in rows:
        row["group"] = row["queue"].upper()
        del row["queue"], row["chance"], row["language"]
    file = write_rows(tmp_path / "own.jsonl", rows)
    report = train_from_tickets(file, tmp_path / "own", base=trained.bundle)
    assert report.inherited == ("queue", "chance")
    both, base = load(report.bundle), load(trained.bundle)
    assert list(both.targets) == ["group", "queue", "chance"]
    row = rows[0]
    own, lent = (each.classify(row["subject"], row["body"]).targets for each in (both, base))
    assert own["queue"].probabilities == pytest.approx(dict(lent["queue"].probabilities), abs=1e-5)
    assert own["group"].label == lent["queue"].label.upper()


def test_a_bundle_knows_the_texts_that_taught_it_and_no_others(
    trained: TrainingReport, tickets: Path, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    taught = [(row.subject, row.body) for row in read_tickets(tickets)]
    rows = make_rows(80, seed=3)
    others = [(row["subject"], row["body"]) for row in rows]
    classifier = load(trained.bundle)
    assert all(classifier.was_taught_by(*text) for text in taught)
    assert not any(classifier.was_taught_by(*text) for text in others if text not in taught)

    own = [{**row, "group": row["queue"].upper()} for row in rows]
    file = write_rows(tmp_path / "own.jsonl", own)
    heir = load(
        train_from_tickets(file, tmp_path / "own", base=trained.bundle, targets=["group"]).bundle
    )
    assert all(heir.was_taught_by(*text) for text in (*taught, *others))

    default = train_default(
        default_tickets(tmp_path / "tickets", rows),
        tmp_path / "bundle",
        encoder=tiny_encoder_folder,
    )
    assert not any(load(default.bundle).was_taught_by(*text) for text in others)


def test_an_older_bundle_is_replaced_and_nothing_is_left_beside_it(
    tickets: Path, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "bundle"
    for seed in (0, 1):
        report = train_from_tickets(
            tickets,
            output,
            base=tiny_encoder_folder,
            targets=["queue"],
            settings=Settings(seed=seed),
        )
        assert load(output).bundle_id == report.bundle_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def test_an_interrupted_run_leaves_the_old_bundle(
    trained: TrainingReport, tickets: Path, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "learn":
            raise KeyboardInterrupt

    output = tmp_path / "bundle"
    with pytest.raises(KeyboardInterrupt):
        train_from_tickets(
            tickets, output, base=trained.bundle, targets=["queue"], progress=interrupt
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        train_from_tickets(
            tickets, trained.bundle, base=trained.bundle, targets=["queue"], progress=interrupt
        )
    assert load(trained.bundle).bundle_id == trained.bundle_id


def test_three_hundred_labels_are_told_apart(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    dice = random.Random(1)
    noise = [f"{first}{last}" for first in "bdfgklmnprst" for last in ("alo", "emi", "uno")]
    rows = [
        {
            "body": " ".join([f"thing{label:03}", f"part{label:03}", *dice.choices(noise, k=8)]),
            "team": f"label {label}",
        }
        for label in range(300)
        for _ in range(4)
    ]
    report = train_from_tickets(
        write_rows(tmp_path / "tickets.jsonl", rows),
        tmp_path / "bundle",
        base=tiny_encoder_folder,
        targets=["team"],
        settings=Settings(fewest=4, folds=2),
    )
    [team] = report.targets
    assert len(team.labels) == 300
    assert team.metrics is not None
    assert team.metrics.accuracy > 0.8


def test_a_folder_with_other_files_is_left_alone(
    tickets: Path, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.odt").write_text("x")
    with pytest.raises(OutputFolderError, match=r"thesis\.odt"):
        train_from_tickets(tickets, tmp_path, base=tiny_encoder_folder)
    assert (tmp_path / "thesis.odt").read_text() == "x"


def test_an_unknown_column_is_named(
    tickets: Path, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="has no column 'qeue'"):
        train_from_tickets(tickets, tmp_path / "b", base=tiny_encoder_folder, targets=["qeue"])


def default_tickets(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    folder.mkdir()
    write_rows(folder / "a.jsonl", list(rows))
    (folder / "test.jsonl").write_text("this must not be read")
    return folder


def test_the_default_bundle_is_calibrated_on_the_rows_the_encoder_never_saw(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    rows = make_rows(300, seed=4)
    folder = default_tickets(tmp_path / "tickets", rows)
    keys = [row_hash(Ticket("", row["subject"], row["body"], {}))[:16] for row in rows[:60]]
    calibration = tmp_path / "calibration.txt"
    calibration.write_text("\n".join(keys))
    report = train_default(
        folder, tmp_path / "bundle", encoder=tiny_encoder_folder, calibration=calibration
    )
    by_name = {target.target: target for target in report.targets}
    assert by_name["queue"].metrics is not None
    assert by_name["queue"].metrics.rows == 60
    assert by_name["queue"].rows == 300
    assert by_name["queue"].metrics.accuracy > 0.9


def test_late_tickets_teach_without_changing_the_convention(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tickets"
    folder.mkdir()
    early, late = make_rows(200, seed=1), make_rows(300, seed=2)
    for row in late:
        if row["queue"] == "billing":
            row["queue"] = "refunds"
    write_rows(folder / "early.jsonl", early)
    write_rows(folder / "late.jsonl", late)
    calibration = tmp_path / "calibration.txt"
    held = (Ticket("", row["subject"], row["body"], {}) for row in early[:80])
    calibration.write_text("\n".join(row_hash(ticket)[:16] for ticket in held))

    told = train_default(
        folder,
        tmp_path / "told",
        encoder=tiny_encoder_folder,
        calibration=calibration,
        early=["early.jsonl"],
    )
    untold = train_default(
        folder, tmp_path / "untold", encoder=tiny_encoder_folder, calibration=calibration
    )

    fresh = write_rows(tmp_path / "fresh.jsonl", make_rows(200, seed=3))
    right, wrong = (
        evaluate(report.bundle, fresh).targets["queue"].metrics for report in (told, untold)
    )
    assert right.accuracy > 0.95
    assert right.log_loss < 0.5 * wrong.log_loss


def test_no_more_tickets_are_used_than_memory_allows(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    tickets = write_rows(tmp_path / "many.jsonl", make_rows(90, seed=6))

    report = train_from_tickets(
        tickets,
        tmp_path / "bundle",
        base=tiny_encoder_folder,
        targets=["queue"],
        settings=Settings(most=60),
    )

    assert report.tickets == 60
    assert any("60 of 90 tickets were used" in warning for warning in report.warnings)


def test_a_sparse_column_is_left_out_of_a_sample_and_found_when_asked_for(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    rows = make_rows(300, seed=6)
    for number, row in enumerate(rows):
        row["chance"] = "ab"[number % 2] if number < 24 else None
    tickets = write_rows(tmp_path / "many.jsonl", rows)
    settings = Settings(most=100)

    report = train_from_tickets(
        tickets, tmp_path / "bundle", base=tiny_encoder_folder, settings=settings
    )
    asked = train_from_tickets(
        *(tickets, tmp_path / "asked"),
        base=tiny_encoder_folder,
        targets=["chance"],
        settings=settings,
    )

    assert [target.target for target in report.targets] == ["queue"]
    assert any(warning.startswith("target chance: ") for warning in report.warnings)
    assert [(target.target, target.rows) for target in asked.targets] == [("chance", 24)]


def test_tickets_that_are_all_alike_teach_nothing(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    rows = make_rows(120, seed=6)
    for number, row in enumerate(rows[:40]):
        row |= {
            "subject": "Alert",
            "body": "The disk of the server is full",
            "host": "ab"[number % 2],
        }
    tickets = write_rows(tmp_path / "alerts.jsonl", rows)
    alerts = write_rows(tmp_path / "alone.jsonl", rows[:40])

    def train(file: Path, targets: list[str] | None) -> TrainingReport:
        output = tmp_path / "bundle"
        return train_from_tickets(file, output, base=tiny_encoder_folder, targets=targets)

    report = train(tickets, None)
    assert "host" not in [target.target for target in report.targets]
    assert any("host: 1 usable groups of different tickets" in one for one in report.warnings)
    for file, targets in [(tickets, ["queue", "host"]), (alerts, None)]:
        with pytest.raises(TooFewTicketsError, match="groups of different tickets"):
            train(file, targets)


def test_two_groups_of_alike_tickets_are_enough(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    texts = ["the disk of the server is full", "please send my invoice for May again"]
    rows = [{"body": texts[number % 2], "team": "ab"[number % 2]} for number in range(40)]
    tickets = write_rows(tmp_path / "two.jsonl", rows)
    report = train_from_tickets(tickets, tmp_path / "bundle", base=tiny_encoder_folder)
    assert [target.rows for target in report.targets] == [40]


def test_a_calibration_part_that_names_no_row_is_refused(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    folder = default_tickets(tmp_path / "tickets", make_rows(60))
    calibration = tmp_path / "calibration.txt"
    calibration.write_text("0" * 64)
    with pytest.raises(DataError, match="names none of the tickets"):
        train_default(
            folder, tmp_path / "bundle", encoder=tiny_encoder_folder, calibration=calibration
        )


def test_evaluate_prints_json_or_what_is_wrong(
    trained: TrainingReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_rows(tmp_path / "few.jsonl", make_rows(10, seed=5))
    assert main([str(trained.bundle), str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["tickets"] == 10
    assert main([str(tmp_path), str(file)]) == 1
    assert "manifest.json: is missing" in capsys.readouterr().err
    assert main([]) == 2
