"""The endpoints that describe the account: fields, groups, agents, the account itself."""

from freshdesk_simulator import field_shapes, shapes
from freshdesk_simulator.calls import ApiCall, ApiReply, Route, paged, positive_integer
from freshdesk_simulator.errors import ForbiddenError, NotFoundError
from freshdesk_simulator.models import Agent, TicketField


def ticket_fields(call: ApiCall) -> ApiReply:
    """`GET /ticket_fields`, all or those of one type."""
    call.allow_query("type")
    wanted = call.query.get("type")
    fields = [f for f in call.account.fields.values() if wanted in {None, f.type}]
    return ApiReply(200, [field_shapes.ticket_field(call.account, field) for field in fields])


def admin_ticket_fields(call: ApiCall) -> ApiReply:
    """`GET /admin/ticket_fields`; needs an administrator's key."""
    _administrators_only(call)
    fields = call.account.fields.values()
    return ApiReply(200, [field_shapes.admin_ticket_field(call.account, f) for f in fields])


def admin_ticket_field(call: ApiCall) -> ApiReply:
    """`GET /admin/ticket_fields/{id}`; needs an administrator's key."""
    _administrators_only(call)
    field = _field_by_id(call)
    return ApiReply(200, field_shapes.admin_ticket_field(call.account, field))


def groups(call: ApiCall) -> ApiReply:
    """`GET /groups`, paged."""
    call.allow_query("page", "per_page")
    return paged(call, [shapes.group(group) for group in call.account.groups.values()])


def group(call: ApiCall) -> ApiReply:
    """`GET /groups/{id}`."""
    found = call.account.groups.get(positive_integer(call.path["id"]) or 0)
    if found is None:
        raise NotFoundError
    return ApiReply(200, shapes.group(found))


def me(call: ApiCall) -> ApiReply:
    """`GET /agents/me`: the key's agent."""
    return ApiReply(200, shapes.agent(call.agent))


def agents(call: ApiCall) -> ApiReply:
    """`GET /agents`, paged, filtered by e-mail."""
    call.allow_query("page", "per_page", "email", "mobile", "phone", "state")
    rows = [shapes.agent(agent) for agent in call.account.agents.values() if _matches(call, agent)]
    return paged(call, list(rows))


def account(call: ApiCall) -> ApiReply:
    """`GET /account`; for others than administrators 403 (assumed)."""
    _administrators_only(call)
    return ApiReply(200, shapes.account_info(call.account))


def _matches(call: ApiCall, agent: Agent) -> bool:
    email = call.query.get("email")
    return email is None or agent.email.casefold() == email.casefold()


def _administrators_only(call: ApiCall) -> None:
    if not call.agent.admin:
        raise ForbiddenError


def _field_by_id(call: ApiCall) -> TicketField:
    for field in call.account.fields.values():
        if str(field.id) == call.path["id"]:
            return field
    raise NotFoundError


ROUTES = (
    Route("GET", "/ticket_fields", ticket_fields),
    Route("GET", "/admin/ticket_fields", admin_ticket_fields),
    Route("GET", "/admin/ticket_fields/{id}", admin_ticket_field),
    Route("GET", "/groups", groups),
    Route("GET", "/groups/{id}", group),
    Route("GET", "/agents/me", me),
    Route("GET", "/agents", agents),
    Route("GET", "/account", account),
)
