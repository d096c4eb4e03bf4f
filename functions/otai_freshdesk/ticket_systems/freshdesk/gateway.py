"""The application's help desk on top of the Freshdesk adapter.

Translates between Freshdesk's dictionaries, ids and errors and the domain's tickets, labels and
errors. Nothing above this module knows a number of Freshdesk's.
"""

import asyncio
import html
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from otai_freshdesk.application.errors import (
    HelpDeskAuthenticationError,
    HelpDeskError,
    HelpDeskUnavailableError,
    TicketGoneError,
    TicketRejectedError,
    TicketUnreadableError,
    WriteUncertainError,
)
from otai_freshdesk.application.ports import Written
from otai_freshdesk.clock import Clock
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, Changes, Ticket
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    AuthenticationError,
    ConfigurationError,
    FreshdeskError,
    InvalidUpdateError,
    NotFoundError,
    NotWritableError,
    ReplyTooLargeError,
    ValidationFailedError,
)
from otai_freshdesk.ticket_systems.freshdesk.models import JsonObject
from otai_freshdesk.ticket_systems.freshdesk.query import parse_moment
from otai_freshdesk.ticket_systems.freshdesk.retry import AT_ONCE

# Freshdesk documents these numbers; an account may show other names, but not other numbers.
PRIORITIES: Mapping[str, int] = MappingProxyType({"Low": 1, "Medium": 2, "High": 3, "Urgent": 4})
PRIORITY_LABELS = MappingProxyType({number: label for label, number in PRIORITIES.items()})
STATUS_OPEN = 2
SOURCE_OUTBOUND = 10
GROUPS_MAX_AGE = 600.0  # seconds
UNKNOWN_GROUP_AGE = 60.0  # seconds after which a group that is not among them may be a new one
FEW = 2  # tickets whose texts are cheaper one by one than with a whole page
ONE_SECOND = timedelta(seconds=1)

_GONE = (NotFoundError, NotWritableError)
_TICKETS_OWN_FAULT = (AccessDeniedError, InvalidUpdateError, ValidationFailedError)


@contextmanager
def _translated(*, one_ticket: bool) -> Iterator[None]:
    """Raise the application's errors instead of the adapter's."""
    try:
        yield
    except FreshdeskError as error:
        raise _translation(error, one_ticket=one_ticket) from error


def _translation(error: FreshdeskError, *, one_ticket: bool) -> HelpDeskError:
    message = str(error)
    if isinstance(error, AmbiguousWriteError):
        return WriteUncertainError(message)
    if one_ticket and isinstance(error, ReplyTooLargeError):
        return TicketUnreadableError(None, "reply", "is longer than we read")
    if one_ticket and isinstance(error, _GONE):
        return TicketGoneError(message)
    if one_ticket and isinstance(error, _TICKETS_OWN_FAULT):
        return TicketRejectedError(message)
    if isinstance(error, AuthenticationError | AccessDeniedError | ConfigurationError):
        return HelpDeskAuthenticationError(message)
    return HelpDeskUnavailableError(message)


class GroupNames:
    """The account's groups by id, fetched when first needed, when stale, and for a new one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fetched_at = float("-inf")
        self._names: dict[int, str] = {}

    def forget(self) -> None:
        """Fetch them anew next time: one of them was refused."""
        self._fetched_at = float("-inf")

    async def name(
        self, group_id: int, adapter: FreshdeskAdapter, deadline: float | None
    ) -> str | None:
        """Return a group's name, None when there is no such group; fetches through `adapter`."""
        return await self._found(lambda names: names.get(group_id), adapter, deadline)

    async def id(self, name: str, adapter: FreshdeskAdapter, deadline: float | None) -> int | None:
        """Return the id of the group of this name, its case ignored where none is spelt so."""
        return await self._found(lambda names: _id_of(name, names), adapter, deadline)

    async def _found[T](
        self,
        find: Callable[[Mapping[int, str]], T | None],
        adapter: FreshdeskAdapter,
        deadline: float | None,
    ) -> T | None:
        for most in (GROUPS_MAX_AGE, UNKNOWN_GROUP_AGE):
            found = find(await self._names_of_age(most, adapter, deadline))
            if found is not None:
                return found
        return None

    async def _names_of_age(
        self, most: float, adapter: FreshdeskAdapter, deadline: float | None
    ) -> Mapping[int, str]:
        async with self._lock:
            if self._clock.monotonic() - self._fetched_at > most:
                with _translated(one_ticket=False):
                    groups = await adapter.groups(deadline=deadline)
                self._names = {group.id: group.name for group in groups}
                self._fetched_at = self._clock.monotonic()
            return self._names


