"""From scores to probabilities: the learned blend, its calibration, and the thresholds.

    logits = sum over parts of scale[part] * scores[part] + offset[label]

Scales (not negative) and offsets minimise the log loss of held-out rows, the offsets held near
zero by a unit normal prior: temperature and vector scaling (Guo et al. 2017) and blending in one
convex fit. A single part is the blend with the other scales at zero, so the blend's held-out log
loss cannot be worse; where its accuracy is, the blend leans towards the better part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from classifier_training.ridge import Part

__all__ = [
    "ALWAYS_ABSTAIN",
    "Blend",
    "choose_blend",
    "fit_blend",
    "fixed_blend",
    "log_loss",
    "spread",
    "threshold_for",
]

type Floats = NDArray[np.float64]
type Labels = NDArray[np.intp]

ALWAYS_ABSTAIN = 1.01
"""A threshold no probability reaches."""

_FIRST_SCALE = 5.0
_LARGEST_SCALE = 200.0
_FEWEST_ANSWERS = 20
_OFFSETS_HELD = 10.0
"""How many rows' worth of evidence holds the offsets near zero: a dozen of them are too much for a
few hundred rows. Among folds of our 381 the log loss of the queue was .283 with 1, .276 with 10."""
_LEANINGS = np.linspace(0.0, 1.0, 11)
"""From the blend of least log loss to the most accurate part alone."""


@dataclass(frozen=True, slots=True)
class Blend:
    """How the parts' scores become logits.

    Attributes:
        scales: Factor by part; a part left out is not used.
        offsets: Added per label, [labels].
    """

    scales: Mapping[Part, float]
    offsets: Floats

    def probabilities(self, scores: Mapping[Part, NDArray[np.float32]]) -> Floats:
        """Calibrated probabilities, [rows, labels]."""
        result: Floats = np.exp(log_softmax(self._logits(scores), axis=1))
        return result

    def times(self, factor: float) -> Blend:
        """All logits multiplied."""
        scales = {part: factor * scale for part, scale in self.scales.items()}
        return Blend(scales, factor * self.offsets)

    def _logits(self, scores: Mapping[Part, NDArray[np.float32]]) -> Floats:
        weighted = [scale * scores[part].astype(np.float64) for part, scale in self.scales.items()]
        result: Floats = np.sum(weighted, axis=0) + self.offsets
        return result


def fit_blend(scores: Mapping[Part, NDArray[np.float32]], labels: Labels) -> Blend:
    """The blend of least log loss on held-out rows.

    Args:
        scores: Held-out scores by part, each [rows, labels].
        labels: True label numbers, [rows].
    """
    parts = list(scores)
    stacked = np.stack([scores[part].astype(np.float64) for part in parts])
    count, rows, width = stacked.shape
    truth = np.eye(width)[labels]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        scales, offsets = parameters[:count], parameters[count:]
        logs = log_softmax(np.tensordot(scales, stacked, axes=1) + offsets, axis=1)
        value = -(truth * logs).sum() / rows + 0.5 * _OFFSETS_HELD * (offsets @ offsets) / rows
        error = (np.exp(logs) - truth) / rows
        slope = np.concatenate(
            [
                np.einsum("prl,rl->p", stacked, error),
                error.sum(axis=0) + _OFFSETS_HELD * offsets / rows,
            ]
        )
        return float(value), slope

    start = np.concatenate([np.full(count, _FIRST_SCALE / count), np.zeros(width)])
    bounds = [(0.0, _LARGEST_SCALE)] * count + [(-20.0, 20.0)] * width
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Blend(
        scales=dict(zip(parts, found[:count].tolist(), strict=True)), offsets=found[count:]
    )


def choose_blend(scores: Mapping[Part, NDArray[np.float32]], labels: Labels) -> Blend:
    """The blend of least log loss that is no less accurate than any part alone.

    It leans towards the most accurate part no further than needed: with a few hundred held-out
    rows that part is often ahead by luck, and the others still help on new tickets.
    """
    whole = fit_blend(scores, labels)
    singles = [fit_blend({part: scores[part]}, labels) for part in scores]
    best = max(singles, key=lambda blend: _accuracy(blend, scores, labels))
    wanted = _accuracy(best, scores, labels)
    leaning = (_between(whole, best, float(share)) for share in _LEANINGS)
    return next((blend for blend in leaning if _accuracy(blend, scores, labels) >= wanted), best)


def fixed_blend(
    scores: Mapping[Part, NDArray[np.float32]], labels: Labels, shares: Mapping[Part, float]
) -> Blend:
    """The parts in given `shares`, at the temperature of least log loss, without offsets.

    Args:
        scores: Held-out scores by part, each [rows, labels].
        labels: True label numbers, [rows].
        shares: How much each part counts, its scores brought to unit spread over the labels.
    """
    scales = {part: shares[part] / spread(scores[part]) for part in scores}
    level = Blend(scales, np.zeros(next(iter(scores.values())).shape[1]))

    def loss(warmth: float) -> float:
        return float(log_loss(level.times(warmth).probabilities(scores), labels).mean())

    return level.times(float(minimize_scalar(loss, bounds=(0, _LARGEST_SCALE)).x))


def spread(scores: NDArray[np.float32]) -> float:
    """The mean standard deviation of a row's scores, not below 1e-6."""
    return max(float(scores.std(axis=1).mean()), 1e-6)


