"""`GET /search/tickets`: evaluation of the query over the lagging index."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from freshdesk_simulator import shapes
from freshdesk_simulator.account import Account
from freshdesk_simulator.calls import ApiCall, ApiReply, Route
from freshdesk_simulator.errors import SearchSyntaxError, invalid
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import Bucket
from freshdesk_simulator.models import Ticket
from freshdesk_simulator.search_language import (
    AllOf,
    AnyOf,
    Comparison,
    Expression,
    Operator,
    Value,
    parse_query,
)
from freshdesk_simulator.ticket_calls import in_scope

PAGE = 30
NUMBERS = {
    "agent_id": "responder_id",
    "group_id": "group_id",
    "priority": "priority",
    "status": "status",
}
DATES = ("due_by", "fr_due_by", "created_at", "updated_at")
DAY = timedelta(days=1)
SEARCHABLE_CUSTOM = {
    "custom_text": str,
    "custom_dropdown": str,
    "custom_number": int,
    "custom_checkbox": bool,
}

type Test = Callable[[Ticket], bool]


def search_tickets(call: ApiCall) -> ApiReply:
    """`GET /search/tickets`: 30 rows a page, ten pages, as the index knew them some time ago."""
    call.allow_query("query", "page")
    page = call.number_in_query("page", 1)
    if page > call.knobs.last_search_page:
        raise invalid("page", f"It should be less than or equal to {call.knobs.last_search_page}")
    try:
        test = compile_test(parse_query(call.query.get("query", "")), call.account)
    except SearchSyntaxError as error:
        raise invalid("query", f"The query is malformed: {error}") from error
    as_of = call.account.clock.time() - call.knobs.search_index_lag
    found = [
        ticket
        for ticket in call.account.tickets.searchable(as_of=as_of)
        if ticket.listed and in_scope(call.agent, ticket) and test(ticket)
    ]
    shown = found[(page - 1) * PAGE : page * PAGE]
    rows = [shapes.search_row(call.account, ticket) for ticket in shown]
    ids = tuple(ticket.id for ticket in shown)
    return ApiReply(200, {"total": len(found), "results": rows}, {}, ids)


def search_price(query: Mapping[str, str], body: Mapping[str, object], knobs: Knobs) -> int:
    """Return what the knob says a search costs."""
    return knobs.search_credits


def compile_test(tree: Expression, account: Account) -> Test:
    """Return a function that tells whether a ticket matches.

    Raises:
        SearchSyntaxError: For a field that cannot be searched, or a value of the wrong type.
    """
    match tree:
        case AllOf(parts):
            tests = [compile_test(part, account) for part in parts]
            return lambda ticket: all(test(ticket) for test in tests)
        case AnyOf(parts):
            tests = [compile_test(part, account) for part in parts]
            return lambda ticket: any(test(ticket) for test in tests)
        case Comparison():
            return _comparison(tree, account)


def _comparison(part: Comparison, account: Account) -> Test:
    if part.field in NUMBERS:
        return _of_number(part, NUMBERS[part.field])
    if part.field in DATES:
        return _of_date(part)
    if part.field == "type":
        return _of_exact(part, str, lambda ticket: ticket.type)
    if part.field == "tag":
        return _of_tag(part)
    field = account.custom_field_names().get(part.field)
    if field is None or field.type not in SEARCHABLE_CUSTOM:
        raise SearchSyntaxError("this field cannot be searched", 0)
    name = part.field
    kind = SEARCHABLE_CUSTOM[field.type]
    return _of_exact(part, kind, lambda ticket: ticket.custom_fields.get(name))


def _of_number(part: Comparison, attribute: str) -> Test:
    wanted = part.value
    _require(part, int)
    return lambda ticket: _compare(getattr(ticket, attribute), part.operator, wanted)


def _of_exact(part: Comparison, kind: type, read: Callable[[Ticket], object]) -> Test:
    _require(part, kind)
    if part.operator and kind is not int:
        raise SearchSyntaxError("a range needs numbers or dates", 0)
    return lambda ticket: _compare(read(ticket), part.operator, part.value)


def _of_tag(part: Comparison) -> Test:
    _require(part, str)
    if part.operator:
        raise SearchSyntaxError("a range needs numbers or dates", 0)
    if part.value is None:
        return lambda ticket: not ticket.tags
    wanted = str(part.value).casefold()
    return lambda ticket: any(tag.casefold() == wanted for tag in ticket.tags)


def _of_date(part: Comparison) -> Test:
    name = part.field
    if part.value is None and not part.operator:
        return lambda ticket: getattr(ticket, name) is None
    _require(part, str)
    day = _day(str(part.value))
    first, beyond = day.timestamp(), (day + DAY).timestamp()

    def test(ticket: Ticket) -> bool:
        value = getattr(ticket, name)
        if value is None:
            return False
        from_first, until_last = value >= first, value < beyond
        match part.operator:
            case ">":
                return bool(from_first)
            case "<":
                return bool(until_last)
            case _:
                return bool(from_first and until_last)

    return test


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise SearchSyntaxError("a date is written 'YYYY-MM-DD'", 0) from error


def _require(part: Comparison, kind: type) -> None:
    """Refuse a value of another type; `null` is fine where no range is asked for."""
    if part.value is None and not part.operator:
        return
    if type(part.value) is not kind:
        raise SearchSyntaxError("the value has the wrong type for this field", 0)


def _compare(value: object, operator: Operator, wanted: Value) -> bool:
    if not operator:
        return value == wanted
    if not isinstance(value, int) or not isinstance(wanted, int):
        return False
    return value >= wanted if operator == ">" else value <= wanted


ROUTES = (Route("GET", "/search/tickets", search_tickets, Bucket.OTHER, search_price),)