def _id_of(name: str, names: Mapping[int, str]) -> int | None:
    alike = {text: known for known, text in names.items() if text.casefold() == name.casefold()}
    return alike.get(name, next(iter(alike.values()), None))


class FreshdeskHelpDesks:
    """Makes help desks of one account, patient and hasty ones, that share pool and budget."""

    def __init__(self, adapter: FreshdeskAdapter, clock: Clock) -> None:
        self._adapter = adapter
        self._groups = GroupNames(clock)

    def help_desk(self, deadline: float | None) -> "FreshdeskHelpDesk":
        """Return a help desk that waits and repeats up to `deadline`; without one, never."""
        adapter = self._adapter.with_retry(AT_ONCE) if deadline is None else self._adapter
        return FreshdeskHelpDesk(adapter, self._groups, deadline)

    def budget_left(self) -> int | None:
        """Return what is left of the account's rate limit, None when no fresh reply told."""
        return self._adapter.client.budget.state().remaining

    async def aclose(self) -> None:
        """Close the connections."""
        await self._adapter.aclose()


class FreshdeskHelpDesk:
    """Implements `application.ports.HelpDesk` for one Freshdesk account."""

    def __init__(
        self, adapter: FreshdeskAdapter, groups: GroupNames, deadline: float | None = None
    ) -> None:
        """Keep what is needed; nothing is sent yet.

        Args:
            adapter: sends the calls, and is as patient as they shall be.
            groups: the account's groups, shared by all help desks of the account.
            deadline: monotonic time by which every call is over.
        """
        self._adapter = adapter
        # A write that waits would be sent on a look that has grown old meanwhile.
        self._writer = adapter.with_retry(AT_ONCE)
        self._groups = groups
        self._deadline = deadline
        self._texts_one_by_one = False  # since those of one page were too long

    async def now(self) -> datetime:
        """Return Freshdesk's time."""
        with _translated(one_ticket=False):
            return await self._adapter.now(deadline=self._deadline)

    async def ticket(self, ticket_id: int) -> Ticket | None:
        """Return a fresh look at a ticket, or None when there is none (any more)."""
        with _translated(one_ticket=True):
            row = await self._adapter.get_ticket(ticket_id, deadline=self._deadline)
            return None if row is None else await self._ticket(row)

    async def write(self, latest: Ticket, changes: Changes) -> Written:
        """Write `changes` in one request, tags merged into those of `latest`.

        When Freshdesk refuses fields by name, they are left out and the rest is sent once more.
        """
        with _translated(one_ticket=True):
            data, refused = await self._data(changes)
            data["tags"] = list(changes.tags_merged_into(latest.tags))
            try:
                await self._update(latest.id, data)
            except ValidationFailedError as error:
                fields = self._fields_refused(error, data)
                if not fields:
                    raise
                self._groups.forget()
                refused |= fields
                data, unknown = await self._data(changes.without(refused))
                refused |= unknown
                data["tags"] = list(changes.tags_merged_into(latest.tags))
                await self._update(latest.id, data)
        return Written(changes.without(refused), refused)

    async def updated_between(
        self, since: datetime, until: datetime, wanted: Callable[[Ticket], bool]
    ) -> AsyncIterator[Ticket]:
        """Stream the tickets last updated in [since, until], oldest update first.

        A page with text costs three credits, one without costs one. So the walk changes over to
        text when it meets a page with several wanted tickets, and back when it meets one without.
        Where the texts of a page are longer than a reply may be, all are read one by one.
        """
        with _translated(one_ticket=False):
            start: datetime | None = since
            with_text = False
            while start is not None:
                batches = self._batches(start, until, with_text=with_text)
                reached, start = start, None
                try:
                    async with aclosing(batches):
                        async for tickets in batches:
                            few = sum(map(wanted, tickets)) <= FEW
                            complete = tickets if with_text else await self._texts(tickets, wanted)
                            for ticket in complete:
                                yield ticket
                            # The seconds up to here are complete.
                            reached = tickets[-1].updated_at + ONE_SECOND
                            cheaper_with_text = not (few or self._texts_one_by_one)
                            if cheaper_with_text is not with_text:
                                with_text, start = cheaper_with_text, reached
                                break
                except ReplyTooLargeError:
                    if not with_text:
                        raise
                    self._texts_one_by_one, with_text, start = True, False, reached

    async def changed_since(self, since: datetime) -> Sequence[Ticket]:
        """Return fresh looks, without text, at the tickets updated at or after `since`."""
        with _translated(one_ticket=False):
            batches = self._batches(since, None, with_text=False)
            return [ticket async for tickets in batches for ticket in tickets]

    async def room_to_write(self, most: int) -> int:
        """Wait until a look at what has changed, and writes after it, may be sent at once."""
        with _translated(one_ticket=False):
            return await self._adapter.room_for_updates(most, deadline=self._deadline)

    async def write_alike(self, ticket_ids: Sequence[int], changes: Changes) -> Written:
        """Ask for the same changes in many tickets that have no tags; applied a little later."""
        with _translated(one_ticket=False):
            data, unknown = await self._data(changes)
            await self._writer.bulk_update(
                ticket_ids, {**data, "tags": list(changes.tags)}, deadline=self._deadline
            )
        return Written(changes.without(unknown), unknown)

    async def add_note(self, ticket_id: int, lines: Sequence[str], marker: str) -> bool:
        """Add a private note, unless one that holds `marker` is there already."""
        body = "<br>".join(html.escape(line) for line in lines)
        with _translated(one_ticket=True):
            note = await self._adapter.add_note(
                ticket_id, f"<div>{body}</div>", marker=marker, deadline=self._deadline
            )
        return note is not None

    async def _update(self, ticket_id: int, data: dict[str, Any]) -> None:
        ticket = await self._writer.update_ticket(str(ticket_id), data, deadline=self._deadline)
        if ticket is None:
            raise TicketGoneError(f"ticket {ticket_id} is not there any more")

    async def _batches(
        self,
        since: datetime,
        until: datetime | None,
        *,
        with_text: bool,
        walk: Literal["key", "page"] = "key",
    ) -> AsyncGenerator[list[Ticket], None]:
        batches = self._adapter.iter_batches(
            {
                "updated_since": since,
                "order_by": "updated_at",
                "order_type": "asc",
                "include": ("description",) if with_text else (),
            },
            walk=walk,
            until=until,
            deadline=self._deadline,
        )
        async for rows in batches:
            yield [await self._listed(row) for row in rows]

    async def _listed(self, row: JsonObject) -> Ticket:
        """Return a row of a list as a ticket; one that cannot be read keeps its place there.

        Raises:
            TicketUnreadableError: Not even its id and its time of update can be read.
        """
        try:
            return await self._ticket(await self._with_tags(row))
        except TicketUnreadableError:
            read = _Row(row)
            moment = read.moment("updated_at")
            return Ticket(
                id=read.id,
                subject="",
                body="",
                created_at=moment,
                updated_at=moment,
                is_readable=False,
            )

    async def _texts(
        self, tickets: Sequence[Ticket], wanted: Callable[[Ticket], bool]
    ) -> Sequence[Ticket]:
        """Return `tickets`, those that are wanted with their text.

        The rest of a ticket stays as it was listed, so that its place in the walk does too.
        """
        missing = {ticket.id: ticket for ticket in tickets if wanted(ticket)}
        texts: dict[int, Ticket] = {}
        if len(missing) > FEW and not self._texts_one_by_one:
            # By page: a ticket that moves meanwhile is fetched below, which is cheaper than to
            # read a crowded second twice.
            pages = self._batches(tickets[0].updated_at, None, with_text=True, walk="page")
            try:
                async with aclosing(pages):
                    async for page in pages:
                        texts.update({ticket.id: ticket for ticket in page if ticket.id in missing})
                        done = texts.keys() >= missing.keys()
                        if done or page[-1].updated_at > tickets[-1].updated_at:
                            break
            except ReplyTooLargeError:
                self._texts_one_by_one = True
        for ticket_id in missing.keys() - texts.keys():
            try:
                row = await self._listed_ticket(ticket_id)
            except ReplyTooLargeError:
                texts[ticket_id] = replace(missing[ticket_id], is_readable=False)
                continue
            if row is not None:
                texts[ticket_id] = await self._listed(row)
        return [
            replace(
                one,
                subject=texts[one.id].subject,
                body=texts[one.id].body,
                is_readable=texts[one.id].is_readable,
            )
            if one.id in texts
            else replace(one, is_deleted=one.is_deleted or one.id in missing)
            for one in tickets
        ]

    async def _with_tags(self, row: JsonObject) -> JsonObject:
        """Return a listed row with the ticket's tags, asked for by its id where they are absent.

        A write replaces all tags, so absent must not be taken for none.
        """
        if "tags" in row:
            return row
        try:
            full = await self._listed_ticket(_Row(row).id)
        except ReplyTooLargeError:
            return row
        if full is None:
            return {**row, "tags": [], "deleted": True}
        return {**row, "tags": full["tags"]} if "tags" in full else row

    async def _listed_ticket(self, ticket_id: int) -> JsonObject | None:
        """Return a ticket that was listed a moment ago, or None when it is not there any more.

        An account may answer 403 for a deleted ticket; as the list was answered, it is not the
        key that is refused.
        """
        try:
            return await self._adapter.get_ticket(ticket_id, deadline=self._deadline)
        except AccessDeniedError:
            return None

    async def _data(self, changes: Changes) -> tuple[dict[str, Any], frozenset[str]]:
        """Return the changes in Freshdesk's keys, and the fields whose values it does not know."""
        data: dict[str, Any] = {}
        unknown = set()
        for name, label in changes.values.items():
            if name == GROUP:
                group_id = await self._groups.id(label, self._adapter, self._deadline)
                if group_id is None:
                    unknown.add(name)
                else:
                    data["group_id"] = group_id
            elif name == TYPE:
                data["type"] = label
            elif name == PRIORITY and label in PRIORITIES:
                data["priority"] = PRIORITIES[label]
            elif name == PRIORITY:
                unknown.add(name)
            else:
                data.setdefault("custom_fields", {})[name] = label
        return data, frozenset(unknown)

    async def _group_name(self, group_id: int) -> str:
        """Return a group's name; an unknown group is named by its number, and so is decided."""
        return await self._groups.name(group_id, self._adapter, self._deadline) or f"#{group_id}"

    @staticmethod
    def _fields_refused(error: ValidationFailedError, data: Mapping[str, Any]) -> frozenset[str]:
        names = {"group_id": GROUP, "type": TYPE, "ticket_type": TYPE, "priority": PRIORITY}
        sent = {names.get(key, key) for key in data} | set(data.get("custom_fields", {}))
        # Under which of two names a field of one's own is refused, nobody documents.
        told = {one.field.removeprefix("custom_fields.") for one in error.field_errors}
        refused = {names.get(name, name) for name in told}
        return frozenset(refused & (sent - {"tags", "custom_fields"}))

    async def _ticket(self, row: Mapping[str, Any]) -> Ticket:
        """Return a row as a ticket.

        Raises:
            TicketUnreadableError: A key is missing, or its value of another type than documented.
        """
        read = _Row(row)
        group_id = read.value("group_id", int)
        values: dict[str, str | None] = {
            GROUP: None if group_id is None else await self._group_name(group_id),
            TYPE: read.value("type", str) or None,
            PRIORITY: PRIORITY_LABELS.get(read.value("priority", int) or 0),
        }
        for name, value in (read.value("custom_fields", dict) or {}).items():
            values[name] = None if value in (None, "") else str(value)
        return Ticket(
            id=read.id,
            subject=read.value("subject", str) or "",
            body=read.value("description", str) or read.value("description_text", str) or "",
            created_at=read.moment("created_at"),
            updated_at=read.moment("updated_at"),
            values=values,
            tags=read.tags(),
            is_open=row.get("status") == STATUS_OPEN,
            is_assigned=row.get("responder_id") is not None,
            is_spam=bool(row.get("spam")),
            is_deleted=bool(row.get("deleted")),
            is_outbound=row.get("source") == SOURCE_OUTBOUND,
        )


