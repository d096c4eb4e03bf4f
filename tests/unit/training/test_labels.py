"""Bundles from described labels, with and without examples."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest
import yaml

from classifier_training import train_from_labels
from classifier_training.errors import DataError, TooFewTicketsError
from classifier_training.evaluate import evaluate
from classifier_training.labels_file import read_labels
from ticket_classifier import load
from unit.training.corpus import make_rows, write_rows

DESCRIBED: dict[str, dict[str, Any]] = {
    "refunds": {"description": "refund, parcel broken", "keywords": ["money", "return"]},
    "access": {"keywords": ["password", "login", "locked"]},
    "billing": {"description": "invoice, payment, charged twice"},
}


def write_labels(file: Path, content: object) -> Path:
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def test_names_descriptions_and_keywords_alone_classify_but_abstain(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    labels = write_labels(tmp_path / "labels.yml", {"targets": {"queue": DESCRIBED}})
    report = train_from_labels(labels, tmp_path / "bundle", base=tiny_encoder_folder)
    (queue,) = report.targets
    assert queue.metrics is None
    assert "min_confidence" in queue.warnings[0]
    figures = evaluate(
        report.bundle, write_rows(tmp_path / "t.jsonl", make_rows(120, seed=6))
    ).targets["queue"]
    assert figures.metrics.accuracy > 0.5
    assert figures.metrics.coverage == 0.0


def test_examples_help_and_are_measured(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    rows = make_rows(90, seed=7)
    described = {
        label: {
            **entry,
            "examples": [
                {"subject": row["subject"], "body": row["body"]} if number % 2 else row["body"]
                for number, row in enumerate(rows)
                if row["queue"] == label
            ],
        }
        for label, entry in DESCRIBED.items()
    }
    labels = write_labels(tmp_path / "labels.yml", {"targets": {"queue": described}})
    report = train_from_labels(labels, tmp_path / "bundle", base=tiny_encoder_folder)
    (queue,) = report.targets
    assert queue.rows == report.tickets == 90
    assert queue.metrics is not None
    assert queue.metrics.accuracy > 0.8
    figures = evaluate(
        report.bundle, write_rows(tmp_path / "t.jsonl", make_rows(120, seed=8))
    ).targets["queue"]
    assert figures.metrics.accuracy > 0.85


def test_few_examples_a_label_do_not_silence_a_part(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    """Each label has words of its own, so that a learned blend would rely on wording alone."""
    draw = random.Random(3)

    def word() -> str:
        return "".join(draw.choices(string.ascii_lowercase, k=6))

    own = [word() for _ in range(9)]
    described = {
        name: {"examples": [" ".join([name, *(word() for _ in range(8))]) for _ in range(5)]}
        for name in own
    }
    labels = write_labels(tmp_path / "labels.yml", {"targets": {"queue": described}})
    report = train_from_labels(labels, tmp_path / "bundle", base=tiny_encoder_folder)
    (queue,) = report.targets
    assert queue.metrics is not None
    assert queue.scales.keys() == {"prototype", "dense", "words", "joint"}
    assert all(queue.scales[part] > 0 for part in ("prototype", "dense", "words"))


def test_unlabelled_tickets_are_learnt_from_by_meaning_and_by_wording(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    examples: dict[str, list[dict[str, str]]] = {}
    for row in make_rows(45, seed=7):
        example = {"subject": row["subject"], "body": row["body"]}
        examples.setdefault(row["queue"], []).append(example)
    described = {name: {"examples": own} for name, own in examples.items()}
    labels = write_labels(tmp_path / "labels.yml", {"targets": {"queue": described}})
    unlabelled = write_rows(tmp_path / "u.jsonl", make_rows(60, seed=9))
    report = train_from_labels(
        labels, tmp_path / "bundle", base=tiny_encoder_folder, unlabelled=unlabelled
    )
    (queue,) = report.targets
    assert queue.scales["taught"] > 0
    assert queue.scales["taught words"] > 0
    assert queue.scales["prototype"] == 0
    tickets = write_rows(tmp_path / "t.jsonl", make_rows(120, seed=8))
    assert evaluate(report.bundle, tickets).targets["queue"].metrics.accuracy > 0.85
    classifier = load(report.bundle)
    assert all(classifier.was_taught_by(**one) for own in examples.values() for one in own)
    texts = [(row["subject"], row["body"]) for row in make_rows(60, seed=9)]
    assert not all(classifier.was_taught_by(*text) for text in texts)


def test_several_targets_lists_of_names_and_a_choice(
    tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    team: dict[str, Any] = {"a": None, "b": {}}
    content = {"targets": {"queue": DESCRIBED, "mood": ["angry", "calm"], "team": team}}
    labels = write_labels(tmp_path / "labels.yml", content)
    unlabelled = write_rows(tmp_path / "u.jsonl", make_rows(60, seed=9))
    report = train_from_labels(
        labels,
        tmp_path / "bundle",
        base=tiny_encoder_folder,
        targets=["queue", "mood"],
        unlabelled=unlabelled,
    )
    assert load(report.bundle).targets == {
        "queue": ("refunds", "access", "billing"),
        "mood": ("angry", "calm"),
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("targets: [", "line 1: is not YAML"),
        ("targets:\n  q: {a: {}, b: {}\n", "line 3: is not YAML"),
        ("[" * 100_000, "is not YAML"),
        ("{}", "targets: is missing"),
        ("- secret", "the file: must be names with a colon"),
        ("targets: [secret]", "targets: must be names with a colon"),
        ("targets: {}", "targets: must name something"),
        ("targets: {q: secret}", r"targets\.q: must be names with a colon"),
        ("targets: {q: {a: secret, b: {}}}", r"targets\.q\.a: must be names with a colon"),
        ("targets: {q: [a: {description: secret}, b]}", "a label of q has no name"),
        ("targets: {q: {'': {}, b: {}}}", "a label of q has no name"),
        ("targets: {'': {a: {}, b: {}}}", "a target has no name"),
        ('targets: {q: {"a\\0": {}, b: {}}}', "the name of a label of q holds control characters"),
        ("targets: {q: {Refund: {}, 'refund ': {}}}", "'Refund' and 'refund' of q are alike"),
        ("targets: {q: [a, b, a]}", "'a' and 'a' of q are alike"),
        (
            "targets:\n  q:\n    a: {examples: [secret]}\n    b:\n    a:\n",
            "line 5: this name .* twice",
        ),
        ("targets: {q: {a: {keywords: secret}, b: {}}}", r"q\.a\.keywords: must be a list"),
        ("targets: {q: {a: {descripton: secret}, b: {}}}", r"q\.a\.descripton: is not known here"),
        (
            "targets: {q: {a: {examples: [{text: secret}]}, b: {}}}",
            r"examples\.0\.body: is missing",
        ),
    ],
)
def test_broken_files_are_refused_without_their_text(
    tmp_path: Path, content: str, problem: str
) -> None:
    file = tmp_path / "labels.yml"
    file.write_text(content)
    with pytest.raises(DataError, match=problem) as caught:
        read_labels(file)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None or "secret" not in str(caught.value.__cause__)


def test_names_are_text_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "labels.yml"
    file.write_text(
        "targets:\n"
        "  urgent: {Yes: , No: {keywords: [off, 1e3, 2024-01-01]}, null: {}, ' a  b ': }\n"
        "  more: &more {x: {description: on}, y: ~}\n  most: {<<: *more, x: {}, z: {}}\n"
    )
    targets = read_labels(file).targets
    assert list(targets["urgent"]) == ["Yes", "No", "null", "a b"]
    assert targets["urgent"]["No"].keywords == ("off", "1e3", "2024-01-01")
    assert targets["more"]["x"].description == "on"
    assert set(targets["most"]) == {"x", "y", "z"}


def test_one_label_is_no_choice(tmp_path: Path) -> None:
    file = tmp_path / "labels.yml"
    file.write_text("targets: {q: {a: {}}}")
    with pytest.raises(TooFewTicketsError, match="target q: 1 usable labels"):
        read_labels(file)


def test_unknown_target_is_named(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.yml", {"targets": {"queue": DESCRIBED}})
    with pytest.raises(DataError, match="has no target 'group'"):
        train_from_labels(labels, tmp_path / "b", base=tiny_encoder_folder, targets=["group"])
