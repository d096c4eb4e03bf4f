"""The resolved tickets of a Freshdesk account, newest weeks first.

Freshdesk lists tickets by the time of their last update, from a moment on and never up to one. So
the past is read in windows that double as they go back: the last week, the two weeks before it, the
four before those. In each the walk by key goes from the oldest update to the newest, which loses no
ticket and can go on at any second. A window begins with full pages and ends on one that reaches
into the window read before, so at most a page a window is read in vain: a handful for a year.
"""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from otai_freshdesk.cli.report.source import Batch, PastTicket
from otai_freshdesk.cli.settled import (
    is_outbound,
    is_settled,
    settled_since,
    standard_labels,
    text_of,
)
from otai_freshdesk.clock import Clock
from otai_freshdesk.evaluation import Decided
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.query import format_moment, parse_moment

__all__ = ["AccountHistory", "Wanted"]

FIRST_WINDOW = timedelta(days=7)
_SECOND = timedelta(seconds=1)

type Wanted = Callable[[tuple[str, ...]], str | None]
"""Says from a ticket's tags why it is left out, or None when it counts."""


class AccountHistory:
    """Reads resolved and closed tickets with their text: 3 credits for 100 of them."""

    def __init__(
        self,
        adapter: FreshdeskAdapter,
        *,
        account: str,
        wanted: Wanted,
        since: datetime,
        clock: Clock,
    ) -> None:
        """Keep what is needed; nothing is sent yet.

        Args:
            adapter: Sends the calls, at the pace of its budget.
            account: Name of the account.
            wanted: Which tickets count.
            since: Tickets last updated before are left out.
            clock: Where time comes from.
        """
        self._adapter = adapter
        self._account = account
        self._wanted = wanted
        self._since = since.replace(microsecond=0)
        self._clock = clock
        self._groups: Mapping[int, str] = {}

    @property
    def identity(self) -> object:
        """The account."""
        return {"account": self._account}

    async def batches(self, position: str | None) -> AsyncGenerator[Batch, None]:
        """Yield batch after batch, the newest window first.

        Raises:
            FreshdeskError: On any failure.
        """
        self._groups = {group.id: group.name for group in await self._adapter.groups()}
        place = _Place.read(position) if position else _Place.newest(self._now())
        while place.end > self._since:
            async with aclosing(self._window(place)) as window:
                async for batch in window:
                    yield batch
            place = place.earlier()
            yield Batch((), Counter(), place.text())

    async def _window(self, place: "_Place") -> AsyncGenerator[Batch, None]:
        start = max(self._since, place.at)
        if start > place.end:
            return
        rows = self._adapter.iter_batches(settled_since(start), walk="key", until=place.end)
        async with aclosing(rows):
            async for batch in rows:
                # The seconds up to here are complete.
                reached = parse_moment(batch[-1]["updated_at"]) + _SECOND
                yield self._batch(batch, place.moved_to(reached))

    def _batch(self, rows: list[dict[str, Any]], place: "_Place") -> Batch:
        tickets = []
        skipped: Counter[str] = Counter()
        for row in rows:
            if reason := self._left_out(row):
                skipped[reason] += 1
            else:
                tickets.append(self._ticket(row))
        return Batch(tuple(tickets), skipped, place.text())

    def _left_out(self, row: Mapping[str, Any]) -> str | None:
        if not is_settled(row):
            return "open"
        if is_outbound(row):
            return "outbound"
        return self._wanted(tuple(row.get("tags") or ()))

    def _ticket(self, row: Mapping[str, Any]) -> PastTicket:
        group_id = row.get("group_id")
        group = None if group_id is None else self._groups.get(group_id, f"#{group_id}")
        values = standard_labels(row, group)
        for name, value in (row.get("custom_fields") or {}).items():
            values[name] = None if value in (None, "") else str(value)
        subject, body = text_of(row)
        return PastTicket(
            subject=subject,
            body=body,
            decided=Decided(
                ticket_id=row["id"],
                created=parse_moment(row["created_at"]).date(),
                values=values,
            ),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which window the reading is: from `at` on, up to `end`."""

    begin: datetime
    end: datetime
    at: datetime

    @classmethod
    def newest(cls, now: datetime) -> "_Place":
        return cls(now - FIRST_WINDOW, now, now - FIRST_WINDOW)

    @classmethod
    def read(cls, text: str) -> "_Place":
        return cls(*(parse_moment(moment) for moment in json.loads(text)))

    def text(self) -> str:
        return json.dumps([format_moment(moment) for moment in (self.begin, self.end, self.at)])

    def moved_to(self, at: datetime) -> "_Place":
        return replace(self, at=at)

    def earlier(self) -> "_Place":
        """Return the beginning of the window before, twice as long."""
        end = self.begin - _SECOND
        begin = end - 2 * (self.end - self.begin)
        return _Place(begin, end, begin)
