"""The journal, and the questions it answers."""

import httpx
import pytest

from freshdesk_simulator import Change, Simulator, VirtualClock
from freshdesk_simulator.models import Actor
from freshdesk_simulator.proofs import doubled, lost_tags, overwritten, raced


async def put(client: httpx.AsyncClient, **properties: object) -> None:
    assert (await client.put("/tickets/1", json=properties)).status_code == 200


async def look(client: httpx.AsyncClient) -> None:
    assert (await client.get("/tickets/1")).status_code == 200


async def test_calls_and_writes_are_noted(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    freshdesk.account.add_ticket("s", tags=["a"])
    await freshdesk_client.get("/tickets?include=description")
    virtual_clock.advance(3)
    await put(freshdesk_client, priority=3, tags=["a", "b"], custom_fields={"cf_items": 2})
    freshdesk.humans.close(1)
    read, written = freshdesk.journal.calls
    assert (read.method, read.path, read.query) == ("GET", "/api/v2/tickets", "include=description")
    assert (read.status, read.credits, read.tickets_read) == (200, 3, (1,))
    assert written.time == read.time + 3
    assert written.acknowledged is not None
    by_api, by_human = freshdesk.journal.writes_to(1)
    assert by_api.call == written.number
    assert by_api.changes == (
        Change("priority", 1, 3),
        Change("tags", ("a",), ("a", "b")),
        Change("custom_fields.cf_items", None, 2),
    )
    assert by_human.call is None
    assert by_human.changes == (Change("status", 2, 5),)
    assert freshdesk.journal.api_writes_to(1) == [by_api]
    assert freshdesk.journal.credits_spent == 4
    assert freshdesk.journal.count(status=200, method="PUT") == 1


async def test_second_write_after_an_acknowledged_one_is_doubled(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    await put(freshdesk_client, priority=3)
    assert doubled(freshdesk.journal) == []
    await put(freshdesk_client, priority=3)
    assert [pair.ticket_id for pair in doubled(freshdesk.journal)] == [1]
    assert raced(freshdesk.journal) == []


async def test_retry_after_a_lost_reply_is_not_doubled(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    freshdesk.faults.next("reply_lost")
    with pytest.raises(httpx.ReadError):
        await put(freshdesk_client, priority=3)
    await put(freshdesk_client, priority=3)
    assert len(freshdesk.journal.api_writes_to(1)) == 2
    assert doubled(freshdesk.journal) == raced(freshdesk.journal) == []


def test_writes_under_way_at_once_have_raced(freshdesk: Simulator) -> None:
    ticket = freshdesk.account.add_ticket("s")
    journal = freshdesk.journal
    first, second = (journal.begin("PUT", "/api/v2/tickets/1", "") for _ in range(2))
    bot = list(freshdesk.account.agents)[-1]
    actor = Actor.agent(bot, through_api=True)
    for number in (first, second):
        freshdesk.desk.change(ticket.id, {"priority": 3}, actor, call=number)
        journal.settle(number, status=200, used=1, agent_id=bot, request_id="", tickets_read=())
        journal.acknowledge(number)
    assert doubled(journal) == []
    assert len(raced(journal)) == 1


async def test_bulk_and_single_are_doubled_too(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    freshdesk.account.add_ticket("s")
    action = {"bulk_action": {"ids": [1], "properties": {"priority": 2}}}
    await freshdesk_client.post("/tickets/bulk_update", json=action)
    virtual_clock.advance(5)
    await put(freshdesk_client, priority=3)
    assert len(doubled(freshdesk.journal)) == 1


async def test_what_was_decided_before_the_last_look_is_overwritten(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    freshdesk.humans.update(1, type="Problem")
    await look(freshdesk_client)
    await put(freshdesk_client, type="Incident")
    [found] = overwritten(freshdesk.journal)
    assert found.change == Change("type", "Problem", "Incident")


async def test_what_was_decided_after_the_last_look_is_not_held_against_the_caller(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s", tags=["old"])
    await look(freshdesk_client)
    freshdesk.humans.update(1, type="Problem")
    freshdesk.humans.add_tags(1, "late")
    await put(freshdesk_client, type="Incident", tags=["old", "bot"])
    assert overwritten(freshdesk.journal) == []
    assert lost_tags(freshdesk.journal) == []


async def test_values_that_count_as_undecided(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    await look(freshdesk_client)
    await put(freshdesk_client, priority=3, type="Incident")
    assert [found.change.field for found in overwritten(freshdesk.journal)] == ["priority"]
    assert overwritten(freshdesk.journal, {"priority": {1}}) == []


async def test_search_is_no_look(freshdesk: Simulator, freshdesk_client: httpx.AsyncClient) -> None:
    freshdesk.account.add_ticket("s")
    await look(freshdesk_client)
    freshdesk.humans.update(1, type="Problem")
    await freshdesk_client.get("/search/tickets", params={"query": '"status:2"'})
    await put(freshdesk_client, type="Incident")
    assert overwritten(freshdesk.journal) == []


async def test_tag_that_could_be_seen_is_lost_one_of_our_own_is_not(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s", tags=["first"])
    freshdesk.humans.add_tags(1, "human")
    await look(freshdesk_client)
    await put(freshdesk_client, tags=["first", "human", "bot"])
    assert lost_tags(freshdesk.journal) == []
    await put(freshdesk_client, tags=["new"])
    assert [found.change.old for found in lost_tags(freshdesk.journal)] == ["first", "human"]


async def test_a_caller_that_never_looked_should_have(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("s")
    freshdesk.humans.update(1, type="Problem")
    freshdesk.humans.add_tags(1, "human")
    await put(freshdesk_client, type="Incident", tags=[])
    assert len(overwritten(freshdesk.journal)) == len(lost_tags(freshdesk.journal)) == 1
