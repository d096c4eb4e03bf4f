"""Groups of near-duplicates, so that no copy of a held-out ticket is trained on."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["fold_numbers", "near_duplicate_groups"]

_PERMUTATIONS = 64
_BANDS = 16
_SIMILAR = 0.55
_PRIME = (1 << 31) - 1

type Ints = NDArray[np.intp]


def near_duplicate_groups(counts: sp.csr_matrix, *, seed: int = 0) -> Ints:
    """Number of the near-duplicate group of every row.

    MinHash over each row's set of n-grams (64 permutations in 16 bands) finds candidates: rows that
    share a band with the band's first row. They join its group if the Jaccard similarity of their
    sets is at least .55. Linear in the number of n-grams.

    Args:
        counts: N-gram counts, CSR [rows, buckets].
        seed: Seed of the permutations.

    Returns:
        The lowest row number of each row's group, [rows].
    """
    signatures = _signatures(counts, np.random.default_rng(seed))
    parent = np.arange(counts.shape[0])
    ngrams = np.split(counts.indices, counts.indptr[1:-1])
    width = _PERMUTATIONS // _BANDS
    for band in range(_BANDS):
        first: dict[bytes, int] = {}
        block = np.ascontiguousarray(signatures[:, band * width : (band + 1) * width])
        for row in range(len(block)):
            other = first.setdefault(block[row].tobytes(), row)
            if other != row and _jaccard(ngrams[row], ngrams[other]) >= _SIMILAR:
                _join(parent, row, other)
    return np.array([_root(parent, row) for row in range(len(parent))], dtype=np.intp)


def _signatures(counts: sp.csr_matrix, random: np.random.Generator) -> NDArray[np.uint32]:
    rows = counts.shape[0]
    signatures = np.zeros((rows, _PERMUTATIONS), dtype=np.uint32)
    filled = np.flatnonzero(np.diff(counts.indptr))
    # An empty row resembles no other: it gets values of its own, above any hash.
    empty = np.setdiff1d(np.arange(rows), filled)
    signatures[empty] = (_PRIME + 1 + empty)[:, None].astype(np.uint32)
    if not len(filled):
        return signatures
    starts = counts.indptr[:-1][filled]
    buckets = counts.indices.astype(np.uint64)
    for column in range(_PERMUTATIONS):
        factor, offset = (np.uint64(number) for number in random.integers(1, _PRIME, 2))
        hashed = ((buckets * factor + offset) % np.uint64(_PRIME)).astype(np.uint32)
        signatures[filled, column] = np.minimum.reduceat(hashed, starts)
    return signatures


def _jaccard(one: NDArray[np.int32], other: NDArray[np.int32]) -> float:
    """Share of the distinct n-grams of both that both have; 0 for empty ones."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(1, len(one) + len(other) - shared)


def _root(parent: Ints, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = int(parent[row])
    return row


def _join(parent: Ints, one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low


def fold_numbers(groups: Ints, folds: int, *, seed: int = 0) -> Ints:
    """A fold for every row: groups whole, folds of about equal size, drawn by `seed`."""
    names, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group = np.zeros(len(names), dtype=np.intp)
    filled = np.zeros(folds, dtype=np.int64)
    for group in order:
        fold = int(filled.argmin())
        fold_of_group[group] = fold
        filled[fold] += sizes[group]
    result: Ints = fold_of_group[members]
    return result
