"""Multinomial logistic regression, on embeddings or on n-grams.

Ridge regression on one-hot labels is as good and far faster for a handful of labels; but least
squares does not hold many labels apart (77 banking intents, embeddings .86 against .92, n-grams
.86 against .91).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["fit_logistic", "logistic_fold_scores"]

type Floats = NDArray[np.float32]
type Features = Floats | sp.csr_matrix
type Rows = NDArray[np.intp]

_MOST_ITERATIONS = 150
_MOST_ITERATIONS_SPARSE = 40
_REMEMBERED_STEPS = 5


def fit_logistic(
    features: Features,
    truth: Floats,
    penalty: float,
    row_weights: Floats | None = None,
    *,
    most: int | None = None,
) -> tuple[Floats, Floats]:
    """Minimise the summed log loss plus ``penalty / 2`` times the squared weights.

    Args:
        features: Rows of unit length, dense or CSR, [rows, dimensions].
        truth: One-hot labels, [rows, labels].
        penalty: L2 penalty on the weights, not on the bias.
        row_weights: How much each row counts, [rows]; 1 by default.
        most: Iterations at most; by default as many as it takes, 150 (on n-grams 40).

    Returns:
        Weights [dimensions, labels] and bias [labels].
    """
    rows, dimensions = features.shape
    transposed = features.T
    labels = truth.shape[1]
    counts = np.ones(rows, np.float32) if row_weights is None else row_weights
    weighted_truth = truth * counts[:, None]
    total = float(counts.sum())

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        matrix = parameters.astype(np.float32).reshape(dimensions + 1, labels)
        weights, bias = matrix[:-1], matrix[-1]
        logits = features @ weights + bias
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        sums = odds.sum(axis=1, keepdims=True)
        value = counts @ np.log(sums[:, 0]) - np.vdot(weighted_truth, logits)
        error = odds * (counts[:, None] / sums) - weighted_truth
        slope = np.concatenate([transposed @ error + penalty * weights, error.sum(axis=0)[None]])
        value += 0.5 * penalty * np.vdot(weights, weights)
        return float(value) / total, slope.ravel().astype(np.float64) / total

    start = np.zeros((dimensions + 1) * labels)
    most = most or (_MOST_ITERATIONS_SPARSE if sp.issparse(features) else _MOST_ITERATIONS)
    options = {"maxiter": most, "maxcor": _REMEMBERED_STEPS, "ftol": 1e-7, "gtol": 1e-6}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    matrix = found.astype(np.float32).reshape(dimensions + 1, labels)
    return matrix[:-1], matrix[-1]


def logistic_fold_scores(
    features: Features,
    truth: Floats,
    penalty: float,
    splits: Sequence[tuple[Rows, Rows]],
    *,
    most: int | None = None,
) -> Floats:
    """Logits of held-out rows, each by a fit that has not seen them; other rows stay zero."""
    scores = np.zeros_like(truth)
    for fit, held in splits:
        weights, bias = fit_logistic(features[fit], truth[fit], penalty, most=most)
        scores[held] = features[held] @ weights + bias
    return scores
