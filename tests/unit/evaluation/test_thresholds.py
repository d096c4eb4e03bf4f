"""What is recommended gives the wanted precision, and nothing lower would; savings are plain."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.evaluation import (
    NEVER,
    STEPS,
    Advice,
    Assumption,
    EvaluatedField,
    Judgement,
    Savings,
    Score,
    evaluate,
    recommend,
    savings,
)
from otai_freshdesk.evaluation.evaluate import monday_of
from otai_freshdesk.evaluation.measures import curve
from otai_freshdesk.evaluation.thresholds import AT_LEAST
from unit.evaluation.builders import case, judgement

# Steps with how many tickets are right and wrong there: small to make, and often enough tickets.
piles = st.dictionaries(
    st.integers(0, STEPS), st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=8
)


@given(piles, st.integers(0, NEVER))
def test_a_recommended_change_is_the_lowest_threshold_that_is_good_enough(
    given_: dict[int, tuple[int, int]], present: int
) -> None:
    tickets = [
        one
        for step, (right, wrong) in given_.items()
        for one in answers(right, wrong, step / STEPS)
    ]
    counts = curve(tickets)
    found = recommend(counts, present, 0.6)
    good = [
        step
        for step in range(STEPS + 1)
        if counts.routed[step] >= AT_LEAST
        and (counts.routed[step] - counts.wrong[step]) / counts.routed[step] >= 0.6
    ]
    if found.advice in {Advice.RAISE, Advice.LOWER}:
        assert found.threshold == good[0]
        assert (found.threshold > present) == (found.advice is Advice.RAISE)
    elif found.advice is Advice.KEEP:
        assert found.threshold == present
        assert abs(present - good[0]) <= 2
    else:
        assert not good


def answers(right: int, wrong: int, probability: float) -> list[Judgement]:
    return [judgement(probability=probability)] * right + [
        judgement("Sales", "Billing", probability)
    ] * wrong


@pytest.mark.parametrize(
    ("present", "advice", "threshold"),
    [(100, Advice.RAISE, 161), (190, Advice.LOWER, 161), (161, Advice.KEEP, 161)],
)
def test_an_example_by_hand(present: int, advice: Advice, threshold: int) -> None:
    counts = curve([*answers(20, 20, 0.8), *answers(95, 5, 0.9)])
    found = recommend(counts, present)
    assert (found.advice, found.threshold) == (advice, threshold)
    if advice is not Advice.LOWER:
        assert (found.routed, found.wrong) == (100, 5)
    record = found.as_record()
    assert record["precision"] == 0.95
    assert record["precision_at_least"] == pytest.approx(0.8882, abs=1e-3)


def test_few_tickets_give_no_advice() -> None:
    assert recommend(curve(answers(29, 0, 0.9)), 100).advice is Advice.TOO_FEW


def test_a_field_that_is_never_good_enough_is_said_to_be() -> None:
    found = recommend(curve(answers(50, 50, 0.9)), 100)
    assert found.advice is Advice.OUT_OF_REACH
    assert found.as_record()["threshold"] is None


def test_what_a_month_saves() -> None:
    assumption = Assumption(1200, minutes_to_sort=2, reassigned_by_hand=0.1, minutes_to_reassign=10)
    found = savings(Score(decided=100, proposed=100, right=90, routed=50, wrong=3), assumption)
    # 600 tickets set: 60 would have been moved on, 36 now are.
    assert found.hours == pytest.approx((600 * 2 + 24 * 10) / 60)
    assert found.reassignments == pytest.approx(24)


def test_more_wrong_ones_than_by_hand_cost() -> None:
    found = savings(Score(decided=10, proposed=10, right=1, routed=10, wrong=9), Assumption())
    assert found.hours < 0
    assert found.reassignments < 0


def test_nothing_decided_saves_nothing() -> None:
    assert savings(Score(), Assumption()) == Savings(0, 0)


def test_the_tickets_a_month_are_those_of_the_sample() -> None:
    fields = [EvaluatedField("group", "queue", 150)]
    days = [case(judgement(), created=date(2026, 1, day)) for day in range(1, 11)]
    assert evaluate(days, fields).assumption().tickets_a_month == 30
    assert evaluate(days[:3], fields).assumption().tickets_a_month == 1000
    assert evaluate([], fields).as_record()["savings"]["hours"] == 0


def test_savings_are_of_the_field_that_routes() -> None:
    fields = [EvaluatedField(name, name, 150) for name in ("type", "queue")]
    given_ = [case(judgement(), judgement())]
    assert evaluate(given_, fields).as_record()["savings"]["field"] == "queue"
    assert evaluate([case(judgement())], fields[:1]).as_record()["savings"] is None


def test_weeks_begin_on_monday_and_come_in_order() -> None:
    assert monday_of(date(2026, 11, 22)) == date(2026, 11, 16)
    given_ = [
        case(judgement(), created=date(2026, 11, 22)),
        case(judgement(), created=date(2026, 11, 16)),
        case(judgement(), created=date(2026, 11, 15)),
        case(judgement(), created=None),
    ]
    [field] = evaluate(given_, [EvaluatedField("group", "queue", 150)]).fields
    assert {week: one.decided for week, one in field.by_week.items()} == {
        date(2026, 11, 9): 1,
        date(2026, 11, 16): 2,
    }
    assert list(field.by_week) == sorted(field.by_week)
