"""Clients of a scripted Freshdesk, on a virtual clock, with sockets open to loopback only."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_socket

from freshdesk_simulator import VirtualClock
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, Limits, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import account_host
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy

KEY = "fdk-key-never-to-be-seen"


@pytest.fixture(autouse=True)
def _loopback_only() -> Iterator[None]:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@dataclass
class Script:
    """Answers requests in turn with replies, exceptions or functions of the request.

    The last entry is repeated. Every request seen is kept.
    """

    turns: list[Any] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        turn = self.turns[min(len(self.requests), len(self.turns) - 1)]
        self.requests.append(request)
        if isinstance(turn, BaseException):
            raise turn
        if callable(turn):
            turn = turn(request)
        assert isinstance(turn, httpx.Response)
        # A response object is read once; hand out a fresh one each time.
        return httpx.Response(turn.status_code, headers=turn.headers, content=turn.content)

    def then(self, *turns: Any) -> "Script":
        self.turns.extend(turns)
        return self


@dataclass(frozen=True)
class Config:
    freshdesk_domain: str = "acme"
    freshdesk_api_key: str = field(default=KEY, repr=False)


type MakeClient = Callable[..., FreshdeskClient]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def make_client(clock: VirtualClock, script: Script) -> AsyncIterator[MakeClient]:
    """Build clients of the script; jitter is fixed at its middle."""
    made: list[FreshdeskClient] = []

    def make(
        *,
        retry: RetryPolicy | None = None,
        api_key: Any = None,
        limits: Limits | None = None,
        budget: Budget | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> FreshdeskClient:
        client = FreshdeskClient(
            account_host("acme"),
            api_key or StaticApiKey(KEY),
            clock=clock,
            budget=budget or Budget(clock),
            retry=retry or RetryPolicy(random=lambda: 0.5),
            limits=limits,
            transport=transport or httpx.MockTransport(script),
        )
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def adapter(make_client: MakeClient) -> FreshdeskAdapter:
    return FreshdeskAdapter(Config(), client=make_client())
