"""Reading lists of many pages so that no row is lost.

By page number (`walk_by_page`) is right for lists that hold still. For a list ordered by
`updated_at` that is being written to while it is read, page numbers lose rows: a written row moves
to the end, the rows behind it move up, and the next page begins too late. `walk_by_key` therefore
always asks for the first page, from the last row's `updated_at` on. Freshdesk's times have whole
seconds, so many rows may share one; nothing of a second is handed out before all of it was read.

Whether `updated_since` includes its own moment is not documented, so the walk finds out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otai_freshdesk.ticket_systems.freshdesk.errors import MalformedReplyError, ResultLimitError
from otai_freshdesk.ticket_systems.freshdesk.models import JsonObject
from otai_freshdesk.ticket_systems.freshdesk.query import LAST_PAGE, parse_moment

__all__ = ["Page", "updated_at", "walk_by_key", "walk_by_page"]

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


type FetchPage = Callable[[int], Awaitable[Page]]
type FetchSince = Callable[[datetime, int], Awaitable[Page]]


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
    fetch: FetchSince, since: datetime, until: datetime | None = None
) -> AsyncIterator[list[JsonObject]]:
    """Yield the rows updated at or after `since`, oldest update first, in batches.

    Every ticket that is in the list when the walk begins is yielded at least once, whatever is
    written meanwhile; one that is written during the walk comes again at its new place, unless
    `until` leaves it out. Rows of one second come in one batch.

    Args:
        fetch: Returns a page (from 1) of the list ordered by `updated_at`, ascending, of rows
            updated since a moment.
        since: Where to begin, in whole seconds.
        until: Rows updated after this moment are left out.

    Raises:
        ResultLimitError: When more rows share one second than Freshdesk serves pages for.
    """
    walk = _KeyWalk(fetch)
    anchor = since
    batch = await walk.read(anchor, asked=anchor - _SECOND)
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
    inclusive: bool | None = None  # of `updated_since`; None until a reply has shown it

    async def read_from(self, anchor: datetime) -> _Batch:
        """Read on from a second of which rows have been seen."""
        if self.inclusive is not False:
            batch = await self.read(anchor, asked=anchor)
            if self.inclusive or batch.has(anchor):
                self.inclusive = True
                return batch
        # The second's rows did not come: `updated_since` leaves them out, or all have moved on.
        batch = await self.read(anchor, asked=anchor - _SECOND)
        if batch.has(anchor):
            self.inclusive = False
        return batch

    async def read(self, anchor: datetime, asked: datetime) -> _Batch:
        """Read until at least the anchor's own second is complete."""
        page = await self.fetch(asked, 1)
        batch = _Batch()
        batch.add(page)
        number, places = 1, len(page.rows)
        while page.more and page.rows and updated_at(page.rows[-1]) <= anchor:
            if number == LAST_PAGE:
                raise ResultLimitError(
                    f"More tickets share the update time {anchor:%Y-%m-%dT%H:%M:%SZ} than Freshdesk"
                    f" serves in {LAST_PAGE} pages. Change some of them, or begin after that time."
                )
            number += 1
            page = await self.fetch(asked, number)
            batch.add(page)
            places += len(page.rows)
        if page.more and page.rows:
            batch.horizon = updated_at(page.rows[-1])
        if number > 1:
            await self._read_again(asked, number, places, batch)
        return batch

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
                batch.add(await self.fetch(asked, number))
            if len(batch.rows) >= places:
                return
            backwards = not backwards
        raise ResultLimitError(
            "Freshdesk lists tickets of one update time in an order that changes from page to "
            "page, so they cannot be read completely. Try again later."
        )
