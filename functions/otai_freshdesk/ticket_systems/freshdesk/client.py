"""HTTP to one Freshdesk account: the only module of the product that knows httpx.

One `FreshdeskClient` lives as long as its process and holds one pool of connections. What it
promises for every call:

* It ends by the caller's deadline, however slow or stuck the other side is.
* It is sent at most as often as the `RetryPolicy` allows, and a write whose outcome is unknown is
  never sent again: that raises `AmbiguousWriteError`, and the caller reads before it decides.
* Every attempt, failed ones too, is let through by the `Budget`.
* Replies are JSON of bounded size, before and after decompression. Redirects are errors, cookies
  are not kept, and proxies of the environment are not used.
* Logs hold method, path template, status, request id and duration: never a key, a query value
  or a body.
"""

import asyncio
import copy
import functools
import json
import logging
import ssl
import zlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, NoReturn, Protocol, Self
from urllib.parse import quote

import httpx

from otai_freshdesk.clock import Clock
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget, CallKind, RateHeaders
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    AmbiguousWriteError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    FreshdeskError,
    MalformedReplyError,
    RateLimitedError,
    RedirectError,
    ReplyLostError,
    ReplyTooLargeError,
    ServerError,
    api_error,
)
from otai_freshdesk.ticket_systems.freshdesk.host import ApiHost
from otai_freshdesk.ticket_systems.freshdesk.retry import (
    RetryPolicy,
    hold_after,
    parse_retry_after,
)

__all__ = ["ApiKeySource", "Call", "FreshdeskClient", "Limits", "Reply", "StaticApiKey"]

logger = logging.getLogger(__name__)


class ApiKeySource(Protocol):
    """Where the API key comes from."""

    def get(self, refresh: bool) -> str:
        """Return the key. May block: it is called in a thread of its own.

        Args:
            refresh: True when Freshdesk refused the last key: do not answer from a cache.
        """
        ...


class StaticApiKey:
    """A key that never changes."""

    def __init__(self, key: str) -> None:
        self._key = key

    def get(self, refresh: bool) -> str:  # noqa: ARG002  (the port's signature)
        """Return the key."""
        return self._key


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds and sizes that bound one attempt.

    Attributes:
        connect: To open a connection, TLS included.
        read: Between two pieces of the reply.
        write: Between two pieces of the request.
        pool: To get a connection when all are busy.
        total: For the whole attempt.
        reply_bytes: Longest reply read, after decompression.
        connections: Most connections at once.
        idle: How long an unused connection is kept.
    """

    connect: float = 5.0
    read: float = 15.0
    write: float = 10.0
    pool: float = 10.0
    total: float = 30.0
    reply_bytes: int = 32 * 1024 * 1024
    connections: int = 20
    idle: float = 15.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before it is sent.

    Attributes:
        method: HTTP method; everything but GET changes something.
        template: Path below `/api/v2`, with `{id}` for the id; the only form that is logged.
        id: Value of `{id}`.
        params: Query parameters in order.
        body: JSON body.
        kind: What it counts as in the rate limit.
        cost: Its price in credits.
    """

    method: Literal["GET", "POST", "PUT"]
    template: str
    id: str = ""
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    kind: CallKind = CallKind.OTHER
    cost: int = 1

    @property
    def writes(self) -> bool:
        """Whether the call changes something."""
        return self.method != "GET"

    @property
    def endpoint(self) -> str:
        """Method and path template."""
        return f"{self.method} {self.template}"

    @property
    def path(self) -> str:
        """Path below the API's root, the id quoted."""
        return self.template.replace("{id}", quote(self.id, safe=""))


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful reply.

    Attributes:
        status: HTTP status, 2xx.
        json: The parsed body; None when it was empty.
        request_id: Freshdesk's id of the request.
        has_link: Whether a `Link` header was sent, as lists do when another page follows.
        has_next: Whether it names a next page.
        date: Freshdesk's time, to the second; None when the reply does not tell.
    """

    status: int
    json: Any = field(repr=False)
    request_id: str | None = None
    has_link: bool = False
    has_next: bool = False
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class _RawReply:
    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    has_next: bool

    @property
    def request_id(self) -> str | None:
        """Freshdesk's id of the request, shortened and made safe to log."""
        value = self.headers.get("x-request-id", "")
        return "".join(c for c in value[:64] if c.isascii() and c.isprintable()) or None

    @property
    def date(self) -> datetime | None:
        """The time of the `Date` header, None when it is absent or cannot be read."""
        try:
            moment = parsedate_to_datetime(self.headers.get("date", ""))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


