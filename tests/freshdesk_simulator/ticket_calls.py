"""The ticket endpoints: list, get, create, update, notes, conversations, delete, merge."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from freshdesk_simulator import shapes
from freshdesk_simulator.account import Account
from freshdesk_simulator.calls import (
    ApiCall,
    ApiReply,
    Route,
    include_names,
    next_link,
    positive_integer,
)
from freshdesk_simulator.errors import (
    MANDATORY,
    ForbiddenError,
    MethodNotAllowedError,
    NotFoundError,
    UsageError,
    invalid,
)
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import Bucket
from freshdesk_simulator.models import Agent, Status, Ticket
from freshdesk_simulator.tickets import ListQuery
from freshdesk_simulator.validation import (
    CREATE_PROPERTIES,
    UPDATE_PROPERTIES,
    Checker,
    moment_of,
)

DAY = 24 * 60 * 60
ORDERS = ("created_at", "due_by", "updated_at", "status")
FILTERS = ("new_and_my_open", "watching", "spam", "deleted")
LIST_PARAMETERS = (
    "filter", "requester_id", "email", "unique_external_id", "company_id", "updated_since",
    "order_by", "order_type", "include", "page", "per_page",
)  # fmt: skip
GLOBAL_SCOPE, GROUP_SCOPE = 1, 2
PAST_LAST_PAGE = (
    "You cannot access tickets beyond the {last}th page. Please provide a smaller page number."
)
type Test = Callable[[Ticket], bool]

NOTE_PROPERTIES = ("body", "private", "incoming", "notify_emails", "user_id", "attachments")


def list_tickets(call: ApiCall) -> ApiReply:
    """`GET /tickets`: one page, live; without `updated_since` only what is 30 days old or less."""
    call.allow_query(*LIST_PARAMETERS)
    includes = call.includes("requester", "stats", "description", "company")
    page, per_page = call.number_in_query("page", 1), call.per_page()
    last = call.knobs.last_list_page
    if page > last:
        raise invalid("page", PAST_LAST_PAGE.format(last=last))
    query = _list_query(call)
    rows = call.account.tickets.page(query, skip=(page - 1) * per_page, count=per_page + 1)
    shown = rows[:per_page]
    headers = next_link(call, page) if len(rows) > per_page else {}
    body = [shapes.list_row(call.account, ticket, includes) for ticket in shown]
    if call.knobs.list_tags == "omitted":
        for row in body:
            del row["tags"]
    return ApiReply(200, body, headers, tuple(ticket.id for ticket in shown))


def get_ticket(call: ApiCall) -> ApiReply:
    """`GET /tickets/{id}`."""
    call.allow_query("include")
    includes = call.includes("conversations", "requester", "company", "stats")
    ticket = existing(call)
    if ticket.archived:
        raise NotFoundError
    if ticket.deleted:
        _refuse_deleted(call.knobs)
    return ApiReply(200, shapes.full_ticket(call.account, ticket, includes), {}, (ticket.id,))


def get_archived(call: ApiCall) -> ApiReply:
    """`GET /tickets/archived/{id}`."""
    ticket = existing(call)
    if not ticket.archived:
        raise NotFoundError
    shape = shapes.full_ticket(call.account, ticket) | {"archived": True}
    return ApiReply(200, shape, {}, (ticket.id,))


def update_ticket(call: ApiCall) -> ApiReply:
    """`PUT /tickets/{id}`: keys left out stay; `tags` replaces the whole set."""
    ticket = existing(call)
    refuse_unwritable(ticket, call.knobs)
    checker = Checker(call.account, call.knobs)
    values = checker.properties(call.body, UPDATE_PROPERTIES)
    checker.against(ticket, values)
    checker.finish()
    changed = call.desk.change(ticket.id, values, call.actor, call=call.number)
    return ApiReply(200, shapes.full_ticket(call.account, changed))


def create_ticket(call: ApiCall) -> ApiReply:
    """`POST /tickets`; the requester by id, or by e-mail, then made when new."""
    checker = Checker(call.account, call.knobs)
    values = checker.properties(call.body, CREATE_PROPERTIES)
    checker.require(call.body, "subject", "description", "status", "priority")
    email = call.body.get("email")
    if "requester_id" not in values and not isinstance(email, str):
        checker.complain("email", MANDATORY, "missing_field")
    checker.finish()
    if "requester_id" not in values:
        name = str(call.body.get("name") or email)
        values["requester_id"] = call.account.add_contact(name, str(email)).id
    values.setdefault("source", 2)
    ticket = call.desk.create(values, call.actor, call=call.number)
    location = {"Location": str(call.url.replace(query="")) + f"/{ticket.id}"}
    return ApiReply(201, shapes.full_ticket(call.account, ticket), location)


def add_note(call: ApiCall) -> ApiReply:
    """`POST /tickets/{id}/notes`; private unless told otherwise. Not idempotent."""
    ticket = existing(call)
    refuse_unwritable(ticket, call.knobs)
    checker = Checker(call.account, call.knobs)
    for name in call.body:
        if name not in NOTE_PROPERTIES:
            checker.complain(name, "Unexpected/invalid field in request", "invalid_field")
    checker.require(call.body, "body")
    for name in ("private", "incoming"):
        if not isinstance(call.body.get(name, False), bool):
            checker.complain(name, "It should be a/an Boolean", "datatype_mismatch")
    user_id = call.body.get("user_id")
    people = [*call.account.agents, *call.account.contacts]
    if user_id is not None and user_id not in people:
        checker.complain("user_id", "There is no contact matching the given user_id")
    checker.finish()
    entry = call.desk.add_note(
        ticket.id,
        str(call.body["body"]),
        call.actor,
        private=bool(call.body.get("private", True)),
        incoming=bool(call.body.get("incoming", False)),
        user_id=user_id if isinstance(user_id, int) else None,
        call=call.number,
    )
    return ApiReply(201, shapes.note(entry), {"Location": str(call.url)})


def list_conversations(call: ApiCall) -> ApiReply:
    """`GET /tickets/{id}/conversations`: oldest first, 30 a page, at most 100."""
    call.allow_query("page", "per_page")
    ticket = existing(call)
    page, per_page = call.number_in_query("page", 1), call.per_page()
    entries = call.account.conversations.get(ticket.id, [])
    start = (page - 1) * per_page
    headers = next_link(call, page) if len(entries) > start + per_page else {}
    body = [shapes.conversation(entry) for entry in entries[start : start + per_page]]
    return ApiReply(200, body, headers, (ticket.id,))


def delete_ticket(call: ApiCall) -> ApiReply:
    """`DELETE /tickets/{id}`: soft; a second time 405."""
    ticket = existing(call)
    if not ticket.listed:
        raise MethodNotAllowedError("DELETE", ["GET"])
    call.desk.change(ticket.id, {"deleted": True}, call.actor, call=call.number)
    return ApiReply(204)


def restore_ticket(call: ApiCall) -> ApiReply:
    """`PUT /tickets/{id}/restore`."""
    ticket = existing(call)
    if not ticket.deleted:
        raise MethodNotAllowedError("PUT", ["GET"])
    call.desk.change(ticket.id, {"deleted": False}, call.actor, call=call.number)
    return ApiReply(204)


def merge_tickets(call: ApiCall) -> ApiReply:
    """`PUT /tickets/merge`: the secondary tickets become closed."""
    checker = Checker(call.account, call.knobs)
    checker.require(call.body, "primary_id", "ticket_ids")
    checker.finish()
    primary, others = call.body["primary_id"], call.body["ticket_ids"]
    if not isinstance(primary, int):
        raise invalid("primary_id", "It should be a/an Positive Integer", "datatype_mismatch")
    if not (isinstance(others, list) and all(isinstance(entry, int) for entry in others)):
        raise invalid("ticket_ids", "It should be a/an Array", "datatype_mismatch")
    try:
        call.desk.merge(primary, others, call.actor, call=call.number)
    except UsageError as error:
        raise invalid("ticket_ids", str(error)) from error
    return ApiReply(204)


def existing(call: ApiCall) -> Ticket:
    """Return the ticket named in the path.

    Raises:
        NotFoundError: When there is none.
        ForbiddenError: When it is outside the agent's ticket scope.
    """
    ticket = call.account.tickets.get(positive_integer(call.path["id"]) or 0)
    if ticket is None:
        raise NotFoundError
    if not in_scope(call.agent, ticket):
        raise ForbiddenError
    return ticket


def refuse_unwritable(ticket: Ticket, knobs: Knobs) -> None:
    """Refuse a write to a ticket whose state forbids it.

    Raises:
        MethodNotAllowedError: Archived; deleted or spam (a knob); merged away (a knob).
        NotFoundError: Deleted or spam, when the knob says so.
    """
    if ticket.archived:
        raise MethodNotAllowedError("PUT", ["GET"])
    if ticket.deleted or ticket.spam:
        if knobs.put_on_deleted == 404:
            raise NotFoundError
        if knobs.put_on_deleted == 405:
            raise MethodNotAllowedError("PUT", ["GET"])
    if ticket.merged_into is not None and knobs.put_on_merged == 405:
        raise MethodNotAllowedError("PUT", ["GET"])


def in_scope(agent: Agent, ticket: Ticket) -> bool:
    """Return whether an agent's ticket scope shows them this ticket."""
    if agent.ticket_scope == GLOBAL_SCOPE or ticket.responder_id == agent.id:
        return True
    return agent.ticket_scope == GROUP_SCOPE and ticket.group_id in agent.group_ids


