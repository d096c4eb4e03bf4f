"""Our share of the account's rate limit, kept on our side so that agents never feel us.

Freshdesk documents one limit a minute for the whole account (agents' apps, other keys and webhooks
included), lower limits for updating and listing tickets by plan, a price in credits for some calls,
and headers that tell the total and what remains. It does not say when a minute begins, whether the
window slides, or when older accounts count by the hour. So the budget relies on no clock but ours:

* In any 60 seconds this process spends at most its share, whatever the window's kind. A call
  counts from the moment it is let through until 60 s after its reply, which covers every moment at
  which Freshdesk may have counted it.
* What remains according to the last reply, less what was sent since, never falls below the part
  left to others. That view is believed for 60 s. If it was too low, a single call then finds out
  whether the limit has been refilled, before others follow.
* With several processes each hears of the others only through the headers: together they go below
  the floor by no more than the calls they had in flight when it was reached.
"""

import asyncio
import math
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from otai_freshdesk.clock import Clock
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    BudgetExhaustedError,
    ConfigurationError,
)

__all__ = [
    "SEARCH_PRICE",
    "Budget",
    "BudgetState",
    "CallKind",
    "Lease",
    "PlanLimits",
    "RateHeaders",
    "list_price",
    "plan_limits",
    "ticket_price",
]

WINDOW = 60.0
DEFAULT_SHARE = 0.40
LEAST_TOTAL = 10  # no plan has less; believed once, it would stop us for ever
SEARCH_PRICE = 2  # seen once on a recorded reply; undocumented


def list_price(include: Collection[str]) -> int:
    """Return the credits of a list call: 1, and 2 for each include (Freshdesk documents)."""
    return 1 + 2 * len(include)


def ticket_price(include: Collection[str]) -> int:
    """Return the credits of reading one ticket: 1, and 1 for each include (documented)."""
    return 1 + len(include)


class CallKind(StrEnum):
    """What a call counts as, besides counting against the total."""

    LIST = "list"
    UPDATE = "update"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Calls a minute of one plan.

    Attributes:
        total: Credits for everything together.
        updates: Ticket updates.
        lists: Ticket lists.
    """

    total: int
    updates: int
    lists: int


# Freshdesk's article on rate limits, 2024-03. A trial's lower limits are not published.
_PLANS = {
    plan.total: plan
    for plan in (
        PlanLimits(total=50, updates=20, lists=5),
        PlanLimits(total=200, updates=80, lists=20),
        PlanLimits(total=400, updates=160, lists=100),
        PlanLimits(total=700, updates=280, lists=200),
    )
}
GROWTH = _PLANS[200]
_LARGEST = _PLANS[700]


def plan_limits(total: int) -> PlanLimits:
    """Return the limits that go with the total a reply names.

    An unknown total gets the smallest published fractions (two fifths for updates, a tenth for
    lists), and no more a minute than the largest plan: totals in the thousands have been seen on
    accounts that still count by the hour.
    """
    known = _PLANS.get(total)
    if known:
        return known
    capped = min(total, _LARGEST.total)
    return PlanLimits(capped, updates=max(1, capped * 2 // 5), lists=max(1, capped // 10))


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The three rate headers of a reply; each may be missing.

    Attributes:
        total: The account's limit.
        remaining: What is left of it.
        used: What this call cost.
    """

    total: int | None = None
    remaining: int | None = None
    used: int | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> "RateHeaders":
        """Read them from a reply's headers; a value may read `100.0`, an unreadable one is None."""
        return cls(
            total=_whole(headers.get("x-ratelimit-total")),
            remaining=_whole(headers.get("x-ratelimit-remaining")),
            used=_whole(headers.get("x-ratelimit-used-currentrequest")),
        )


def _whole(value: str | None) -> int | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if 0 <= number < 1e9 else None


@dataclass(slots=True, eq=False)
class Lease:
    """Permission for one call, to be handed back with `Budget.settle`.

    Attributes:
        kind: What the call counts as.
        cost: The credits set aside for it.
        turn: Its place in the order of lets-through and settlements.
    """

    kind: CallKind
    cost: int
    turn: int


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What the budget knows, for logs and metrics.

    Attributes:
        total: The account's limit, assumed until a reply names it.
        remaining: What we believe is left of it; None when no fresh reply told.
        floor: What is left to others.
        spent: Credits this process has spent or set aside within the last minute.
        in_flight: Calls under way.
    """

    total: int
    remaining: int | None
    floor: int
    spent: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class _Spent:
    expires: float
    cost: int
    kind: CallKind
    turn: int


@dataclass(slots=True)
class _View:
    """What remains of the account's limit as of the last reply that told."""

    remaining: int
    heard_at: float
    turn: int  # of the call whose reply told


