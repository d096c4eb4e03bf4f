"""Kernel ridge regression on one-hot labels: one factorisation serves every target and label.

With the kernel K of the rows and centred one-hot labels Y, the dual weights are
``(K + penalty * I)^-1 Y`` (Saunders et al. 1998), and scores are linear in the features, so the
primal weights fold into a head. On our tickets the joint kernel was as accurate as two blended
logistic regressions (queue .775 against .772), in a fiftieth of their time; the scores become
probabilities in `blend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

__all__ = ["GUIDE_SHARE", "Kernel", "Part", "Recipe", "fold_scores", "grid", "primal_weights"]

type Floats = NDArray[np.float32]
type Rows = NDArray[np.intp]

type Part = str
"""Name of one kind of fit: "sparse", "dense", "joint", "words" or "prototype"."""

_BLOCK_ROWS = 1_000
GUIDE_SHARE = 0.5
"""How much more alike two tickets are for having been labelled by the same guide."""

_DENSE_WEIGHTS = (0.25, 1.0)
_SPARSE_PENALTIES = (0.03, 0.1, 0.3, 1.0, 2.0)
_DENSE_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_JOINT_PENALTIES = (0.03, 0.1, 0.3, 1.0, 2.0)
_WORDS_PENALTY = 0.03
_EMPHASES = (1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to fit.

    Attributes:
        part: "sparse" or "joint" for ridge regression, "dense" or "words" for `logistic` on
            embeddings or n-grams.
        dense: Weight of the dense kernel beside the sparse one; 0 for "sparse" and "words".
        penalty: On the diagonal of the kernel, or on the squared weights.
        emphasis: How much words and pairs of words count beside n-grams of characters; other
            than 1 for "words" only.
    """

    part: Part
    dense: float
    penalty: float
    emphasis: float = 1.0


def grid() -> list[Recipe]:
    """Every recipe that selection tries."""
    joint = [
        Recipe("joint", weight, penalty)
        for weight in _DENSE_WEIGHTS
        for penalty in _JOINT_PENALTIES
    ]
    return [
        *(Recipe("sparse", 0.0, penalty) for penalty in _SPARSE_PENALTIES),
        *(Recipe("dense", 1.0, penalty) for penalty in _DENSE_PENALTIES),
        *(Recipe("words", 0.0, _WORDS_PENALTY, emphasis) for emphasis in _EMPHASES),
        *joint,
    ]


class Kernel:
    """Similarities between rows: cosines of the sparse features, once, and of the dense ones.

    Keeps 4 bytes a pair of rows (400 MB for 10,000) and needs as much again to fit.

    Where tickets were labelled by two guides, every fit is a common one and one for each guide
    that corrects it (Evgeniou and Pontil 2004): tickets of the same guide are more alike. What is
    served are the common fit and the early guide's.
    """

    def __init__(
        self, sparse: sp.csr_matrix, dense: Floats, late: NDArray[np.bool_] | None = None
    ) -> None:
        """Compute all similarities.

        Args:
            sparse: Rows of unit length, CSR [rows, features].
            dense: Rows of unit length, [rows, JOINED_DIMENSIONS].
            late: True for rows labelled by the later guide; None where there is only one.
        """
        rows = sparse.shape[0]
        self._dense = dense
        self._late = late
        self._sparse: Floats = np.empty((rows, rows), dtype=np.float32)
        transposed = sparse.T.tocsc()
        for start in range(0, rows, _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            # In blocks, since the whole product as a sparse matrix would be twice as large.
            self._sparse[block] = (sparse[block] @ transposed).toarray()

    def block(self, recipe: Recipe, rows: Rows, columns: Rows) -> Floats:
        """The recipe's kernel between two sets of rows, float32 [rows, columns]."""
        block: Floats = self._sparse[np.ix_(rows, columns)]
        if recipe.dense:
            weighted = np.float32(recipe.dense) * self._dense[rows]
            transposed = self._dense[columns].T
            # In blocks too: the whole product beside the kernel would double the memory.
            for start in range(0, len(rows), _BLOCK_ROWS):
                part = slice(start, start + _BLOCK_ROWS)
                block[part] += weighted[part] @ transposed
        if self._late is not None:
            for row, late in zip(block, self._late[rows], strict=True):
                row[self._late[columns] == late] *= np.float32(1 + GUIDE_SHARE)
        return block

    def served(self, dual: Floats, rows: Rows) -> Floats:
        """Dual weights of a fit on `rows` as they count for a ticket of the early guide."""
        if self._late is None:
            return dual
        shares = np.where(self._late[rows], 1.0, 1.0 + GUIDE_SHARE)
        return dual * shares[:, None].astype(np.float32)

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
        kernel[np.diag_indices_from(kernel)] += np.float32(recipe.penalty)
        mean = targets[rows].mean(axis=0)
        return solved(kernel, targets[rows] - mean), mean


def solved(matrix: Floats, right: Floats, *, block: int = _BLOCK_ROWS) -> Floats:
    """Solve ``matrix @ x = right`` by Cholesky factorisation in blocks of rows.

    In blocks, since OpenBLAS's own writes past its buffer from 26,215 rows of float32 on when it
    runs in two threads, and ends the process.

    Args:
        matrix: Symmetric and positive definite, [rows, rows]; overwritten.
        right: [rows, columns].
        block: Rows of a block.

    Returns:
        ``x``, float32 [rows, columns].

    Raises:
        numpy.linalg.LinAlgError: The matrix is not positive definite.
    """
    starts = range(0, len(matrix), block)
    for start in starts:
        own, below = slice(start, start + block), slice(start + block, None)
        left = matrix[own, :start]
        matrix[own, own] -= left @ left.T
        matrix[own, own] = cholesky(matrix[own, own], lower=True, check_finite=False)
        matrix[below, own] -= matrix[below, :start] @ left.T
        matrix[below, own] = _lower(matrix[own, own], matrix[below, own].T).T
    found = right.astype(np.float32)
    for start in starts:
        own = slice(start, start + block)
        found[own] = _lower(matrix[own, own], found[own] - matrix[own, :start] @ found[:start])
    for start in reversed(starts):
        own, below = slice(start, start + block), slice(start + block, None)
        rest = found[own] - matrix[below, own].T @ found[below]
        found[own] = _lower(matrix[own, own], rest, transposed=True)
    return found


def _lower(triangle: Floats, right: Floats, *, transposed: bool = False) -> Floats:
    solution: Floats = solve_triangular(
        triangle, right, lower=True, trans=int(transposed), check_finite=False
    )
    return solution


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
    sparse_weights = np.asarray(sparse.T @ dual)
    dense_weights = np.float32(recipe.dense) * (dense.T @ dual)
    return sparse_weights.astype(np.float32), dense_weights.astype(np.float32)
