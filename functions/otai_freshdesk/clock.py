"""Time as a collaborator: everything that waits or asks the time takes a `Clock`."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting; tests hand in one that never really waits."""

    def time(self) -> float:
        """Return the wall time in seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return a time in seconds that never goes back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero or less only yields to other tasks."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return the wall time in seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return a time in seconds that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero or less only yields to other tasks."""
        await asyncio.sleep(max(0.0, seconds))
