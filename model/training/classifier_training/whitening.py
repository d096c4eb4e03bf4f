"""A metric that looks away from what sets tickets of one label apart.

Tickets of one label differ in length, tone, language and product. Directions in which they differ
much say little of the label, so they count less: within-class covariance normalisation (Hatch et
al. 2006), half the way and held towards the identity, since a few examples say little of 384
directions. With five examples a label (the mean of two draws), logistic regression on embeddings
went from .60 to .63 for 42 labels of German tickets and from .765 to .769 for 77 labels of
questions to a bank, prototypes from .53 to .64 and from .74 to .76.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["within_label_whitening"]

type Floats = NDArray[np.float32]

_POWER = 0.5
"""Of the variances: 1 would make all directions equal."""
_HOLD = 0.5
"""Variance that every direction is held to have besides its own, as a share of their mean."""


def within_label_whitening(dense: Floats, truth: Floats) -> Floats:
    """The matrix that, applied to embeddings, makes tickets of one label more alike.

    Args:
        dense: Embeddings of tickets, rows of unit length, [tickets, dimensions].
        truth: Their one-hot labels, [tickets, labels].

    Returns:
        Symmetric, [dimensions, dimensions], scaled so that the given rows keep their mean squared
        length; the identity where no label has two different tickets.
    """
    means = (truth.T @ dense) / np.maximum(truth.sum(axis=0), 1.0)[:, None]
    apart = (dense - truth @ means).astype(np.float64)
    variances, directions = np.linalg.eigh(apart.T @ apart / max(1, len(apart)))
    mean = variances.mean()
    if mean < 1e-9:
        return np.eye(dense.shape[1], dtype=np.float32)
    weights = (np.maximum(variances, 0.0) + _HOLD * mean) ** (-_POWER / 2)
    matrix = (directions * weights) @ directions.T
    length = np.sqrt(np.mean(np.square(dense @ matrix).sum(axis=1)))
    return np.asarray(matrix / length, dtype=np.float32)
