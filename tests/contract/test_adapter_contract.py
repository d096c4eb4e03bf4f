"""What the adapter promises, shown on the simulator and on literal replies alike."""

from datetime import UTC, datetime
from typing import Any

import pytest

from freshdesk_simulator import VirtualClock
from otai_freshdesk.ticket_systems.freshdesk import errors
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.models import TicketField
from otai_freshdesk.ticket_systems.freshdesk.query import where

ALL: dict[str, Any] = {"updated_since": "2026-03-01", "order_by": "updated_at", "order_type": "asc"}


async def test_a_ticket_is_read(freshdesk: FreshdeskAdapter) -> None:
    ticket = await freshdesk.get_ticket(1)
    assert ticket is not None
    assert (ticket["id"], ticket["subject"]) == (1, "Cannot log in")
    assert (ticket["type"], ticket["status"], ticket["priority"]) == ("Question", 2, 1)
    assert (ticket["description"], ticket["tags"]) == ("<div>Hello</div>", ["vip"])
    assert (ticket["group_id"], ticket["responder_id"]) == (None, None)


async def test_what_is_not_there_is_none(freshdesk: FreshdeskAdapter) -> None:
    assert await freshdesk.get_ticket(999) is None
    assert await freshdesk.update_ticket("999", {"priority": 3}) is None
    assert await freshdesk.add_note(999, "<p>otai-3f9a2c</p>", marker="otai-3f9a2c") is None
    assert await freshdesk.job("nothing") is None


async def test_a_deleted_ticket_says_so_and_cannot_be_written(freshdesk: FreshdeskAdapter) -> None:
    ticket = await freshdesk.get_ticket(3)
    assert ticket is not None
    assert ticket["deleted"] is True
    with pytest.raises(errors.NotWritableError, match="deleted, spam or archived") as caught:
        await freshdesk.update_ticket("3", {"priority": 3})
    assert (caught.value.status, caught.value.code) == (405, None)
    assert not caught.value.retryable


async def test_deleted_tickets_come_through_their_own_filter(freshdesk: FreshdeskAdapter) -> None:
    assert [row["id"] for row in await freshdesk.find_tickets({"filter": "deleted"})] == [3]


async def test_all_pages_of_a_list(freshdesk: FreshdeskAdapter) -> None:
    rows = await freshdesk.find_tickets({**ALL, "per_page": 1})
    assert [row["subject"] for row in rows] == ["Cannot log in", "Invoice"]


async def test_one_page_of_a_list(freshdesk: FreshdeskAdapter) -> None:
    rows = await freshdesk.find_tickets({**ALL, "per_page": 1, "page": 2})
    assert [row["id"] for row in rows] == [2]


async def test_the_first_ticket_is_one_row(freshdesk: FreshdeskAdapter) -> None:
    ticket = await freshdesk.find_first_ticket({"updated_since": "2026-03-01"})
    assert ticket is not None
    assert ticket["id"] == 2


async def test_a_walk_by_key(freshdesk: FreshdeskAdapter) -> None:
    walk = freshdesk.iter_tickets({"updated_since": "2026-03-01"}, walk="key")
    assert [row["id"] async for row in walk] == [1, 2]


async def test_a_walk_by_key_up_to_a_moment(freshdesk: FreshdeskAdapter) -> None:
    walk = freshdesk.iter_tickets(
        {"updated_since": "2026-03-01"}, walk="key", until=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    )
    assert [row["id"] async for row in walk] == [1]


async def test_a_search(freshdesk: FreshdeskAdapter) -> None:
    rows = await freshdesk.find_tickets({"search": where("priority", 3) & where("status", 2)})
    assert [(row["id"], row["description"]) for row in rows] == [(2, "<div>Twice</div>")]
    first = await freshdesk.find_first_ticket({"search": "priority:3 AND status:2"})
    assert first == rows[0]


async def test_a_search_that_finds_nothing(freshdesk: FreshdeskAdapter) -> None:
    assert await freshdesk.find_tickets({"search": "priority:4"}) == []
    assert await freshdesk.find_first_ticket({"search": "priority:4"}) is None


