"""The API as a whole: authentication, limits, routing, errors, headers, journal."""

import base64
import binascii
import hmac
import json
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import URL, Headers, QueryParams

from freshdesk_simulator import account_calls, bulk, search, ticket_calls
from freshdesk_simulator.bulk import JobBoard
from freshdesk_simulator.calls import ApiCall, ApiReply, Route
from freshdesk_simulator.desk import Desk, KnobSource
from freshdesk_simulator.errors import (
    UNEXPECTED,
    ApiError,
    ForbiddenError,
    InvalidJsonError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
    invalid,
)
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.limits import Bucket, RateLimiter, RateState
from freshdesk_simulator.models import Agent

PREFIX = "/api/v2"
ROUTES = (*search.ROUTES, *bulk.ROUTES, *ticket_calls.ROUTES, *account_calls.ROUTES)
WITH_BODY = {"POST", "PUT", "PATCH"}
NO_API = (
    "The API feature(s) is/are not supported in your plan. Please upgrade your account to use it."
)
HTML_ERROR = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came in."""

    method: str
    url: URL
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply as it goes out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Progress:
    """What is known of a call so far; an error may end it at any stage."""

    rate: RateState
    agent: Agent | None = None


class Api:
    """Answers API calls, one at a time under the account's lock.

    Args:
        desk: The operations on tickets.
        jobs: The bulk jobs.
        limiter: The account's rate limits.
        journal: Where every call is noted.
        knobs: Asked for the present settings.
        seed: Of the random server errors.
    """

    def __init__(
        self,
        desk: Desk,
        jobs: JobBoard,
        limiter: RateLimiter,
        journal: Journal,
        knobs: KnobSource,
        seed: int,
    ) -> None:
        """Compile the routes."""
        self._desk = desk
        self._jobs = jobs
        self._limiter = limiter
        self._journal = journal
        self._knobs = knobs
        self._random = random.Random(seed)
        self._routes = [(_pattern(route.template), route) for route in ROUTES]

    def answer(self, request: RawRequest, number: int) -> RawReply:
        """Answer one call; everything it writes is written when this returns."""
        with self._desk.account.lock:
            knobs = self._knobs()
            self._jobs.apply_due()
            progress = _Progress(self._limiter.state(0, knobs))
            try:
                reply = self._try(request, number, progress)
            except ApiError as error:
                reply = ApiReply(error.status, error.body, error.headers)
            return self._finish(number, reply, progress)

    def answer_instead(self, number: int, reply: ApiReply) -> RawReply:
        """Answer a call with a given reply; costs nothing, and keeps what the call did."""
        with self._desk.account.lock:
            return self._finish(number, reply, _Progress(self._limiter.state(0, self._knobs())))

    def _finish(self, number: int, reply: ApiReply, progress: _Progress) -> RawReply:
        request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"freshdesk-simulator {number}"))
        self._journal.settle(
            number,
            status=reply.status,
            used=progress.rate.used,
            agent_id=progress.agent.id if progress.agent else None,
            request_id=request_id,
            tickets_read=reply.tickets_read,
        )
        return _raw(reply, progress.rate, request_id)

    def _try(self, request: RawRequest, number: int, progress: _Progress) -> ApiReply:
        knobs = self._knobs()
        route, path = self._route(request)
        if self._desk.account.plan == "free":
            raise ForbiddenError(NO_API, "require_feature")
        query = QueryParams(request.url.query)
        single = {name: query[name] for name in query}
        body, readable = _json_object(request)
        bucket = route.bucket if route else Bucket.OTHER
        price = route.price(single, body, knobs) if route else 1
        try:
            progress.rate = self._limiter.spend(bucket, price, knobs)
        except ApiError:
            progress.rate = self._limiter.state(1, knobs)
            raise
        agent = progress.agent = self._authenticate(request.headers)
        self._check_form(request)
        if not readable:
            raise InvalidJsonError
        if route is None:
            self._refuse_path(request)
            raise NotFoundError
        call = ApiCall(
            number, agent, self._desk, knobs, self._jobs, request.url, path, single, body
        )
        return self._operate(route, call)

    def _operate(self, route: Route, call: ApiCall) -> ApiReply:
        """Run the operation, or fail as servers sometimes do, before or after the deed."""
        knobs = call.knobs
        if self._random.random() >= knobs.server_error_rate:
            return route.operation(call)
        if self._random.random() < knobs.server_error_after_write:
            route.operation(call)
        return server_error(502, knobs.server_error_body)

    def _route(self, request: RawRequest) -> tuple[Route | None, Mapping[str, str]]:
        for pattern, route in self._routes:
            match = pattern.fullmatch(request.url.path)
            if match and route.method == request.method:
                return route, match.groupdict()
        return None, {}

    def _refuse_path(self, request: RawRequest) -> None:
        path = request.url.path
        if "//" in path:
            raise invalid("ticket", UNEXPECTED, "invalid_field")
        allowed = [route.method for pattern, route in self._routes if pattern.fullmatch(path)]
        if allowed:
            raise MethodNotAllowedError(request.method, allowed)

    def _authenticate(self, headers: Headers) -> Agent:
        user, password = _basic_credentials(headers.get("authorization", ""))
        for agent in self._desk.account.agents.values():
            by_key = hmac.compare_digest(agent.api_key.encode(), user.encode())
            by_password = agent.email == user and agent.password == password != ""
            if by_key or by_password:
                if agent.locked:
                    raise ForbiddenError
                return agent
        raise UnauthenticatedError

    def _check_form(self, request: RawRequest) -> None:
        accept = request.headers.get("accept", "*/*")
        if not any(kind in accept for kind in ("application/json", "*/*", "application/*")):
            raise NotAcceptableError
        if request.method in WITH_BODY and request.body:
            content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
            if content_type != "application/json":
                raise UnsupportedMediaTypeError


def server_error(status: int, form: str) -> ApiReply:
    """Return a 5xx whose body is HTML, JSON or empty."""
    match form:
        case "html":
            return ApiReply(status, HTML_ERROR, {"Content-Type": "text/html"})
        case "json":
            message = "We're sorry, but something went wrong."
            return ApiReply(status, {"code": "internal_error", "message": message})
        case _:
            return ApiReply(status)


def encode(reply: ApiReply) -> RawReply:
    """Return a reply's bytes and content type; text bodies keep their own type."""
    headers = {"Content-Type": "application/json; charset=utf-8"} | dict(reply.headers)
    if reply.body is None:
        del headers["Content-Type"]
        return RawReply(reply.status, b"", headers)
    if isinstance(reply.body, str):
        if "Content-Type" not in reply.headers:
            headers["Content-Type"] = "text/plain"
        return RawReply(reply.status, reply.body.encode(), headers)
    data = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate in somebody's text must not end the connection.
    return RawReply(reply.status, data.encode("utf-8", "replace"), headers)


def _raw(reply: ApiReply, rate: RateState, request_id: str) -> RawReply:
    raw = encode(reply)
    headers = {
        **raw.headers,
        **rate.headers(),
        "X-Freshdesk-API-Version": "latest=v2; requested=v2",
        "X-Request-Id": request_id,
    }
    return RawReply(raw.status, raw.body, headers)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(PREFIX) + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def _basic_credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _json_object(request: RawRequest) -> tuple[dict[str, object], bool]:
    """Return the body's object, and whether the body could be read."""
    if not request.body or request.method not in WITH_BODY:
        return {}, True
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}, False
    return (body, True) if isinstance(body, dict) else ({}, False)