class _Row:
    """A ticket's dictionary, its values checked as they are read; the errors show none of them."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        number = row.get("id")
        if not isinstance(number, int):
            raise TicketUnreadableError(None, "id", "is no whole number")
        self.id = number

    def value[T](self, key: str, kind: type[T]) -> T | None:
        """Return a value, or None where the key is absent or null."""
        value = self._row.get(key)
        if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
            return value
        raise self._unreadable(key, f"is no {_KINDS[kind]}")

    def moment(self, key: str) -> datetime:
        """Return a date and time, which must be there."""
        try:
            return parse_moment(self.value(key, str) or "")
        except ValueError:
            raise self._unreadable(key, "is no date and time") from None

    def tags(self) -> tuple[str, ...]:
        """Return the tags; null says that there are none, a missing key says nothing."""
        if "tags" not in self._row:
            raise self._unreadable("tags", "is missing")
        tags = self.value("tags", list) or []
        if not all(isinstance(tag, str) for tag in tags):
            raise self._unreadable("tags", "is no list of texts")
        return tuple(tags)

    def _unreadable(self, key: str, problem: str) -> TicketUnreadableError:
        return TicketUnreadableError(self.id, key, problem)


_KINDS: Mapping[type, str] = MappingProxyType(
    {int: "whole number", str: "text", list: "list of texts", dict: "object of keys and values"}
)
