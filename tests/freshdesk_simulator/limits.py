"""Rate limits of an account: one bucket a minute, with sub-limits for some ticket calls."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from freshdesk_simulator.account import Plan
from freshdesk_simulator.clock import Clock
from freshdesk_simulator.errors import RateLimitedError
from freshdesk_simulator.knobs import Knobs

WINDOW = 60
LIMIT_MESSAGE = "You have exceeded the limit of requests per minute"


class Bucket(Enum):
    """Kinds of calls that have a limit of their own."""

    CREATE = "create"
    UPDATE = "update"
    LIST = "list"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Calls a minute; a sub-limit of None is not known and not enforced."""

    total: int
    create: int | None = None
    update: int | None = None
    list: int | None = None

    def of(self, bucket: Bucket) -> int | None:
        """Return the sub-limit of a bucket, None where there is none."""
        match bucket:
            case Bucket.CREATE:
                return self.create
            case Bucket.UPDATE:
                return self.update
            case Bucket.LIST:
                return self.list
            case Bucket.OTHER:
                return None


# Freshdesk documents these (support article on API rate limits).
PLAN_LIMITS: Mapping[Plan, PlanLimits] = MappingProxyType(
    {
        "free": PlanLimits(0, 0, 0, 0),
        "trial": PlanLimits(50),
        "growth": PlanLimits(200, 80, 80, 20),
        "pro": PlanLimits(400, 160, 160, 100),
        "enterprise": PlanLimits(700, 280, 280, 200),
    }
)


@dataclass(frozen=True, slots=True)
class RateState:
    """What the three rate headers of one reply say."""

    total: int
    remaining: int
    used: int

    def headers(self) -> dict[str, str]:
        """Return the headers."""
        return {
            "X-RateLimit-Total": str(self.total),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used-CurrentRequest": str(self.used),
        }


class _Window:
    """Credits spent within the present minute, fixed or sliding."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def spent(self, now: float, *, sliding: bool) -> int:
        start = now - WINDOW if sliding else now - now % WINDOW
        while self._spent and (
            self._spent[0][0] <= start if sliding else self._spent[0][0] < start
        ):
            self._sum -= self._spent.popleft()[1]
        return self._sum

    def add(self, now: float, amount: int) -> None:
        self._spent.append((now, amount))
        self._sum += amount

    def free_at(self, now: float, excess: int, *, sliding: bool) -> float:
        """Return when `excess` credits will have left the window."""
        if not sliding:
            return now - now % WINDOW + WINDOW
        gone = 0
        for moment, amount in self._spent:
            gone += amount
            if gone >= excess:
                return moment + WINDOW
        return now + WINDOW


class RateLimiter:
    """Counts the calls of a whole account: every agent, key and webhook shares the bucket.

    Args:
        clock: Decides which minute it is.
        limits: The plan's numbers; may be replaced while running.
    """

    def __init__(self, clock: Clock, limits: PlanLimits) -> None:
        """Start with an empty minute."""
        self._clock = clock
        self.limits = limits
        self.total_spent = 0
        self.refused = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was spent."""
        self._total = _Window()
        self._buckets = {bucket: _Window() for bucket in Bucket}
        self.total_spent = 0
        self.refused = 0

    def spend(self, bucket: Bucket, credits_wanted: int, knobs: Knobs) -> RateState:
        """Take credits for one call.

        A call refused by a sub-limit still costs one credit of the total: Freshdesk documents
        that failed calls count.

        Raises:
            RateLimitedError: When the minute has not enough left.
        """
        now = self._clock.time()
        sliding = knobs.rate_window == "sliding"
        excess = self._total.spent(now, sliding=sliding) + credits_wanted - self.limits.total
        if excess > 0:
            raise self._refusal(self._total, now, excess, knobs)
        sub_limit = self.limits.of(bucket)
        if sub_limit is not None:
            window = self._buckets[bucket]
            amount = credits_wanted if knobs.sub_limit_unit == "credits" else 1
            sub_excess = window.spent(now, sliding=sliding) + amount - sub_limit
            if sub_excess > 0:
                self._take(now, 1)
                raise self._refusal(window, now, sub_excess, knobs)
            window.add(now, amount)
        self._take(now, credits_wanted)
        return self.state(credits_wanted, knobs)

    def state(self, used: int, knobs: Knobs) -> RateState:
        """Return what the headers say now, for a call that used so many credits."""
        spent = self._total.spent(self._clock.time(), sliding=knobs.rate_window == "sliding")
        return RateState(self.limits.total, max(self.limits.total - spent, 0), used)

    def _take(self, now: float, amount: int) -> None:
        self._total.add(now, amount)
        self.total_spent += amount

    def _refusal(self, window: _Window, now: float, excess: int, knobs: Knobs) -> RateLimitedError:
        self.refused += 1
        free_at = window.free_at(now, excess, sliding=knobs.rate_window == "sliding")
        return rate_limited(max(1, math.ceil(free_at - now)), knobs)


def rate_limited(retry_after: int, knobs: Knobs) -> RateLimitedError:
    """Return a 429 as the knobs want it."""
    body: dict[str, object] | str | None = None
    if knobs.rate_limit_body == "json":
        body = {"message": LIMIT_MESSAGE}
    elif knobs.rate_limit_body == "text":
        body = LIMIT_MESSAGE
    return RateLimitedError(body, retry_after if knobs.retry_after_header else None)
