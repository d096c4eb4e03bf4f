"""Prototypes: names stand alone, examples move them, unlabelled tickets sharpen them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from classifier_training.prototypes import Texts, prototypes_of, refined

LABELS, WIDTH, WORDS = 4, 16, 30


def texts(rows: NDArray[Any], sparse: sp.csr_matrix | None = None) -> Texts:
    """Texts of given directions; without n-grams unless given."""
    units = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    none = sp.csr_matrix((len(rows), WORDS), dtype=np.float32)
    return Texts(units.astype(np.float32), none if sparse is None else sparse)


def world(seed: int, rows: int, noise: float) -> tuple[Texts, Texts, NDArray[np.intp]]:
    """Names that point only roughly where the tickets of their label lie."""
    draw = np.random.default_rng(seed)
    centres = np.linalg.qr(draw.normal(size=(WIDTH, LABELS)))[0].T
    codes = draw.integers(0, LABELS, rows)
    tickets = centres[codes] + noise * draw.normal(size=(rows, WIDTH))
    names = centres + 0.25 * draw.normal(size=(LABELS, WIDTH))
    return texts(names), texts(tickets), codes


def none_of(names: Texts) -> tuple[Texts, NDArray[np.float32]]:
    """No examples."""
    return names.take(np.zeros(0, np.intp)), np.zeros((0, LABELS), np.float32)


def test_without_examples_a_prototype_is_its_name() -> None:
    names, _, _ = world(0, 1, 0.1)
    np.testing.assert_allclose(
        prototypes_of(names, *none_of(names)).dense, names.dense.T, atol=1e-6
    )


@given(st.integers(0, 1000))
@settings(deadline=None)
def test_prototypes_are_unit_columns_whatever_examples_there_are(seed: int) -> None:
    names, tickets, codes = world(seed, 10, 0.2)
    few = codes < 2  # two labels have examples, the others only their names
    made = prototypes_of(
        names, tickets.take(np.flatnonzero(few)), np.eye(LABELS, dtype=np.float32)[codes[few]]
    )
    np.testing.assert_allclose(np.linalg.norm(made.dense, axis=0), 1.0, atol=1e-5)


def test_unlabelled_tickets_lead_names_to_where_the_tickets_are() -> None:
    gains = []
    for seed in range(10):
        names, tickets, _ = world(seed, 400, 0.2)
        first = prototypes_of(names, *none_of(names))
        sharper = refined(first, tickets)
        _, unseen, truth = world(seed, 800, 0.2)
        before, after = (
            np.mean(made.likeness(unseen).argmax(axis=1) == truth) for made in (first, sharper)
        )
        gains.append(after - before)
    assert np.mean(gains) > 0.02
    assert min(gains) > -0.02


def test_what_all_tickets_share_does_not_lead_names_away() -> None:
    names = np.eye(LABELS, WIDTH)
    tickets = np.repeat(0.3 * names, 100, axis=0)
    tickets[:, LABELS] = 0.95
    first = prototypes_of(texts(names), *none_of(texts(names)))
    sharper = refined(first, texts(tickets))
    assert ((first.dense * sharper.dense).sum(axis=0) > 0.8).all()


def test_a_label_that_attracts_everything_loses_some_of_it() -> None:
    names, tickets, _ = world(3, 400, 0.3)
    hub = names.dense.copy()
    hub[0] = tickets.dense.mean(axis=0) / np.linalg.norm(tickets.dense.mean(axis=0))
    sharper = refined(prototypes_of(texts(hub), *none_of(names)), tickets)
    assert sharper.offsets.argmin() == 0


def test_words_alone_tell_labels_apart() -> None:
    identity = sp.csr_matrix(np.eye(LABELS, WORDS, dtype=np.float32))
    same = np.ones((LABELS, WIDTH), np.float32)
    names = texts(same, identity)
    made = prototypes_of(names, *none_of(names))
    assert made.likeness(names).argmax(axis=1).tolist() == list(range(LABELS))