@dataclass(slots=True)
class Budget:
    """Lets calls through at the pace of our share. One per process and account, one event loop.

    Attributes:
        clock: Where time comes from.
        share: The part of every limit that is left to agents and other apps, 0 to below 1.
        limits: The account's limits, assumed to be the smallest paid plan's until a reply tells.
    """

    clock: Clock
    share: float = DEFAULT_SHARE
    limits: PlanLimits = GROWTH
    _total: int = field(init=False)
    _view: _View | None = field(init=False, default=None)
    _hold_until: float = field(init=False, default=-math.inf)
    _turn: int = field(init=False, default=0)
    _leases: set[Lease] = field(init=False, default_factory=set)
    _spent: deque[_Spent] = field(init=False, default_factory=deque)
    _waiting: set[asyncio.Future[None]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        if not 0.0 <= self.share < 1.0:
            raise ConfigurationError(
                f"The share of the rate limit left to others is {self.share}; "
                "it must be at least 0 and below 1."
            )
        self._total = self.limits.total

    @property
    def floor(self) -> int:
        """Credits of the account's limit that are left to others."""
        return math.ceil(self.share * self._total - 1e-9)

    def state(self) -> BudgetState:
        """Return what the budget knows at this moment."""
        now = self.clock.monotonic()
        self._forget_expired(now)
        fresh = self._view if self._view and now - self._view.heard_at < WINDOW else None
        return BudgetState(
            total=self._total,
            remaining=fresh.remaining if fresh else None,
            floor=self.floor,
            spent=self._used(),
            in_flight=len(self._leases),
        )

    async def acquire(
        self, kind: CallKind, cost: int, *, wait: bool, deadline: float | None = None
    ) -> Lease:
        """Let one call through as soon as there is room for it.

        Args:
            kind: What the call counts as.
            cost: Its price in credits.
            wait: Whether to wait for room; otherwise having none is an error at once.
            deadline: Monotonic time until which to wait; a wait that would end later is an error
                at once.

        Raises:
            BudgetExhaustedError: When there is no room (in time).
        """
        await self._until_room(kind, cost, wait=wait, deadline=deadline)
        return self._let_through(kind, cost)

    async def wait_for_room(self, kind: CallKind, most: int, *, deadline: float | None) -> int:
        """Wait until several calls of this kind and one more credit have room at once.

        Nothing is set aside: the answer holds until somebody else's call is let through.

        Args:
            kind: What the calls count as, one credit each.
            most: How many are wanted; fewer when a minute's share is smaller.
            deadline: As in `acquire`.

        Returns:
            How many calls have room.

        Raises:
            BudgetExhaustedError: When there is no room in time.
        """
        calls = max(
            1, min(most, self._share_of(self._limit_of(kind)), self._share_of(self._total) - 1)
        )
        await self._until_room(kind, calls + 1, calls=calls, wait=True, deadline=deadline)
        return calls

    async def _until_room(
        self, kind: CallKind, cost: int, *, calls: int = 1, wait: bool, deadline: float | None
    ) -> None:
        while True:
            now = self.clock.monotonic()
            delay = self._delay(kind, cost, now, calls)
            if delay == 0.0:
                return
            too_late = deadline is not None and now + (delay or 0.0) >= deadline
            if not wait or too_late:
                raise BudgetExhaustedError(
                    "The share of Freshdesk's rate limit that is left to us is used up; "
                    "nothing was sent. The sweep goes on when there is room.",
                    retry_after=delay,
                )
            if delay is None:
                await self._next_settlement()
            else:
                await self.clock.sleep(delay)

    def settle(
        self, lease: Lease, headers: RateHeaders | None = None, *, sent: bool = True
    ) -> None:
        """Take a lease back when its call is over, however it ended.

        Args:
            lease: What `acquire` returned; each is settled once.
            headers: The reply's rate headers, when there was a reply.
            sent: False when surely nothing reached Freshdesk, so that nothing was spent.
        """
        self._leases.remove(lease)
        self._turn += 1
        now = self.clock.monotonic()
        if sent:
            cost = lease.cost if headers is None or headers.used is None else headers.used
            self._spent.append(_Spent(now + WINDOW, cost, lease.kind, self._turn))
        elif self._view:
            self._view.remaining += lease.cost
        if headers:
            self._hear(lease, headers, now)
        self._wake()

    def hold(self, seconds: float) -> None:
        """Let nothing through for some seconds, as Freshdesk asked with a 429."""
        self._hold_until = max(self._hold_until, self.clock.monotonic() + seconds)

    def _hear(self, lease: Lease, headers: RateHeaders, now: float) -> None:
        if headers.total and headers.total >= LEAST_TOTAL:
            self._total = headers.total
            self.limits = plan_limits(headers.total)
        if headers.remaining is None:
            if self._view and now - self._view.heard_at >= WINDOW:
                self._view = None  # replies no longer tell: only our own share counts
            return
        # The reply knows nothing of calls counted after it: those still in flight, and those
        # that came back while it was under way.
        later = sum(other.cost for other in self._leases)
        for spent in reversed(self._spent):
            if spent.turn <= lease.turn:
                break
            later += spent.cost if spent.turn != self._turn else 0
        remaining = headers.remaining - later
        if not self._is_outdated(lease, remaining, now):
            self._view = _View(remaining, now, lease.turn)

    def _is_outdated(self, lease: Lease, remaining: int, now: float) -> bool:
        """Whether a slow reply brings better news than a later call has brought already."""
        view = self._view
        fresh = view is not None and now - view.heard_at < WINDOW
        return fresh and view is not None and lease.turn < view.turn and remaining > view.remaining

    def _let_through(self, kind: CallKind, cost: int) -> Lease:
        self._turn += 1
        lease = Lease(kind, cost, self._turn)
        self._leases.add(lease)
        if self._view:
            self._view.remaining -= cost
        return lease

    def _delay(self, kind: CallKind, cost: int, now: float, calls: int) -> float | None:
        """Return the seconds until there may be room; None when only a settlement can tell."""
        self._forget_expired(now)
        if now < self._hold_until:
            return self._hold_until - now
        delays = (
            self._until_share_allows(cost, now),
            self._until_kind_allows(kind, now, calls),
            self._until_account_allows(cost, now),
        )
        longest = max((delay for delay in delays if delay is not None), default=0.0)
        return None if longest == 0.0 and None in delays else longest

    def _until_share_allows(self, cost: int, now: float) -> float | None:
        cap = self._share_of(self.limits.total)
        if cost > cap:
            raise BudgetExhaustedError(
                f"One call costs {cost} credits, and only {cap} a minute are left to us. Leave "
                "others a smaller share, or ask Freshdesk for a higher limit.",
                retry_after=None,
            )
        excess = self._used() + cost - cap
        return self._until_expired(excess, now, [spent.cost for spent in self._spent])

    def _until_kind_allows(self, kind: CallKind, now: float, calls: int) -> float | None:
        if kind is CallKind.OTHER:
            return 0.0
        limit = self._limit_of(kind)
        in_flight = sum(lease.kind is kind for lease in self._leases)
        counts = [int(spent.kind is kind) for spent in self._spent]
        excess = in_flight + sum(counts) + calls - max(1, self._share_of(limit))
        return self._until_expired(excess, now, counts)

    def _until_expired(self, excess: int, now: float, freed: list[int]) -> float | None:
        if excess <= 0:
            return 0.0
        for spent, amount in zip(self._spent, freed, strict=True):
            excess -= amount
            if excess <= 0:
                return spent.expires - now
        return None

    def _until_account_allows(self, cost: int, now: float) -> float | None:
        view = self._view
        if view is None or view.remaining - cost >= self.floor:
            return 0.0
        expires = view.heard_at + WINDOW
        if now < expires:
            return expires - now
        return None if self._leases else 0.0

    def _limit_of(self, kind: CallKind) -> int:
        limits = {CallKind.LIST: self.limits.lists, CallKind.UPDATE: self.limits.updates}
        return limits.get(kind, self._total)

    def _share_of(self, limit: int) -> int:
        return limit - math.ceil(self.share * limit - 1e-9)

    def _used(self) -> int:
        in_flight = sum(lease.cost for lease in self._leases)
        return in_flight + sum(spent.cost for spent in self._spent)

    def _forget_expired(self, now: float) -> None:
        while self._spent and self._spent[0].expires <= now:
            self._spent.popleft()

    async def _next_settlement(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
