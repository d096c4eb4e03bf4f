"""The hashed n-grams are those a plain loop would find."""

from __future__ import annotations

import itertools
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ticket_classifier.encoder import JOINED_DIMENSIONS
from ticket_classifier.features import BUCKETS, WORD_BUCKETS, FeatureSpace, count_buckets


def ngrams(text: str) -> list[tuple[str, ...]]:
    """The definition: 3- to 5-grams of characters within words, words, and pairs of words."""
    words = re.findall(r"\w+", text.lower())
    found: list[tuple[str, ...]] = []
    for word in words:
        marked = f" {word} "
        for length in (3, 4, 5):
            found += [("c", marked[i : i + length]) for i in range(len(marked) - length + 1)]
        found.append(("w", word))
    return found + [("p", *pair) for pair in itertools.pairwise(words)]


@given(st.text(alphabet="abcdeé 1.,\n", max_size=120))
def test_as_many_ngrams_as_the_definition(text: str) -> None:
    buckets, counts = count_buckets(text)
    expected = ngrams(text)
    assert counts.sum() == len(expected)
    # A million buckets for either kind: distinct n-grams of a short text hardly ever share one.
    assert len(set(expected)) - len(buckets) in {0, 1}
    assert np.all(np.diff(buckets.astype(np.int64)) > 0)
    assert not len(buckets) or buckets.max() < BUCKETS


@given(st.text(alphabet="abcdeé 1.,\n", max_size=120))
def test_the_bucket_tells_words_from_ngrams_of_characters(text: str) -> None:
    buckets, counts = count_buckets(text)
    of_words = sum(kind in {"w", "p"} for kind, *_ in ngrams(text))
    assert counts[buckets >= WORD_BUCKETS].sum() == of_words


@given(st.text(), st.text())
def test_same_text_same_features_whatever_the_case(one: str, other: str) -> None:
    same = np.array_equal(count_buckets(one)[0], count_buckets(one.lower())[0])
    assert same
    together = set(count_buckets(f"{one} {other}")[0].tolist())
    assert set(count_buckets(one)[0].tolist()) <= together


def test_word_order_matters_through_pairs_only() -> None:
    one, other = (set(count_buckets(text)[0].tolist()) for text in ("no refund", "refund no"))
    assert len(one - other) == len(other - one) == 1


def space_of(*texts: str) -> FeatureSpace:
    known = np.unique(np.concatenate([count_buckets(text)[0] for text in texts]))
    dense = np.linspace(1, 2, JOINED_DIMENSIONS, dtype=np.float32)
    return FeatureSpace(
        buckets=known, idf=np.full(len(known), 2.0, np.float32), mean=dense, scale=dense
    )


def test_sparse_vectors_have_length_one_and_know_their_share() -> None:
    space = space_of("refund my parcel")
    known = space.sparse("Refund my parcel")
    assert known.known_share == 1.0
    assert np.sum(known.values**2) == np.float32(1.0)
    foreign = space.sparse("xyz qqq")
    assert foreign.known_share == 0.0
    assert len(foreign.rows) == len(foreign.values) == 0
    assert 0.3 < space.sparse("refund my xyzzy").known_share < 0.9


def test_repeated_words_count_by_logarithm() -> None:
    space = space_of("aaa bbb")
    once, often = space.sparse("aaa bbb"), space.sparse("aaa aaa aaa bbb")
    assert often.values.max() > once.values.max()
    assert np.isclose(np.linalg.norm(often.values), 1.0, atol=1e-6)


def test_dense_vectors_have_length_one() -> None:
    space = space_of("text")
    vector = space.dense(np.arange(JOINED_DIMENSIONS, dtype=np.float32))
    assert np.isclose(np.linalg.norm(vector), 1.0, atol=1e-6)
    assert not space.dense(space.mean).any()
