"""Lists: filters, pages, the 30-day rule, the last page, rows that move while one walks."""

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account

WALK = {"updated_since": "2026-01-01", "order_by": "updated_at", "order_type": "asc"}


def enterprise(clock: VirtualClock, **knobs: object) -> Simulator:
    return Simulator(english_account(clock, plan="enterprise"), knobs=Knobs.calm(**knobs))


def ids(reply: httpx.Response) -> list[int]:
    assert reply.status_code == 200, reply.text
    return [row["id"] for row in reply.json()]


async def test_link_leads_through_all_pages(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    for number in range(7):
        freshdesk.account.add_ticket(f"{number}")
    reply = await freshdesk_client.get("/tickets?per_page=3")
    seen = ids(reply)
    while "next" in reply.links:
        reply = await freshdesk_client.get(reply.links["next"]["url"])
        seen += ids(reply)
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_without_updated_since_only_thirty_days(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("old", created_at="2026-01-15T00:00:00Z")
    young = freshdesk.account.add_ticket("young", created_at="2026-02-20T00:00:00Z")
    assert ids(await freshdesk_client.get("/tickets")) == [young.id]
    assert ids(await freshdesk_client.get("/tickets?updated_since=2026-01-01")) == [2, 1]
    by_update = await freshdesk_client.get("/tickets?order_by=updated_at&order_type=asc")
    assert ids(by_update) == [young.id]


@pytest.mark.parametrize(
    "since",
    ["2026-03-02", "2026-03-02T08:00", "2026-03-02T08:00:00", "2026-03-02T08:00:00Z",
     "2026-03-02T09:00:00+01:00"],
)  # fmt: skip
async def test_updated_since_is_inclusive_in_every_form(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, since: str
) -> None:
    freshdesk.account.add_ticket("before", created_at="2026-03-01T23:59:59Z")
    ticket = freshdesk.account.add_ticket("now")
    for order in ("created_at", "updated_at"):
        params = {"updated_since": since, "order_by": order}
        assert ids(await freshdesk_client.get("/tickets", params=params)) == [ticket.id]


async def test_updated_since_exclusive_by_knob(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("now")
    freshdesk.turn(updated_since="exclusive")
    for order in ("created_at", "updated_at"):
        params = {"updated_since": "2026-03-02T08:00:00Z", "order_by": order}
        assert ids(await freshdesk_client.get("/tickets", params=params)) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-13-01", "updated_since"),
        ("order_by=subject", "order_by"),
        ("order_type=up", "order_type"),
        ("include=conversations", "include"),
        ("per_page=101", "per_page"),
        ("per_page=0", "per_page"),
        ("page=x", "page"),
        ("status=2", "status"),
    ],
)
async def test_wrong_parameters_are_named(
    freshdesk_client: httpx.AsyncClient, query: str, field: str
) -> None:
    reply = await freshdesk_client.get(f"/tickets?{query}")
    assert reply.status_code == 400
    assert [error["field"] for error in reply.json()["errors"]] == [field]


async def test_page_301_is_a_wall(virtual_clock: VirtualClock) -> None:
    simulator = enterprise(virtual_clock)
    for number in range(301):
        simulator.account.add_ticket(f"{number}")
    async with simulator.client() as client:
        last = await client.get("/tickets?per_page=1&page=300")
        beyond = await client.get("/tickets?per_page=1&page=301")
    assert ids(last) == [2]
    assert beyond.json()["errors"] == [
        {
            "field": "page",
            "message": "You cannot access tickets beyond the 300th page. "
            "Please provide a smaller page number.",
            "code": "invalid_value",
        }
    ]


async def test_spam_deleted_and_archived_have_lists_of_their_own(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    plain, spam, deleted, archived = (freshdesk.account.add_ticket(f"{n}").id for n in range(4))
    freshdesk.humans.mark_spam(spam)
    freshdesk.humans.delete(deleted)
    freshdesk.humans.archive(archived)
    assert ids(await freshdesk_client.get("/tickets")) == [plain]
    assert ids(await freshdesk_client.get("/tickets?filter=spam")) == [spam]
    reply = await freshdesk_client.get("/tickets?filter=deleted")
    assert ids(reply) == [deleted]
    assert reply.json()[0]["deleted"] is True
    assert (await freshdesk_client.get(f"/tickets/{archived}")).status_code == 404
    kept = await freshdesk_client.get(f"/tickets/archived/{archived}")
    assert kept.json()["archived"] is True


async def test_filters_by_person(freshdesk: Simulator, freshdesk_client: httpx.AsyncClient) -> None:
    other = freshdesk.account.add_contact("Plus", "plus+1@example.com")
    freshdesk.account.add_ticket("of Ann")
    mine = freshdesk.account.add_ticket("of Plus", requester=other)
    for params in ({"email": "plus+1@example.com"}, {"requester_id": str(other.id)}):
        assert ids(await freshdesk_client.get("/tickets", params=params)) == [mine.id]
    unencoded = await freshdesk_client.get("/tickets?email=plus+1@example.com")
    assert ids(unencoded) == []
    me = (await freshdesk_client.get("/agents/me")).json()["id"]
    freshdesk.humans.assign(mine.id, to=me)
    freshdesk.humans.assign(1)
    assert ids(await freshdesk_client.get("/tickets?filter=new_and_my_open")) == [mine.id]
    freshdesk.account.watchers[me].add(1)
    assert ids(await freshdesk_client.get("/tickets?filter=watching")) == [1]


async def test_orders_and_ties(freshdesk: Simulator, freshdesk_client: httpx.AsyncClient) -> None:
    for status in (3, 2, 3, 2):
        freshdesk.account.add_ticket("x", status=status)
    up = await freshdesk_client.get("/tickets?order_by=status&order_type=asc")
    assert ids(up) == [2, 4, 1, 3]
    down = await freshdesk_client.get("/tickets?order_by=status")
    assert ids(down) == [3, 1, 4, 2]


async def test_unstable_ties_differ_between_calls(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    for number in range(20):
        freshdesk.account.add_ticket(f"{number}")
    freshdesk.turn(sort_ties="unstable")
    first, second = [ids(await freshdesk_client.get("/tickets")) for _ in range(2)]
    assert first != second
    assert sorted(first) == sorted(second)


async def test_per_page_is_clamped_by_knob(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    for number in range(120):
        freshdesk.account.add_ticket(f"{number}")
    freshdesk.turn(per_page_over_100="clamp")
    assert len(ids(await freshdesk_client.get("/tickets?per_page=500"))) == 100


async def write_all(client: httpx.AsyncClient, clock: VirtualClock, rows: list[int]) -> None:
    clock.advance(60)
    for ticket_id in rows:
        reply = await client.put(f"/tickets/{ticket_id}", json={"tags": ["seen"]})
        assert reply.status_code == 200


async def test_walk_by_page_number_loses_tickets_that_it_writes(
    virtual_clock: VirtualClock,
) -> None:
    simulator = enterprise(virtual_clock)
    for number in range(300):
        simulator.account.add_ticket(f"{number}", created_at=virtual_clock.time() - 1000 + number)
    written: set[int] = set()
    async with simulator.client() as client:
        page = 1
        while rows := ids(
            await client.get("/tickets", params=WALK | {"per_page": 50, "page": page})
        ):
            fresh = [row for row in rows if row not in written]
            await write_all(client, virtual_clock, fresh)
            written.update(fresh)
            page += 1
    assert len(written) == 150, "every second page is skipped, since written rows move to the end"


async def test_walk_by_key_finds_them_all(virtual_clock: VirtualClock) -> None:
    simulator = enterprise(virtual_clock)
    for number in range(300):
        simulator.account.add_ticket(f"{number}", created_at=virtual_clock.time() - 1000 + number)
    written: set[int] = set()
    since = "2026-01-01"
    async with simulator.client() as client:
        while True:
            reply = await client.get(
                "/tickets", params=WALK | {"per_page": 50, "updated_since": since}
            )
            fresh = [row for row in ids(reply) if row not in written]
            if not fresh:
                break
            since = reply.json()[-1]["updated_at"]
            await write_all(client, virtual_clock, fresh)
            written.update(fresh)
    assert len(written) == 300


async def test_35_000_tickets_list_quickly(virtual_clock: VirtualClock) -> None:
    simulator = enterprise(virtual_clock)
    start = virtual_clock.time() - 100_000
    for number in range(35_000):
        simulator.account.add_ticket("x", created_at=start + number)
    async with simulator.client() as client:
        deep = await client.get("/tickets", params=WALK | {"per_page": 100, "page": 300})
    assert ids(deep)[-1] == 30_000
