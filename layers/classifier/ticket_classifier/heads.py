"""Heads: one linear map per target over sparse features and embedding, already calibrated.

Training folds the learned blend, temperature and per-label offsets into the weights, so that here

    probabilities = softmax(sparse @ W_sparse + dense @ W_dense + bias)

is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ticket_classifier.features import SparseVector

__all__ = ["Head", "HeadGroup", "softmax"]

type Floats = NDArray[np.float32]
type Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Head:
    """The weights of one target.

    Attributes:
        labels: Label names, in the order of the columns.
        sparse: float16 [features, labels].
        dense: float32 [JOINED_DIMENSIONS, labels].
        bias: float32 [labels].
        threshold: Probability below which the head abstains; above 1 it always does.
    """

    labels: tuple[str, ...]
    sparse: Halves
    dense: Floats
    bias: Floats
    threshold: float


class HeadGroup:
    """Heads that share a feature space, evaluated in one go."""

    def __init__(self, heads: dict[str, Head]) -> None:
        self._names = tuple(heads)
        ends = np.cumsum([len(head.labels) for head in heads.values()])
        self._splits = ends[:-1]
        # One array for all targets: a ticket's features are gathered once.
        self._sparse = np.concatenate([head.sparse for head in heads.values()], axis=1)
        self._dense = np.concatenate([head.dense for head in heads.values()], axis=1)
        self._bias = np.concatenate([head.bias for head in heads.values()])

    def probabilities(self, sparse: SparseVector, dense: Floats) -> dict[str, Floats]:
        """Calibrated probabilities of every target's labels for one ticket."""
        logits: Floats = self._bias + dense @ self._dense
        if len(sparse.rows):
            logits = logits + sparse.values @ self._sparse[sparse.rows].astype(np.float32)
        parts = np.split(logits, self._splits)
        return {name: softmax(part) for name, part in zip(self._names, parts, strict=True)}


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis, safe against overflow."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
