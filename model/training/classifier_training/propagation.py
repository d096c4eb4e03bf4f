"""Label propagation: tickets that lie close together likely have the same label.

Every text takes most of its opinion from its nearest neighbours and keeps a share of its own,
again and again: learning with local and global consistency (Zhou et al. 2004). So a few examples
reach unlabelled tickets that resemble them only by way of others. With five examples a label, in
one draw, .80 instead of .77 of the unlabelled tickets were judged rightly among 77 labels of
questions to a bank, .78 instead of .74 among 42 labels of German tickets.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier_training.vectors import unit_rows

__all__ = ["neighbourhood", "propagated"]

type Floats = NDArray[np.float32]

_NEIGHBOURS = 7
_CLOSENESS = 3
"""Power of the cosines: how much the nearest count beside the others."""
_TAKEN = 0.9
_ROUNDS = 30
_BLOCK_ROWS = 1_000


def neighbourhood(dense: Floats) -> sp.csr_matrix:
    """How much each text counts for each other: only for its nearest neighbours, in both ways.

    Args:
        dense: Embeddings of at least one text, [texts, dimensions].

    Returns:
        Symmetric and not negative, no eigenvalue above 1, CSR [texts, texts].
    """
    unit = unit_rows(dense)
    texts = len(unit)
    nearest = min(_NEIGHBOURS, texts - 1)
    columns = np.zeros((texts, nearest), dtype=np.intp)
    cosines = np.zeros((texts, nearest), dtype=np.float32)
    for start in range(0, texts, _BLOCK_ROWS):
        block = unit[start : start + _BLOCK_ROWS] @ unit.T
        own = np.arange(len(block))
        block[own, start + own] = -1.0
        found = np.argpartition(-block, nearest, axis=1)[:, :nearest]
        columns[start + own] = found
        cosines[start + own] = np.take_along_axis(block, found, axis=1)
    closeness = np.maximum(cosines, 0.0) ** _CLOSENESS
    rows = np.repeat(np.arange(texts), nearest)
    one_way = sp.csr_matrix((closeness.ravel(), (rows, columns.ravel())), shape=(texts, texts))
    both_ways = one_way.maximum(one_way.T)
    degrees = np.asarray(both_ways.sum(axis=1)).ravel()
    scale = sp.diags(1.0 / np.sqrt(np.maximum(degrees, 1e-9)))
    return sp.csr_matrix(scale @ both_ways @ scale, dtype=np.float32)


def propagated(graph: sp.csr_matrix, opinions: Floats) -> Floats:
    """What every text thinks of its label after hearing its neighbours.

    Args:
        graph: The `neighbourhood` of the texts.
        opinions: Share of each label in each text's own opinion, not negative; a text that is
            surer than others has a larger sum, [texts, labels].

    Returns:
        Shares, [texts, labels]; each row adds up to 1, unless neither the text nor any it hears of
        has an opinion.
    """
    own: Floats = np.float32(1.0 - _TAKEN) * opinions
    heard = opinions
    for _ in range(_ROUNDS):
        heard = np.float32(_TAKEN) * (graph @ heard) + own
    return np.asarray(heard / np.maximum(heard.sum(axis=1, keepdims=True), 1e-9), dtype=np.float32)
