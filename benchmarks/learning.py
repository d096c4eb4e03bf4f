"""Measures `train` on public sets against the usual baselines, on the same rows and folds.

    python -m benchmarks.learning DATA [--only NAME,...] [--rows N] [--cache FOLDER] [--output FILE]

DATA holds the sets, each of which is skipped where it is missing:

    banking77/train.csv, banking77/test.csv       PolyAI, CC BY 4.0; its own split
    german-nc/de10.jsonl, german-nc/de50.jsonl    Tobi-Bueck, CC BY-NC 4.0: to measure on, no more
    it-service/tickets.jsonl                      Endava, CC0

Nothing of them enters the project: what is trained is measured and thrown away. The encoder is the
shipped one and stays as it is; texts are embedded once and remembered in `--cache`. Sets without a
split of their own are split into five folds by groups of near-duplicates.

The second part learns from names of labels alone, then with 5 and 20 examples each, the examples
drawn by three seeds. "Inductive" sees nothing but the labels file; "with unlabelled" also reads
the training part's texts, without their labels. The test part is never read before it is scored.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from classifier_training import Settings, train_from_labels, train_from_tickets
from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.vectors import TextEncoder, dense_matrix, sparse_matrix
from ticket_classifier import clean
from ticket_classifier.bundle import ENCODER_FILE, TOKENIZER_FILE, read_bundle
from ticket_classifier.encoder import DIMENSIONS

type Codes = NDArray[np.intp]
type Hits = NDArray[np.bool_]

FOLDS = 5
SHOTS = (5, 20)
SEEDS = (0, 1, 2)
GOALS = {"banking77": (0.62, 0.80, 0.89), "de50": (0.45, 0.66, 0.82)}
RESAMPLED = 5_000


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A set of labelled texts.

    Attributes:
        name: What reports call it.
        texts: Subject and body of each row.
        labels: Label of each row, by target.
        test: Rows of its own test part; None where it has none.
    """

    name: str
    texts: Sequence[tuple[str, str]]
    labels: Mapping[str, Sequence[str]]
    test: Hits | None = None

    def __len__(self) -> int:
        return len(self.texts)


def read_sets(data: Path, only: Sequence[str] | None, rows: int) -> Iterator[PublicSet]:
    """Yield the sets that are there, the largest cut to `rows`, drawn by a fixed seed."""
    readers: Mapping[str, Callable[[], PublicSet]] = {
        "banking77": lambda: _banking77(data / "banking77"),
        "de10": lambda: _json_lines("de10", data / "german-nc" / "de10.jsonl"),
        "de50": lambda: _json_lines("de50", data / "german-nc" / "de50.jsonl"),
        "it-service": lambda: _json_lines("it-service", data / "it-service" / "tickets.jsonl"),
    }
    for name, read in readers.items():
        if only and name not in only:
            continue
        try:
            found = read()
        except FileNotFoundError as error:
            show(f"{name}: {error.filename} is not there, left out")
            continue
        yield found if found.test is not None else _drawn(found, rows)


def _banking77(folder: Path) -> PublicSet:
    parts = []
    for part in ("train", "test"):
        with (folder / f"{part}.csv").open(encoding="utf-8", newline="") as stream:
            parts.append([(row["text"], row["category"]) for row in csv.DictReader(stream)])
    rows = [row for part in parts for row in part]
    test = np.arange(len(rows)) >= len(parts[0])
    return PublicSet(
        "banking77",
        [("", text) for text, _ in rows],
        {"intent": [label for _, label in rows]},
        test,
    )


def _json_lines(name: str, file: Path) -> PublicSet:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    targets = [key for key in rows[0] if key not in {"subject", "body"}]
    return PublicSet(
        name,
        [(row.get("subject") or "", row.get("body") or "") for row in rows],
        {target: [str(row[target]) for row in rows] for target in targets},
    )


def _drawn(whole: PublicSet, rows: int) -> PublicSet:
    if len(whole) <= rows:
        return whole
    kept = np.sort(np.random.default_rng(0).permutation(len(whole))[:rows])
    return PublicSet(
        whole.name,
        [whole.texts[row] for row in kept],
        {name: [column[row] for row in kept] for name, column in whole.labels.items()},
    )


