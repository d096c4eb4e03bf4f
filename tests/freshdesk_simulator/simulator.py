"""The simulator: one account, its API, its rules and its faults, held by a test."""

from types import TracebackType
from typing import Self

import httpx

from freshdesk_simulator.account import Account
from freshdesk_simulator.api import Api
from freshdesk_simulator.app import App
from freshdesk_simulator.builders import BOT_KEY, english_account
from freshdesk_simulator.bulk import JobBoard
from freshdesk_simulator.clock import Clock, VirtualClock
from freshdesk_simulator.desk import Desk
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import PLAN_LIMITS, RateLimiter
from freshdesk_simulator.server import Server


class Simulator:
    """A simulated Freshdesk account.

    Use it as a context manager to serve on a free loopback port, or through `transport()` in
    process. Given the same seed, clock and calls it behaves the same.

    Args:
        account: What to serve; by default an English account on a virtual clock.
        knobs: Its settings.
        seed: Of everything random.
    """

    def __init__(
        self, account: Account | None = None, *, knobs: Knobs | None = None, seed: int = 0
    ) -> None:
        """Put the parts together; nothing listens yet."""
        self.account = account or english_account(VirtualClock())
        self.clock: Clock = self.account.clock
        self.seed = seed
        self._knobs = knobs or Knobs()
        self.journal = Journal(self.clock)
        self.desk = Desk(self.account, self.journal, self._present_knobs)
        self.jobs = JobBoard(self.desk, self._present_knobs)
        self.limiter = RateLimiter(self.clock, PLAN_LIMITS[self.account.plan])
        self.api = Api(
            self.desk, self.jobs, self.limiter, self.journal, self._present_knobs, seed
        )
        self.app = App(self.api, self.journal)
        self._server: Server | None = None

    @property
    def knobs(self) -> Knobs:
        """The present settings."""
        return self._knobs

    @property
    def api_key(self) -> str:
        """The key of the integration's own agent."""
        return BOT_KEY

    @property
    def url(self) -> str:
        """The base URL while started, without a trailing slash."""
        if self._server is None:
            return "http://freshdesk-simulator"
        return self._server.url

    def turn(self, **changes: object) -> None:
        """Change some knobs from now on."""
        self._knobs = self._knobs.turned(**changes)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport that reaches the simulator in process."""
        return httpx.ASGITransport(app=self.app)

    def start(self, *, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve on a real port in a thread of its own, and return the base URL."""
        self._server = Server(self.app, host=host, port=port)
        self._server.start()
        return self.url

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.stop()
            self._server = None

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

    def _present_knobs(self) -> Knobs:
        return self._knobs
