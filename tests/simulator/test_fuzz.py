"""Whatever a client sends, the simulator answers."""

import asyncio
import json

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.validation import CREATE_PROPERTIES

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+12:00", "\ud800", "x" * 40]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
custom = st.dictionaries(
    st.sampled_from(["cf_items", "cf_category", "cf_item", "cf_triaged", "cf_wanted_by", "cf_x"]),
    anything,
    max_size=3,
)
properties = st.dictionaries(
    st.sampled_from([*sorted(CREATE_PROPERTIES), "body", "private", "user_id", "nonsense"]),
    anything,
    max_size=4,
) | st.fixed_dictionaries({"custom_fields": custom})
bulks = st.fixed_dictionaries(
    {"bulk_action": anything | st.fixed_dictionaries({"ids": anything, "properties": properties})}
)
merges = st.fixed_dictionaries({"primary_id": anything, "ticket_ids": anything})
bodies = st.one_of(anything, properties, bulks, merges)
calls = st.tuples(
    st.sampled_from(["POST", "PUT"]),
    st.sampled_from(
        ["/tickets", "/tickets/1", "/tickets/merge", "/tickets/bulk_update", "/tickets/1/notes",
         f"/tickets/{'9' * 5000}", "/tickets/1/restore"]
    ),
    bodies,
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(calls, min_size=1, max_size=4))
def test_any_body_is_answered(story: list[tuple[str, str, object]]) -> None:
    clock = VirtualClock()
    simulator = Simulator(english_account(clock, plan="enterprise"), knobs=Knobs.calm())
    simulator.account.add_ticket("s")

    async def play() -> list[httpx.Response]:
        async with simulator.client() as client:
            replies = []
            for method, path, body in story:
                content = json.dumps(body).encode()
                headers = {"Content-Type": "application/json"}
                replies.append(await client.request(method, path, content=content, headers=headers))
                clock.advance(10)
            replies.append(await client.get("/tickets?include=description,stats"))
            return replies

    *replies, listed = asyncio.run(play())
    assert {reply.status_code for reply in replies} <= {200, 201, 202, 204, 400, 404, 405}
    assert listed.status_code == 200


@given(st.binary(max_size=60))
def test_any_bytes_are_answered(content: bytes) -> None:
    simulator = Simulator(english_account(VirtualClock()), knobs=Knobs.calm())

    async def play() -> httpx.Response:
        async with simulator.client() as client:
            headers = {"Content-Type": "application/json"}
            return await client.post("/tickets", content=content, headers=headers)

    assert asyncio.run(play()).status_code == 400
