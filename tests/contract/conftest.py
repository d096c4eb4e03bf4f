"""The same Freshdesk twice: simulated, and as literal replies that somebody typed in.

Every contract test runs against both, so that neither drifts from the other nor the adapter from
either.
"""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_socket
import respx
import yaml

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import account_host
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy

BOT_KEY = "simulated-api-key"
WRONG_KEY = "wrong-key"
EXCHANGES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "replies.yaml").read_text(encoding="utf-8")
)
RATE = {
    "X-RateLimit-Total": "200",
    "X-RateLimit-Remaining": "150.0",
    "X-RateLimit-Used-CurrentRequest": "1",
    "X-Request-Id": "11111111-2222-3333-4444-555555555555",
    "X-Freshdesk-API-Version": "latest=v2; requested=v2",
}


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@dataclass
class Desk:
    """One Freshdesk, of either kind.

    Attributes:
        transport: Reaches it.
        clock: Its time.
        keys: API keys by name.
        rate_limit_next: Answers the next call with a 429 that asks for so many seconds.
        adapters: Those made, to be closed.
    """

    transport: httpx.AsyncBaseTransport
    clock: VirtualClock
    keys: dict[str, str]
    rate_limit_next: Callable[[int], None]
    adapters: list[FreshdeskAdapter] = field(default_factory=list)

    def adapter(self, key: str = "bot") -> FreshdeskAdapter:
        """Return an adapter with the key of `bot` or of nobody (`wrong`)."""
        client = FreshdeskClient(
            account_host("acme"),
            StaticApiKey(self.keys[key]),
            clock=self.clock,
            budget=Budget(self.clock),
            retry=RetryPolicy(random=lambda: 0.5),
            transport=self.transport,
        )
        made: Any = FreshdeskAdapter(object(), client=client)  # type: ignore[arg-type]
        self.adapters.append(made)
        return made  # type: ignore[no-any-return]


def simulated() -> tuple[Simulator, Desk]:
    """Return a simulator in the state that the literal replies describe, and its desk."""
    clock = VirtualClock()
    account = english_account(clock)
    account.add_ticket(
        "Cannot log in",
        "<div>Hello</div>",
        type="Question",
        source=2,
        tags=["vip"],
        created_at="2026-03-01T09:00:00Z",
        updated_at="2026-03-01T09:00:05Z",
    )
    account.add_ticket(
        "Invoice", "<div>Twice</div>", source=2, priority=3, created_at="2026-03-01T10:00:00Z"
    )
    account.add_ticket("Gone", "", source=2, deleted=True, created_at="2026-03-01T11:00:00Z")
    simulator = Simulator(account, knobs=Knobs.calm())
    keys = {"bot": simulator.api_key, "wrong": WRONG_KEY}
    desk = Desk(
        simulator.transport(),
        clock,
        keys,
        lambda seconds: simulator.faults.next("rate_limit", retry_after=seconds),
    )
    return simulator, desk


def literal() -> Desk:
    """Return a desk that knows nothing but the literal replies."""
    clock = VirtualClock()
    router = respx.MockRouter(assert_all_called=False)
    done: set[str] = set()
    limits: list[int] = []
    for exchange in EXCHANGES:
        if "after" not in exchange:
            _add_route(router, exchange, done)

    async def answer(request: httpx.Request) -> httpx.Response:
        if limits:
            headers = {"Retry-After": str(limits.pop()), **RATE}
            return httpx.Response(429, headers=headers, text="slow down")
        return await router.async_handler(request)

    keys = {"bot": BOT_KEY, "wrong": WRONG_KEY}
    return Desk(httpx.MockTransport(answer), clock, keys, limits.append)


def _add_route(router: respx.MockRouter, exchange: dict[str, Any], done: set[str]) -> None:
    asked = exchange["request"]
    later = [one for one in EXCHANGES if "after" in one and one["request"] == asked]
    key = WRONG_KEY if exchange.get("key") == "wrong" else BOT_KEY
    credentials = base64.b64encode(f"{key}:X".encode()).decode()
    body = {"json__eq": asked["json"]} if "json" in asked else {}
    route = router.route(
        method=asked["method"],
        host="acme.freshdesk.com",
        path=f"/api/v2{asked['path']}",
        params__eq=asked.get("params", {}),
        headers__contains={"Authorization": f"Basic {credentials}"},
        **body,
    )

    def answer(_: httpx.Request) -> httpx.Response:
        done.add(exchange["name"])
        chosen = next((one for one in later if one["after"] in done), exchange)["reply"]
        body = {"json": chosen["json"]} if "json" in chosen else {}
        headers = {**RATE, **chosen.get("headers", {})}
        return httpx.Response(chosen["status"], headers=headers, **body)

    route.mock(side_effect=answer)


@pytest.fixture(params=["simulator", "literal"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A Freshdesk with ticket 1, ticket 2 and the deleted ticket 3."""
    made = simulated()[1] if request.param == "simulator" else literal()
    yield made
    for adapter in made.adapters:
        await adapter.aclose()


@pytest.fixture
def freshdesk(desk: Desk) -> FreshdeskAdapter:
    """An adapter with a good key."""
    return desk.adapter()


@pytest.fixture(params=EXCHANGES, ids=lambda exchange: exchange["name"])
def exchange(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each literal exchange in turn."""
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
def simulator() -> Simulator:
    """The simulator in the state of the literal replies."""
    return simulated()[0]
