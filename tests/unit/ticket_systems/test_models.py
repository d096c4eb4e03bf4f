from typing import Any

import pytest

from otai_freshdesk.ticket_systems.freshdesk.errors import MalformedReplyError
from otai_freshdesk.ticket_systems.freshdesk.models import (
    Agent,
    Choice,
    Group,
    Job,
    TicketField,
    normalise_choices,
)


def field(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "name": "cf_x", "label": "X", "type": "custom_dropdown", **changes}


def test_choices_as_labels() -> None:
    assert normalise_choices(["Question", "Refund"]) == (
        Choice(label="Question"),
        Choice(label="Refund"),
    )


def test_choices_from_id_to_two_labels() -> None:
    assert normalise_choices({"2": ["Open", "Being Processed"], "6": ["Alone"]}) == (
        Choice(label="Open", id=2, customer_label="Being Processed"),
        Choice(label="Alone", id=6, customer_label="Alone"),
    )


def test_choices_from_label_to_id() -> None:
    assert normalise_choices({"Low": 1, "Billing": 84000219438, "7": 9}) == (
        Choice(label="Low", id=1),
        Choice(label="Billing", id=84000219438),
        Choice(label="7", id=9),
    )


def test_choices_of_a_nested_field() -> None:
    raw = {"cat": {"sub": ["item"], "sub2": []}, "bare": None}
    sub = Choice(label="sub", children=(Choice(label="item"),))
    assert normalise_choices(raw, nested=True) == (
        Choice(label="cat", children=(sub, Choice(label="sub2"))),
        Choice(label="bare"),
    )


def test_years_as_categories_are_no_ids() -> None:
    nested = TicketField.read(field(type="nested_field", choices={"2024": ["Q1", "Q2"]}), "x")
    assert nested.choices == (
        Choice(label="2024", children=(Choice(label="Q1"), Choice(label="Q2"))),
    )


@pytest.mark.parametrize("raw", [None, [], {}])
def test_no_choices(raw: object) -> None:
    assert normalise_choices(raw) == ()


def test_choices_of_the_admin_endpoint() -> None:
    raw = [
        {
            "id": 50,
            "position": 1,
            "value": "Device",
            "parent_choice_id": None,
            "choices": [{"id": 51, "position": 1, "value": "Printer", "parent_choice_id": 50}],
        },
        {"id": 2, "value": "Open", "label_for_customers": "Being Processed"},
    ]
    assert normalise_choices(raw) == (
        Choice(label="Device", record_id=50, children=(Choice(label="Printer", record_id=51),)),
        Choice(label="Open", record_id=2, customer_label="Being Processed"),
    )


@pytest.mark.parametrize("raw", ["text", 7, [3], [{"id": 1}], {"x": "y"}, {"x": True}])
def test_an_unknown_shape_is_an_error_that_names_no_value(raw: object) -> None:
    with pytest.raises(MalformedReplyError, match="GET /ticket_fields") as caught:
        TicketField.read(field(choices=raw), "GET /ticket_fields")
    assert caught.value.__suppress_context__


def test_levels_of_a_nested_field_under_either_name() -> None:
    level = {"id": 5, "name": "cf_sub", "label": "Sub", "level": 2, "ticket_field_id": 1}
    for key in ("nested_ticket_fields", "dependent_fields"):
        read = TicketField.read(field(type="nested_field", **{key: [level]}), "x")
        assert [(part.name, part.level) for part in read.dependent_fields] == [("cf_sub", 2)]


def test_a_choice_is_found_by_its_label() -> None:
    status = TicketField.read(field(type="default_status", choices={"2": ["Open", "x"]}), "x")
    found = status.choice("Open")
    assert found is not None
    assert found.id == 2
    assert status.choice("open") is None


def test_models_ignore_new_keys_and_cannot_be_changed() -> None:
    group: Any = Group.read({"id": 1, "name": "Billing", "brand_new": {}}, "GET /groups")
    with pytest.raises(ValueError, match="frozen"):
        group.name = "x"


@pytest.mark.parametrize("value", [None, [], "x", {"name": "no id"}])
def test_a_reply_of_another_shape_is_malformed(value: object) -> None:
    with pytest.raises(MalformedReplyError, match="GET /groups"):
        Group.read(value, "GET /groups")
    for model in (TicketField, Job):
        with pytest.raises(MalformedReplyError, match="documented shape"):
            model.read(value, "GET /x")


def test_an_agent_shows_no_person() -> None:
    agent = Agent.read(
        {"id": 3, "ticket_scope": 2, "contact": {"name": "Ann", "email": "ann@example.com"}},
        "GET /agents/me",
    )
    assert agent.contact.email == "ann@example.com"
    assert "ann" not in repr(agent).lower()


@pytest.mark.parametrize(
    ("written", "status", "over"),
    [
        ("IN PROGRESS", "in_progress", False),
        ("in_progress", "in_progress", False),
        ("Completed", "completed", True),
        ("failed", "failed", True),
    ],
)
def test_job_status_however_written(written: str, status: str, *, over: bool) -> None:
    job = Job.read({"id": 17, "status": written, "progress": 50}, "GET /jobs/{id}")
    assert (job.id, job.status, job.is_over) == ("17", status, over)
