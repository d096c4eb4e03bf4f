"""The Freshdesk implementation of `TicketSystemAdapter`, and what else the application needs.

Tickets and notes are the plain dictionaries of Freshdesk's REST API, version 2. Query keys are
those of `QueryDict`. A method whose object does not exist returns None or [] where the documented
interface says so; every other failure is a `FreshdeskError`.
"""

import copy
import json
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from otai_freshdesk.clock import Clock, SystemClock
from otai_freshdesk.ticket_systems.base import AdapterConfig, TicketSystemAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import (
    DEFAULT_SHARE,
    SEARCH_PRICE,
    Budget,
    CallKind,
    list_price,
    ticket_price,
)
from otai_freshdesk.ticket_systems.freshdesk.client import (
    ApiKeySource,
    Call,
    FreshdeskClient,
    Reply,
    StaticApiKey,
)
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    AmbiguousWriteError,
    ConfigurationError,
    InvalidQueryError,
    InvalidRequestError,
    InvalidUpdateError,
    MalformedReplyError,
    NotFoundError,
    ResultLimitError,
)
from otai_freshdesk.ticket_systems.freshdesk.host import account_host, override_host
from otai_freshdesk.ticket_systems.freshdesk.models import (
    Account,
    Agent,
    Group,
    Job,
    JsonObject,
    TicketField,
)
from otai_freshdesk.ticket_systems.freshdesk.query import (
    PAGE_SIZE,
    QueryDict,
    TicketQuery,
    format_moment,
    parse_moment,
)
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy
from otai_freshdesk.ticket_systems.freshdesk.walk import (
    Page,
    SinceRule,
    walk_by_key,
    walk_by_page,
)

__all__ = ["FreshdeskAdapter", "check_update"]

TAG_LENGTH = 32
SEARCH_PAGE_SIZE = 30
SEARCH_LAST_PAGE = 10
CLOCKS_DIFFER_BY = timedelta(days=2)  # at most; a date further off is nobody's time
BULK_SIZE = 100  # Freshdesk publishes no limit; assumed
_NOTE_ATTEMPTS = 3

_MANDATORY_NUMBERS = frozenset({"status", "priority", "source"})
_NUMBERS = _MANDATORY_NUMBERS | {
    "group_id",
    "responder_id",
    "requester_id",
    "company_id",
    "product_id",
    "email_config_id",
    "parent_id",
    "internal_agent_id",
    "internal_group_id",
}
_ID = re.compile(r"[1-9][0-9]{0,18}")
_MARKER = re.compile(r"[A-Za-z0-9_.:-]{6,80}")

type Query = QueryDict | dict[str, Any] | TicketQuery
type TicketInclude = Literal["conversations", "requester", "company", "stats"]


