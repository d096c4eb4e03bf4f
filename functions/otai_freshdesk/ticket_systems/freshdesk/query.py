"""What can be looked for, and how it is written in a URL.

`TicketQuery` is the typed form of the dictionaries that `find_tickets` takes; `QueryDict` names
their keys for a type checker. A search is written with the builder:

    where("status", 2) & (where("group_id", None) | where("tag", "vip")) & since("created_at", day)

Freshdesk documents the expression: between double quotes, at most 512 characters, `field:value`
joined by AND and OR, text and dates in single quotes, `:>` for at or after, `:<` for at or before.
It documents no way to write a quotation mark inside a text, so a value that holds one is refused
rather than guessed at.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from otai_freshdesk.ticket_systems.freshdesk.errors import InvalidQueryError

__all__ = [
    "PAGE_SIZE",
    "QueryDict",
    "SearchExpression",
    "TicketQuery",
    "format_moment",
    "parse_moment",
    "since",
    "until",
    "where",
]

PAGE_SIZE = 100  # the most Freshdesk gives
SEARCH_LENGTH = 512
LAST_PAGE = 300

type ListFilter = Literal["new_and_my_open", "watching", "spam", "deleted"]
type OrderBy = Literal["created_at", "due_by", "updated_at", "status"]
type Include = Literal["requester", "stats", "description", "company"]


def parse_moment(text: str) -> datetime:
    """Return an ISO 8601 date or date-time as UTC; without a zone it is taken as UTC.

    Raises:
        ValueError: When the text is neither.
    """
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_moment(moment: datetime) -> str:
    """Return the moment as Freshdesk writes it: `YYYY-MM-DDTHH:MM:SSZ`, fractions cut off."""
    aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware.replace(microsecond=0, tzinfo=None).isoformat()}Z"


_FIELD = re.compile(
    r"agent_id|group_id|priority|status|tag|type|due_by|fr_due_by|created_at|updated_at|cf_\w+",
    re.ASCII,
)
_DATES = frozenset({"due_by", "fr_due_by", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class SearchExpression:
    """An expression for `GET /search/tickets`; make one with `where`, `since` and `until`.

    Attributes:
        text: The expression without the double quotes around it.
        joined: Whether it is an AND or OR of others, and so needs parentheses inside another.
    """

    text: str
    joined: bool = False

    def __and__(self, other: "SearchExpression") -> "SearchExpression":
        """Return what both expressions find."""
        return self._join("AND", other)

    def __or__(self, other: "SearchExpression") -> "SearchExpression":
        """Return what either expression finds."""
        return self._join("OR", other)

    def __str__(self) -> str:
        """Return the expression as it is sent, between double quotes.

        Raises:
            InvalidQueryError: When it is longer than Freshdesk allows.
        """
        if len(self.text) > SEARCH_LENGTH:
            raise InvalidQueryError(
                f"The search expression has {len(self.text)} characters; Freshdesk allows "
                f"{SEARCH_LENGTH}. Split it into several searches."
            )
        return f'"{self.text}"'

    def _join(self, operator: str, other: "SearchExpression") -> "SearchExpression":
        sides = (f"({side.text})" if side.joined else side.text for side in (self, other))
        return SearchExpression(f" {operator} ".join(sides), joined=True)


def where(field: str, value: str | int | date | None) -> SearchExpression:
    """Return the expression for tickets whose field has this value; None finds the empty ones.

    Args:
        field: A field Freshdesk documents as searchable, or a custom one (`cf_...`).
        value: Text, number, truth value, day or None.

    Raises:
        InvalidQueryError: When the field cannot be searched or the value cannot be written.
    """
    return SearchExpression(f"{_searchable(field)}:{_written(value)}")


def since(field: str, day: date) -> SearchExpression:
    """Return the expression for tickets whose date field is on or after a day, UTC.

    Raises:
        InvalidQueryError: When the field is no date field.
    """
    return SearchExpression(f"{_date_field(field)}:>{_written(day)}")


def until(field: str, day: date) -> SearchExpression:
    """Return the expression for tickets whose date field is on or before a day, UTC.

    Raises:
        InvalidQueryError: When the field is no date field.
    """
    return SearchExpression(f"{_date_field(field)}:<{_written(day)}")


def _searchable(field: str) -> str:
    if not _FIELD.fullmatch(field):
        raise InvalidQueryError(
            f"Freshdesk cannot search by {field!r}. It searches by agent_id, group_id, priority, "
            "status, tag, type, due_by, fr_due_by, created_at, updated_at and cf_... (names are "
            "case-sensitive), never by subject, description or requester."
        )
    return field


def _date_field(field: str) -> str:
    if field not in _DATES and not field.startswith("cf_"):
        raise InvalidQueryError(f"{field!r} is no date field; ranges are for dates.")
    return _searchable(field)


def _written(value: str | int | date | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        day = format_moment(value)[:10] if isinstance(value, datetime) else value.isoformat()
        return f"'{day}'"
    if not value.isprintable() or set(value) & set("'\"\\"):
        raise InvalidQueryError(
            "A search value holds a quotation mark, a backslash or a control character. Freshdesk "
            "documents no way to write those; use find_tickets without search instead."
        )
    return f"'{value}'"


def _as_moment(value: object) -> object:
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        parse_moment(value)  # the error of a wrong one becomes a validation error
    return value


def _as_expression(value: object) -> object:
    if not isinstance(value, str):
        return value
    bare = value.strip()
    quoted = len(bare) > 1 and bare[0] == bare[-1] == '"'
    bare = bare[1:-1] if quoted else bare
    if not bare or '"' in bare:
        raise ValueError("an expression without double quotes inside, not empty")
    return SearchExpression(bare)


class QueryDict(TypedDict, total=False):
    """The keys that `find_tickets`, `find_first_ticket` and `iter_tickets` take.

    Attributes:
        filter: One of Freshdesk's ready filters. Spam and deleted tickets come only this way.
        requester_id: Only tickets of this requester.
        email: Only tickets of the requester with this address.
        unique_external_id: Only tickets of the requester with this external id.
        company_id: Only tickets of this company.
        updated_since: Only tickets updated at or after this moment (ISO 8601 or datetime).
            Without it Freshdesk returns only tickets created within the last 30 days.
        order_by: `created_at` (Freshdesk's default), `due_by`, `updated_at` or `status`.
        order_type: `asc` or `desc` (Freshdesk's default).
        include: What to add to each row; each include costs 2 credits a page.
        per_page: Rows a page, 1 to 100; 100 when left out.
        page: Only this page, instead of all.
        limit: At most so many tickets; all when left out.
        search: A search expression (`where`, `since`, `until`, or text), instead of all keys
            above but `limit`. Freshdesk searches an index some minutes old and returns at most
            300 tickets.
    """

    filter: ListFilter
    requester_id: int
    email: str
    unique_external_id: str
    company_id: int
    updated_since: str | date | datetime
    order_by: OrderBy
    order_type: Literal["asc", "desc"]
    include: Sequence[Include] | str
    per_page: int
    page: int
    limit: int
    search: SearchExpression | str


def _as_includes(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class TicketQuery(BaseModel):
    """A checked query; `QueryDict` explains the keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    filter: ListFilter | None = None
    requester_id: int | None = None
    email: str | None = Field(default=None, repr=False)
    unique_external_id: str | None = Field(default=None, repr=False)
    company_id: int | None = None
    updated_since: Annotated[str | None, BeforeValidator(_as_moment)] = None
    order_by: OrderBy | None = None
    order_type: Literal["asc", "desc"] | None = None
    include: Annotated[tuple[Include, ...], BeforeValidator(_as_includes)] = ()
    per_page: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE)
    page: int | None = Field(default=None, ge=1, le=LAST_PAGE)
    limit: int | None = Field(default=None, ge=1)
    search: Annotated[SearchExpression | None, BeforeValidator(_as_expression)] = Field(
        default=None, repr=False
    )

    @model_validator(mode="after")
    def _search_stands_alone(self) -> Self:
        others = self.model_fields_set - {"search", "limit"}
        if self.search is not None and others:
            raise ValueError(f"search cannot be combined with {', '.join(sorted(others))}")
        return self

    @classmethod
    def parse(cls, query: "QueryDict | dict[str, Any] | TicketQuery") -> "TicketQuery":
        """Return the query in typed form.

        Raises:
            InvalidQueryError: When a key is unknown or a value does not fit. The message names
                the keys, never the values.
        """
        if isinstance(query, TicketQuery):
            return query
        try:
            return cls.model_validate(query)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, problem['loc'])) or 'query'}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            known = ", ".join(cls.model_fields)
            # Not chained: pydantic's error keeps the values.
            raise InvalidQueryError(
                f"The ticket query cannot be used: {problems}. Known keys: {known}."
            ) from None

    def list_params(self, page: int, per_page: int | None = None) -> tuple[tuple[str, str], ...]:
        """Return the URL parameters of one page of `GET /tickets`.

        Args:
            page: The page's number, from 1.
            per_page: Rows a page, when not the query's own.
        """
        values: dict[str, object] = {
            "filter": self.filter,
            "requester_id": self.requester_id,
            "email": self.email,
            "unique_external_id": self.unique_external_id,
            "company_id": self.company_id,
            "updated_since": self.updated_since,
            "order_by": self.order_by,
            "order_type": self.order_type,
            "include": ",".join(self.include) or None,
            "per_page": per_page or self.per_page,
            "page": page,
        }
        return tuple((key, str(value)) for key, value in values.items() if value is not None)
