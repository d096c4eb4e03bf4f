"""Whatever the tickets: counts agree with each other, at every threshold and however divided."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.evaluation import NEVER, STEPS, Case, EvaluatedField, Judgement, Score, evaluate
from otai_freshdesk.evaluation.cases import step_of, threshold_step
from otai_freshdesk.evaluation.measures import (
    confusion,
    curve,
    reliability,
    score,
    scores_by,
    wilson_low,
)
from unit.evaluation.builders import case, cases, judgement, judgements

many = st.lists(judgements, max_size=40)
steps = st.integers(0, NEVER)


@given(many)
def test_the_curve_holds_what_counting_at_each_threshold_gives(given_: list[Judgement]) -> None:
    counts = curve(given_)
    for step in range(NEVER + 1):
        counted = score(given_, step)
        assert (counts.routed[step], counts.wrong[step]) == (counted.routed, counted.wrong)


@given(many)
def test_a_higher_threshold_never_sets_more(given_: list[Judgement]) -> None:
    counts = curve(given_)
    assert sorted(counts.routed, reverse=True) == counts.routed
    assert sorted(counts.wrong, reverse=True) == counts.wrong
    assert counts.routed[NEVER] == 0
    assert all(wrong <= routed for routed, wrong in zip(counts.routed, counts.wrong, strict=True))


@given(many, steps)
def test_parts_add_up_to_the_whole(given_: list[Judgement], step: int) -> None:
    parts = scores_by(given_, lambda one: one.decided, lambda one: one, step)
    assert sum(parts.values(), Score()) == score(given_, step)
    sizes = [part.decided for part in parts.values()]
    assert sizes == sorted(sizes, reverse=True)


@given(many)
def test_the_bins_of_the_reliability_hold_every_proposal_once(given_: list[Judgement]) -> None:
    whole = score(given_, 0)
    found = reliability(given_)
    assert len(found.bins) == 10
    assert sum(one.tickets for one in found.bins) == whole.proposed
    assert sum(one.right for one in found.bins) == whole.right
    for one in found.bins:
        if one.probability is not None:
            assert one.low - 1e-6 <= one.probability <= one.low + 0.1 + 1e-6
    assert found.error is None if not whole.proposed else 0 <= (found.error or 0) <= 1


@given(many, steps)
def test_the_matrix_holds_every_ticket_once(given_: list[Judgement], step: int) -> None:
    matrix = confusion(given_, step)
    whole = score(given_, step)
    decided = Counter(one.decided for one in given_)
    for label, row in zip(matrix.labels, matrix.counts, strict=True):
        assert sum(row) == decided[label]
    assert sum(row[-1] for row in matrix.counts) == whole.decided - whole.routed
    agreeing = sum(row[number] for number, row in enumerate(matrix.counts))
    assert agreeing == whole.routed - whole.wrong


@given(st.lists(cases, max_size=40))
def test_the_cells_of_a_field_are_enough_to_count_anything_again(given_: list[Case]) -> None:
    [field] = evaluate(given_, [EvaluatedField("group", "queue", 150)]).fields
    cells = field.cells()
    for step in (0, 100, 150, STEPS, NEVER):
        routed = sum(n for cell, n in cells.items() if cell.acts and cell.step >= step)
        assert routed == field.curve.routed[step]
    assert cells.total() == field.score.decided == len(given_) - field.undecided
    in_a_group = sum(n for cell, n in cells.items() if cell.group)
    assert in_a_group == sum(one.decided for one in field.by_group.values())


@given(st.integers(0, STEPS), st.integers(0, STEPS))
def test_a_probability_on_the_grid_reaches_exactly_the_thresholds_up_to_it(
    one: int, two: int
) -> None:
    assert (step_of(one / STEPS) >= threshold_step(two / STEPS)) == (one >= two)


def test_shares_of_nothing_are_not_numbers() -> None:
    nothing = score([], 0)
    assert (nothing.accuracy, nothing.coverage, nothing.precision) == (None, None, None)


def test_an_example_by_hand() -> None:
    given_ = [
        judgement(probability=0.9),
        judgement("Sales", "Billing", 0.8),
        judgement("Sales", None, 0.99),
        judgement("Sales", "Sales", 0.4),
        judgement("Sales", "Sales", 0.95, acts=False),
    ]
    found = score(given_, threshold_step(0.775))
    assert found == Score(decided=5, proposed=4, right=3, routed=2, wrong=1)
    assert (found.accuracy, found.coverage, found.precision) == (0.75, 0.4, 0.5)


def test_a_threshold_above_one_is_never_reached() -> None:
    assert threshold_step(1.01) == NEVER
    assert threshold_step(1.0) == STEPS
    assert not judgement(probability=1.0).is_routed(NEVER)


def test_wilson_against_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20.
    assert wilson_low(81, 263) == pytest.approx(0.2553, abs=1e-4)
    assert wilson_low(15, 148) == pytest.approx(0.0624, abs=1e-4)
    assert wilson_low(0, 20) == 0.0


def test_disagreements_are_the_surest_wrong_ones() -> None:
    given_ = [
        case(judgement("Sales", "Billing", 0.7), ticket_id=1),
        case(judgement("Sales", "Billing", 0.9), ticket_id=2),
        case(judgement(probability=0.99), ticket_id=3),
        case(judgement("Sales", "Billing", 0.95, acts=False), ticket_id=4),
    ]
    [field] = evaluate(given_, [EvaluatedField("group", "queue", 150)]).fields
    assert [one.ticket_id for one, _ in field.disagreements] == [2, 1]
