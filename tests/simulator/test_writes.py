"""Writes: what an update may set, what it leaves alone, and states that forbid it."""

import httpx
import pytest

from freshdesk_simulator import Simulator, VirtualClock


async def put(client: httpx.AsyncClient, ticket_id: int, **properties: object) -> httpx.Response:
    return await client.put(f"/tickets/{ticket_id}", json=properties)


def errors(reply: httpx.Response) -> list[tuple[str, str]]:
    assert reply.status_code == 400, reply.text
    assert reply.json()["description"] == "Validation failed"
    return [(error["field"], error["code"]) for error in reply.json()["errors"]]


async def test_keys_left_out_stay(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    ticket = freshdesk.account.add_ticket(
        "s", "d", tags=["a"], custom_fields={"cf_items": 1, "cf_order_number": "7"}
    )
    virtual_clock.advance(5)
    reply = await put(freshdesk_client, ticket.id, priority=3, custom_fields={"cf_items": 2})
    body = reply.json()
    assert (body["priority"], body["tags"], body["subject"]) == (3, ["a"], "s")
    assert body["custom_fields"]["cf_items"] == 2
    assert body["custom_fields"]["cf_order_number"] == "7"
    assert body["updated_at"] == "2026-03-02T08:00:05Z"


async def test_tags_replace_the_whole_set_and_collapse_case(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s", tags=["old"])
    reply = await put(freshdesk_client, ticket.id, tags=["VIP", "vip", "b"])
    assert reply.json()["tags"] == ["VIP", "b"]
    freshdesk.turn(duplicate_tags="keep")
    reply = await put(freshdesk_client, ticket.id, tags=["VIP", "vip", "vip"])
    assert reply.json()["tags"] == ["VIP", "vip"]


async def test_tag_of_33_characters(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    assert (await put(freshdesk_client, ticket.id, tags=["x" * 32])).status_code == 200
    reply = await put(freshdesk_client, ticket.id, tags=["x" * 33])
    assert errors(reply) == [("tags", "invalid_value")]
    freshdesk.turn(long_tag="truncate")
    reply = await put(freshdesk_client, ticket.id, tags=["x" * 33])
    assert reply.json()["tags"] == ["x" * 32]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"status": "2"}, [("status", "datatype_mismatch")]),
        ({"status": 99}, [("status", "invalid_value")]),
        ({"priority": True}, [("priority", "datatype_mismatch")]),
        ({"type": "Nonsense"}, [("type", "invalid_value")]),
        ({"group_id": 5}, [("group_id", "invalid_value")]),
        ({"group_id": "5"}, [("group_id", "datatype_mismatch")]),
        ({"tags": "vip"}, [("tags", "datatype_mismatch")]),
        ({"tags": [1]}, [("tags", "datatype_mismatch")]),
        ({"nonsense": 1}, [("nonsense", "invalid_field")]),
        ({"custom_fields": {"cf_nonsense": 1}}, [("cf_nonsense", "invalid_field")]),
        ({"custom_fields": {"cf_items": "7"}}, [("cf_items", "datatype_mismatch")]),
        ({"custom_fields": {"cf_triaged": 1}}, [("cf_triaged", "datatype_mismatch")]),
        ({"custom_fields": {"cf_wanted_by": "soon"}}, [("cf_wanted_by", "datatype_mismatch")]),
        ({"custom_fields": {"cf_product_area": "?"}}, [("cf_product_area", "invalid_value")]),
        ({"custom_fields": {"cf_subcategory": "?"}}, [("cf_subcategory", "invalid_value")]),
        ({"custom_fields": []}, [("custom_fields", "datatype_mismatch")]),
        ({"due_by": "soon"}, [("due_by", "datatype_mismatch")]),
        ({"internal_group_id": None}, [("status", "missing_field")]),
        (
            {"status": "x", "tags": 1},
            [("status", "datatype_mismatch"), ("tags", "datatype_mismatch")],
        ),
    ],
)  # fmt: skip
async def test_wrong_values_are_named_and_nothing_is_written(
    freshdesk: Simulator,
    freshdesk_client: httpx.AsyncClient,
    properties: dict[str, object],
    expected: list[tuple[str, str]],
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    reply = await freshdesk_client.put(f"/tickets/{ticket.id}", json=properties | {"source": 3})
    assert errors(reply) == expected
    assert freshdesk.account.ticket(ticket.id) == ticket


async def test_message_seen_on_live_accounts(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    reply = await put(freshdesk_client, ticket.id, status="Open")
    message = "Value set is of type String.It should be one of these values: '2,3,4,5,6,7'"
    assert reply.json()["errors"][0]["message"] == message


async def test_nested_levels_and_null_are_fine(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    group = freshdesk.account.group("Billing")
    ticket = freshdesk.account.add_ticket("s", group_id=group.id)
    custom = {
        "cf_category": "Device",
        "cf_subcategory": "Printer",
        "cf_item": "Toner",
        "cf_items": None,
    }
    reply = await put(freshdesk_client, ticket.id, custom_fields=custom, group_id=None)
    assert reply.status_code == 200
    assert reply.json()["group_id"] is None


async def test_closing_needs_the_required_field(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    reply = await put(freshdesk_client, ticket.id, status=5)
    assert errors(reply) == [("cf_root_cause", "invalid_value")]
    assert "It should not be blank as this is a mandatory field" in reply.text
    filled = {"cf_root_cause": "Unknown"}
    assert (await put(freshdesk_client, ticket.id, status=5, custom_fields=filled)).is_success
    stats = (await freshdesk_client.get(f"/tickets/{ticket.id}?include=stats")).json()["stats"]
    assert stats["closed_at"] is not None
    other = freshdesk.account.add_ticket("t")
    freshdesk.turn(closure_required="ignore")
    assert (await put(freshdesk_client, other.id, status=4)).is_success


async def test_same_values_change_nothing_unless_the_knob_says_so(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    ticket = freshdesk.account.add_ticket("s", priority=2)
    virtual_clock.advance(5)
    await put(freshdesk_client, ticket.id, priority=2)
    assert freshdesk.account.ticket(ticket.id).updated_at == ticket.updated_at
    assert len(freshdesk.journal.api_writes_to(ticket.id)) == 1, "it was a write all the same"
    freshdesk.turn(same_value_put="bump")
    await put(freshdesk_client, ticket.id, priority=2)
    assert freshdesk.account.ticket(ticket.id).updated_at == ticket.updated_at + 5


async def test_deleted_and_spam_cannot_be_written(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    deleted, spam = freshdesk.account.add_ticket("d"), freshdesk.account.add_ticket("s")
    assert (await freshdesk_client.delete(f"/tickets/{deleted.id}")).status_code == 204
    assert (await freshdesk_client.delete(f"/tickets/{deleted.id}")).status_code == 405
    freshdesk.humans.mark_spam(spam.id)
    for ticket in (deleted, spam):
        reply = await put(freshdesk_client, ticket.id, priority=2)
        assert reply.status_code == 405
        assert reply.json() == {
            "message": "PUT method is not allowed. It should be one of these method(s): GET"
        }
    freshdesk.turn(put_on_deleted=404)
    assert (await put(freshdesk_client, spam.id, priority=2)).status_code == 404
    freshdesk.turn(put_on_deleted=200)
    assert (await put(freshdesk_client, spam.id, priority=2)).status_code == 200


async def test_deleted_ticket_by_id_and_restored(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("d", deleted=True)
    path = f"/tickets/{ticket.id}"
    assert (await freshdesk_client.get(path)).json()["deleted"] is True
    for status in (403, 404):
        freshdesk.turn(deleted_by_id=status)
        assert (await freshdesk_client.get(path)).status_code == status
    assert (await freshdesk_client.put(f"{path}/restore")).status_code == 204
    assert "deleted" not in (await freshdesk_client.get(path)).json()


async def test_merge_closes_the_others(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    first, second = freshdesk.account.add_ticket("1"), freshdesk.account.add_ticket("2")
    body = {"primary_id": first.id, "ticket_ids": [second.id]}
    assert (await freshdesk_client.put("/tickets/merge", json=body)).status_code == 204
    assert freshdesk.account.ticket(second.id).status == 5
    assert (await put(freshdesk_client, second.id, priority=2)).status_code == 200
    freshdesk.turn(put_on_merged=405)
    assert (await put(freshdesk_client, second.id, priority=3)).status_code == 405
    unknown = {"primary_id": first.id, "ticket_ids": [99]}
    assert (await freshdesk_client.put("/tickets/merge", json=unknown)).status_code == 400


async def test_unknown_group_is_404_by_knob(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    group = freshdesk.account.group("Sales")
    ticket = freshdesk.account.add_ticket("s", group_id=group.id)
    freshdesk.humans.delete_group(group.id)
    assert freshdesk.account.ticket(ticket.id).group_id is None
    assert errors(await put(freshdesk_client, ticket.id, group_id=group.id)) == [
        ("group_id", "invalid_value")
    ]
    freshdesk.turn(unknown_reference=404)
    assert (await put(freshdesk_client, ticket.id, group_id=group.id)).status_code == 404


async def test_outbound_mail_keeps_its_subject(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s", source=10)
    assert errors(await put(freshdesk_client, ticket.id, subject="t")) == [
        ("subject", "incompatible_field")
    ]


async def test_create_answers_201_with_location(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    body = {
        "subject": "s",
        "description": "<b>d</b>",
        "email": "new@example.com",
        "status": 2,
        "priority": 1,
    }
    reply = await freshdesk_client.post("/tickets", json=body)
    assert reply.status_code == 201
    assert reply.headers["Location"].endswith(f"/api/v2/tickets/{reply.json()['id']}")
    contact = freshdesk.account.contact_by_email("NEW@example.com")
    assert contact is not None
    assert reply.json()["requester_id"] == contact.id
    missing = await freshdesk_client.post("/tickets", json={"subject": "s"})
    assert {field for field, _ in errors(missing)} == {"description", "status", "priority", "email"}


async def test_notes_are_private_by_default_and_posting_twice_makes_two(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    virtual_clock.advance(5)
    path = f"/tickets/{ticket.id}/notes"
    for _ in range(2):
        reply = await freshdesk_client.post(path, json={"body": "<div>hi <b>you</b></div>"})
        assert reply.status_code == 201
    note = reply.json()
    assert (note["private"], note["source"], note["body_text"]) == (True, 2, "hi you")
    assert note["user_id"] == (await freshdesk_client.get("/agents/me")).json()["id"]
    assert freshdesk.account.ticket(ticket.id).updated_at == ticket.updated_at + 5
    listed = (await freshdesk_client.get(f"/tickets/{ticket.id}/conversations")).json()
    assert [entry["body_text"] for entry in listed] == ["hi you", "hi you"]
    assert errors(await freshdesk_client.post(path, json={})) == [("body", "missing_field")]
    freshdesk.turn(note_bumps_updated_at=False)
    virtual_clock.advance(5)
    await freshdesk_client.post(path, json={"body": "x", "private": False})
    assert freshdesk.account.ticket(ticket.id).updated_at == ticket.updated_at + 5


async def test_conversations_are_paged_and_at_most_ten_are_included(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("s")
    for number in range(12):
        freshdesk.humans.note(ticket.id, f"{number}")
    single = await freshdesk_client.get(f"/tickets/{ticket.id}?include=conversations")
    assert [entry["body"] for entry in single.json()["conversations"]] == [
        str(n) for n in range(10)
    ]
    page = await freshdesk_client.get(f"/tickets/{ticket.id}/conversations?per_page=10")
    rest = await freshdesk_client.get(page.links["next"]["url"])
    assert [entry["body"] for entry in rest.json()] == ["10", "11"]


async def test_customer_reply_opens_a_closed_ticket(freshdesk: Simulator) -> None:
    ticket = freshdesk.account.add_ticket("s", status=4)
    freshdesk.humans.reply(ticket.id, "done")
    freshdesk.humans.customer_replies(ticket.id, "not at all")
    after = freshdesk.account.ticket(ticket.id)
    assert after.status == 2
    assert after.stats.reopened_at is not None
    assert after.stats.first_responded_at is not None
