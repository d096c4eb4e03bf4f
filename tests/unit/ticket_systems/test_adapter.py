from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.ticket_systems.freshdesk import AT_ONCE, FreshdeskAdapter, errors
from otai_freshdesk.ticket_systems.freshdesk.adapter import check_update
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import account_host

KEY = "fdk-key-never-to-be-seen"


def rows(*numbers: int, **more: Any) -> httpx.Response:
    body = [{"id": n, "updated_at": "2026-03-01T09:00:00Z"} for n in numbers]
    return httpx.Response(200, json=body, **more)


def found(total: int, *numbers: int) -> httpx.Response:
    return httpx.Response(200, json={"total": total, "results": [{"id": n} for n in numbers]})


# What is written


def test_digits_become_numbers_and_the_rest_stays() -> None:
    data: dict[str, Any] = {
        "status": "2",
        "group_id": None,
        "responder_id": 7,
        "type": "3",
        "custom_fields": {},
    }
    assert check_update(data) == {**data, "status": 2}
    assert data["status"] == "2"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "at least one key"),
        ({"status": None}, "status must be a whole number"),
        ({"priority": True}, "priority"),
        ({"priority": 2.0}, "priority"),
        ({"group_id": "Billing"}, "group_id"),
        ({"group_id": "²"}, "group_id"),
        ({"tags": "vip"}, "list of texts"),
        ({"tags": None}, "list of texts"),
        ({"tags": ["vip", 7]}, "Tag 2"),
        ({"tags": ["vip", " "]}, "Tag 2"),
        ({"tags": ["x" * 33]}, "1 to 32 characters"),
        ({"custom_fields": ["cf_x"]}, "custom_fields"),
        ({"due_by": datetime(2026, 3, 2, tzinfo=UTC)}, "JSON"),
        ({"custom_fields": {"cf_x": float("nan")}}, "JSON"),
        ({"tags": ["half a surrogate \ud83d"]}, "JSON"),
    ],
)
def test_what_freshdesk_would_refuse_is_refused_first(data: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidUpdateError, match=message):
        check_update(data)


def test_a_tag_may_have_32_characters() -> None:
    assert check_update({"tags": ("ü" * 32,)}) == {"tags": ["ü" * 32]}


@pytest.mark.parametrize(
    "data", [{"status": "ann@x.de"}, {"tags": "ann@x.de"}, {"tags": ["ann@x.de" * 9]}]
)
def test_values_are_not_in_the_refusal(data: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidUpdateError) as caught:
        check_update(data)
    assert "ann@x.de" not in f"{caught.value!s}{caught.value!r}"


async def test_a_refused_update_is_not_sent(adapter: FreshdeskAdapter, script: Any) -> None:
    with pytest.raises(errors.InvalidUpdateError):
        await adapter.update_ticket("1", {"tags": ["x" * 33]})
    assert script.requests == []


@pytest.mark.parametrize("ticket_id", ["", "0", "-1", "1/notes", "INC-1", "1.5", "²", " 1", True])
async def test_only_ticket_numbers_reach_the_path(
    adapter: FreshdeskAdapter, script: Any, ticket_id: Any
) -> None:
    for call in (
        adapter.get_ticket(ticket_id),
        adapter.update_ticket(ticket_id, {"priority": 1}),
        adapter.add_note(ticket_id, "otai-mark", marker="otai-mark"),
        adapter.bulk_update([ticket_id], {"priority": 1}),
    ):
        with pytest.raises(errors.InvalidRequestError):
            await call
    assert script.requests == []