def _between(one: Blend, other: Blend, share: float) -> Blend:
    """`one` for a share of 0, `other` for 1."""
    scales = {
        part: (1 - share) * scale + share * other.scales.get(part, 0.0)
        for part, scale in one.scales.items()
    }
    return Blend(scales, (1 - share) * one.offsets + share * other.offsets)


def _accuracy(blend: Blend, scores: Mapping[Part, NDArray[np.float32]], labels: Labels) -> float:
    return float(np.mean(blend.probabilities(scores).argmax(axis=1) == labels))


def log_loss(probabilities: Floats, labels: Labels) -> Floats:
    """Minus the log of the true label's probability, [rows]."""
    likely = probabilities[np.arange(len(labels)), labels]
    result: Floats = -np.log(np.maximum(likely, 1e-12))
    return result


def threshold_for(probabilities: Floats, labels: Labels, precision: float) -> float:
    """The lowest probability above which answers can be expected to be right often enough.

    The lowest of many thresholds that reach a precision on some rows owes a part of it to luck, so
    the precision must be reached by the lower end of its interval of one standard error (Wilson
    1927), not by the share of right ones itself.

    Args:
        probabilities: Held-out probabilities, [rows, labels].
        labels: True label numbers, [rows].
        precision: Wanted share of right ones among the answers given.

    Returns:
        A threshold that most answers reach with that precision; `ALWAYS_ABSTAIN` if none does
        with at least 20 answers (or a tenth of the rows, if these are fewer).
    """
    top = probabilities.max(axis=1)
    order = np.argsort(-top, kind="stable")
    right = probabilities.argmax(axis=1)[order] == labels[order]
    precise = _lower_end(np.cumsum(right), np.arange(1, len(right) + 1)) >= precision
    fewest = min(_FEWEST_ANSWERS, max(5, len(labels) // 10))
    enough = np.flatnonzero(precise)
    if not len(enough) or enough[-1] + 1 < fewest:
        return ALWAYS_ABSTAIN
    last = int(enough[-1])
    lowest = float(top[order[last]])
    following = float(top[order[last + 1]]) if last + 1 < len(order) else 0.0
    return (lowest + following) / 2


def _lower_end(right: NDArray[np.intp], answers: NDArray[np.intp]) -> Floats:
    """Wilson's interval of one standard error around `right / answers`: its lower end."""
    share = right / answers
    error = np.sqrt(share * (1 - share) / answers + 1 / (4 * answers**2))
    lower: Floats = (share + 1 / (2 * answers) - error) / (1 + 1 / answers)
    return lower
