"""Measures a finished bundle on a file of labelled tickets.

    python -m classifier_training.evaluate BUNDLE FILE

prints the figures as JSON: what the serving code answers, at the bundle's own thresholds.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier_training.data import Ticket, read_tickets
from classifier_training.errors import TrainingError
from classifier_training.metrics import measure
from classifier_training.report import EvaluationReport, Metrics, TargetEvaluation
from classifier_training.vectors import Progress
from ticket_classifier import BundleError, Classifier, Prediction, load

__all__ = ["evaluate", "evaluate_classifier", "main"]


def evaluate(bundle: Path, tickets: Path, progress: Progress | None = None) -> EvaluationReport:
    """Classify every ticket of a file and compare.

    Args:
        bundle: The bundle.
        tickets: JSON Lines or CSV; every column named as a target of the bundle is compared.
        progress: Called with stage, steps done, steps in all.

    Raises:
        BundleError: The bundle cannot be used.
        DataError: The file cannot be used.
    """
    return evaluate_classifier(load(bundle), read_tickets(tickets), progress)


def evaluate_classifier(
    classifier: Classifier, tickets: Sequence[Ticket], progress: Progress | None = None
) -> EvaluationReport:
    """As `evaluate`, for a loaded bundle and tickets in memory."""
    predictions = []
    for done, ticket in enumerate(tickets, start=1):
        predictions.append(classifier.classify(ticket.subject, ticket.body))
        if progress is not None and (done % 50 == 0 or done == len(tickets)):
            progress("classify", done, len(tickets))
    return EvaluationReport(
        bundle_id=classifier.bundle_id,
        tickets=len(tickets),
        in_scope=round(sum(prediction.in_scope for prediction in predictions) / len(tickets), 4),
        targets={
            name: _target(name, labels, tickets, predictions)
            for name, labels in classifier.targets.items()
            if any(name in ticket.labels for ticket in tickets)
        },
    )


def _target(
    name: str,
    labels: Sequence[str],
    tickets: Sequence[Ticket],
    predictions: Sequence[Prediction],
) -> TargetEvaluation:
    rows = [row for row, ticket in enumerate(tickets) if name in ticket.labels]
    truth = [tickets[row].labels[name] for row in rows]
    # A label the bundle lacks gets a column of zeros: whatever was answered is wrong.
    names = [*labels, *sorted(set(truth) - set(labels))]
    codes = np.array([names.index(label) for label in truth], dtype=np.intp)
    probabilities = np.zeros((len(rows), len(names)))
    answered = np.zeros(len(rows), dtype=bool)
    for index, row in enumerate(rows):
        answer = predictions[row].targets[name]
        probabilities[index, : len(labels)] = [answer.probabilities[label] for label in labels]
        answered[index] = not answer.abstained
    predicted = probabilities.argmax(axis=1)
    pairs = Counter(zip(truth, (names[code] for code in predicted), strict=True))
    languages = np.array([tickets[row].labels.get("language", "") for row in rows])
    return TargetEvaluation(
        metrics=measure(probabilities, codes, answered),
        by_language=_by_language(languages, probabilities, codes, answered),
        confusion={
            label: {other: pairs[label, other] for other in names if pairs[label, other]}
            for label in names
            if label in truth
        },
    )


def _by_language(
    languages: NDArray[np.str_],
    probabilities: NDArray[np.float64],
    codes: NDArray[np.intp],
    answered: NDArray[np.bool_],
) -> dict[str, Metrics]:
    return {
        str(language): measure(probabilities[rows], codes[rows], answered[rows])
        for language in np.unique(languages)
        if language and (rows := languages == language).any()
    }


def main(arguments: Sequence[str]) -> int:
    """Print the figures of a bundle on a file; return the exit code."""
    if len(arguments) != 2:
        print("usage: python -m classifier_training.evaluate BUNDLE FILE", file=sys.stderr)
        return 2
    try:
        report = evaluate(Path(arguments[0]), Path(arguments[1]))
    except (BundleError, OSError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.model_dump_json(indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
