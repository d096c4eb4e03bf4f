"""The tickets of an account, with the orders that lists need kept sorted."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from sortedcontainers import SortedList

from freshdesk_simulator.models import Ticket

type Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a ticket list is asked for; `matches` is any further filter."""

    order_by: str = "created_at"
    descending: bool = True
    updated_from: int | None = None
    created_from: int | None = None
    matches: Callable[[Ticket], bool] | None = None
    unstable_ties: random.Random | None = None
    scope: str = "listed"


class TicketStore:
    """All tickets by id, two sorted indexes of the listed ones, and the lagging search index.

    An update moves its ticket in `updated_at` order at once, so that a list walked by page number
    while it is written to skips rows, as the real one does.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._tickets: dict[int, Ticket] = {}
        self._by_update: SortedList[Position] = SortedList()
        self._by_creation: SortedList[Position] = SortedList()
        self._indexed: dict[int, Ticket] = {}
        self._to_index: deque[tuple[float, Ticket]] = deque()

    def __len__(self) -> int:
        """Return the number of tickets, deleted ones included."""
        return len(self._tickets)

    def __iter__(self) -> Iterator[Ticket]:
        """Yield every ticket in order of its id."""
        return iter(self._tickets.values())

    def __contains__(self, ticket_id: object) -> bool:
        """Return whether there is such a ticket, deleted ones included."""
        return ticket_id in self._tickets

    def get(self, ticket_id: int) -> Ticket | None:
        """Return the present version of a ticket, or None."""
        return self._tickets.get(ticket_id)

    def put(self, ticket: Ticket, *, now: float, indexed: bool = False) -> None:
        """Store a version; search sees it later, or at once when `indexed`."""
        old = self._tickets.get(ticket.id)
        if old is not None and old.listed:
            self._by_update.remove((old.updated_at, old.id))
            self._by_creation.remove((old.created_at, old.id))
        if ticket.listed:
            self._by_update.add((ticket.updated_at, ticket.id))
            self._by_creation.add((ticket.created_at, ticket.id))
        self._tickets[ticket.id] = ticket
        if indexed:
            self._indexed[ticket.id] = ticket
        else:
            self._to_index.append((now, ticket))

    def searchable(self, *, as_of: float) -> Iterator[Ticket]:
        """Yield the versions that the search index held at a moment, in order of their id."""
        while self._to_index and self._to_index[0][0] <= as_of:
            _, ticket = self._to_index.popleft()
            self._indexed[ticket.id] = ticket
        return iter(sorted(self._indexed.values(), key=lambda ticket: ticket.id))

    def page(self, query: ListQuery, *, skip: int, count: int) -> list[Ticket]:
        """Return `count` rows of a list after the first `skip`."""
        index = self._index_for(query)
        if index is not None:
            return self._slice(index, query, skip, count)
        rows = [ticket for ticket in self._tickets.values() if _wanted(ticket, query)]
        rows.sort(key=_sort_key(query), reverse=query.descending)
        return rows[skip : skip + count]

    def _index_for(self, query: ListQuery) -> "SortedList[Position] | None":
        if query.matches or query.unstable_ties or query.scope != "listed":
            return None
        if query.order_by == "updated_at" and query.created_from is None:
            return self._by_update
        if query.order_by == "created_at" and query.updated_from is None:
            return self._by_creation
        return None

    def _slice(
        self, index: "SortedList[Position]", query: ListQuery, skip: int, count: int
    ) -> list[Ticket]:
        since = query.updated_from if index is self._by_update else query.created_from
        first = 0 if since is None else index.bisect_left((since, 0))
        if query.descending:
            stop = max(len(index) - skip, first)
            start = max(stop - count, first)
            positions = reversed(index[start:stop])
        else:
            positions = iter(index[first + skip : first + skip + count])
        return [self._tickets[ticket_id] for _, ticket_id in islice(positions, count)]


def _wanted(ticket: Ticket, query: ListQuery) -> bool:
    if not _in_scope(ticket, query.scope):
        return False
    if query.updated_from is not None and ticket.updated_at < query.updated_from:
        return False
    if query.created_from is not None and ticket.created_at < query.created_from:
        return False
    return query.matches is None or query.matches(ticket)


def _in_scope(ticket: Ticket, scope: str) -> bool:
    match scope:
        case "deleted":
            return ticket.deleted and not ticket.archived
        case "spam":
            return ticket.spam and not ticket.deleted and not ticket.archived
        case _:
            return ticket.listed


def _sort_key(query: ListQuery) -> Callable[[Ticket], tuple[float, float]]:
    ties = query.unstable_ties

    def key(ticket: Ticket) -> tuple[float, float]:
        value = getattr(ticket, query.order_by)
        return (0 if value is None else value, ties.random() if ties else ticket.id)

    return key
