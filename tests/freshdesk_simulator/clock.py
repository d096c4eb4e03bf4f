"""Clocks: the real one, and a virtual one on which a day passes in a millisecond."""

import asyncio
import itertools
import threading
import time as real_time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol, runtime_checkable

from sortedcontainers import SortedList

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
        self._sleepers: SortedList[_Sleeper] = SortedList()
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
        sleeper = _Sleeper(self._now + seconds, next(self._numbers), asyncio.get_running_loop())
        with self._lock:
            self._sleepers.add(sleeper)
        try:
            while self._now < sleeper.deadline:
                if self._is_next(sleeper):
                    await self._drive(sleeper)
                else:
                    await sleeper.wait()
        finally:
            with self._lock:
                self._sleepers.remove(sleeper)
            self._wake_next()

    async def _drive(self, sleeper: "_Sleeper") -> None:
        """Let everybody else run for a while, then move the time, unless somebody is before us."""
        for _ in range(TURNS_BEFORE_ADVANCE):
            await asyncio.sleep(0)
        if self._is_next(sleeper):
            self._move_to(sleeper.deadline)

    def _is_next(self, sleeper: "_Sleeper") -> bool:
        with self._lock:
            return bool(self._sleepers) and self._sleepers[0] is sleeper

    def _wake_next(self) -> None:
        with self._lock:
            if self._sleepers:
                self._sleepers[0].wake()

    def _move_to(self, moment: float) -> None:
        with self._lock:
            if moment <= self._now:
                return
            self._now = moment
            for sleeper in self._sleepers:
                if sleeper.deadline > moment:
                    break
                sleeper.wake()
        for listener in self._listeners:
            listener()


@dataclass(frozen=True, slots=True, order=True)
class _Sleeper:
    """One task asleep. Only the earliest drives the time; the others wait for their event."""

    deadline: float
    number: int
    loop: asyncio.AbstractEventLoop = field(compare=False)
    event: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    async def wait(self) -> None:
        self.event.clear()
        await self.event.wait()

    def wake(self) -> None:
        """Wake the task, from whatever thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.event.set)


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
