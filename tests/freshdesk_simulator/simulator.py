"""The simulator: one account, its API, its rules and its faults, held by a test."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from freshdesk_simulator.account import Account
from freshdesk_simulator.api import Api
from freshdesk_simulator.app import App
from freshdesk_simulator.automation import Automation, Condition, Rule, TriggerWebhook
from freshdesk_simulator.builders import BOT_KEY, english_account
from freshdesk_simulator.bulk import JobBoard
from freshdesk_simulator.clock import Clock, VirtualClock
from freshdesk_simulator.control import Control
from freshdesk_simulator.delivery import Deliveries, DeliveryTransport, check_loopback
from freshdesk_simulator.desk import Desk
from freshdesk_simulator.faults import Faults
from freshdesk_simulator.humans import Humans
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import PLAN_LIMITS, RateLimiter
from freshdesk_simulator.server import Server
from freshdesk_simulator.wire import InProcessTransport

# Zulip's recipe: two conditions that together always hold, since a rule needs one.
ALWAYS = (Condition("source", "is", 1), Condition("source", "is_not", 1))


class Simulator:
    """A simulated Freshdesk account.

    Use it as a context manager to serve on a free loopback port, or through `transport()` in
    process. Given the same seed, clock and order of calls it behaves the same.

    Attributes:
        account: People, groups, fields, tickets; `account.add_ticket(...)` lays the ground.
        clock: The account's clock.
        journal: Every call and every write.
        humans: What agents and customers do.
        automation: The rules.
        deliveries: The webhooks under way, and what became of them.
        faults: What is to go wrong.
        limiter: The rate limits.
        jobs: The bulk jobs.

    Args:
        account: What to serve; by default an English account on a virtual clock.
        knobs: Its settings.
        seed: Of everything random.
        deliver: Takes webhooks; by default they are posted, to loopback addresses only.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        knobs: Knobs | None = None,
        seed: int = 0,
        deliver: DeliveryTransport | None = None,
    ) -> None:
        """Put the parts together; nothing listens yet."""
        self.account = account or english_account(VirtualClock())
        self.clock: Clock = self.account.clock
        self._knobs = knobs or Knobs()
        self._server: Server | None = None
        self.journal = Journal(self.clock)
        self.limiter = RateLimiter(self.clock, PLAN_LIMITS[self.account.plan])
        self.desk = Desk(self.account, self.journal, self._present_knobs)
        self.humans = Humans(self.desk)
        self.jobs = JobBoard(self.desk, self._present_knobs)
        self.deliveries = Deliveries(self.account, self.limiter, self._present_knobs, seed)
        if deliver is not None:
            self.deliveries.transport = deliver
        self.automation = Automation(self.desk, self._present_knobs, self.deliveries.submit)
        if isinstance(self.clock, VirtualClock):
            self.clock.add_listener(self._time_moved)
        self.faults = Faults()
        self.api = Api(self.desk, self.jobs, self.limiter, self.journal, self._present_knobs, seed)
        control = Control(
            self.account,
            self.humans,
            self.journal,
            self.faults,
            self.deliveries,
            self.jobs,
            self._present_knobs,
            self.turn,
            self.reset,
        )
        self.app = App(
            self.api, control, self.journal, self.faults, self._present_knobs, self.clock
        )

    @property
    def knobs(self) -> Knobs:
        """The present settings."""
        return self._knobs

    @property
    def api_key(self) -> str:
        """The key of the integration's own agent, in the accounts that the builders make."""
        return BOT_KEY

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash; a made-up one while nothing is served."""
        return "http://freshdesk-simulator" if self._server is None else self._server.url

    def turn(self, **changes: object) -> None:
        """Change some knobs from now on."""
        self._knobs = self._knobs.turned(**changes)

    def add_webhook(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        template: str = "",
        rule: Rule | None = None,
    ) -> Rule:
        """Add a rule that sends a webhook for every new ticket, or for what `rule` says.

        Args:
            url: Where to.
            headers: Custom headers.
            basic: User and password.
            template: The advanced content; empty means the simple content.
            rule: Brings events, performer and conditions; its actions are replaced.

        Raises:
            UnsafeTargetError: When the URL is not on this machine and would be posted to.
        """
        if self.deliveries.posts_for_real:
            check_loopback(url)
        action = TriggerWebhook(url, dict(headers or {}), basic, template)
        name = f"webhook {len(self.automation.rules) + 1}"
        chosen = rule or Rule(name, "creation", (), conditions=ALWAYS, match="any")
        return self.automation.add(chosen.with_actions(action))

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return an httpx transport that reaches the simulator in process, whatever the host."""
        return InProcessTransport(self.app, self.clock)

    def client(self, *, api_key: str | None = None) -> httpx.AsyncClient:
        """Return an httpx client in process, with `/api/v2` as its base and the bot's key."""
        return httpx.AsyncClient(
            transport=self.transport(),
            base_url=f"{self.url}/api/v2",
            auth=(self.api_key if api_key is None else api_key, "X"),
        )

    def start(self, *, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve on a real port in a thread of its own, and return the base URL.

        Raises:
            UnsafeTargetError: For a host that is neither loopback nor private.
        """
        self._server = Server(
            self.app,
            protocol=self.app.connections.protocol(),
            background=self.deliveries.run_forever,
            host=host,
            port=port,
        )
        self._server.start()
        return self.url

    def stop(self) -> None:
        """Stop serving; open connections are cut."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def reset(self) -> None:
        """Empty the account of tickets, and the journal, limits, jobs, webhooks and faults."""
        with self.account.lock:
            self.account.clear_tickets()
            self.journal.clear()
            self.limiter.reset()
            self.jobs.clear()
            self.deliveries.clear()
            self.faults.clear()

    def __enter__(self) -> Self:
        """Start on a free loopback port."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _time_moved(self) -> None:
        with self.account.lock:
            self.jobs.apply_due()

    def _present_knobs(self) -> Knobs:
        return self._knobs
