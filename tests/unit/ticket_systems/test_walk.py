import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otai_freshdesk.ticket_systems.freshdesk.errors import MalformedReplyError, ResultLimitError
from otai_freshdesk.ticket_systems.freshdesk.query import format_moment, parse_moment
from otai_freshdesk.ticket_systems.freshdesk.walk import (
    Page,
    SinceRule,
    overlapping_page,
    updated_at,
    walk_by_key,
    walk_by_page,
)

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


@dataclass
class LiveList:
    """A list of tickets ordered by `updated_at`, in seconds from `START`, that others write to.

    `before_fetch` is called with the number of each fetch and may write.
    """

    seconds: dict[int, int]
    page_size: int = 3
    inclusive: bool = True
    shuffle: random.Random | None = None
    last_page: int = 300
    now: int = 1000
    fetches: list[tuple[datetime, int]] = field(default_factory=list)
    before_fetch: Callable[[int], None] = lambda _: None
    rule: SinceRule = field(default_factory=SinceRule)

    def write(self, ticket_id: int) -> None:
        if ticket_id in self.seconds:
            self.now += 1
            self.seconds[ticket_id] = self.now

    async def since(self, since: datetime, number: int, size: int) -> Page:
        assert 1 <= size <= self.page_size, "asked for more rows than Freshdesk gives"
        self.before_fetch(len(self.fetches))
        self.fetches.append((since, number))
        assert 1 <= number <= self.last_page, "asked for a page that Freshdesk refuses"
        assert len(self.fetches) < 5000, "never ends"
        found = [
            (second, self.shuffle.random() if self.shuffle else 0.0, ticket_id)
            for ticket_id, second in self.seconds.items()
            if at(second) > since or (self.inclusive and at(second) == since)
        ]
        first = (number - 1) * size
        page = sorted(found)[first : first + size]
        rows = [{"id": one, "updated_at": format_moment(at(second))} for second, _, one in page]
        return Page(rows, more=len(found) > first + size)

    async def page(self, number: int) -> Page:
        return await self.since(START, number, self.page_size)


