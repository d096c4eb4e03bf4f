"""Rate limits, all on the virtual clock."""

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.account import Plan


async def statuses(client: httpx.AsyncClient, path: str, calls: int) -> list[int]:
    return [(await client.get(path)).status_code for _ in range(calls)]


@pytest.mark.parametrize(
    ("plan", "total"), [("trial", 50), ("growth", 200), ("pro", 400), ("enterprise", 700)]
)
async def test_plan_decides_the_total(virtual_clock: VirtualClock, plan: Plan, total: int) -> None:
    simulator = Simulator(english_account(virtual_clock, plan=plan), knobs=Knobs.calm())
    async with simulator.client() as client:
        seen = await statuses(client, "/agents/me", total + 1)
    assert seen == [200] * total + [429]


async def test_window_is_the_clock_minute_and_refills_whole(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    virtual_clock.advance(50.5)
    await statuses(freshdesk_client, "/agents/me", 200)
    reply = await freshdesk_client.get("/agents/me")
    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == "10"
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    virtual_clock.advance(10)
    reply = await freshdesk_client.get("/agents/me")
    assert (reply.status_code, reply.headers["X-RateLimit-Remaining"]) == (200, "199")


async def test_sliding_window_frees_credit_by_credit(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    freshdesk.turn(rate_window="sliding")
    await statuses(freshdesk_client, "/agents/me", 100)
    virtual_clock.advance(30)
    await statuses(freshdesk_client, "/agents/me", 100)
    reply = await freshdesk_client.get("/agents/me")
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "30")
    virtual_clock.advance(30)
    assert await statuses(freshdesk_client, "/agents/me", 101) == [200] * 100 + [429]


async def test_list_sub_limit_is_twenty_on_growth_and_not_in_the_headers(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    assert await statuses(freshdesk_client, "/tickets", 21) == [200] * 20 + [429]
    reply = await freshdesk_client.get("/agents/me")
    assert reply.status_code == 200
    assert int(reply.headers["X-RateLimit-Remaining"]) == 200 - 22


async def test_update_sub_limit_is_eighty(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("x")
    seen = [
        (await freshdesk_client.put("/tickets/1", json={"priority": 1 + number % 4})).status_code
        for number in range(81)
    ]
    assert seen == [200] * 80 + [429]


async def test_create_sub_limit_is_eighty(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = {
        "subject": "s",
        "description": "d",
        "email": "a@example.com",
        "status": 2,
        "priority": 1,
    }
    seen = [(await freshdesk_client.post("/tickets", json=ticket)).status_code for _ in range(81)]
    assert seen == [201] * 80 + [429]


async def test_sub_limit_in_credits_by_knob(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.turn(sub_limit_unit="credits")
    seen = await statuses(freshdesk_client, "/tickets?include=description", 7)
    assert seen == [200] * 6 + [429]


async def test_failed_calls_cost_too(freshdesk: Simulator) -> None:
    async with freshdesk.client(api_key="wrong") as stranger:
        assert await statuses(stranger, "/agents/me", 200) == [401] * 200
    async with freshdesk.client() as client:
        assert (await client.get("/agents/me")).status_code == 429


@pytest.mark.parametrize(("form", "text"), [("json", '{"message"'), ("text", "You"), ("empty", "")])
async def test_429_body_and_missing_retry_after(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, form: str, text: str
) -> None:
    freshdesk.turn(rate_limit_body=form, retry_after_header=False)
    await statuses(freshdesk_client, "/tickets", 20)
    reply = await freshdesk_client.get("/tickets")
    assert reply.status_code == 429
    assert "Retry-After" not in reply.headers
    assert reply.text.startswith(text)
    assert bool(reply.text) == bool(text)


async def test_call_dearer_than_what_is_left_is_refused(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    await statuses(freshdesk_client, "/agents/me", 198)
    reply = await freshdesk_client.get("/tickets?include=description")
    assert reply.status_code == 429
    assert await statuses(freshdesk_client, "/agents/me", 3) == [200, 200, 429]