class _Trace:
    """Watches one exchange, to know afterwards whether anything was sent.

    httpcore reports its steps to it. A transport that reports none (a stand-in in tests, or a
    request still waiting for a connection) leaves the question open, which counts as sent.
    """

    def __init__(self) -> None:
        self._connecting = False
        self._sending = False

    async def __call__(self, step: str, _details: object) -> None:
        if step.startswith("connection."):
            self._connecting = True
        elif "send_request" in step:
            self._sending = True

    def surely_unsent(self, error: BaseException) -> bool:
        """Return whether `error` came before the first byte of the request was sent."""
        if self._sending:
            return False
        before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
        return self._connecting or isinstance(error, before)


class _KeyRing:
    """The key in use, fetched when first needed and again after a 401, by one task at a time."""

    _PAUSE = 30.0  # seconds between refetches: wrong keys must not storm the secret store

    def __init__(self, source: ApiKeySource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._lock = asyncio.Lock()
        self._key: str | None = None
        self._refetched_at: float | None = None

    async def current(self) -> str:
        """Return the key in use."""
        async with self._lock:
            if self._key is None:
                self._key = await self._fetch(refresh=False)
            return self._key

    async def replaced(self, refused: str) -> bool:
        """Return whether there is another key than the one Freshdesk refused."""
        async with self._lock:
            if self._key == refused and self._may_refetch():
                self._refetched_at = self._clock.monotonic()
                self._key = await self._fetch(refresh=True)
            return self._key != refused

    def _may_refetch(self) -> bool:
        last = self._refetched_at
        return last is None or self._clock.monotonic() - last >= self._PAUSE

    async def _fetch(self, *, refresh: bool) -> str:
        try:
            key = (await asyncio.to_thread(self._source.get, refresh)).strip()
        except FreshdeskError:
            raise
        except Exception as error:  # whatever the secret store raises
            raise ConfigurationError(
                f"The Freshdesk API key cannot be read ({type(error).__name__}). Check the secret "
                "that freshdesk_api_key refers to, and the permission to read it."
            ) from error
        if not key or not all("!" <= character <= "~" and character != ":" for character in key):
            raise ConfigurationError(
                "The Freshdesk API key is empty or holds characters that no key has. Copy it again "
                "from the agent's profile settings."
            )
        return key


class FreshdeskClient:
    """Sends calls to one Freshdesk account. For one event loop; see the module for its promises."""

    def __init__(
        self,
        host: ApiHost,
        api_key: ApiKeySource,
        *,
        clock: Clock,
        budget: Budget,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open the pool; nothing is sent yet.

        Args:
            host: The checked host.
            api_key: Where the key comes from.
            clock: Time for deadlines and waits.
            budget: The process's share of the rate limit.
            retry: How patient to be.
            limits: Bounds of one attempt.
            transport: Stands in for the network in tests.
        """
        self._host = host
        self._keys = _KeyRing(api_key, clock)
        self._clock = clock
        self._budget = budget
        self._retry = retry or RetryPolicy()
        self._limits = limits or Limits()
        self._http = _open_pool(self._limits, transport)

    def __repr__(self) -> str:
        """Name the host, never the key."""
        return f"{type(self).__name__}({self._host.root})"

    @property
    def budget(self) -> Budget:
        """The budget that lets this client's calls through."""
        return self._budget

    @property
    def clock(self) -> Clock:
        """The clock that deadlines are measured on."""
        return self._clock

    def with_retry(self, retry: RetryPolicy) -> Self:
        """Return a client of another patience that shares pool, key and budget with this one.

        Closing either closes the pool of both.
        """
        twin = copy.copy(self)
        twin._retry = retry  # noqa: SLF001  (of our own class)
        return twin

    async def aclose(self) -> None:
        """Close all connections; the client is not usable afterwards."""
        await self._http.aclose()

    async def call(self, call: Call, *, deadline: float | None = None) -> Reply:
        """Send a call, again where that is safe, and return the reply.

        Args:
            call: What to send.
            deadline: Monotonic time on the clock by which the call is over; by default the retry
                policy's total from now.

        Raises:
            AmbiguousWriteError: When a write was sent and no clear reply came.
            BudgetExhaustedError: When there is no room in the rate limit.
            FreshdeskError: Any other of the hierarchy.
        """
        until = self._clock.monotonic() + self._retry.total if deadline is None else deadline
        attempt = 1
        while True:
            try:
                return await self._authorised(call, until)
            except FreshdeskError as error:
                delay = self._retry.delay(error, attempt)
                if delay is None or self._clock.monotonic() + delay >= until:
                    raise
            await self._clock.sleep(delay)
            attempt += 1

    async def _authorised(self, call: Call, until: float) -> Reply:
        key = await self._in_time(self._keys.current(), until)
        try:
            return await self._attempt(call, key, until)
        except AuthenticationError:
            if not await self._in_time(self._keys.replaced(key), until):
                raise
        return await self._attempt(call, await self._keys.current(), until)

    async def _in_time[ResultT](self, work: Awaitable[ResultT], until: float) -> ResultT:
        """Await what the secret store says, but not beyond the deadline."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                return await work
        except TimeoutError as error:
            raise DeadlineExceededError(
                "The Freshdesk API key could not be read in time; nothing was sent. Check how long "
                "the secret store takes to answer."
            ) from error

    async def _attempt(self, call: Call, key: str, until: float) -> Reply:
        try:
            return self._reply(call, await self._send(call, key, until))
        except RateLimitedError as error:
            self._budget.hold(hold_after(error))
            raise
        except (ReplyLostError, MalformedReplyError, ReplyTooLargeError, ServerError) as error:
            if not call.writes:
                raise
            raise AmbiguousWriteError(
                f"{call.endpoint} was sent, and no clear reply came. It may have been applied: "
                "the ticket is read again before anything else is written.",
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            ) from error

    async def _send(self, call: Call, key: str, until: float) -> _RawReply:
        """Send the request once, within the budget, and settle with it however that ends."""
        lease = await self._budget.acquire(
            call.kind, call.cost, wait=self._retry.waits, deadline=until
        )
        started = self._clock.monotonic()
        trace = _Trace()
        sent = False
        reply: _RawReply | None = None
        try:
            if until <= started:
                raise DeadlineExceededError(f"No time was left for {call.endpoint}; nothing sent.")
            sent = True
            async with asyncio.timeout(min(self._limits.total, until - started)):
                reply = await self._exchange(call, key, trace)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            sent = not trace.surely_unsent(error)
            _raise_transport_error(call, error, sent=sent)
        finally:
            rates = None if reply is None else RateHeaders.read(reply.headers)
            self._budget.settle(lease, rates, sent=sent)
            self._log(call, reply, self._clock.monotonic() - started)
        return reply

    async def _exchange(self, call: Call, key: str, trace: _Trace) -> _RawReply:
        request = self._http.build_request(
            call.method,
            f"{self._host.root}{call.path}",
            params=list(call.params) or None,
            json=call.body,
            headers={"Host": self._host.host_header} if self._host.host_header else None,
            extensions={"trace": trace},
        )
        response = await self._http.send(request, auth=httpx.BasicAuth(key, "X"), stream=True)
        try:
            body = await _read_body(response, call, self._limits.reply_bytes)
        finally:
            await response.aclose()
        return _RawReply(response.status_code, response.headers, body, "next" in response.links)

    def _reply(self, call: Call, raw: _RawReply) -> Reply:
        if raw.status >= 400:
            raise api_error(
                raw.status,
                raw.body,
                endpoint=call.endpoint,
                request_id=raw.request_id,
                retry_after=parse_retry_after(raw.headers.get("retry-after"), self._clock.time()),
            )
        if not 200 <= raw.status < 300:
            raise RedirectError(
                f"The host answered {call.endpoint} with a redirect. Set freshdesk_domain to the "
                "account's own subdomain of freshdesk.com.",
                status=raw.status,
                request_id=raw.request_id,
            )
        return Reply(
            status=raw.status,
            json=_parse(raw, call) if raw.body else None,
            request_id=raw.request_id,
            has_link="link" in raw.headers,
            has_next=raw.has_next,
            date=raw.date,
        )

    def _log(self, call: Call, reply: _RawReply | None, seconds: float) -> None:
        status = None if reply is None else reply.status
        # 404 is an ordinary answer: tickets get deleted.
        failed = status is None or (status >= 300 and status != 404)
        logger.log(
            logging.WARNING if failed else logging.DEBUG,
            "Freshdesk %s -> %s",
            call.endpoint,
            "no reply" if status is None else status,
            extra={
                "method": call.method,
                "path_template": call.template,
                "status": status,
                "request_id": None if reply is None else reply.request_id,
                "duration_ms": round(seconds * 1000),
            },
        )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return what trusts the usual authorities; reading them takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


def _open_pool(limits: Limits, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    for name in ("httpx", "httpcore"):  # both log URLs, whose queries may hold mail addresses
        library = logging.getLogger(name)
        library.setLevel(max(library.level, logging.WARNING))
    return httpx.AsyncClient(
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "otai-freshdesk",
        },
        timeout=httpx.Timeout(
            connect=limits.connect, read=limits.read, write=limits.write, pool=limits.pool
        ),
        limits=httpx.Limits(
            max_connections=limits.connections,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=limits.idle,
        ),
        # A session cookie of Freshdesk's would be a second way to be logged in.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
        verify=_certificates(),
        transport=transport,
    )


def _raise_transport_error(call: Call, error: Exception, *, sent: bool) -> NoReturn:
    reason = type(error).__name__
    if not sent:
        raise ConnectionFailedError(
            f"No connection to Freshdesk for {call.endpoint} ({reason}); nothing was sent. Check "
            "the account's subdomain, DNS and the way out of the network."
        ) from error
    timed_out = isinstance(error, (TimeoutError, httpx.TimeoutException))
    raise ReplyLostError(
        f"{call.endpoint} was sent, and the reply did not arrive whole ({reason}).",
        timed_out=timed_out,
    ) from error


async def _read_body(response: httpx.Response, call: Call, cap: int) -> bytes:
    """Read a body of at most `cap` bytes, undoing gzip piece by piece.

    httpx would inflate each piece of a reply without a bound, and a few kilobytes of gzip can
    inflate to megabytes; so the raw pieces are inflated here.
    """
    if response.is_stream_consumed:  # a stand-in transport had the body ready
        return _within(response.content, cap, response, call)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity", ""}:
        raise MalformedReplyError(
            f"The reply to {call.endpoint} has a content encoding that was not asked for.",
            status=response.status_code,
        )
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    body = bytearray()
    async for piece in response.aiter_raw():
        body += _inflate(inflater, piece, cap + 1 - len(body), call) if inflater else piece
        _within(body, cap, response, call)
    if inflater and body and not inflater.eof:
        raise ReplyLostError(
            f"The compressed reply to {call.endpoint} ends too early.",
            timed_out=False,
            status=response.status_code,
        )
    return bytes(body)


def _inflate(inflater: "zlib._Decompress", piece: bytes, room: int, call: Call) -> bytes:
    try:
        return inflater.decompress(piece, room)
    except zlib.error as error:
        raise ReplyLostError(
            f"The compressed reply to {call.endpoint} is damaged.", timed_out=False
        ) from error


def _within[BodyT: (bytes, bytearray)](
    body: BodyT, cap: int, response: httpx.Response, call: Call
) -> BodyT:
    if len(body) > cap:
        raise ReplyTooLargeError(
            f"The reply to {call.endpoint} is longer than {cap} bytes. Ask for fewer rows a page "
            "(per_page) or without include.",
            status=response.status_code,
        )
    return body


def _parse(raw: _RawReply, call: Call) -> Any:
    problem = MalformedReplyError(
        f"The reply to {call.endpoint} is not JSON. Check that no proxy or login page stands "
        "between us and Freshdesk.",
        status=raw.status,
        request_id=raw.request_id,
    )
    media_type = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise problem
    try:
        return json.loads(raw.body)
    except (ValueError, RecursionError):
        # The parser's own error quotes the body.
        raise problem from None
