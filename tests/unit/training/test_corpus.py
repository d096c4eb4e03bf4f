"""Tickets that are kept as numbers between runs: complete batches, no text, nothing of others."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier_training import Corpus, CorpusFolder, Settings, train_corpus, train_from_tickets
from classifier_training.errors import NothingToLearnError
from classifier_training.vectors import TextEncoder
from unit.training.corpus import make_rows, write_rows

ORIGIN = {"account": "acme", "span": "180d"}


@pytest.fixture(scope="session")
def encoder(tiny_encoder_folder: Path) -> TextEncoder:
    return TextEncoder(tiny_encoder_folder)


def corpus_of(rows: Sequence[dict[str, Any]], encoder: TextEncoder) -> Corpus:
    return Corpus(
        row_ids=[row["id"] for row in rows],
        labels=[{name: row[name] for name in ("queue", "chance", "language")} for row in rows],
        vectors=encoder.vectors([(row["subject"], row["body"]) for row in rows]),
    )


def test_batches_come_back_as_they_were(encoder: TextEncoder, tmp_path: Path) -> None:
    rows = make_rows(30, seed=1)
    whole = corpus_of(rows, encoder)
    folder = CorpusFolder(tmp_path / "kept", ORIGIN)
    assert folder.place is None
    assert folder.corpus() is None
    for start in (0, 10, 20):
        folder.add(corpus_of(rows[start : start + 10], encoder), f"after {start}")
    folder.add(corpus_of([], encoder), "the end")

    again = CorpusFolder(tmp_path / "kept", ORIGIN)
    found = again.corpus()

    assert again.place == "the end"
    assert found is not None
    assert (list(found.row_ids), list(found.labels)) == (list(whole.row_ids), list(whole.labels))
    np.testing.assert_array_equal(found.vectors.joined, whole.vectors.joined)
    np.testing.assert_array_equal(
        found.vectors.counts.toarray()[:, :5000], whole.vectors.counts.toarray()[:, :5000]
    )


def test_of_a_ticket_that_came_twice_the_later_look_counts(
    encoder: TextEncoder, tmp_path: Path
) -> None:
    [row] = make_rows(1)
    folder = CorpusFolder(tmp_path / "kept", ORIGIN)
    folder.add(corpus_of([row], encoder), "1")
    folder.add(corpus_of([row | {"queue": "moved"}], encoder), "2")

    found = folder.corpus()

    assert found is not None
    assert [labels["queue"] for labels in found.labels] == ["moved"]


def test_no_text_is_kept_and_nobody_else_may_read(encoder: TextEncoder, tmp_path: Path) -> None:
    row = make_rows(1)[0] | {"subject": "Zebrafish", "body": "secret zebrafish matter"}
    CorpusFolder(tmp_path / "kept", ORIGIN).add(corpus_of([row], encoder), "1")

    files = list((tmp_path / "kept").iterdir())

    assert len(files) == 2
    assert not any(b"ebrafish" in file.read_bytes() for file in files)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


@pytest.mark.parametrize("change", [{"account": "other"}, {"span": "90d"}, {"encoder": "new"}])
def test_numbers_of_another_origin_are_thrown_away(
    encoder: TextEncoder, tmp_path: Path, change: dict[str, str]
) -> None:
    CorpusFolder(tmp_path / "kept", ORIGIN).add(corpus_of(make_rows(2), encoder), "1")

    assert CorpusFolder(tmp_path / "kept", ORIGIN | change).corpus() is None
    assert not (tmp_path / "kept").exists()


def test_an_unfinished_batch_does_not_count(encoder: TextEncoder, tmp_path: Path) -> None:
    folder = CorpusFolder(tmp_path / "kept", ORIGIN)
    folder.add(corpus_of(make_rows(2), encoder), "1")
    (tmp_path / "kept" / "000001.partial").write_bytes(b"half")

    assert CorpusFolder(tmp_path / "kept", ORIGIN).place == "1"


def test_numbers_give_the_bundle_that_their_texts_give(
    encoder: TextEncoder, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    rows = make_rows(120, seed=2)
    file = write_rows(tmp_path / "tickets.jsonl", rows)
    of_texts = train_from_tickets(
        file, tmp_path / "one", base=tiny_encoder_folder, targets=["queue"]
    )
    of_numbers = train_corpus(
        corpus_of(rows, encoder), tmp_path / "two", base=tiny_encoder_folder, targets=["queue"]
    )
    assert of_numbers.bundle_id == of_texts.bundle_id


def test_fields_with_too_little_are_left_out_with_a_word(
    encoder: TextEncoder, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    rows = make_rows(60, seed=3)
    corpus = corpus_of(rows, encoder)
    labels = [{**one, "seldom": "a" if row < 5 else "b"} for row, one in enumerate(corpus.labels)]
    few = [
        {name: label for name, label in one.items() if row < 10 or name != "seldom"}
        for row, one in enumerate(labels)
    ]
    report = train_corpus(
        Corpus(corpus.row_ids, few, corpus.vectors),
        tmp_path / "bundle",
        base=tiny_encoder_folder,
        settings=Settings(fewest=5),
    )
    assert [target.target for target in report.targets] == ["queue", "chance"]
    assert any(
        warning.startswith("target seldom: 10 usable tickets") for warning in report.warnings
    )


def test_tickets_without_labels_teach_nothing(
    encoder: TextEncoder, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    corpus = corpus_of(make_rows(30), encoder)
    with pytest.raises(NothingToLearnError):
        train_corpus(
            Corpus(corpus.row_ids, [{}] * 30, corpus.vectors),
            tmp_path / "bundle",
            base=tiny_encoder_folder,
        )