async def test_an_update_sends_numbers_and_returns_the_ticket(freshdesk: FreshdeskAdapter) -> None:
    data = {"priority": "3", "type": "Incident", "tags": ["vip", "otai-3f9a2c"]}
    ticket = await freshdesk.update_ticket("1", data)
    assert ticket is not None
    assert (ticket["priority"], ticket["type"]) == (3, "Incident")
    assert ticket["tags"] == ["vip", "otai-3f9a2c"]
    assert ticket["updated_at"] == "2026-03-02T08:00:00Z"


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"type": "Nonsense"}, "type", "invalid_value"),
        ({"custom_fields": {"cf_nonsense": "x"}}, "cf_nonsense", "invalid_field"),
    ],
)
async def test_a_refused_field_is_named(
    freshdesk: FreshdeskAdapter, data: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(errors.ValidationFailedError, match=f"Fields: {field}: {code}") as caught:
        await freshdesk.update_ticket("1", data)
    assert [(one.field, one.code) for one in caught.value.field_errors] == [(field, code)]
    assert caught.value.request_id
    assert not caught.value.retryable


async def test_a_note_is_added_once(freshdesk: FreshdeskAdapter) -> None:
    first = await freshdesk.add_note(1, "<p>otai-3f9a2c</p>", marker="otai-3f9a2c")
    again = await freshdesk.add_note(1, "<p>otai-3f9a2c</p>", marker="otai-3f9a2c")
    assert first is not None
    assert again is not None
    assert first["id"] == again["id"]
    assert (first["private"], first["incoming"]) == (True, False)


async def test_a_bulk_update_is_a_job(freshdesk: FreshdeskAdapter) -> None:
    job_id = await freshdesk.bulk_update([1, 2], {"priority": 2})
    job = await freshdesk.job(job_id)
    assert job is not None
    assert (job.id, job.status, job.is_over) == (job_id, "in_progress", False)


def by_name(fields: tuple[TicketField, ...]) -> dict[str, TicketField]:
    return {field.name: field for field in fields}


async def test_choices_of_every_shape(freshdesk: FreshdeskAdapter) -> None:
    fields = by_name(await freshdesk.ticket_fields())
    kinds = [choice.label for choice in fields["ticket_type"].choices]
    assert kinds == ["Question", "Incident", "Problem", "Feature Request", "Refund"]
    opened = fields["status"].choice("Open")
    assert opened is not None
    assert (opened.id, opened.customer_label) == (2, "Being Processed")
    assert [choice.id for choice in fields["priority"].choices] == [1, 2, 3, 4]
    billing = fields["group"].choice("Billing")
    assert billing is not None
    assert billing.id is not None
    device = fields["cf_category"].choice("Device")
    assert device is not None
    assert device.children[0].label == "Printer"
    assert device.children[0].children[0].label == "Paper"
    assert [part.level for part in fields["cf_category"].dependent_fields] == [2, 3]
    assert fields["subject"].choices == ()


async def test_choices_for_administrators(freshdesk: FreshdeskAdapter) -> None:
    fields = by_name(await freshdesk.admin_ticket_fields())
    area = fields["cf_product_area"]
    assert [choice.label for choice in area.choices] == ["Hardware", "Software"]
    assert all(choice.id is None and choice.record_id for choice in area.choices)
    device = fields["cf_category"].choice("Device")
    assert device is not None
    assert device.children[0].children[0].label == "Paper"


async def test_groups_by_name(freshdesk: FreshdeskAdapter) -> None:
    groups = {group.name: group.id for group in await freshdesk.groups()}
    assert groups["Billing"] > 0


async def test_who_the_key_belongs_to(freshdesk: FreshdeskAdapter) -> None:
    me = await freshdesk.me()
    assert (me.id, me.ticket_scope, me.contact.name) == (103000000024, 1, "Integration")
    account = await freshdesk.account()
    assert (account.account_domain, account.tier_type) == ("acme.freshdesk.com", "Growth")


async def test_a_wrong_key(desk: Any) -> None:
    with pytest.raises(errors.AuthenticationError, match="Copy it from the agent") as caught:
        await desk.adapter("wrong").me()
    assert (caught.value.status, caught.value.code) == (401, "invalid_credentials")


async def test_a_rate_limit_is_waited_out(desk: Any, freshdesk: FreshdeskAdapter) -> None:
    clock: VirtualClock = desk.clock
    desk.rate_limit_next(30)
    assert await freshdesk.get_ticket(1) is not None
    assert clock.monotonic() == pytest.approx(31.5)


async def test_the_rate_headers_are_read(freshdesk: FreshdeskAdapter) -> None:
    await freshdesk.get_ticket(1)
    state = freshdesk.client.budget.state()
    assert state.total == 200
    assert state.remaining is not None
    assert 100 < state.remaining < 200
