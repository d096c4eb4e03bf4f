"""Bulk update and its jobs."""

import httpx
import pytest

from freshdesk_simulator import Simulator, VirtualClock


async def bulk(client: httpx.AsyncClient, ids: list[int], **properties: object) -> httpx.Response:
    action = {"ids": ids, "properties": properties}
    return await client.post("/tickets/bulk_update", json={"bulk_action": action})


async def test_applied_seconds_later_at_the_time_it_was_due(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    tickets = [freshdesk.account.add_ticket("s", tags=["old"]) for _ in range(3)]
    reply = await bulk(
        freshdesk_client, [ticket.id for ticket in tickets], priority=3, tags=["new"]
    )
    assert reply.status_code == 202
    assert isinstance(reply.json()["job_id"], str)
    virtual_clock.advance(4)
    assert freshdesk.account.ticket(1).priority == 1
    virtual_clock.advance(10)
    after = freshdesk.account.ticket(1)
    assert (after.priority, after.tags) == (3, ("new",))
    assert after.updated_at == tickets[0].updated_at + 5
    assert len(freshdesk.journal.api_writes_to(1)) == 1


async def test_job_is_in_progress_for_two_polls(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    job = (await bulk(freshdesk_client, [1], priority=3)).json()["job_id"]
    polls = [(await freshdesk_client.get(f"/jobs/{job}")).json() for _ in range(3)]
    assert [poll["status"] for poll in polls] == ["in_progress", "in_progress", "completed"]
    assert polls[-1]["progress"] == 100
    assert freshdesk.account.ticket(1).priority == 3, "completed means written"


async def test_bad_ids_are_passed_over_or_fail_the_job(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    good = freshdesk.account.add_ticket("s").id
    spam = freshdesk.account.add_ticket("s", spam=True).id
    await bulk(freshdesk_client, [good, spam, 99], priority=3)
    virtual_clock.advance(5)
    assert freshdesk.account.ticket(good).priority == 3
    assert freshdesk.account.ticket(spam).priority == 1
    freshdesk.turn(bulk_bad_id="fail_job", job_polls_in_progress=0)
    job = (await bulk(freshdesk_client, [good, 99], priority=4)).json()["job_id"]
    assert (await freshdesk_client.get(f"/jobs/{job}")).json()["status"] == "failed"
    assert freshdesk.account.ticket(good).priority == 3


async def test_price_and_most_ids(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ids = [freshdesk.account.add_ticket("s").id for _ in range(101)]
    refused = await bulk(freshdesk_client, ids, priority=3)
    assert refused.json()["errors"][0]["field"] == "ids"
    reply = await bulk(freshdesk_client, ids[:100], priority=3)
    assert reply.headers["X-RateLimit-Used-CurrentRequest"] == "1"
    freshdesk.turn(bulk_credits_per_id=1)
    reply = await bulk(freshdesk_client, ids[:50], priority=4)
    assert reply.headers["X-RateLimit-Used-CurrentRequest"] == "51"


async def test_tags_are_added_at_once_by_knob(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.turn(bulk_tags="add", bulk_applies="at_once")
    freshdesk.account.add_ticket("s", tags=["old"])
    await bulk(freshdesk_client, [1], tags=["new"])
    assert freshdesk.account.ticket(1).tags == ("old", "new")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "bulk_action"),
        ({"bulk_action": {"ids": []}}, "ids"),
        ({"bulk_action": {"ids": ["1"], "properties": {"priority": 1}}}, "ids"),
        ({"bulk_action": {"ids": [1]}}, "properties"),
        ({"bulk_action": {"ids": [1], "properties": {"subject": "x"}}}, "subject"),
        ({"bulk_action": {"ids": [1], "properties": {"status": "x"}}}, "status"),
    ],
)
async def test_wrong_bodies_are_named(
    freshdesk_client: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    reply = await freshdesk_client.post("/tickets/bulk_update", json=body)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(("life", "status"), [("never_ends", 200), ("not_found", 404)])
async def test_jobs_that_tell_nothing(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, life: str, status: int
) -> None:
    freshdesk.turn(job_life=life)
    freshdesk.account.add_ticket("s")
    job = (await bulk(freshdesk_client, [1], priority=3)).json()["job_id"]
    replies = [await freshdesk_client.get(f"/jobs/{job}") for _ in range(5)]
    assert {reply.status_code for reply in replies} == {status}
    if status == 200:
        assert {reply.json()["status"] for reply in replies} == {"in_progress"}


async def test_bulk_delete(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    freshdesk.account.add_ticket("s")
    reply = await freshdesk_client.post("/tickets/bulk_delete", json={"bulk_action": {"ids": [1]}})
    assert reply.status_code == 202
    virtual_clock.advance(5)
    assert freshdesk.account.ticket(1).deleted