class RememberingEncoder(TextEncoder):
    """A `TextEncoder` that also remembers embeddings from run to run."""

    def __init__(self, bundle: Path, cache: Path | None, *, threads: int) -> None:
        """Start the encoder and read what it embedded before, with these very weights."""
        super().__init__(bundle, threads=threads)
        files = b"".join(self.files[name] for name in (ENCODER_FILE, TOKENIZER_FILE))
        self._file = cache / f"{hashlib.sha256(files).hexdigest()[:16]}.npz" if cache else None
        self._rows: dict[str, NDArray[np.float32]] = {}
        self._embedded = 0
        if self._file and self._file.exists():
            with np.load(self._file, allow_pickle=False) as archive:
                self._rows = dict(zip(archive["keys"].tolist(), archive["rows"], strict=True))

    def embed(self, text: str) -> NDArray[np.float32]:
        """Joined embedding of a cleaned text."""
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        if key not in self._rows:
            self._rows[key] = super().embed(text)
            self._embedded += 1
        return self._rows[key]

    def save(self) -> None:
        """Keep the embeddings for the next run."""
        if self._file and self._embedded:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self._file, keys=np.array(list(self._rows)), rows=list(self._rows.values()))


# --- train --tickets ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Learner:
    """A way to learn, and what it got right of the rows it was tested on."""

    right: Hits
    seconds: float

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())


def tickets_results(
    public: PublicSet, encoder: RememberingEncoder, bundle: Path
) -> list[dict[str, Any]]:
    """`train --tickets` and both baselines on every target of a set."""
    splits = _splits(public, encoder)
    results = []
    for target, column in public.labels.items():
        names = sorted(set(column))
        codes = np.array([names.index(label) for label in column])
        learners = {
            "train": _over_folds(_product(public, target, names, encoder, bundle), codes, splits),
            "tfidf": _over_folds(_tfidf(public, codes), codes, splits),
            "frozen": _over_folds(_frozen(public, codes, encoder), codes, splits),
        }
        results.append(_compared(public, target, names, splits, learners))
        show(tickets_row(results[-1]))
    return results


def _splits(public: PublicSet, encoder: TextEncoder) -> list[tuple[Codes, Codes]]:
    rows = np.arange(len(public))
    if public.test is not None:
        return [(rows[~public.test], rows[public.test])]
    groups = near_duplicate_groups(encoder.vectors(public.texts).counts)
    folds = fold_numbers(groups, FOLDS)
    return [(rows[folds != fold], rows[folds == fold]) for fold in range(FOLDS)]


type Predict = Callable[[Codes, Codes], Codes]
"""Learns from the first rows, answers for the second."""


def _over_folds(predict: Predict, codes: Codes, splits: Sequence[tuple[Codes, Codes]]) -> Learner:
    right, seconds = np.zeros(len(codes), dtype=np.bool_), 0.0
    for fit, test in splits:
        started = time.perf_counter()
        predicted = predict(fit, test)
        seconds += time.perf_counter() - started
        right[test] = predicted == codes[test]
    tested = np.concatenate([test for _, test in splits])
    return Learner(right[np.sort(tested)], seconds / len(splits))


def _product(
    public: PublicSet, target: str, names: Sequence[str], encoder: TextEncoder, bundle: Path
) -> Predict:
    def predict(fit: Codes, test: Codes) -> Codes:
        with tempfile.TemporaryDirectory() as scratch:
            file, output = Path(scratch) / "tickets.jsonl", Path(scratch) / "bundle"
            with file.open("w", encoding="utf-8") as stream:
                for row in fit:
                    subject, body = public.texts[row]
                    entry = {"subject": subject, "body": body, target: public.labels[target][row]}
                    stream.write(json.dumps(entry) + "\n")
            train_from_tickets(
                file,
                output,
                base=bundle,
                targets=[target],
                settings=Settings(inherit=False),
                encoder=encoder,
            )
            return answers(output, target, names, [public.texts[row] for row in test], encoder)

    return predict


def answers(
    bundle: Path,
    target: str,
    names: Sequence[str],
    texts: Sequence[tuple[str, str]],
    encoder: TextEncoder,
) -> Codes:
    """What a bundle answers for texts, as numbers of `names`; -1 for a label not among them.

    Computed as serving does, but for all texts at once.
    """
    files = read_bundle(bundle)
    head, space = files.heads[target], files.spaces[files.manifest.targets[target].space]
    vectors = encoder.vectors(texts)
    logits = dense_matrix(space, vectors) @ head.dense + head.bias
    logits += sparse_matrix(space, vectors) @ head.sparse.astype(np.float32)
    numbers = np.array([names.index(label) if label in names else -1 for label in head.labels])
    return np.asarray(numbers[softmax(logits, axis=1).argmax(axis=1)], dtype=np.intp)