async def walk(
    tickets: LiveList,
    since: int = 0,
    until: int | None = None,
    on_batch: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> list[list[dict[str, Any]]]:
    batches = []
    end = None if until is None else at(until)
    walking = walk_by_key(
        tickets.since, at(since), end, page_size=tickets.page_size, rule=tickets.rule
    )
    async for batch in walking:
        batches.append(batch)
        on_batch(batch)
    return batches


def ids(batches: list[list[dict[str, Any]]]) -> list[int]:
    return [row["id"] for batch in batches for row in batch]


async def test_a_list_that_holds_still_comes_once_and_in_order() -> None:
    tickets = LiveList({n: n * 2 for n in range(1, 11)})
    assert ids(await walk(tickets)) == list(range(1, 11))
    assert all(number == 1 for _, number in tickets.fetches)


async def test_an_empty_list() -> None:
    assert await walk(LiveList({})) == []


async def test_it_begins_where_it_is_told() -> None:
    tickets = LiveList({n: n for n in range(10)})
    assert ids(await walk(tickets, since=4)) == [4, 5, 6, 7, 8, 9]


async def test_it_ends_where_it_is_told() -> None:
    tickets = LiveList({n: n for n in range(20)})
    assert ids(await walk(tickets, until=5)) == [0, 1, 2, 3, 4, 5]
    assert len(tickets.fetches) <= 5


@pytest.mark.parametrize("inclusive", [True, False])
async def test_whether_updated_since_includes_its_moment_makes_no_difference(
    *, inclusive: bool
) -> None:
    tickets = LiveList({n: n // 2 for n in range(20)}, inclusive=inclusive)
    assert ids(await walk(tickets, since=2)) == list(range(4, 20))


async def test_nothing_of_a_second_is_handed_out_before_all_of_it_was_read() -> None:
    tickets = LiveList({1: 0, **dict.fromkeys(range(2, 30), 5), 30: 6, 31: 7})
    fetched_before: dict[int, int] = {}

    def note(batch: list[dict[str, Any]]) -> None:
        for row in batch:
            fetched_before[row["id"]] = len(tickets.fetches)

    batches = await walk(tickets, on_batch=note)
    assert ids(batches) == list(range(1, 32))
    assert len({fetched_before[n] for n in range(2, 30)}) == 1


async def test_a_crowded_second_that_holds_still_is_read_once() -> None:
    tickets = LiveList(dict.fromkeys(range(500), 5), page_size=100)
    assert ids(await walk(tickets)) == list(range(500))
    assert len(tickets.fetches) == 7  # one to find the second, and five pages and a bit of it


async def test_a_crowded_second_is_read_again_when_a_row_has_moved() -> None:
    tickets = LiveList(dict.fromkeys(range(500), 5), page_size=100)
    others = Meddlers(tickets, {3: [7]}, {})
    assert set(ids(await walk(tickets))) == set(range(500))
    assert others.edited == {7}
    assert len(tickets.fetches) > 7


def test_pages_that_overlap_cost_few_more_than_pages_that_do_not() -> None:
    places, pages = 100, 1
    while places < 20_000:
        number, size = overlapping_page(places, 100)
        assert (number - 1) * size < places < number * size
        assert number <= 300
        places, pages = number * size, pages + 1
    assert pages <= 230


async def test_the_next_walk_knows_what_the_first_found_out() -> None:
    tickets = LiveList({n: n for n in range(12)})
    await walk(tickets)
    tickets.fetches.clear()
    await walk(tickets, since=4)
    assert tickets.fetches[0] == (at(4), 1)


async def test_a_row_that_moves_up_twice_between_pages_is_met_all_the_same() -> None:
    tickets = LiveList({**dict.fromkeys(range(1, 10), 5), 10: 6, 11: 7})
    others = Meddlers(tickets, {2: [1], 4: [2, 3, 4]}, {})
    found = ids(await walk(tickets, since=5))
    # Before the second page was read again, and before the third was.
    assert set(found) == set(range(1, 12))
    assert others.edited == set(found[-4:])


@pytest.mark.parametrize("inclusive", [True, False])
async def test_what_updated_since_includes_is_found_out_once(*, inclusive: bool) -> None:
    tickets = LiveList({n: n for n in range(40)}, page_size=5, inclusive=inclusive)
    await walk(tickets)
    assert len(tickets.fetches) <= 12


async def test_rows_written_meanwhile_come_round_again_at_the_end() -> None:
    tickets = LiveList({n: n for n in range(12)})
    written: set[int] = set()

    def write(batch: list[dict[str, Any]]) -> None:
        for row in batch:
            if row["id"] not in written:
                written.add(row["id"])
                tickets.write(row["id"])

    assert ids(await walk(tickets, on_batch=write)) == [*range(12), *range(12)]


async def test_with_an_end_what_we_wrote_is_not_read_again() -> None:
    tickets = LiveList({n: n for n in range(12)})

    def write(batch: list[dict[str, Any]]) -> None:
        for row in batch:
            tickets.write(row["id"])

    assert ids(await walk(tickets, until=999, on_batch=write)) == list(range(12))


async def test_a_walk_by_page_number_loses_tickets_that_move() -> None:
    tickets = LiveList({n: n for n in range(12)})
    seen: list[int] = []
    async for rows in walk_by_page(tickets.page):
        for row in rows:
            seen.append(row["id"])
            tickets.write(row["id"])
    assert set(range(12)) - set(seen) == {3, 4, 5, 9, 10, 11}


async def test_more_than_300_pages_of_one_second_are_an_error_not_a_loop() -> None:
    tickets = LiveList(dict.fromkeys(range(301), 5), page_size=1)
    with pytest.raises(ResultLimitError, match="share the update time 2026-03-02T08:00:05Z"):
        await walk(tickets)
    assert max(number for _, number in tickets.fetches) == 300


async def test_exactly_300_pages_of_one_second_are_read() -> None:
    tickets = LiveList(dict.fromkeys(range(300), 5), page_size=1)
    assert ids(await walk(tickets)) == list(range(300))


async def test_an_order_that_is_never_steady_is_an_error_rather_than_a_gap() -> None:
    class Hiding(random.Random):
        """Puts the same row last whenever the last page is not asked for."""

        def random(self) -> float:
            return 0.0

    tickets = LiveList(dict.fromkeys(range(6), 5), shuffle=Hiding(1))

    async def swap(since: datetime, number: int, size: int) -> Page:
        page = await tickets.since(since, number, size)
        rows = [{**row, "id": 0} if row["id"] == 4 else row for row in page.rows]
        return Page(rows, page.more)

    with pytest.raises(ResultLimitError, match="order that changes"):
        async for _ in walk_by_key(swap, at(0), page_size=3):
            pass


async def test_a_list_of_one_page_more_than_freshdesk_serves() -> None:
    tickets = LiveList({n: n for n in range(301)}, page_size=1)
    seen: list[int] = []

    async def read() -> None:
        async for rows in walk_by_page(tickets.page):
            seen.extend(row["id"] for row in rows)

    with pytest.raises(ResultLimitError, match="after page 300"):
        await read()
    assert seen == list(range(300))


@pytest.mark.parametrize("row", [{}, {"updated_at": None}, {"updated_at": "soon"}])
def test_a_row_without_a_time_is_malformed(row: dict[str, Any]) -> None:
    with pytest.raises(MalformedReplyError, match="updated_at"):
        updated_at(row)


class Meddlers:
    """People who edit and delete tickets just before the fetches named."""

    def __init__(
        self, tickets: LiveList, edits: dict[int, list[int]], deletions: dict[int, list[int]]
    ) -> None:
        self.edited: set[int] = set()
        self.deleted: set[int] = set()

        def meddle(fetch: int) -> None:
            for ticket_id in edits.get(fetch, ()):
                tickets.write(ticket_id)
                self.edited.add(ticket_id)
            for ticket_id in deletions.get(fetch, ()):
                tickets.seconds.pop(ticket_id, None)
                self.deleted.add(ticket_id)

        tickets.before_fetch = meddle


def places_of_seconds(batches: list[list[dict[str, Any]]], edited: set[int]) -> dict[str, set[int]]:
    places: dict[str, set[int]] = defaultdict(set)
    for place, batch in enumerate(batches):
        for row in batch:
            if row["id"] not in edited and parse_moment(row["updated_at"]) < at(1000):
                places[row["updated_at"]].add(place)
    return places


edits = st.dictionaries(st.integers(0, 60), st.lists(st.integers(0, 40), max_size=6), max_size=30)


@settings(max_examples=200, deadline=None)
@given(
    seconds=st.dictionaries(st.integers(0, 40), st.integers(0, 6), max_size=40),
    edits=edits,
    deletions=edits,
    page_size=st.integers(1, 7),
    inclusive=st.booleans(),
    since=st.integers(0, 6),
    we_write=st.booleans(),
)
def test_no_ticket_is_lost_whatever_moves_meanwhile(
    seconds: dict[int, int],
    edits: dict[int, list[int]],
    deletions: dict[int, list[int]],
    page_size: int,
    inclusive: bool,
    since: int,
    we_write: bool,
) -> None:
    tickets = LiveList(dict(seconds), page_size=page_size, inclusive=inclusive)
    others = Meddlers(tickets, edits, deletions)
    ours: set[int] = set()

    def write(batch: list[dict[str, Any]]) -> None:
        for row in batch:
            if we_write and row["id"] not in ours:
                ours.add(row["id"])
                tickets.write(row["id"])

    batches = asyncio.run(walk(tickets, since=since, on_batch=write))

    wanted = {ticket_id for ticket_id, second in seconds.items() if second >= since}
    assert wanted - others.deleted <= set(ids(batches))
    # Whoever did not move came once (again at the end when we wrote to it), ...
    for ticket_id in wanted - others.edited - others.deleted:
        assert 1 <= ids(batches).count(ticket_id) <= (2 if we_write else 1)
    # ... and its whole second in one batch.
    assert all(len(places) == 1 for places in places_of_seconds(batches, others.edited).values())


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 12), page_size=st.integers(2, 5), seed=st.integers(), inclusive=...)
def test_an_unsteady_order_of_equal_times_loses_nothing(
    count: int, page_size: int, seed: int, inclusive: bool
) -> None:
    tickets = LiveList(
        {n: n // 8 for n in range(count)},
        page_size=page_size,
        shuffle=random.Random(seed),
        inclusive=inclusive,
    )
    try:
        found = ids(asyncio.run(walk(tickets)))
    except ResultLimitError:
        return  # an error, never a gap
    assert sorted(found) == list(range(count))
