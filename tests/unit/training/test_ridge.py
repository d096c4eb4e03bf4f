"""Solving the ridge regression's equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier_training.ridge import solved


@given(rows=st.integers(1, 40), block=st.integers(1, 45), seed=st.integers(0, 99))
@settings(deadline=None)
def test_blocks_of_any_size_give_the_same_solution(rows: int, block: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, 8)).astype(np.float32)
    matrix = features @ features.T + np.eye(rows, dtype=np.float32)
    right = draw.normal(size=(rows, 3)).astype(np.float32)
    found = solved(matrix.copy(), right, block=block)
    assert np.allclose(matrix @ found, right, atol=1e-3)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        solved(-np.eye(3, dtype=np.float32), np.ones((3, 1), dtype=np.float32))
