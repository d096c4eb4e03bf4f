"""Delivery of webhooks: late, lost, doubled, shuffled, retried, throttled; all from one seed."""

import asyncio
import base64
import functools
import heapq
import ipaddress
import itertools
import random
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpx

from freshdesk_simulator.account import Account
from freshdesk_simulator.automation import TriggerWebhook
from freshdesk_simulator.clock import VirtualClock
from freshdesk_simulator.desk import KnobSource
from freshdesk_simulator.errors import UnsafeTargetError
from freshdesk_simulator.limits import Bucket, RateLimiter
from freshdesk_simulator.models import Ticket
from freshdesk_simulator.webhook_body import render

HOUR = 3600
USER_AGENT = "Freshdesk-Simulator"
# On a virtual clock the knob's seconds are virtual; a receiver that never answers is cut off here.
REAL_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One attempt at delivering one webhook. `number` is shared by its retries, not its copies."""

    number: int
    ticket_id: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempt: int = 1
    timeout: float = 10.0
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What became of an attempt: delivered, failed, given_up, lost, throttled or dropped."""

    time: float
    number: int
    ticket_id: int
    attempt: int
    outcome: str
    status: int | None = None


type DeliveryTransport = Callable[[DeliveryRequest], Awaitable[int]]


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    due: float
    place: int
    created: float = field(compare=False)
    request: DeliveryRequest = field(compare=False)