def _tfidf(public: PublicSet, codes: Codes) -> Predict:
    texts = [clean(*text) for text in public.texts]

    def predict(fit: Codes, test: Codes) -> Codes:
        union = make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True),
        )
        before = union.fit_transform([texts[row] for row in fit])
        model = LogisticRegression(C=10, max_iter=300).fit(before, codes[fit])
        return np.asarray(model.predict(union.transform([texts[row] for row in test])))

    return predict


def _frozen(public: PublicSet, codes: Codes, encoder: TextEncoder) -> Predict:
    joined = encoder.vectors(public.texts).joined
    general = joined[:, :DIMENSIONS]

    def predict(fit: Codes, test: Codes) -> Codes:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        return np.asarray(model.fit(general[fit], codes[fit]).predict(general[test]))

    return predict


def _compared(
    public: PublicSet,
    target: str,
    names: Sequence[str],
    splits: Sequence[tuple[Codes, Codes]],
    learners: Mapping[str, Learner],
) -> dict[str, Any]:
    better = max(("tfidf", "frozen"), key=lambda name: learners[name].accuracy)
    own, other = learners["train"], learners[better]
    low, high = paired_interval(own.right, other.right)
    return {
        "set": public.name,
        "target": target,
        "labels": len(names),
        "rows": len(public),
        "fitted_on": round(float(np.mean([len(fit) for fit, _ in splits]))),
        "tested_on": len(own.right),
        "better_baseline": better,
        **{
            name: {"accuracy": round(one.accuracy, 4), "seconds": round(one.seconds, 1)}
            for name, one in learners.items()
        },
        "gain": round(own.accuracy - other.accuracy, 4),
        "interval": [round(low, 4), round(high, 4)],
        "fewer_errors": round(1 - (1 - own.accuracy) / max(1e-9, 1 - other.accuracy), 4),
        "worse": high < 0,
    }


def paired_interval(own: Hits, other: Hits) -> tuple[float, float]:
    """95 % interval of the difference in accuracy, by bootstrap over the rows both answered."""
    difference = own.astype(np.int8) - other.astype(np.int8)
    counts = np.array([np.sum(difference == value) for value in (-1, 0, 1)])
    # Resampling rows with replacement draws how many of them went each way.
    drawn = np.random.default_rng(0).multinomial(
        len(difference), counts / len(difference), RESAMPLED
    )
    gains = (drawn[:, 2] - drawn[:, 0]) / len(difference)
    low, high = np.quantile(gains, [0.025, 0.975])
    return float(low), float(high)


# --- train --labels -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelsTask:
    """One target of a set, to be learnt from few examples; `fit` and `test` are row numbers."""

    public: PublicSet
    target: str
    fit: Codes
    test: Codes

    @property
    def names(self) -> list[str]:
        """The labels."""
        return sorted(set(self.public.labels[self.target]))

    def accuracy(
        self, encoder: TextEncoder, bundle: Path, *, shots: int, seed: int, unlabelled: bool
    ) -> float:
        """Learn from `shots` examples a label, drawn by `seed`, and score the test part."""
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            (scratch / "labels.yml").write_text(self._labels(shots, seed), encoding="utf-8")
            (scratch / "tickets.jsonl").write_text(self._texts(self.fit), encoding="utf-8")
            train_from_labels(
                scratch / "labels.yml",
                scratch / "bundle",
                base=bundle,
                unlabelled=scratch / "tickets.jsonl" if unlabelled else None,
                settings=Settings(inherit=False),
                encoder=encoder,
            )
            texts = [self.public.texts[row] for row in self.test]
            predicted = answers(scratch / "bundle", self.target, self.names, texts, encoder)
        column = self.public.labels[self.target]
        truth = [self.names.index(column[row]) for row in self.test]
        return float(np.mean(predicted == truth))

    def _labels(self, shots: int, seed: int) -> str:
        draw = np.random.default_rng(seed)
        column = np.array(self.public.labels[self.target])
        entries: dict[str, dict[str, Any]] = {}
        for name in self.names:
            rows = draw.permutation(self.fit[column[self.fit] == name])[:shots]
            entries[name] = {"examples": [self._text(row) for row in rows]} if shots else {}
        return yaml.safe_dump({"targets": {self.target: entries}}, sort_keys=False)

    def _texts(self, rows: Codes) -> str:
        return "".join(json.dumps(self._text(row)) + "\n" for row in rows)

    def _text(self, row: int) -> dict[str, str]:
        return dict(zip(("subject", "body"), self.public.texts[row], strict=True))


