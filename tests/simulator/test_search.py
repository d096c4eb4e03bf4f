"""Search: the language, the lag, the cap."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshdesk_simulator import Simulator, VirtualClock
from freshdesk_simulator.errors import SearchSyntaxError
from freshdesk_simulator.search_language import (
    MAX_LENGTH,
    AllOf,
    AnyOf,
    Comparison,
    Expression,
    parse,
    parse_query,
)

names = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"true", "false", "null"}
)
texts = st.text(st.characters(exclude_characters="'", exclude_categories=["Cs"]), max_size=12)
values = st.one_of(st.integers(-(10**12), 10**12), texts, st.booleans(), st.none())
comparisons: st.SearchStrategy[Expression] = st.builds(
    Comparison, names, st.sampled_from(["", ">", "<"]), values
)
trees = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=6,
).filter(lambda tree: len(str(tree)) <= MAX_LENGTH)


@given(trees)
def test_what_is_written_is_read_again(tree: Expression) -> None:
    assert parse(str(tree)) == tree


@given(st.text(max_size=600))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse_query(text)
    except SearchSyntaxError:
        return
    assert parse(str(tree)) == tree


@given(st.lists(st.sampled_from([*"()':<>", "AND ", "OR ", "a", "1", "null "]), max_size=40))
def test_any_row_of_tokens_is_read_or_refused(tokens: list[str]) -> None:
    try:
        tree = parse("".join(tokens))
    except SearchSyntaxError:
        return
    assert parse(str(tree)) == tree


def test_and_binds_closer_than_or() -> None:
    assert str(parse("a:1 OR b:2 AND c:3")) == "a:1 OR (b:2 AND c:3)"


def test_brackets_without_end_are_refused_rather_than_exhausting_the_stack() -> None:
    with pytest.raises(SearchSyntaxError):
        parse("(" * 512)


@pytest.mark.parametrize(("expression", "position"), [("a:1 b:2", 4), ("a:1 AND", 7), ("a:#", 2)])
def test_error_says_where(expression: str, position: int) -> None:
    with pytest.raises(SearchSyntaxError) as caught:
        parse(expression)
    assert caught.value.position == position
    assert "a:" not in str(caught.value)


def test_longest_expression() -> None:
    longest = "type:'" + "x" * (MAX_LENGTH - 7) + "'"
    assert isinstance(parse(longest), Comparison)
    with pytest.raises(SearchSyntaxError):
        parse(longest + " ")


async def found(client: httpx.AsyncClient, expression: str) -> list[int]:
    reply = await client.get("/search/tickets", params={"query": f'"{expression}"'})
    assert reply.status_code == 200, reply.text
    assert set(reply.json()) == {"total", "results"}
    return [row["id"] for row in reply.json()["results"]]


async def test_fields_and_operators(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    add = freshdesk.account.add_ticket
    group = freshdesk.account.group("Billing").id
    add("1", priority=1, type="Question", created_at="2026-02-01T12:00:00Z", tags=["VIP"])
    add("2", priority=3, status=3, group_id=group, created_at="2026-02-02T00:00:00Z")
    add("3", priority=4, custom_fields={"cf_items": 7, "cf_triaged": True})
    expected = {
        "priority:3": [2],
        "priority:>3": [2, 3],
        "priority:<3": [1, 2],
        f"group_id:{group}": [2],
        "group_id:null": [1, 3],
        "agent_id:null AND status:2": [1, 3],
        "type:'Question' OR status:3": [1, 2],
        "(type:'Question' OR status:3) AND priority:1": [1],
        "tag:'vip'": [1],
        "tag:null": [2, 3],
        "created_at:'2026-02-01'": [1],
        "created_at:>'2026-02-02'": [2, 3],
        "created_at:<'2026-02-01'": [1],
        "created_at:>'2026-02-01' AND created_at:<'2026-02-02'": [1, 2],
        "due_by:null": [1, 2, 3],
        "cf_items:7": [3],
        "cf_items:>8": [],
        "cf_triaged:true": [3],
        "cf_order_number:null": [1, 2, 3],
    }
    assert {text: await found(freshdesk_client, text) for text in expected} == expected


@pytest.mark.parametrize(
    "query",
    [
        "priority:3",
        "'priority:3'",
        '"priority:"',
        '"priority 3"',
        '"priority:3 AND"',
        '"(priority:3"',
        "\"subject:'x'\"",
        '"Priority:3"',
        "\"priority:'3'\"",
        "\"created_at:>'2026-02-01T00:00:00Z'\"",
        '"created_at:5"',
        "\"type:>'Question'\"",
        '"priority:3 and status:2"',
        '"agent_id:>null"',
        '""',
    ],
)
async def test_malformed_queries_are_refused(
    freshdesk_client: httpx.AsyncClient, query: str
) -> None:
    reply = await freshdesk_client.get("/search/tickets", params={"query": query})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == "query"


async def test_index_lags(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, virtual_clock: VirtualClock
) -> None:
    ticket = freshdesk.humans.submit_ticket("new", priority=1)
    virtual_clock.advance(60)
    freshdesk.humans.update(ticket.id, priority=4)
    assert await found(freshdesk_client, "status:2") == []
    virtual_clock.advance(60)
    assert await found(freshdesk_client, "priority:1") == [ticket.id]
    virtual_clock.advance(60)
    assert await found(freshdesk_client, "priority:1") == []
    assert await found(freshdesk_client, "priority:4") == [ticket.id]


async def test_total_is_true_but_only_300_rows_can_be_read(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    for number in range(310):
        freshdesk.account.add_ticket(f"{number}")
    params = {"query": '"status:2"', "page": "10"}
    reply = await freshdesk_client.get("/search/tickets", params=params)
    assert reply.json()["total"] == 310
    assert len(reply.json()["results"]) == 30
    assert "Link" not in reply.headers
    reply = await freshdesk_client.get("/search/tickets", params=params | {"page": "11"})
    assert reply.json()["errors"][0]["field"] == "page"