async def test_an_update_that_returns_no_ticket_is_in_doubt(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(httpx.Response(200, json=[]))
    with pytest.raises(errors.AmbiguousWriteError):
        await adapter.update_ticket("1", {"priority": 1})


@pytest.mark.parametrize("count", [0, 101])
async def test_the_size_of_a_bulk_update(adapter: FreshdeskAdapter, count: int) -> None:
    with pytest.raises(errors.InvalidUpdateError, match="1 to 100"):
        await adapter.bulk_update(range(1, count + 1), {"priority": 1})


@pytest.mark.parametrize("body", [{}, {"job_id": ""}, [], None])
async def test_a_bulk_update_without_a_job_is_in_doubt(
    adapter: FreshdeskAdapter, script: Any, body: object
) -> None:
    script.then(httpx.Response(202, json=body))
    with pytest.raises(errors.AmbiguousWriteError):
        await adapter.bulk_update([1], {"priority": 1})


# Notes


@pytest.mark.parametrize(
    ("body", "marker"),
    [("<p>otai</p>", "otai-3f9a2c"), ("otai", "otai"), ("<b>x</b>y", "<b>x</b>"), ("", "")],
)
async def test_a_note_s_marker_must_be_found_again(
    adapter: FreshdeskAdapter, body: str, marker: str
) -> None:
    with pytest.raises(errors.InvalidRequestError, match="marker"):
        await adapter.add_note(1, body, marker=marker)


async def test_a_note_is_looked_for_on_every_page(adapter: FreshdeskAdapter, script: Any) -> None:
    first = [{"id": n, "body": None} for n in range(100)]
    second = [{"id": 200, "body": "<div>otai-mark</div>", "body_text": "otai-mark"}]
    script.then(httpx.Response(200, json=first), httpx.Response(200, json=second))
    note = await adapter.add_note(1, "otai-mark", marker="otai-mark")
    assert note is not None
    assert note["id"] == 200
    assert [request.method for request in script.requests] == ["GET", "GET"]


async def test_after_a_lost_reply_the_note_is_looked_for_before_it_is_posted_again(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    lost = httpx.RemoteProtocolError("gone")
    script.then(rows(), lost, rows(), httpx.Response(201, json={"id": 5}))
    note = await adapter.add_note(1, "otai-mark", marker="otai-mark", private=False)
    assert note == {"id": 5}
    assert [request.method for request in script.requests] == ["GET", "POST", "GET", "POST"]
    assert script.requests[1].content == b'{"body":"otai-mark","private":false}'


async def test_a_note_that_never_arrives_is_given_up(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    lost = httpx.RemoteProtocolError("gone")
    script.then(rows(), lost, rows(), lost, rows(), lost)
    with pytest.raises(errors.AmbiguousWriteError):
        await adapter.add_note(1, "otai-mark", marker="otai-mark")
    assert len(script.requests) == 6


# Lists


async def test_a_full_page_without_link_may_have_a_successor(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(rows(1, 2), rows(3, 4), rows())
    assert len(await adapter.find_tickets({"per_page": 2})) == 4
    assert len(script.requests) == 3


async def test_once_link_was_seen_it_decides(adapter: FreshdeskAdapter, script: Any) -> None:
    link = {"Link": '<https://acme.freshdesk.com/x>; rel="next"'}
    script.then(rows(1, headers=link), rows(2, 3))
    assert [row["id"] for row in await adapter.find_tickets({"per_page": 2})] == [1, 2, 3]
    assert len(script.requests) == 2


async def test_a_row_that_moved_to_the_next_page_comes_once(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(rows(1, 2), rows(2, 3), rows())
    assert [row["id"] for row in await adapter.find_tickets({"per_page": 2})] == [1, 2, 3]


async def test_a_limit_fetches_no_more_than_it_needs(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(rows(1, 2, 3), rows(4, 5, 6))
    assert [row["id"] for row in await adapter.find_tickets({"limit": 3})] == [1, 2, 3]
    assert [request.url.params["per_page"] for request in script.requests] == ["3"]


async def test_a_limit_ends_within_a_page(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(rows(1, 2), rows(3, 4))
    query = {"limit": 3, "per_page": 2}
    assert [row["id"] for row in await adapter.find_tickets(query)] == [1, 2, 3]


async def test_the_first_ticket_costs_one_row(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(rows(9))
    assert await adapter.find_first_ticket({"filter": "spam"}) == {
        "id": 9,
        "updated_at": "2026-03-01T09:00:00Z",
    }
    (request,) = script.requests
    assert dict(request.url.params) == {"filter": "spam", "per_page": "1", "page": "1"}


async def test_the_first_of_a_page_asked_for(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(rows(7, 8))
    first = await adapter.find_first_ticket({"page": 2, "per_page": 2})
    assert first is not None
    assert first["id"] == 7
    assert dict(script.requests[0].url.params) == {"per_page": "2", "page": "2"}


async def test_no_first_ticket(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(rows())
    assert await adapter.find_first_ticket({}) is None


async def test_a_list_that_is_not_there_is_empty(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(httpx.Response(404))
    assert await adapter.find_tickets({}) == []
    assert await adapter.find_first_ticket({}) is None


@pytest.mark.parametrize(
    "body", [{"tickets": []}, None, ["x"], [{"subject": "no id"}], [{"id": "1"}], "text"]
)
async def test_a_list_of_another_shape_is_malformed(
    make_client: Any, script: Any, body: object
) -> None:
    script.then(httpx.Response(200, json=body))
    adapter = FreshdeskAdapter(FullConfig(), client=make_client())
    with pytest.raises(errors.MalformedReplyError, match="another shape"):
        await adapter.find_tickets({})


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"updated_since": "2026-03-01", "order_by": "created_at"},
        {"updated_since": "2026-03-01", "order_type": "desc"},
        {"updated_since": "2026-03-01", "filter": "spam"},
        {"updated_since": "2026-03-01", "page": 2},
        {"search": "status:2"},
    ],
)
async def test_what_does_not_go_with_a_walk_by_key(
    adapter: FreshdeskAdapter, query: dict[str, Any]
) -> None:
    with pytest.raises(errors.InvalidQueryError, match="walk by key"):
        await anext(adapter.iter_tickets(query, walk="key"))


async def test_until_goes_with_a_walk_by_key_only(adapter: FreshdeskAdapter) -> None:
    walk = adapter.iter_tickets({}, until=datetime(2026, 3, 1, tzinfo=UTC))
    with pytest.raises(errors.InvalidQueryError, match="until"):
        await anext(walk)


# Searches


async def test_a_search_reads_all_its_pages(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(found(31, *range(30)), found(31, 30))
    assert len(await adapter.find_tickets({"search": "status:2"})) == 31
    assert script.requests[0].url.params["query"] == '"status:2"'
    assert [request.url.params["page"] for request in script.requests] == ["1", "2"]


async def test_a_search_of_more_than_300_is_an_error(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(found(301, *range(30)))
    with pytest.raises(errors.ResultLimitError, match="finds 301 tickets"):
        await adapter.find_tickets({"search": "status:2"})
    with pytest.raises(errors.ResultLimitError):
        await adapter.find_tickets({"search": "status:2", "limit": 301})


async def test_a_limited_search_of_more_than_300_is_none(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(found(5000, *range(30)), found(5000, *range(30, 60)))
    assert len(await adapter.find_tickets({"search": "status:2", "limit": 40})) == 40
    assert len(script.requests) == 2


async def test_a_search_that_shifts_is_an_error_not_a_gap(
    adapter: FreshdeskAdapter, script: Any
) -> None:
    script.then(found(31, *range(30)), found(31, 29), found(31))
    with pytest.raises(errors.MalformedReplyError, match="index changed"):
        await adapter.find_tickets({"search": "status:2"})


async def test_a_search_that_never_fills_up_ends(adapter: FreshdeskAdapter, script: Any) -> None:
    script.then(*(found(300, *range(n * 30, n * 30 + 29)) for n in range(10)))
    with pytest.raises(errors.MalformedReplyError, match="index changed"):
        await adapter.find_tickets({"search": "status:2"})
    assert len(script.requests) == 10


@pytest.mark.parametrize("body", [{"results": []}, {"total": 1}, {"total": "1", "results": []}])
async def test_a_search_reply_of_another_shape(make_client: Any, script: Any, body: object) -> None:
    script.then(httpx.Response(200, json=body))
    adapter = FreshdeskAdapter(FullConfig(), client=make_client())
    with pytest.raises(errors.MalformedReplyError, match="another shape"):
        await adapter.find_tickets({"search": "status:2"})


# Construction


@dataclass(frozen=True)
class FullConfig:
    freshdesk_domain: str = "Acme.freshdesk.com"
    freshdesk_api_key: str = field(default=KEY, repr=False)
    freshdesk_url: str | None = None
    rate_limit_share: float | None = None


async def test_an_adapter_is_made_from_its_config_alone() -> None:
    config = FullConfig()
    adapter = FreshdeskAdapter(config)
    assert adapter.config is config
    assert adapter.config.freshdesk_api_key == KEY
    assert repr(adapter) == "FreshdeskAdapter(FreshdeskClient(https://acme.freshdesk.com/api/v2))"
    assert adapter.client.budget.share == 0.40
    await adapter.aclose()


async def test_a_share_and_an_override_in_the_config(clock: VirtualClock) -> None:
    with Simulator(english_account(clock), knobs=Knobs.calm()) as simulator:
        config = FullConfig("acme", simulator.api_key, simulator.url, 0.9)
        adapter = FreshdeskAdapter(config, clock=clock)
        assert (await adapter.me()).ticket_scope == 1
        assert adapter.client.budget.floor == 180
        await adapter.aclose()


@pytest.mark.parametrize(
    "config",
    [
        FullConfig(freshdesk_domain="support.acme.com"),
        FullConfig(freshdesk_url="https://evil.example"),
        FullConfig(rate_limit_share=1.0),
        FullConfig(rate_limit_share="0.4"),  # type: ignore[arg-type]
        FullConfig(rate_limit_share=True),
    ],
)
def test_a_config_that_cannot_work_is_refused(config: FullConfig) -> None:
    with pytest.raises(errors.ConfigurationError):
        FreshdeskAdapter(config)


# On a live list


async def test_our_own_writes_cost_a_walk_by_key_nothing(clock: VirtualClock) -> None:
    async def triaged(walk: Any) -> set[int]:
        account = english_account(clock, plan="enterprise")
        for n in range(250):
            account.add_ticket(f"Ticket {n}", created_at=f"2026-03-01T09:{n // 60:02}:{n % 60:02}Z")
        simulator = Simulator(account, knobs=Knobs.calm())
        adapter = _in_process(simulator)
        query: dict[str, Any] = {
            "updated_since": "2026-03-01",
            "order_by": "updated_at",
            "order_type": "asc",
        }
        seen: set[int] = set()
        async for row in adapter.iter_tickets(query, walk=walk):
            if "otai" not in row["tags"]:
                seen.add(row["id"])
                await adapter.update_ticket(str(row["id"]), {"tags": ["otai"]})
        await adapter.aclose()
        return seen

    everyone = set(range(1, 251))
    assert await triaged("key") == everyone
    assert len(await triaged("page")) < 250


def _in_process(simulator: Simulator) -> FreshdeskAdapter:
    client = FreshdeskClient(
        account_host("acme"),
        StaticApiKey(simulator.api_key),
        clock=simulator.clock,
        budget=Budget(simulator.clock),
        transport=simulator.transport(),
    )
    return FreshdeskAdapter(FullConfig(), client=client)


async def test_a_budget_that_is_used_up_stops_the_webhook_at_once(clock: VirtualClock) -> None:
    account = english_account(clock)
    account.add_ticket("x")
    adapter = _in_process(Simulator(account, knobs=Knobs.calm()))
    at_once = adapter.with_retry(AT_ONCE)
    for _ in range(120):
        await at_once.get_ticket(1)
    with pytest.raises(errors.BudgetExhaustedError):
        await at_once.get_ticket(1)
    assert await adapter.get_ticket(1) is not None  # the patient one waits for the next minute
    assert clock.monotonic() == pytest.approx(60.0)
    await adapter.aclose()
