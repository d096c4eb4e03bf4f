"""Leaving words out finds those that moved a label, with a bounded number of classifications."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.cli.explain import MOST_CLASSIFICATIONS, influences

WEIGHTS = {"invoice": 0.5, "crash": -0.2}


def score(text: str) -> Mapping[str, float]:
    words = {word.strip(".,!").casefold() for word in text.split()}
    return {"queue": 0.3 + sum(WEIGHTS.get(word, 0) for word in words)}


def test_words_that_speak_for_and_against_are_found_with_their_share() -> None:
    first, second = influences("My invoice did not crash.", score)["queue"]

    assert [first.word, second.word] == ["invoice", "crash"]
    assert first.without == pytest.approx(0.1)
    assert first.odds == pytest.approx((0.6 / 0.4) / (0.1 / 0.9))
    assert second.without == pytest.approx(0.8)
    assert second.odds == pytest.approx((0.6 / 0.4) / (0.8 / 0.2))


def test_certainty_beyond_what_floats_tell_is_no_division_by_zero() -> None:
    [found] = influences("one", lambda text: {"queue": 1.0 if text else 0.0})["queue"]

    assert found.odds > 1e6


def test_all_occurrences_of_a_word_are_left_out_together() -> None:
    [found] = influences("Invoice, invoice and INVOICE!", score)["queue"]

    assert found.word == "invoice"


def test_a_word_is_found_in_a_long_text() -> None:
    filler = [f"word{number}" for number in range(500)]
    text = " ".join([*filler[:333], "invoice", *filler[333:]])

    assert [one.word for one in influences(text, score)["queue"]] == ["invoice"]


@given(st.text(max_size=2000), st.integers(2, MOST_CLASSIFICATIONS))
def test_any_text_is_classified_a_bounded_number_of_times(text: str, most: int) -> None:
    calls = 0

    def classify(_: str) -> Mapping[str, float]:
        nonlocal calls
        calls += 1
        return {"queue": 0.5}

    assert influences(text, classify, most=most) == {"queue": ()}
    assert calls <= most + 1


def test_a_text_without_words_has_no_telling_ones() -> None:
    assert influences(" ... ", score) == {"queue": ()}
