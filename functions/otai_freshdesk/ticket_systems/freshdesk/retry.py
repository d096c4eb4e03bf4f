"""When a request is sent again, and after how long: bounded in count and in time.

Freshdesk documents `429` with `Retry-After` in whole seconds; clients have met replies without the
header. The HTTP standard also allows a date there, so both are read.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from otai_freshdesk.ticket_systems.freshdesk.errors import (
    ConfigurationError,
    FreshdeskError,
    RateLimitedError,
    ReplyLostError,
)

__all__ = ["AT_ONCE", "RetryPolicy", "hold_after", "parse_retry_after"]


LONGEST_RETRY_AFTER = 3600.0  # Freshdesk's limits are by the minute, older ones by the hour


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds a `Retry-After` header asks for; None when absent or unreadable.

    At most `LONGEST_RETRY_AFTER`: one wrong header must not silence a process for good.

    Args:
        value: The header: seconds (a fraction is accepted) or an HTTP date.
        now: Wall time in seconds since the epoch, against which a date is measured.
    """
    if value is None:
        return None
    try:
        seconds: float | None = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    if seconds is None or not math.isfinite(seconds):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _seconds_until(http_date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp() - now
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is.

    Attributes:
        attempts: How often one request is sent at most, the first time included.
        first_delay: Upper bound of the first wait after a failure, in seconds; it doubles.
        longest_delay: Upper bound of any such wait, in seconds.
        total: Seconds that one request with its repetitions may take when the caller sets no
            deadline.
        waits: False makes a client that never sleeps, neither for `Retry-After` nor for room in
            the budget: it raises the retryable error at once. Only a connection that broke under
            a read is tried once more, at once, since an idle connection may have gone stale.
        random: Source of jitter, uniform in [0, 1).
    """

    attempts: int = 5
    first_delay: float = 0.5
    longest_delay: float = 20.0
    total: float = 120.0
    waits: bool = True
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first_delay, self.longest_delay, self.total) <= 0:
            raise ConfigurationError("A retry policy needs at least one attempt and times above 0.")

    def delay(self, error: FreshdeskError, attempt: int) -> float | None:
        """Return the seconds to wait before the request is sent again, or None to give up.

        A 429 waits for its `Retry-After` (60 s when Freshdesk names none) plus one to two seconds;
        everything else doubles, with full jitter.

        Args:
            error: Why the request failed.
            attempt: How often it has been sent, from 1.
        """
        if not error.repeatable or attempt >= self.attempts:
            return None
        if not self.waits:
            broken = isinstance(error, ReplyLostError) and not error.timed_out
            return 0.0 if broken and attempt == 1 else None
        if isinstance(error, RateLimitedError):
            return hold_after(error) + self.random()
        return self.random() * min(self.longest_delay, self.first_delay * 2.0 ** (attempt - 1))


def hold_after(error: RateLimitedError) -> float:
    """Return the seconds in which nothing may be sent after a 429: its time plus one second."""
    return (60.0 if error.retry_after is None else error.retry_after) + 1.0


AT_ONCE = RetryPolicy(waits=False)
