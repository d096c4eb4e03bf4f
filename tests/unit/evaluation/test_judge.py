"""A case is what the very policy of triage would have done, blind, against what people decided."""

from datetime import UTC, date, datetime

import pytest

from otai_freshdesk.domain.policy import AutomatedMail, FieldRule, LabelMap, Policy
from otai_freshdesk.domain.prediction import Prediction, TargetPrediction
from otai_freshdesk.evaluation import EMPTY, NEVER, Case, Decided, Judge, Judgement

LABELS = LabelMap({"billing": "Billing", "sales": "Sales Team", "other": None})
GROUP = FieldRule(
    field="group", target="queue", labels=LABELS, undecided=frozenset({None, "Inbox"})
)
PRIORITY = FieldRule(
    field="priority", target="priority", labels=LabelMap({}), undecided=frozenset({"Low"})
)


def policy(*rules: FieldRule) -> Policy:
    return Policy(
        rules=rules or (GROUP, PRIORITY),
        marker="otai-aaaaaa",
        marker_prefix="otai",
        unsure_tag="unsure",
        triage_from=datetime(2026, 1, 1, tzinfo=UTC),
        automated=AutomatedMail("queue", "bot", "automated"),
    )


def prediction(
    queue: str = "billing", sure: float = 0.9, priority: str = "High", *, in_scope: bool = True
) -> Prediction:
    targets = {
        "queue": TargetPrediction(queue, sure, 0.75),
        "priority": TargetPrediction(priority, 0.8, 0.6),
        "language": TargetPrediction("de", 0.99, 0.5),
    }
    return Prediction(targets, in_scope=in_scope)


def judged(
    said: Prediction, *, live: bool = False, counted: tuple[str, ...] = (), **values: str | None
) -> Case:
    judge = Judge(policy(), prediction(), live=live, counted=counted)
    return judge.case(said, Decided(ticket_id=7, created=date(2026, 2, 3), values=values))


def group_of(case: Case) -> Judgement | None:
    return case.judgements[0]


def test_a_proposal_is_the_mapped_value() -> None:
    found = judged(prediction("sales", 0.9), group="Billing", priority="Urgent")
    assert found == Case(
        7,
        date(2026, 2, 3),
        "de",
        "Billing",
        (Judgement("Billing", "Sales Team", 0.9, True), Judgement("Urgent", "High", 0.8, True)),
    )


def test_people_are_not_seen_by_triage() -> None:
    """A group that is decided already keeps triage from writing; here it must not."""
    assert judged(prediction(), group="Billing").judgements[0] == Judgement(
        "Billing", "Billing", 0.9, True
    )


@pytest.mark.parametrize("value", [None, "Inbox", "INBOX"])
def test_a_value_that_means_undecided_is_no_decision(value: str | None) -> None:
    assert group_of(judged(prediction(), group=value)) is None


def test_an_undecided_group_that_is_proposed_in_other_letters_is_not_written() -> None:
    rule = FieldRule(
        field="group",
        target="queue",
        labels=LabelMap({"billing": "INBOX"}),
        undecided=frozenset({None, "Inbox"}),
    )
    judge = Judge(policy(rule), prediction())
    said = Decided(ticket_id=7, created=None, values={"group": "Billing"})

    [found] = judge.case(prediction(), said).judgements

    assert found is not None
    assert not found.acts


def test_a_preset_priority_counts_only_where_it_is_named() -> None:
    assert judged(prediction(), group="Billing", priority="Low").judgements[1] is None
    counted = judged(prediction(), counted=("priority",), group="Billing", priority="Low")
    assert counted.judgements[1] == Judgement("Low", "High", 0.8, True)


def test_an_empty_field_never_counts() -> None:
    assert group_of(judged(prediction(), counted=("group",), group=None)) is None


def test_a_proposal_that_means_undecided_is_not_written() -> None:
    low = judged(prediction(priority="Low"), group="Billing", priority="High").judgements[1]
    assert low == Judgement("High", "Low", 0.8, False)


def test_a_label_that_is_left_alone_is_no_proposal() -> None:
    assert group_of(judged(prediction("other"), group="Billing")) == Judgement(
        "Billing", None, 0.9, False
    )


def test_automated_mail_and_foreign_text_are_never_written() -> None:
    for said in (prediction("bot", 0.9), prediction(in_scope=False)):
        found = judged(said, group="Billing", priority="High")
        assert all(one is not None and not one.acts for one in found.judgements)


def test_groups_differ_by_more_than_case() -> None:
    found = group_of(judged(prediction("sales"), group="SALES TEAM"))
    assert found is not None
    assert found.agrees
    assert found.decided == "Sales Team"


def test_a_group_of_which_nobody_decided_is_still_the_tickets_group() -> None:
    assert judged(prediction(), group="inbox", priority="High").group == "Inbox"
    assert judged(prediction(), group=None).group == EMPTY


def test_after_switch_on_a_value_taken_back_is_a_disagreement() -> None:
    found = judged(prediction(), live=True, group=None, priority="Low")
    assert found.judgements == (
        Judgement(EMPTY, "Billing", 0.9, True),
        Judgement("Low", "High", 0.8, True),
    )


def test_after_switch_on_a_field_triage_left_alone_is_still_undecided() -> None:
    assert group_of(judged(prediction(sure=0.5), live=True, group=None)) is None


def test_a_language_that_somebody_named_beats_the_models() -> None:
    judge = Judge(policy(), prediction())
    said = Decided(ticket_id=1, created=None, values={}, language="fr")
    assert judge.case(prediction(), said).language == "fr"


def test_thresholds_are_those_in_use() -> None:
    strict = FieldRule(field="group", target="queue", labels=LABELS, min_confidence=0.98)
    never = FieldRule(field="type", target="priority", labels=LABELS, min_confidence=1.5)
    unknown = FieldRule(field="cf_x", target="product", labels=LABELS)
    fields = Judge(policy(strict, never, unknown, PRIORITY), prediction()).fields
    assert [(one.name, one.threshold) for one in fields] == [
        ("group", 196),
        ("type", NEVER),
        ("priority", 120),
    ]
