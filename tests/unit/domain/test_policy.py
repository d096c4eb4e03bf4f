"""The rules of triage, as laws and as a table of cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.domain.policy import (
    MAX_TAG_LENGTH,
    AutomatedMail,
    FieldRule,
    Ineligible,
    LabelMap,
    Policy,
    Verdict,
)
from otai_freshdesk.domain.prediction import Prediction, TargetPrediction
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, Changes, Ticket, same_value

SWITCHED_ON = datetime(2026, 11, 1, tzinfo=UTC)
MARKER = "otai-3f9a2c"

POLICY = Policy(
    rules=(
        FieldRule(
            field=GROUP,
            target="queue",
            labels=LabelMap({"billing": "Billing", "tech_*": "Support", "automated_mail": None}),
        ),
        FieldRule(field=TYPE, target="type", labels=LabelMap({})),
        FieldRule(
            field=PRIORITY,
            target="priority",
            labels=LabelMap({}),
            undecided=frozenset({"Low"}),
            min_confidence=0.5,
        ),
    ),
    marker=MARKER,
    marker_prefix="otai",
    unsure_tag="otai-unsure",
    triage_from=SWITCHED_ON,
    automated=AutomatedMail("queue", "automated_mail", "otai-automated"),
)


def ticket(**changes: object) -> Ticket:
    fields: dict[str, object] = {
        "id": 1,
        "subject": "Invoice",
        "body": "Where is it?",
        "created_at": SWITCHED_ON + timedelta(hours=1),
        "updated_at": SWITCHED_ON + timedelta(hours=1),
        "values": {GROUP: None, TYPE: None, PRIORITY: "Low"},
    }
    return Ticket(**(fields | changes))  # type: ignore[arg-type]


def prediction(*, in_scope: bool = True, **targets: tuple[str, float]) -> Prediction:
    likely = {"queue": ("billing", 0.99), "type": ("Question", 0.99), "priority": ("High", 0.99)}
    return Prediction(
        {
            target: TargetPrediction(label, probability, 0.9)
            for target, (label, probability) in (likely | targets).items()
        },
        in_scope=in_scope,
    )


def test_a_fresh_open_ticket_is_eligible() -> None:
    assert POLICY.ineligible(ticket()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tags": ("vip", MARKER)}, Ineligible.MARKED),
        ({"tags": ("OTAI-000000",)}, Ineligible.MARKED),
        ({"is_spam": True}, Ineligible.SPAM),
        ({"is_deleted": True}, Ineligible.DELETED),
        ({"is_outbound": True}, Ineligible.OUTBOUND),
        ({"is_open": False}, Ineligible.NOT_OPEN),
        ({"is_assigned": True}, Ineligible.ASSIGNED),
        ({"created_at": SWITCHED_ON - timedelta(seconds=1)}, Ineligible.TOO_OLD),
    ],
)
def test_a_ticket_is_left_alone(changes: dict[str, object], reason: Ineligible) -> None:
    assert POLICY.ineligible(ticket(**changes)) is reason


@pytest.mark.parametrize("tag", ["otai-unsure", "otai-shadow", "otai-3f9a2", "xotai-3f9a2c"])
def test_other_tags_are_no_markers(tag: str) -> None:
    assert POLICY.ineligible(ticket(tags=(tag,))) is None


def test_a_sure_prediction_is_written_in_every_undecided_field() -> None:
    decision = POLICY.decide(ticket(), prediction())

    assert decision.changes == Changes(
        {GROUP: "Billing", TYPE: "Question", PRIORITY: "High"}, (MARKER,)
    )
    assert not decision.abstained


@pytest.mark.parametrize(
    ("values", "predicted", "field", "verdict"),
    [
        ({GROUP: "Returns"}, {}, GROUP, Verdict.DECIDED),
        ({PRIORITY: "Urgent"}, {}, PRIORITY, Verdict.DECIDED),
        ({}, {"queue": ("billing", 0.89)}, GROUP, Verdict.ABSTAIN),
        ({}, {"priority": ("High", 0.5)}, PRIORITY, Verdict.WRITE),
        ({}, {"priority": ("High", 0.49)}, PRIORITY, Verdict.ABSTAIN),
        ({}, {"priority": ("Low", 0.99)}, PRIORITY, Verdict.UNCHANGED),
        ({}, {"queue": ("tech_support", 0.99)}, GROUP, Verdict.WRITE),
        ({GROUP: "Returns"}, {"queue": ("billing", 0.1)}, GROUP, Verdict.DECIDED),
    ],
)
def test_verdict_on_one_field(
    values: dict[str, str | None],
    predicted: dict[str, tuple[str, float]],
    field: str,
    verdict: Verdict,
) -> None:
    present = {GROUP: None, TYPE: None, PRIORITY: "Low"} | values

    decision = POLICY.decide(ticket(values=present), prediction(**predicted))  # type: ignore[arg-type]

    assert {one.field: one.verdict for one in decision.fields}[field] is verdict
    assert (field in decision.changes.values) == (verdict is Verdict.WRITE)


@pytest.mark.parametrize(
    ("field", "one", "other", "same"),
    [
        (GROUP, "Billing", "billing", True),
        (GROUP, "STRASSE", "Straße", True),
        (GROUP, "Billing", "Billing ", False),
        (GROUP, None, None, True),
        (GROUP, None, "", False),
        (TYPE, "Question", "Question", True),
        (TYPE, "Question", "question", False),
        (PRIORITY, "Low", "low", False),
        ("cf_area", "Hardware", "hardware", False),
        ("cf_area", None, "Hardware", False),
    ],
)
def test_only_of_groups_case_makes_no_difference(
    field: str, one: str | None, other: str | None, same: bool
) -> None:
    assert same_value(field, one, other) is same
    assert same_value(field, other, one) is same


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ("Inbox", Verdict.WRITE),
        ("INBOX", Verdict.WRITE),
        ("billing", Verdict.DECIDED),
        ("Returns", Verdict.DECIDED),
    ],
)
def test_an_undecided_group_may_be_spelt_in_any_case(before: str, verdict: Verdict) -> None:
    rule = replace(POLICY.rules[0], undecided=frozenset({None, "inbox"}))

    decision = replace(POLICY, rules=(rule,)).decide(
        ticket(values={GROUP: before}), prediction(queue=("billing", 0.99))
    )

    assert decision.fields[0].verdict is verdict


def test_a_group_that_differs_by_case_alone_is_not_written_again() -> None:
    rule = replace(POLICY.rules[0], undecided=frozenset({"BILLING"}))

    decision = replace(POLICY, rules=(rule,)).decide(
        ticket(values={GROUP: "billing"}), prediction(queue=("billing", 0.99))
    )

    assert decision.fields[0].verdict is Verdict.UNCHANGED
    assert not decision.changes.values


@given(
    before=st.none() | st.text(),
    undecided=st.frozensets(st.none() | st.text(), min_size=1),
    field=st.sampled_from([GROUP, TYPE, "cf_area"]),
)
def test_a_value_is_decided_unless_it_is_the_same_as_an_undecided_one(
    before: str | None, undecided: frozenset[str | None], field: str
) -> None:
    rule = FieldRule(field=field, target="queue", labels=LabelMap({}), undecided=undecided)

    [found] = (
        replace(POLICY, rules=(rule,))
        .decide(ticket(values={field: before}), prediction(queue=("billing", 0.99)))
        .fields
    )

    same = any(same_value(field, before, one) for one in undecided)
    assert (found.verdict is Verdict.DECIDED) is not same


def test_an_abstention_on_an_undecided_field_is_tagged() -> None:
    decision = POLICY.decide(ticket(), prediction(type=("Refund", 0.2)))

    assert decision.changes.tags == (MARKER, "otai-unsure")
    assert decision.abstained


def test_text_out_of_scope_leaves_every_field_to_a_human() -> None:
    decision = POLICY.decide(ticket(), prediction(in_scope=False))

    assert decision.changes == Changes({}, (MARKER, "otai-unsure"))


def test_automated_mail_is_tagged_and_never_routed() -> None:
    decision = POLICY.decide(ticket(), prediction(queue=("automated_mail", 0.95)))

    assert decision.changes == Changes({}, (MARKER, "otai-automated"))


def test_mail_that_may_be_automated_is_treated_like_any_other() -> None:
    decision = POLICY.decide(ticket(), prediction(queue=("automated_mail", 0.5)))

    assert TYPE in decision.changes.values
    assert "otai-unsure" in decision.changes.tags


def test_a_target_the_bundle_does_not_have_leaves_its_field_alone() -> None:
    only_type = Prediction({"type": TargetPrediction("Refund", 0.99, 0.9)})

    decision = POLICY.decide(ticket(), only_type)

    assert decision.changes.values == {TYPE: "Refund"}


def test_the_last_look_keeps_a_field_that_changed_meanwhile() -> None:
    first = ticket()
    latest = ticket(values={GROUP: "Returns", TYPE: None, PRIORITY: "Low"})

    changes = POLICY.confirm(POLICY.decide(first, prediction()), first, latest)

    assert changes == Changes({TYPE: "Question", PRIORITY: "High"}, (MARKER,))


def test_the_last_look_keeps_a_field_that_somebody_emptied() -> None:
    policy = POLICY
    first = ticket(values={GROUP: None, TYPE: "Question", PRIORITY: "Low"})
    latest = ticket(values={GROUP: None, TYPE: None, PRIORITY: "Low"})

    changes = policy.confirm(policy.decide(first, prediction()), first, latest)

    assert isinstance(changes, Changes)
    assert TYPE not in changes.values


def test_the_last_look_stops_at_a_ticket_somebody_took() -> None:
    decision = POLICY.decide(ticket(), prediction())

    assert POLICY.confirm(decision, ticket(), ticket(is_assigned=True)) is Ineligible.ASSIGNED


values = st.fixed_dictionaries(
    {
        GROUP: st.sampled_from([None, "Billing", "Support", "Returns"]),
        TYPE: st.sampled_from([None, "Question", "Refund"]),
        PRIORITY: st.sampled_from(["Low", "Medium", "High"]),
    }
)
predictions = st.builds(
    prediction,
    in_scope=st.booleans(),
    queue=st.tuples(
        st.sampled_from(["billing", "tech_x", "automated_mail", "other"]), st.floats(0, 1)
    ),
    type=st.tuples(st.sampled_from(["Question", "Refund"]), st.floats(0, 1)),
    priority=st.tuples(st.sampled_from(["Low", "Medium", "High"]), st.floats(0, 1)),
)


@given(first=values, latest=values, predicted=predictions)
def test_nothing_that_was_decided_or_has_changed_is_ever_written(
    first: dict[str, str | None], latest: dict[str, str | None], predicted: Prediction
) -> None:
    before, after = ticket(values=first), ticket(values=latest)

    changes = POLICY.confirm(POLICY.decide(before, predicted), before, after)

    assert isinstance(changes, Changes)
    assert MARKER in changes.tags
    for rule in POLICY.rules:
        if rule.field in changes.values:
            assert first[rule.field] in rule.undecided
            assert latest[rule.field] == first[rule.field]
            assert changes.values[rule.field] != first[rule.field]
            assert predicted.in_scope


@given(predicted=predictions)
def test_a_field_is_written_only_above_its_threshold(predicted: Prediction) -> None:
    decision = POLICY.decide(ticket(), predicted)

    for field in decision.fields:
        if field.verdict is Verdict.WRITE:
            assert field.probability >= field.threshold


tags = st.lists(st.sampled_from(["vip", "VIP", "eu", "otai-unsure", MARKER]), unique=True)


@given(present=tags, added=tags)
def test_merging_tags_loses_none_and_adds_each_once(present: list[str], added: list[str]) -> None:
    merged = Changes({}, tuple(added)).tags_merged_into(tuple(present))

    assert merged[: len(present)] == tuple(present)
    assert {tag.casefold() for tag in added} <= {tag.casefold() for tag in merged}
    new = [tag.casefold() for tag in merged[len(present) :]]
    assert len(new) == len(set(new))


@pytest.mark.parametrize(
    ("entries", "label", "value"),
    [
        ({}, "anything", "anything"),
        ({"a": "A"}, "a", "A"),
        ({"a": "A"}, "b", None),
        ({"Science/*": "Lab", "Science/Art": "Studio"}, "Science/Art", "Studio"),
        ({"Science/*": "Lab"}, "Science/Physics", "Lab"),
        ({"*": "All", "x*": "X"}, "xy", "All"),
        ({"a": None, "*": "Rest"}, "a", None),
        ({"Order [A]": "Orders"}, "Order [A]", "Orders"),
        ({"Order [AB]*": "Orders"}, "Order [AB] late", "Orders"),
        ({"Order [AB]*": "Orders"}, "Order A", None),
    ],
)
def test_label_map(entries: dict[str, str | None], label: str, value: str | None) -> None:
    assert LabelMap(entries)[label] == value


def test_a_ticket_never_shows_its_text() -> None:
    assert "Where is it" not in repr(ticket())
    assert "Invoice" not in repr(ticket())
    assert "Ann Example" not in repr(ticket(values={"cf_note": "Ann Example"}))


def test_tags_that_are_there_are_not_added_whatever_their_case() -> None:
    assert Changes(tags=("otai-1", "New")).tags_merged_into(("VIP", "OTAI-1")) == (
        "VIP",
        "OTAI-1",
        "New",
    )


def test_names_in_logs_replies_and_configurations_stay() -> None:
    """Whoever reads logs by these names, or has them in config.yml, relies on them."""
    assert (GROUP, TYPE, PRIORITY) == ("group", "type", "priority")
    assert {*Ineligible} == {
        "unreadable",
        "marked",
        "spam",
        "deleted",
        "outbound",
        "not_open",
        "assigned",
        "too_old",
    }
    assert {*Verdict} == {"write", "abstain", "decided", "unmapped", "unchanged", "automated"}
    assert MAX_TAG_LENGTH == 32


def test_triage_begins_with_its_first_moment() -> None:
    assert POLICY.ineligible(ticket(created_at=SWITCHED_ON)) is None


def test_mail_that_is_just_sure_enough_counts_as_automated() -> None:
    decision = POLICY.decide(ticket(), prediction(queue=("automated_mail", 0.9)))

    assert "otai-automated" in decision.changes.tags


def test_a_text_out_of_scope_is_no_automated_mail() -> None:
    sure = prediction(in_scope=False, queue=("automated_mail", 0.99))

    assert "otai-automated" not in POLICY.decide(ticket(), sure).changes.tags


def test_without_a_label_for_automated_mail_there_is_none() -> None:
    policy = replace(POLICY, automated=None)

    decision = policy.decide(ticket(), prediction(queue=("automated_mail", 0.99)))

    assert TYPE in decision.changes.values
    assert decision.changes.tags == (MARKER,)