def list_price(query: Mapping[str, str], body: Mapping[str, object], knobs: Knobs) -> int:
    """Each include of a list costs two more."""
    return 1 + 2 * len(include_names(query))


def single_price(query: Mapping[str, str], body: Mapping[str, object], knobs: Knobs) -> int:
    """Each include of a single ticket costs one more."""
    return 1 + len(include_names(query))


def _refuse_deleted(knobs: Knobs) -> None:
    if knobs.deleted_by_id == 403:
        raise ForbiddenError
    if knobs.deleted_by_id == 404:
        raise NotFoundError


def _list_query(call: ApiCall) -> ListQuery:
    order_by = _one_of(call, "order_by", ORDERS, "created_at")
    order_type = _one_of(call, "order_type", ("asc", "desc"), "desc")
    scope = _one_of(call, "filter", ("", *FILTERS), "")
    query = ListQuery(order_by=order_by, descending=order_type == "desc")
    if scope in {"spam", "deleted"}:
        query = replace(query, scope=scope)
    since = call.query.get("updated_since")
    if since is None:
        window = call.knobs.created_within_days * DAY
        query = replace(query, created_from=call.account.now() - window)
    else:
        query = replace(query, updated_from=_since(since, call.knobs))
    tests = _row_tests(call, scope)
    if tests:
        query = replace(query, matches=lambda ticket: all(test(ticket) for test in tests))
    if call.knobs.sort_ties == "unstable":
        query = replace(query, unstable_ties=random.Random(call.number))
    return query


