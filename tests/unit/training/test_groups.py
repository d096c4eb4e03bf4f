"""Near-duplicates end up in one group, and groups in one fold."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.vectors import count_matrix
from unit.training.corpus import make_rows


def test_copies_with_small_changes_are_one_group() -> None:
    texts = [f"{row['subject']} {row['body']}" for row in make_rows(60)]
    copies = [f"Hello, {text}." for text in texts]
    groups = near_duplicate_groups(count_matrix([*texts, *copies]))
    together = groups[:60] == groups[60:]
    assert together.mean() > 0.9
    assert len(np.unique(groups[:60])) > 50


def test_groups_are_named_by_their_first_row_and_empty_texts_are_alone() -> None:
    groups = near_duplicate_groups(count_matrix(["", "same words here", "", "same words here"]))
    assert groups.tolist() == [0, 1, 2, 1]


@given(st.integers(0, 1_000))
def test_only_what_is_similar_is_joined(seed: int) -> None:
    counts = count_matrix([f"{row['subject']} {row['body']}" for row in make_rows(30, seed=seed)])
    ngrams = [set(row.indices.tolist()) for row in counts]
    groups = near_duplicate_groups(counts)
    for row in np.flatnonzero(groups != np.arange(30)):
        others = set(np.flatnonzero(groups == groups[row]).tolist()) - {int(row)}
        assert max(jaccard(ngrams[row], ngrams[other]) for other in others) >= 0.55


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=80),
    st.integers(2, 5),
    st.integers(0, 3),
)
def test_folds_keep_groups_whole_and_are_the_same_for_a_seed(
    names: list[int], folds: int, seed: int
) -> None:
    groups = np.array(names)
    numbers = fold_numbers(groups, folds, seed=seed)
    assert all(len(set(numbers[groups == name])) == 1 for name in names)
    assert set(numbers) <= set(range(folds))
    assert np.array_equal(numbers, fold_numbers(groups, folds, seed=seed))
    largest_group = int(np.bincount(groups).max())
    sizes = np.bincount(numbers, minlength=folds)
    assert sizes.max() - sizes.min() <= largest_group
