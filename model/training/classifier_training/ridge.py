"""Kernel ridge regression on one-hot labels: one factorisation serves every target and label.

With the kernel K of the rows and centred one-hot labels Y, the dual weights are
``(K + penalty * I)^-1 Y`` (Saunders et al. 1998), and scores are linear in the features, so the
primal weights fold into a head. On our tickets and on two public sets it was as accurate as
multinomial logistic regression on the same features or better (own queue .775 against .772,
42 German queues .931 against .910), in a fiftieth of the time; the scores become probabilities in
`blend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

__all__ = ["Kernel", "Part", "Recipe", "fold_scores", "grid", "primal_weights"]

type Floats = NDArray[np.float32]
type Rows = NDArray[np.intp]

type Part = str
"""Which features a recipe uses: "sparse", "dense" or "joint"."""

_DENSE_WEIGHTS = (0.25, 1.0)
_SPARSE_PENALTIES = (0.03, 0.1, 0.3, 1.0, 2.0)
_DENSE_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)
_JOINT_PENALTIES = (0.03, 0.1, 0.3, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to fit: how much sparse and dense similarity count, and the penalty.

    Attributes:
        part: "sparse", "dense" or "joint".
        sparse: Weight of the sparse kernel, 0 or 1.
        dense: Weight of the dense kernel.
        penalty: Ridge penalty on the diagonal.
    """

    part: Part
    sparse: float
    dense: float
    penalty: float


def grid() -> list[Recipe]:
    """Every recipe that selection tries."""
    return [
        *(Recipe("sparse", 1.0, 0.0, penalty) for penalty in _SPARSE_PENALTIES),
        *(Recipe("dense", 0.0, 1.0, penalty) for penalty in _DENSE_PENALTIES),
        *(
            Recipe("joint", 1.0, weight, penalty)
            for weight in _DENSE_WEIGHTS
            for penalty in _JOINT_PENALTIES
        ),
    ]


class Kernel:
    """Similarities between all rows, computed once: cosine of the sparse and dense features.

    Needs 8 bytes a pair of rows (800 MB for 10,000).
    """

    def __init__(self, sparse: sp.csr_matrix, dense: Floats, doubt: Floats | None = None) -> None:
        """Compute all similarities.

        Args:
            sparse: Rows of unit length, CSR [rows, features].
            dense: Rows of unit length, [rows, 2 * DIMENSIONS].
            doubt: Factor on the penalty of each row; below 1 for rows that are worth more.
        """
        self._doubt = doubt if doubt is not None else np.ones(len(dense), dtype=np.float32)
        self._sparse = (sparse @ sparse.T).toarray().astype(np.float32, copy=False)
        self._dense: Floats = dense @ dense.T

    def block(self, recipe: Recipe, rows: Rows, columns: Rows) -> Floats:
        """The recipe's kernel between two sets of rows, float32 [rows, columns]."""
        cells = np.ix_(rows, columns)
        if not recipe.dense:
            only: Floats = self._sparse[cells]
            return only
        block: Floats = self._dense[cells]
        block *= np.float32(recipe.dense)
        if recipe.sparse:
            block += self._sparse[cells]
        return block

    def dual_weights(self, recipe: Recipe, rows: Rows, targets: Floats) -> tuple[Floats, Floats]:
        """Fit on some rows.

        Args:
            recipe: How to fit.
            rows: The rows to fit on.
            targets: One-hot labels of all rows, [all rows, labels].

        Returns:
            Dual weights [rows, labels] and the labels' mean [labels].
        """
        kernel = self.block(recipe, rows, rows)
        kernel[np.diag_indices_from(kernel)] += np.float32(recipe.penalty) * self._doubt[rows]
        mean = targets[rows].mean(axis=0)
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        dual = cho_solve(factor, targets[rows] - mean, check_finite=False)
        return dual.astype(np.float32), mean


def fold_scores(
    kernel: Kernel,
    recipes: Iterable[Recipe],
    splits: Sequence[tuple[Rows, Rows]],
    targets: Floats,
) -> dict[Recipe, Floats]:
    """Scores of held-out rows, each by a fit that has not seen them.

    Args:
        kernel: Similarities.
        recipes: What to fit.
        splits: Pairs of rows to fit on and rows to score.
        targets: One-hot labels, [all rows, labels].

    Returns:
        Scores by recipe, [all rows, labels]; rows that no split holds out stay zero.
    """
    scores = {recipe: np.zeros_like(targets) for recipe in recipes}
    for recipe, held_scores in scores.items():
        for fit, held in splits:
            dual, mean = kernel.dual_weights(recipe, fit, targets)
            held_scores[held] = kernel.block(recipe, held, fit) @ dual + mean
    return scores


def primal_weights(
    recipe: Recipe, dual: Floats, sparse: sp.csr_matrix, dense: Floats
) -> tuple[Floats, Floats]:
    """Dual weights as weights of the sparse and of the dense features, each [features, labels]."""
    sparse_weights = np.float32(recipe.sparse) * np.asarray(sparse.T @ dual)
    dense_weights = np.float32(recipe.dense) * (dense.T @ dual)
    return sparse_weights.astype(np.float32), dense_weights.astype(np.float32)
