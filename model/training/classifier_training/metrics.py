"""Figures of a set of predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier_training.report import Metrics

__all__ = ["calibration_error", "macro_f1", "measure"]

_BINS = 15

type Floats = NDArray[np.float64]
type Labels = NDArray[np.intp]


def measure(probabilities: Floats, labels: Labels, answered: NDArray[np.bool_]) -> Metrics:
    """Accuracy, macro-F1, calibration error, log loss, coverage and precision.

    Args:
        probabilities: [rows, labels].
        labels: True label numbers, [rows].
        answered: True where the classifier did not abstain, [rows].
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    likely = probabilities[np.arange(len(labels)), labels]
    return Metrics(
        rows=len(labels),
        accuracy=_rounded(right.mean()),
        macro_f1=_rounded(macro_f1(predicted, labels)),
        calibration_error=_rounded(calibration_error(probabilities.max(axis=1), right)),
        log_loss=_rounded(-np.log(np.maximum(likely, 1e-12)).mean()),
        majority=_rounded(np.bincount(labels).max() / len(labels)),
        coverage=_rounded(answered.mean()),
        precision=_rounded(right[answered].mean()) if answered.any() else None,
    )


def _rounded(value: np.floating | float) -> float:
    return round(float(value), 4)


def macro_f1(predicted: Labels, labels: Labels) -> float:
    """Mean over the labels that occur (as truth or prediction) of 2 TP / (2 TP + FP + FN)."""
    width = int(max(predicted.max(), labels.max())) + 1
    hits = np.bincount(labels[predicted == labels], minlength=width)
    total = np.bincount(predicted, minlength=width) + np.bincount(labels, minlength=width)
    seen = total > 0
    return float(np.mean(2 * hits[seen] / total[seen]))


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error of the top label over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