class Deliveries:
    """The webhooks under way.

    On a real clock `run_forever()` beside the server delivers what is due; on a virtual one a test
    calls `run_due()`, or `drain()` to let the time pass until nothing is left.

    Args:
        account: For clock and labels.
        limiter: The bucket that webhooks share with API calls.
        knobs: Asked for the present settings.
        seed: Of delays, losses and copies.
    """

    def __init__(
        self, account: Account, limiter: RateLimiter, knobs: KnobSource, seed: int
    ) -> None:
        """Start with nothing under way, posting to loopback addresses."""
        self._account = account
        self._limiter = limiter
        self._knobs = knobs
        self._seed = seed
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None
        self.transport: DeliveryTransport = post_to_loopback
        self.clear()

    def clear(self) -> None:
        """Forget what is under way and what happened."""
        self._random = random.Random(self._seed)
        self._numbers = itertools.count(1)
        self._places = itertools.count()
        self._heap: list[_Waiting] = []
        self.log: list[DeliveryRecord] = []

    @property
    def posts_for_real(self) -> bool:
        """Whether webhooks are posted, rather than handed to a test's own transport."""
        return self.transport is post_to_loopback

    @property
    def waiting(self) -> int:
        """How many deliveries are under way."""
        return len(self._heap)

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, None when nothing is under way."""
        with self._lock:
            return self._heap[0].due if self._heap else None

    def outcomes(self) -> Counter[str]:
        """Return how often each outcome happened."""
        return Counter(record.outcome for record in self.log)

    def submit(self, action: TriggerWebhook, ticket: Ticket, triggered: str) -> None:
        """Take a webhook that a rule wants sent; it is lost, or under way once or twice.

        Raises:
            UnsafeTargetError: When it would be posted to another machine.
        """
        if self.posts_for_real:
            check_loopback(action.url)
        knobs = self._knobs()
        body, content_type = render(
            action, self._account, ticket, triggered, knobs.webhook_escaping
        )
        now = self._account.clock.time()
        request = DeliveryRequest(
            number=next(self._numbers),
            ticket_id=ticket.id,
            url=action.url,
            headers=_headers(action, content_type),
            body=body,
            timeout=knobs.webhook_timeout,
        )
        if self._random.random() < knobs.webhook_loss:
            self._record(request, "lost")
            return
        copies = 2 if self._random.random() < knobs.webhook_duplicates else 1
        for _ in range(copies):
            delay = self._random.uniform(*knobs.webhook_delay)
            delay += self._random.uniform(0.0, knobs.webhook_shuffle_window)
            self._schedule(now + delay, now, request)

    async def run_due(self) -> int:
        """Attempt everything that is due now, and return how many attempts were made."""
        attempts = 0
        while batch := self._take_due():
            limit = asyncio.Semaphore(self._knobs().webhook_concurrency)
            await asyncio.gather(*(self._attempt(waiting, limit) for waiting in batch))
            attempts += len(batch)
        return attempts

    async def drain(self, seconds: float | None = None) -> int:
        """Let time pass and deliver, until nothing is under way or `seconds` have passed."""
        clock = self._account.clock
        until = None if seconds is None else clock.time() + seconds
        attempts = 0
        while (due := self.next_due) is not None and (until is None or due <= until):
            await clock.sleep(max(0.0, due - clock.time()))
            attempts += await self.run_due()
        return attempts

    async def run_forever(self) -> None:
        """Deliver whatever becomes due, until cancelled; meant for the server's event loop."""
        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: _set_from_anywhere(loop, event)
        clock = self._account.clock
        if isinstance(clock, VirtualClock):
            clock.add_listener(self._wake)
        try:
            while True:
                event.clear()
                await self.run_due()
                due = self.next_due
                wait = None if due is None else max(0.0, due - clock.time())
                if isinstance(clock, VirtualClock):
                    wait = None
                try:
                    async with asyncio.timeout(wait):
                        await event.wait()
                except TimeoutError:
                    continue
        finally:
            self._wake = None

    async def _attempt(self, waiting: _Waiting, limit: asyncio.Semaphore) -> None:
        async with limit:
            knobs = self._knobs()
            request, now = waiting.request, self._account.clock.time()
            if now - waiting.created > knobs.webhook_max_age_hours * HOUR:
                self._record(request, "dropped")
                return
            if knobs.webhook_throttle:
                if self._limiter.state(0, knobs).remaining < 1:
                    self._record(request, "throttled")
                    self._schedule(now - now % HOUR + HOUR, waiting.created, request)
                    return
                self._limiter.spend(Bucket.OTHER, 1, knobs)
            status = await self._send(request)
            if self._succeeded(status):
                self._record(request, "delivered", status)
            else:
                self._retry(waiting, status)

    async def _send(self, request: DeliveryRequest) -> int | None:
        """Return the receiver's status, None when there was no answer in time."""
        clock = self._account.clock
        virtual = isinstance(clock, VirtualClock)
        began = clock.monotonic()
        try:
            async with asyncio.timeout(REAL_TIMEOUT if virtual else request.timeout):
                status = await self.transport(request)
        except (OSError, TimeoutError, httpx.HTTPError):
            return None
        return status if clock.monotonic() - began <= request.timeout else None

    def _succeeded(self, status: int | None) -> bool:
        if status is None:
            return False
        if self._knobs().webhook_failure == "only_5xx":
            return status < 500
        return 200 <= status < 300

    def _retry(self, waiting: _Waiting, status: int | None) -> None:
        request, pauses = waiting.request, self._knobs().webhook_retry_minutes
        if request.attempt > len(pauses):
            self._record(request, "given_up", status)
            return
        self._record(request, "failed", status)
        due = self._account.clock.time() + 60 * pauses[request.attempt - 1]
        self._schedule(due, waiting.created, replace(request, attempt=request.attempt + 1))

    def _schedule(self, due: float, created: float, request: DeliveryRequest) -> None:
        with self._lock:
            heapq.heappush(self._heap, _Waiting(due, next(self._places), created, request))
        if self._wake is not None:
            self._wake()

    def _take_due(self) -> list[_Waiting]:
        now = self._account.clock.time()
        batch: list[_Waiting] = []
        with self._lock:
            while self._heap and self._heap[0].due <= now:
                batch.append(heapq.heappop(self._heap))
        return batch

    def _record(self, request: DeliveryRequest, outcome: str, status: int | None = None) -> None:
        now = self._account.clock.time()
        self.log.append(
            DeliveryRecord(now, request.number, request.ticket_id, request.attempt, outcome, status)
        )


async def post_to_loopback(request: DeliveryRequest) -> int:
    """POST for real, to a loopback address only; redirects are not followed.

    Raises:
        UnsafeTargetError: For any other address.
    """
    check_loopback(request.url)
    async with httpx.AsyncClient(
        trust_env=False, follow_redirects=False, timeout=request.timeout, verify=_tls_context()
    ) as client:
        reply = await client.request(
            request.method, request.url, content=request.body, headers=dict(request.headers)
        )
        return reply.status_code


def check_loopback(url: str) -> None:
    """Refuse a URL whose host is not this machine.

    Raises:
        UnsafeTargetError: When it is not.
    """
    host = urlsplit(url).hostname or ""
    try:
        safe = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        message = f"webhooks go to loopback addresses only, not to {host!r}"
        raise UnsafeTargetError(message)


def _set_from_anywhere(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    # Building one takes longer than a delivery.
    return ssl.create_default_context()


def _headers(action: TriggerWebhook, content_type: str) -> dict[str, str]:
    headers = {"Content-Type": content_type, "User-Agent": USER_AGENT, **action.headers}
    if action.basic is not None:
        token = base64.b64encode(":".join(action.basic).encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers
