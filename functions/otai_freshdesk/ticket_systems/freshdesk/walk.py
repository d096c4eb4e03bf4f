"""Reading lists of many pages so that no row is lost.

By page number (`walk_by_page`) is right for lists that hold still. For a list ordered by
`updated_at` that is being written to while it is read, page numbers lose rows: a written row moves
to the end, the rows behind it move up, and the next page begins too late. `walk_by_key` therefore
always asks for the first page, from the last row's `updated_at` on. Freshdesk's times have whole
seconds, so many rows may share one; nothing of a second is handed out before all of it was read.
Where a second fills several pages, each is asked for so that it begins with rows of the one
before: only if those are in their places has nothing moved up, and each page is read once.

Whether `updated_since` includes its own moment is not documented, so the first walk finds out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otai_freshdesk.ticket_systems.freshdesk.errors import MalformedReplyError, ResultLimitError
from otai_freshdesk.ticket_systems.freshdesk.models import JsonObject
from otai_freshdesk.ticket_systems.freshdesk.query import LAST_PAGE, PAGE_SIZE, parse_moment

__all__ = ["Page", "SinceRule", "overlapping_page", "updated_at", "walk_by_key", "walk_by_page"]

_SECOND = timedelta(seconds=1)
_MOST_PASSES = 20


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        rows: Its rows in order, each with a number as its `id`.
        more: Whether another page follows.
    """

    rows: list[JsonObject]
    more: bool


@dataclass(slots=True)
class SinceRule:
    """What walks have found out about `updated_since`; kept from one walk to the next.

    Attributes:
        inclusive: Whether it includes its own moment; None until a reply has shown it.
    """

    inclusive: bool | None = None


type FetchPage = Callable[[int], Awaitable[Page]]
type FetchSince = Callable[[datetime, int, int], Awaitable[Page]]


def updated_at(row: JsonObject) -> datetime:
    """Return when a ticket was last updated.

    Raises:
        MalformedReplyError: When the row does not tell.
    """
    try:
        return parse_moment(row["updated_at"])
    except (KeyError, TypeError, ValueError):
        raise MalformedReplyError("A row of Freshdesk's ticket list has no updated_at.") from None


async def walk_by_page(fetch: FetchPage) -> AsyncIterator[list[JsonObject]]:
    """Yield page after page, without rows that an earlier page had.

    Args:
        fetch: Returns the page of a number, from 1.

    Raises:
        ResultLimitError: After the last page Freshdesk serves (300, documented), when more follow.
    """
    seen: set[int] = set()
    for number in range(1, LAST_PAGE + 1):
        page = await fetch(number)
        rows = [row for row in page.rows if row["id"] not in seen]
        seen.update(row["id"] for row in rows)
        if rows:
            yield rows
        if not page.more:
            return
    raise ResultLimitError(
        f"The list goes on after page {LAST_PAGE}, the last that Freshdesk serves. Narrow the "
        "query, for instance by updated_since, or walk by key."
    )


async def walk_by_key(
    fetch: FetchSince,
    since: datetime,
    until: datetime | None = None,
    *,
    page_size: int = PAGE_SIZE,
    rule: SinceRule | None = None,
) -> AsyncIterator[list[JsonObject]]:
    """Yield the rows updated at or after `since`, oldest update first, in batches.

    Every ticket that is in the list when the walk begins is yielded at least once, whatever is
    written meanwhile; one that is written during the walk comes again at its new place, unless
    `until` leaves it out. Rows of one second come in one batch.

    Args:
        fetch: Returns a page (from 1) of so many rows of the list ordered by `updated_at`,
            ascending, of rows updated since a moment: `fetch(since, number, size)`.
        since: Where to begin, in whole seconds.
        until: Rows updated after this moment are left out.
        page_size: Most rows of a page.
        rule: What earlier walks have found out.

    Raises:
        ResultLimitError: When more rows share one second than Freshdesk serves pages for.
    """
    walk = _KeyWalk(fetch, page_size, rule or SinceRule())
    anchor = since
    batch = await walk.read_first(anchor)
    while True:
        rows = batch.complete(anchor, until)
        if rows:
            yield rows
        if batch.horizon is None or (until is not None and batch.horizon > until):
            return
        anchor = batch.horizon
        batch = await walk.read_from(anchor)


@dataclass(slots=True)
class _Batch:
    """Rows read so far from one anchor.

    Attributes:
        rows: By ticket id, the latest look at each.
        horizon: The second from which on rows may be missing; None when nothing is missing.
    """

    rows: dict[int, JsonObject] = field(default_factory=dict)
    horizon: datetime | None = None

    def add(self, page: Page) -> None:
        for row in page.rows:
            known = self.rows.get(row["id"])
            if known is None or updated_at(known) <= updated_at(row):
                self.rows[row["id"]] = row

    def has(self, moment: datetime) -> bool:
        return any(updated_at(row) == moment for row in self.rows.values())

    def complete(self, anchor: datetime, until: datetime | None) -> list[JsonObject]:
        """Return the rows of the seconds from the anchor that were read completely, in order."""
        placed = ((updated_at(row), number, row) for number, row in self.rows.items())
        return [
            row
            for moment, _, row in sorted(placed, key=lambda place: place[:2])
            if moment >= anchor
            and (self.horizon is None or moment < self.horizon)
            and (until is None or moment <= until)
        ]


@dataclass(slots=True)
class _KeyWalk:
    fetch: FetchSince
    page_size: int
    rule: SinceRule

    async def read_first(self, anchor: datetime) -> _Batch:
        """Read from a second of which no row has been seen, so that none need be there."""
        asked = anchor if self.rule.inclusive else anchor - _SECOND
        return await self._read(anchor, asked)

    async def read_from(self, anchor: datetime) -> _Batch:
        """Read on from a second of which rows have been seen."""
        if self.rule.inclusive is not False:
            batch = await self._read(anchor, asked=anchor)
            if self.rule.inclusive or batch.has(anchor):
                self.rule.inclusive = True
                return batch
        # The second's rows did not come: `updated_since` leaves them out, or all have moved on.
        batch = await self._read(anchor, asked=anchor - _SECOND)
        if batch.has(anchor):
            self.rule.inclusive = False
        return batch

    async def _read(self, anchor: datetime, asked: datetime) -> _Batch:
        """Read until at least the anchor's own second is complete."""
        batch = _Batch()
        page = await self.fetch(asked, 1, self.page_size)
        batch.add(page)
        if self._goes_on(page, anchor):
            last = await self._read_overlapping(anchor, asked, page, batch)
            page = last or await self._read_twice(anchor, asked, page, batch)
        if page.more and page.rows:
            batch.horizon = updated_at(page.rows[-1])
        return batch

    def _goes_on(self, page: Page, anchor: datetime) -> bool:
        return page.more and bool(page.rows) and updated_at(page.rows[-1]) <= anchor

    async def _read_overlapping(
        self, anchor: datetime, asked: datetime, page: Page, batch: _Batch
    ) -> Page | None:
        """Read on with pages that overlap; return the last one, None when rows have moved.

        A row that leaves its place moves up all behind it, so the next page would begin with
        other rows than those that ended the one before. In an order that is unsteady in itself
        some rows come twice, and there are fewer of them than places.
        """
        places = len(page.rows)
        while self._goes_on(page, anchor):
            number, size = overlapping_page(places, self.page_size)
            if number * size <= places:
                return None
            before, page = page, await self.fetch(asked, number, size)
            batch.add(page)
            overlap = places - (number - 1) * size
            if _ids(before.rows[-overlap:]) != _ids(page.rows[:overlap]):
                return None
            places = (number - 1) * size + len(page.rows)
        return page if len(batch.rows) >= places else None

    async def _read_twice(
        self, anchor: datetime, asked: datetime, page: Page, batch: _Batch
    ) -> Page:
        """Read on page by page, and all but the last again, for rows that moved meanwhile."""
        number, places = 1, len(page.rows)
        while self._goes_on(page, anchor):
            if number == LAST_PAGE:
                raise ResultLimitError(
                    f"More tickets share the update time {anchor:%Y-%m-%dT%H:%M:%SZ} than Freshdesk"
                    f" serves in {LAST_PAGE} pages. Change some of them, or begin after that time."
                )
            number += 1
            page = await self.fetch(asked, number, self.page_size)
            batch.add(page)
            places += len(page.rows)
        await self._read_again(asked, number, places, batch)
        return page

    async def _read_again(self, asked: datetime, pages: int, places: int, batch: _Batch) -> None:
        """Read several pages of one second again, for rows that moved between them.

        A row that is written leaves its place, and those behind it move up by one, some to a page
        that had been read. Reading backwards meets every one of them: a row can only move to pages
        that are still to come. Should the order of equal times itself be unsteady, some rows come
        twice and others not; then the passes go on until there are as many rows as places.
        """
        backwards = True
        for _ in range(_MOST_PASSES):
            numbers = range(1, pages)
            for number in reversed(numbers) if backwards else numbers:
                batch.add(await self.fetch(asked, number, self.page_size))
            if len(batch.rows) >= places:
                return
            backwards = not backwards
        raise ResultLimitError(
            "Freshdesk lists tickets of one update time in an order that changes from page to "
            "page, so they cannot be read completely. Try again later."
        )


def overlapping_page(places: int, page_size: int) -> tuple[int, int]:
    """Return number and size of the page that begins before place `places` and reaches farthest.

    No farther than `places` where Freshdesk serves no such page.
    """
    pages = [((places - 1) // size + 1, size) for size in range(1, page_size + 1)]
    served = [(number, size) for number, size in pages if number <= LAST_PAGE]
    return max(served, key=lambda page: page[0] * page[1], default=(1, page_size))


def _ids(rows: list[JsonObject]) -> list[object]:
    return [row["id"] for row in rows]
