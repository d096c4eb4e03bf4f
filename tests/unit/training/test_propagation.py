"""Labels that travel from neighbour to neighbour."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from classifier_training.propagation import neighbourhood, propagated

type Floats = NDArray[np.float32]


def test_a_label_reaches_what_resembles_it_only_by_way_of_others() -> None:
    two_arcs = np.concatenate([_arc(0.0, 2.0), _arc(3.0, 5.0)])
    opinions = np.full((len(two_arcs), 2), 0.01, dtype=np.float32)
    examples = [0, len(two_arcs) // 2]
    opinions[examples] = [[2.0, 0.0], [0.0, 2.0]]
    shares = propagated(neighbourhood(two_arcs), opinions)
    first = np.arange(len(two_arcs)) < len(two_arcs) // 2
    assert (shares.argmax(axis=1) == np.where(first, 0, 1)).all()
    # By likeness to the two examples alone, the first arc's far end would go astray.
    likeness = two_arcs @ two_arcs[examples].T
    assert (likeness.argmax(axis=1) != np.where(first, 0, 1)).any()


@given(texts=st.integers(1, 30), seed=st.integers(0, 99))
@settings(deadline=None)
def test_shares_add_up_to_one_whatever_the_order_of_the_texts(texts: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    dense = draw.normal(size=(texts, 5)).astype(np.float32)
    opinions = draw.uniform(0.1, 1.0, size=(texts, 3)).astype(np.float32)
    shares = propagated(neighbourhood(dense), opinions)
    assert (shares >= 0).all()
    assert np.allclose(shares.sum(axis=1), 1.0, atol=1e-4)
    order = draw.permutation(texts)
    assert np.allclose(
        propagated(neighbourhood(dense[order]), opinions[order]), shares[order], atol=1e-4
    )


@given(texts=st.integers(2, 40), seed=st.integers(0, 99))
@settings(deadline=None)
def test_a_neighbourhood_is_mutual_and_lets_no_opinion_grow(texts: int, seed: int) -> None:
    dense = np.random.default_rng(seed).normal(size=(texts, 4)).astype(np.float32)
    graph = neighbourhood(dense).toarray()
    assert np.allclose(graph, graph.T)
    assert (graph.diagonal() == 0).all()
    assert np.linalg.eigvalsh(graph).max() < 1 + 1e-4


def test_a_text_that_resembles_none_keeps_its_opinion() -> None:
    dense = np.array([[1, 0], [0.9, 0.1], [0, 0]], dtype=np.float32)
    opinions = np.array([[1, 0], [1, 0], [0.3, 0.7]], dtype=np.float32)
    assert np.allclose(propagated(neighbourhood(dense), opinions), opinions, atol=1e-5)


def _arc(start: float, end: float) -> Floats:
    """Points on a circle, each near only the next ones."""
    angles = np.linspace(start, end, 30)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