def check_update(data: Mapping[str, Any]) -> JsonObject:
    """Return an update in the form Freshdesk takes, or say why it would not take it.

    Freshdesk documents numbers for ids, status, priority and source (a text of digits ends in
    `datatype_mismatch`), and at most 32 characters a tag.

    Args:
        data: New values by the API's keys.

    Returns:
        A copy with digits turned into numbers.

    Raises:
        InvalidUpdateError: Naming the key, never the value.
    """
    if not data:
        raise InvalidUpdateError("An update needs at least one key.")
    checked = {
        key: _number(key, value) if key in _NUMBERS else value for key, value in data.items()
    }
    if "tags" in checked:
        checked["tags"] = _tags(checked["tags"])
    if not isinstance(checked.get("custom_fields", {}), Mapping):
        raise InvalidUpdateError("custom_fields must be an object of cf_... keys.")
    try:
        # As it will be sent: half a surrogate passes for text until it is encoded.
        json.dumps(checked, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidUpdateError("An update holds a value that JSON cannot express.") from None
    return checked


def _number(key: str, value: Any) -> int | None:
    if value is None and key not in _MANDATORY_NUMBERS:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    raise InvalidUpdateError(f"{key} must be a whole number.")


def _tags(value: Any) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidUpdateError("tags must be a list of texts.")
    for position, tag in enumerate(value, start=1):
        if not isinstance(tag, str) or not 0 < len(tag.strip()) <= len(tag) <= TAG_LENGTH:
            raise InvalidUpdateError(
                f"Tag {position} must be a text of 1 to {TAG_LENGTH} characters."
            )
    return list(value)


def _ticket_id(value: str | int) -> str:
    text = str(value)
    if isinstance(value, bool) or not _ID.fullmatch(text):
        raise InvalidRequestError("A Freshdesk ticket id is a whole number above 0.")
    return text


class FreshdeskAdapter(TicketSystemAdapter[AdapterConfig]):
    """Tickets of one Freshdesk account, over one pool of connections.

    Keep one for the life of the process. All methods take a `deadline`: the monotonic time on the
    clock by which they are over (None: the retry policy's total, for each call). A method that
    reads may be repeated at will; what a method that writes promises is said with it.
    """

    def __init__(
        self,
        config: AdapterConfig,
        *,
        api_key: ApiKeySource | None = None,
        clock: Clock | None = None,
        retry: RetryPolicy | None = None,
        client: FreshdeskClient | None = None,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            config: `freshdesk_domain` and `freshdesk_api_key`; optionally `freshdesk_url`, the
                address of a simulator (loopback or private), and `rate_limit_share`, the part of
                the rate limit left to others (0.40 when absent).
            api_key: Where the key comes from, when it can change; else it is read from `config`.
            clock: Where time comes from.
            retry: How patient to be.
            client: A client that is there already; then only `config` is kept of the rest.

        Raises:
            ConfigurationError: When the domain, the override or the share cannot be used.
        """
        super().__init__(config)
        self._client = client or _make_client(config, api_key, clock or SystemClock(), retry)
        self._since_rule = SinceRule()

    def __repr__(self) -> str:
        """Name the client's host, never the config."""
        return f"{type(self).__name__}({self._client!r})"

    @property
    def client(self) -> FreshdeskClient:
        """The client that sends the calls."""
        return self._client

    def with_retry(self, retry: RetryPolicy) -> Self:
        """Return an adapter of another patience over the same pool, key and budget.

        `with_retry(AT_ONCE)` is for the webhook, which never sleeps.
        """
        twin = copy.copy(self)
        twin._client = self._client.with_retry(retry)  # noqa: SLF001  (of our own class)
        return twin

    async def aclose(self) -> None:
        """Close the pool, also that of every adapter made by `with_retry`."""
        await self._client.aclose()

    # The documented interface

    async def update_ticket(
        self, ticket_id: str, data: dict[str, Any], *, deadline: float | None = None
    ) -> JsonObject | None:
        """Change the given keys of a ticket in one PUT and leave all others as they are.

        Sent at most once unless Freshdesk surely did not apply it. `tags` replaces the whole set.

        Args:
            ticket_id: The ticket's number.
            data: New values by the API's keys; texts of digits become numbers.
            deadline: When to be over.

        Returns:
            The updated ticket, or None when there is no such ticket.

        Raises:
            InvalidUpdateError: Before anything is sent, for a value that Freshdesk would refuse.
            ValidationFailedError: When Freshdesk refuses fields, named in `field_errors`.
            NotWritableError: When the ticket cannot be changed now (deleted, spam).
            AmbiguousWriteError: When the outcome is unknown: read the ticket, then decide anew.
            FreshdeskError: Any other failure.
        """
        call = Call(
            "PUT",
            "/tickets/{id}",
            id=_ticket_id(ticket_id),
            body=check_update(data),
            kind=CallKind.UPDATE,
        )
        try:
            return _object(await self._client.call(call, deadline=deadline), call)
        except NotFoundError:
            return None
        except MalformedReplyError as error:
            raise AmbiguousWriteError(
                "The reply to PUT /tickets/{id} is not a ticket; read the ticket again.",
                status=error.status,
                request_id=error.request_id,
            ) from error

    async def find_tickets(
        self, query: Query, *, deadline: float | None = None
    ) -> list[JsonObject]:
        """Return every ticket that matches, or `limit` of them; [] when none does.

        Args:
            query: See `QueryDict`.
            deadline: When to be over.

        Raises:
            InvalidQueryError: When a key is unknown or a value does not fit.
            ResultLimitError: When more match than Freshdesk serves: 30,000 by list, 300 by search.
            FreshdeskError: Any other failure.
        """
        rows = self.iter_tickets(query, deadline=deadline)
        try:
            return [row async for row in rows]
        except NotFoundError:
            return []

    async def find_first_ticket(
        self, query: Query, *, deadline: float | None = None
    ) -> JsonObject | None:
        """Return the first ticket of the query, or None; fetches one row (a search fetches 30).

        Args:
            query: See `QueryDict`.
            deadline: When to be over.

        Raises:
            InvalidQueryError: When a key is unknown or a value does not fit.
            FreshdeskError: Any other failure.
        """
        parsed = TicketQuery.parse(query)
        first = {"limit": 1} if parsed.page else {"limit": 1, "per_page": 1}
        rows = await self.find_tickets(parsed.model_copy(update=first), deadline=deadline)
        return rows[0] if rows else None

    # Reading tickets

    async def get_ticket(
        self,
        ticket_id: str | int,
        include: Collection[TicketInclude] = (),
        *,
        deadline: float | None = None,
    ) -> JsonObject | None:
        """Return one ticket, or None when there is none; a deleted one comes with `deleted: true`.

        Args:
            ticket_id: The ticket's number.
            include: What to add; each costs one more credit.
            deadline: When to be over.

        Raises:
            FreshdeskError: On any failure but a missing ticket.
        """
        call = Call(
            "GET",
            "/tickets/{id}",
            id=_ticket_id(ticket_id),
            params=(("include", ",".join(include)),) if include else (),
            cost=ticket_price(include),
        )
        try:
            return _object(await self._client.call(call, deadline=deadline), call)
        except NotFoundError:
            return None

    async def iter_tickets(
        self,
        query: Query,
        *,
        walk: Literal["page", "key"] = "page",
        until: datetime | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[JsonObject, None]:
        """Yield the tickets of a query one by one, fetching pages as they are needed.

        Args:
            query: See `QueryDict`.
            walk: "page" goes by page number, for lists that hold still. "key" is for tickets that
                are written to while they are listed: oldest update first from `updated_since` on,
                no ticket before all of its second have been read, and none lost.
            until: With walk "key": leave out tickets updated after this moment.
            deadline: When to be over.

        Raises:
            InvalidQueryError: When a key is unknown, or does not go with the walk.
            ResultLimitError: When Freshdesk does not serve the rest of the list.
            FreshdeskError: Any other failure.
        """
        batches = self.iter_batches(query, walk=walk, until=until, deadline=deadline)
        async with aclosing(batches):
            async for batch in batches:
                for row in batch:
                    yield row

    async def iter_batches(
        self,
        query: Query,
        *,
        walk: Literal["page", "key"] = "page",
        until: datetime | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[list[JsonObject], None]:
        """Yield what `iter_tickets` yields, in the batches in which it becomes known.

        With walk "key" all tickets of one second are in one batch, so the end of a batch is a safe
        place to stop and go on from later.

        Args:
            query: As in `iter_tickets`.
            walk: As in `iter_tickets`.
            until: As in `iter_tickets`.
            deadline: As in `iter_tickets`.
        """
        parsed = TicketQuery.parse(query)
        left = parsed.limit
        if walk == "key":
            batches = self._by_key(parsed, until, deadline)
        elif until is not None:
            raise InvalidQueryError("until goes with a walk by key only.")
        elif parsed.search is not None:
            batches = self._by_search(parsed, deadline)
        else:
            batches = self._by_page(parsed, deadline)
        async with aclosing(batches):
            async for batch in batches:
                yield batch if left is None else batch[:left]
                left = None if left is None else left - len(batch)
                if left is not None and left <= 0:
                    return

    async def _by_page(
        self, query: TicketQuery, deadline: float | None
    ) -> AsyncGenerator[list[JsonObject], None]:
        per_page = min(query.per_page, query.limit or PAGE_SIZE) if not query.page else None
        lister = _Lister(self._client, query, deadline, per_page=per_page)
        if query.page is not None:
            yield (await lister.page(query.page)).rows
            return
        async for rows in walk_by_page(lister.page):
            yield rows

    async def _by_key(
        self, query: TicketQuery, until: datetime | None, deadline: float | None
    ) -> AsyncGenerator[list[JsonObject], None]:
        fixed = query.model_fields_set & {"search", "page", "filter", "order_by", "order_type"}
        ordered = query.order_by in {None, "updated_at"} and query.order_type in {None, "asc"}
        if query.updated_since is None or fixed & {"search", "page", "filter"} or not ordered:
            raise InvalidQueryError(
                "A walk by key needs updated_since, goes by updated_at ascending, and cannot be "
                "combined with search, page or filter."
            )
        lister = _Lister(self._client, query, deadline)
        start = parse_moment(query.updated_since).replace(microsecond=0)
        walk = walk_by_key(
            lister.page_since, start, until, page_size=query.per_page, rule=self._since_rule
        )
        async for rows in walk:
            yield rows

    async def _by_search(
        self, query: TicketQuery, deadline: float | None
    ) -> AsyncGenerator[list[JsonObject], None]:
        reachable = SEARCH_PAGE_SIZE * SEARCH_LAST_PAGE
        wanted = query.limit
        seen: set[int] = set()
        for number in range(1, SEARCH_LAST_PAGE + 1):
            total, rows = await self._search_page(query, number, deadline)
            if total > reachable and (wanted is None or wanted > reachable):
                raise ResultLimitError(
                    f"The search finds {total} tickets, and Freshdesk serves {reachable} of them. "
                    "Narrow it, for instance by days, or set a limit."
                )
            fresh = [row for row in rows if row["id"] not in seen]
            seen.update(row["id"] for row in fresh)
            if fresh:
                yield fresh
            if len(seen) >= min(total, wanted or total):
                return
            if not rows:
                break
        raise MalformedReplyError(
            "Freshdesk's search index changed while it was read, so its result is not whole. Try "
            "again later."
        )

    async def _search_page(
        self, query: TicketQuery, number: int, deadline: float | None
    ) -> tuple[int, list[JsonObject]]:
        call = Call(
            "GET",
            "/search/tickets",
            params=(("query", str(query.search)), ("page", str(number))),
            cost=SEARCH_PRICE,
        )
        found = _object(await self._client.call(call, deadline=deadline), call)
        total = found.get("total")
        if not isinstance(total, int):
            raise _unexpected(call)
        return total, _checked_rows(found.get("results"), call)

    # Writing beside update_ticket

    async def add_note(
        self,
        ticket_id: str | int,
        body_html: str,
        *,
        marker: str,
        private: bool = True,
        deadline: float | None = None,
    ) -> JsonObject | None:
        """Add a note once: if a note with the marker is there already, nothing is posted.

        Freshdesk has no idempotency keys, so the conversations are read for the marker before each
        attempt, also after one whose outcome is unknown. Two processes that do this at the same
        instant may still post two notes.

        Args:
            ticket_id: The ticket's number.
            body_html: The note, in which the marker stands as visible text.
            marker: 6 to 80 letters, digits, `_`, `.`, `:` or `-` that no other note holds.
            private: Whether only agents see it.
            deadline: When to be over.

        Returns:
            The note, new or found, or None when there is no such ticket.

        Raises:
            InvalidRequestError: When the marker is unfit or missing in the body.
            FreshdeskError: When the note is not there in the end, or nobody knows.
        """
        if not _MARKER.fullmatch(marker) or marker not in body_html:
            raise InvalidRequestError(
                "A note's marker is 6 to 80 letters, digits or _.:- and stands in the note's body."
            )
        number = _ticket_id(ticket_id)
        call = Call(
            "POST",
            "/tickets/{id}/notes",
            id=number,
            body={"body": body_html, "private": private},
        )
        attempt = 1
        try:
            while True:
                found = await self._note_with(marker, number, deadline)
                if found is not None:
                    return found
                try:
                    return _object(await self._client.call(call, deadline=deadline), call)
                except (AmbiguousWriteError, MalformedReplyError):
                    if attempt == _NOTE_ATTEMPTS:
                        raise
                attempt += 1
        except NotFoundError:
            return None

    async def _note_with(
        self, marker: str, ticket_id: str, deadline: float | None
    ) -> JsonObject | None:
        lister = _PlainLister(
            self._client, "/tickets/{id}/conversations", deadline, ticket_id=ticket_id
        )
        async for rows in walk_by_page(lister.page):
            for row in rows:
                if any(marker in (row.get(key) or "") for key in ("body_text", "body")):
                    return row
        return None

    async def bulk_update(
        self,
        ticket_ids: Collection[str | int],
        properties: Mapping[str, Any],
        *,
        deadline: float | None = None,
    ) -> str:
        """Ask Freshdesk to change many tickets alike; it does so a little later.

        Freshdesk promises nothing for a single ticket of them: read the tickets afterwards. Sent at
        most once unless Freshdesk surely did not take it.

        Args:
            ticket_ids: At most 100 ticket numbers.
            properties: The same new values for all, as in `update_ticket`.
            deadline: When to be over.

        Returns:
            The id of the job, for `job`.

        Raises:
            InvalidUpdateError: When there are no ids or too many, or a value is wrong.
            AmbiguousWriteError: When the outcome is unknown.
            FreshdeskError: Any other failure.
        """
        if not 0 < len(ticket_ids) <= BULK_SIZE:
            raise InvalidUpdateError(f"A bulk update takes 1 to {BULK_SIZE} tickets.")
        ids = [int(_ticket_id(ticket_id)) for ticket_id in ticket_ids]
        call = Call(
            "POST",
            "/tickets/bulk_update",
            body={"bulk_action": {"ids": ids, "properties": check_update(properties)}},
            kind=CallKind.UPDATE,
        )
        reply = await self._client.call(call, deadline=deadline)
        job_id = reply.json.get("job_id") if isinstance(reply.json, dict) else None
        if not job_id:
            raise AmbiguousWriteError(
                "Freshdesk took a bulk update and named no job; read the tickets again.",
                status=reply.status,
                request_id=reply.request_id,
            )
        return str(job_id)

    async def room_for_updates(self, most: int, *, deadline: float | None = None) -> int:
        """Wait until several updates have room in the rate limit at once, beside one more call.

        Args:
            most: How many are wanted; fewer when a minute's share is smaller.
            deadline: When to be over.

        Returns:
            How many updates have room.

        Raises:
            BudgetExhaustedError: When there is no room in time.
        """
        return await self._client.budget.wait_for_room(CallKind.UPDATE, most, deadline=deadline)

    async def job(self, job_id: str, *, deadline: float | None = None) -> Job | None:
        """Return the state of a bulk update, or None when Freshdesk no longer knows it.

        Raises:
            FreshdeskError: On any other failure.
        """
        call = Call("GET", "/jobs/{id}", id=job_id)
        try:
            return Job.read((await self._client.call(call, deadline=deadline)).json, call.endpoint)
        except NotFoundError:
            return None

    # What the account knows

    async def ticket_fields(self, *, deadline: float | None = None) -> tuple[TicketField, ...]:
        """Return all ticket fields with their choices, as every agent's key may read them.

        Raises:
            FreshdeskError: On any failure.
        """
        return await self._fields("/ticket_fields", deadline)

    async def admin_ticket_fields(
        self, *, deadline: float | None = None
    ) -> tuple[TicketField, ...]:
        """Return all ticket fields as the admin endpoint tells them; needs an administrator's key.

        Raises:
            AccessDeniedError: When the key is not an administrator's.
            FreshdeskError: On any other failure.
        """
        return await self._fields("/admin/ticket_fields", deadline)

    async def groups(self, *, deadline: float | None = None) -> tuple[Group, ...]:
        """Return all groups.

        Raises:
            FreshdeskError: On any failure.
        """
        lister = _PlainLister(self._client, "/groups", deadline)
        return tuple(
            [
                Group.read(row, "GET /groups")
                async for rows in walk_by_page(lister.page)
                for row in rows
            ]
        )

    async def me(self, *, deadline: float | None = None) -> Agent:
        """Return the agent whose key is used.

        Raises:
            FreshdeskError: On any failure.
        """
        call = Call("GET", "/agents/me")
        return Agent.read((await self._client.call(call, deadline=deadline)).json, call.endpoint)

    async def now(self, *, deadline: float | None = None) -> datetime:
        """Return Freshdesk's time, to the second.

        Ours where its reply does not tell, or differs by more than `CLOCKS_DIFFER_BY`: a date of
        1970 would send the sweep through all tickets there ever were.

        Raises:
            FreshdeskError: On any failure.
        """
        reply = await self._client.call(Call("GET", "/agents/me"), deadline=deadline)
        ours = datetime.fromtimestamp(self._client.clock.time(), UTC)
        told = reply.date or ours
        return told if abs(told - ours) <= CLOCKS_DIFFER_BY else ours

    async def account(self, *, deadline: float | None = None) -> Account:
        """Return the account.

        Raises:
            AccessDeniedError: When the key's agent may not see it.
            FreshdeskError: On any other failure.
        """
        call = Call("GET", "/account")
        return Account.read((await self._client.call(call, deadline=deadline)).json, call.endpoint)

    async def _fields(self, template: str, deadline: float | None) -> tuple[TicketField, ...]:
        call = Call("GET", template)
        rows = _rows(await self._client.call(call, deadline=deadline), call)
        return tuple(TicketField.read(row, call.endpoint) for row in rows)


def _make_client(
    config: AdapterConfig, api_key: ApiKeySource | None, clock: Clock, retry: RetryPolicy | None
) -> FreshdeskClient:
    override: str | None = getattr(config, "freshdesk_url", None)
    share: object = getattr(config, "rate_limit_share", None)
    if isinstance(share, bool) or not isinstance(share, int | float | None):
        raise ConfigurationError("rate_limit_share must be a number, at least 0 and below 1.")
    return FreshdeskClient(
        override_host(override) if override else account_host(config.freshdesk_domain),
        api_key or StaticApiKey(config.freshdesk_api_key),
        clock=clock,
        budget=Budget(clock, share=DEFAULT_SHARE if share is None else share),
        retry=retry,
    )


class _Paging:
    """Decides whether another page follows.

    Freshdesk documents a `Link` header while there are further pages. Once one was seen, it
    decides; until then a full page means that there may be more.
    """

    def __init__(self) -> None:
        self._link_seen = False

    def page(self, reply: Reply, rows: list[JsonObject], per_page: int) -> Page:
        self._link_seen = self._link_seen or reply.has_link
        return Page(rows, reply.has_next if self._link_seen else len(rows) >= per_page)


class _Lister:
    """Fetches pages of `GET /tickets` for one query."""

    def __init__(
        self,
        client: FreshdeskClient,
        query: TicketQuery,
        deadline: float | None,
        *,
        per_page: int | None = None,
    ) -> None:
        self._client = client
        self._query = query
        self._deadline = deadline
        self._per_page = per_page or query.per_page
        self._paging = _Paging()

    async def page(self, number: int) -> Page:
        return await self._fetch(self._query, number, self._per_page)

    async def page_since(self, since: datetime, number: int, size: int) -> Page:
        update = {
            "updated_since": format_moment(since),
            "order_by": "updated_at",
            "order_type": "asc",
        }
        return await self._fetch(self._query.model_copy(update=update), number, size)

    async def _fetch(self, query: TicketQuery, number: int, size: int) -> Page:
        call = Call(
            "GET",
            "/tickets",
            params=query.list_params(number, size),
            kind=CallKind.LIST,
            cost=list_price(query.include),
        )
        reply = await self._client.call(call, deadline=self._deadline)
        return self._paging.page(reply, _rows(reply, call), size)


class _PlainLister:
    """Fetches pages of a list that takes no other parameters."""

    def __init__(
        self,
        client: FreshdeskClient,
        template: str,
        deadline: float | None,
        *,
        ticket_id: str = "",
    ) -> None:
        self._client = client
        self._template = template
        self._deadline = deadline
        self._ticket_id = ticket_id
        self._paging = _Paging()

    async def page(self, number: int) -> Page:
        call = Call(
            "GET",
            self._template,
            id=self._ticket_id,
            params=(("per_page", str(PAGE_SIZE)), ("page", str(number))),
        )
        reply = await self._client.call(call, deadline=self._deadline)
        return self._paging.page(reply, _rows(reply, call), PAGE_SIZE)


def _object(reply: Reply, call: Call) -> JsonObject:
    if not isinstance(reply.json, dict):
        raise _unexpected(call)
    return reply.json


def _rows(reply: Reply, call: Call) -> list[JsonObject]:
    return _checked_rows(reply.json, call)


def _checked_rows(rows: object, call: Call) -> list[JsonObject]:
    """Return a list of objects that each have a number as `id`, which walks go by."""
    if isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows
    ):
        return rows
    raise _unexpected(call)


def _unexpected(call: Call) -> MalformedReplyError:
    return MalformedReplyError(
        f"The reply to {call.endpoint} is JSON of another shape than documented. Check that the "
        "host is a Freshdesk account."
    )