def _since(text: str, knobs: Knobs) -> int:
    moment = moment_of(text)
    if moment is None:
        expected = "It should be in the 'combined date and time ISO8601' format"
        raise invalid("updated_since", expected)
    return moment + 1 if knobs.updated_since == "exclusive" else moment


def _row_tests(call: ApiCall, scope: str) -> list[Test]:
    tests: list[Test] = []
    agent = call.agent
    if agent.ticket_scope != GLOBAL_SCOPE:
        tests.append(lambda ticket: in_scope(agent, ticket))
    if scope == "new_and_my_open":
        tests.append(
            lambda ticket: ticket.status == Status.OPEN and ticket.responder_id in {None, agent.id}
        )
    if scope == "watching":
        watched = call.account.watchers.get(agent.id, set())
        tests.append(lambda ticket: ticket.id in watched)
    tests += [
        _equals(name, call.number_in_query(name, 0))
        for name in ("requester_id", "company_id")
        if name in call.query
    ]
    if "email" in call.query:
        contact = call.account.contact_by_email(call.query["email"])
        tests.append(_equals("requester_id", contact.id if contact else 0))
    if "unique_external_id" in call.query:
        tests.append(_requester_with_external_id(call.account, call.query["unique_external_id"]))
    return tests


def _equals(name: str, wanted: int) -> Test:
    return lambda ticket: bool(getattr(ticket, name) == wanted)


def _requester_with_external_id(account: Account, wanted: str) -> Test:
    ids = {
        contact.id for contact in account.contacts.values() if contact.unique_external_id == wanted
    }
    return lambda ticket: ticket.requester_id in ids


def _one_of(call: ApiCall, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = call.query.get(name, default)
    if value not in allowed:
        listed = ",".join(filter(None, allowed))
        raise invalid(name, f"It should be one of these values: '{listed}'")
    return value


ROUTES = (
    Route("GET", "/tickets", list_tickets, Bucket.LIST, list_price),
    Route("POST", "/tickets", create_ticket, Bucket.CREATE),
    Route("PUT", "/tickets/merge", merge_tickets, Bucket.UPDATE),
    Route("GET", "/tickets/archived/{id}", get_archived),
    Route("GET", "/tickets/archived/{id}/conversations", list_conversations),
    Route("GET", "/tickets/{id}", get_ticket, Bucket.OTHER, single_price),
    Route("PUT", "/tickets/{id}", update_ticket, Bucket.UPDATE),
    Route("DELETE", "/tickets/{id}", delete_ticket),
    Route("PUT", "/tickets/{id}/restore", restore_ticket, Bucket.UPDATE),
    Route("POST", "/tickets/{id}/notes", add_note),
    Route("GET", "/tickets/{id}/conversations", list_conversations),
)
