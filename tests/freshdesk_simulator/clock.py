"""Clocks: the real one, and a virtual one on which a day passes in a millisecond."""

import asyncio
import heapq
import itertools
import threading
import time as real_time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol, runtime_checkable

DEFAULT_START = "2026-03-02T08:00:00Z"
# A request answered in process takes a few dozen turns of the event loop. A sleeper lets that
# many turns pass before it moves the time, so that work already under way is not overtaken.
TURNS_BEFORE_ADVANCE = 50


@runtime_checkable
class Clock(Protocol):
    """What anything that waits or asks for the time takes."""

    def time(self) -> float:
        """Return seconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary origin; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return when the given number of seconds has passed on this clock."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return seconds since the epoch, UTC."""
        return real_time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return real_time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until somebody sleeps on it or advances it.

    Several tasks may sleep at once: they wake in the order of their deadlines, and the time is
    moved once for all of them (ten tasks that sleep five seconds take five seconds, not fifty).
    Work that waits for a real socket or thread is not seen, so time may move while it is under way.

    Args:
        start: An ISO 8601 moment, or seconds since the epoch.
    """

    def __init__(self, start: str | float = DEFAULT_START) -> None:
        """Set the clock to its start."""
        self._start = parse_timestamp(start) if isinstance(start, str) else float(start)
        self._now = float(self._start)
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.RLock()

    def time(self) -> float:
        """Return virtual seconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return virtual seconds since the start of this clock."""
        return self._now - self._start

    def advance(self, seconds: float) -> None:
        """Move the time forward.

        Raises:
            ValueError: When `seconds` is negative.
        """
        if seconds < 0:
            message = "time does not run backwards"
            raise ValueError(message)
        self._move_to(self._now + seconds)

    def advance_to(self, moment: float) -> None:
        """Move the time forward to a moment; a moment in the past changes nothing."""
        self._move_to(moment)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every move of the time, in the thread that moved it."""
        self._listeners.append(listener)

    async def sleep(self, seconds: float) -> None:
        """Return once virtual time has moved by `seconds`, without waiting for real."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        entry = (self._now + seconds, next(self._numbers))
        with self._lock:
            heapq.heappush(self._sleepers, entry)
        try:
            while self._now < entry[0]:
                for _ in range(TURNS_BEFORE_ADVANCE):
                    await asyncio.sleep(0)
                if self._is_next(entry):
                    self._move_to(entry[0])
        finally:
            self._forget(entry)

    def _is_next(self, entry: tuple[float, int]) -> bool:
        with self._lock:
            return bool(self._sleepers) and self._sleepers[0] == entry

    def _forget(self, entry: tuple[float, int]) -> None:
        with self._lock:
            self._sleepers.remove(entry)
            heapq.heapify(self._sleepers)

    def _move_to(self, moment: float) -> None:
        with self._lock:
            if moment <= self._now:
                return
            self._now = moment
        for listener in self._listeners:
            listener()


def parse_timestamp(text: str) -> int:
    """Return the epoch seconds of an ISO 8601 moment; one without a zone is taken as UTC.

    Raises:
        ValueError: When the text is no such moment.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


@lru_cache(maxsize=65536)
def format_timestamp(seconds: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ`, the only form Freshdesk answers with."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_optional(seconds: int | None) -> str | None:
    """Return the timestamp, or None where there is none."""
    return None if seconds is None else format_timestamp(seconds)