def labels_results(
    public: PublicSet, encoder: RememberingEncoder, bundle: Path
) -> list[dict[str, Any]]:
    """`train --labels` with names alone, then with examples, with and without other tickets."""
    task = LabelsTask(public, next(iter(public.labels)), *_splits(public, encoder)[0])
    results = []
    for shots, goal in zip((0, *SHOTS), GOALS[public.name], strict=True):
        found = {
            kind: np.mean(
                [
                    task.accuracy(encoder, bundle, shots=shots, seed=seed, unlabelled=unlabelled)
                    for seed in (SEEDS if shots else SEEDS[:1])
                ]
            )
            for kind, unlabelled in (("inductive", False), ("with_unlabelled", True))
        }
        rounded = {kind: round(float(accuracy), 4) for kind, accuracy in found.items()}
        results.append({"set": public.name, "examples": shots, "goal": goal, **rounded})
        show(labels_row(results[-1]))
    return results


# --- the report ---------------------------------------------------------------------------------


def tickets_row(result: Mapping[str, Any]) -> str:
    """One line of the table of `train --tickets`."""
    figures = " | ".join(
        f"{result[name]['accuracy']:.3f} | {result[name]['seconds']:.0f}"
        for name in ("train", "tfidf", "frozen")
    )
    low, high = result["interval"]
    return (
        f"| {result['set']} | {result['target']} | {result['labels']} | {result['fitted_on']} | "
        f"{figures} | {result['gain']:+.3f} ({low:+.3f} to {high:+.3f}) | "
        f"{result['fewer_errors']:+.0%} |"
    )


def labels_row(result: Mapping[str, Any]) -> str:
    """One line of the table of `train --labels`."""
    return (
        f"| {result['set']} | {result['examples']} | {result['inductive']:.3f} | "
        f"{result['with_unlabelled']:.3f} | {result['goal']:.2f} |"
    )


HEAD = """\
# Benchmark: labels of one's own

Made by `make bench-learning DATA=path` with the shipped encoder, which stays as it is; the sets
are public and no part of the project. {machine}

## `train --tickets`

Accuracy on rows not trained on, and seconds of one training without embedding. banking77 has a
test part of its own; the others are split into five folds by groups of near-duplicates. *Gain* is
over the better baseline, with the paired 95 % interval; *fewer errors* likewise.

| Set | Target | Labels | Rows | train | s | TF-IDF | s | frozen | s | Gain | Fewer errors |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
MIDDLE = """
Worse than the better baseline beyond chance: {worse}. At least 10 % fewer errors: {fewer} of
{targets} targets.

## `train --labels`

Accuracy on the test part (banking77: its own, de50: one fold in five). The names are the only
description; examples are drawn by three seeds. *With unlabelled* was also given the texts of the
training part by `--unlabelled`, without labels; the test part is in neither. *Goal* is what we
set ourselves before.

| Set | Examples a label | Inductive | With unlabelled | Goal |
|---|---|---|---|---|
"""


def markdown(report: Mapping[str, Any]) -> str:
    """Both tables, for docs/benchmarks-learning.md."""
    tickets, labels = report["tickets"], report["labels"]
    worse = [f"{one['set']} {one['target']}" for one in tickets if one["worse"]]
    head = HEAD.format(machine=report["machine"])
    middle = MIDDLE.format(
        worse=", ".join(worse) or "none",
        fewer=sum(one["fewer_errors"] >= 0.1 for one in tickets),
        targets=len(tickets),
    )
    rows = "".join(f"{tickets_row(one)}\n" for one in tickets)
    return head + rows + middle + "".join(f"{labels_row(one)}\n" for one in labels)


def show(line: str) -> None:
    """Print progress."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the report; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning")
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("model/bundle"))
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks-learning"))
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks-learning.json"))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks-learning.md"))
    given = parser.parse_args(arguments)
    encoder = RememberingEncoder(given.bundle, given.cache, threads=Settings().threads)
    tickets, labels = [], []
    for public in read_sets(given.data, given.only, given.rows):
        encoder.vectors(public.texts)
        encoder.save()
        tickets += tickets_results(public, encoder, given.bundle)
        if public.name in GOALS:
            labels += labels_results(public, encoder, given.bundle)
    encoder.save()
    report = {
        "machine": f"{Settings().threads} threads.",
        "tickets": tickets,
        "labels": labels,
    }
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    given.output.write_text(markdown(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
