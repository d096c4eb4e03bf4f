"""Clocks that tests hand in."""

from otai_freshdesk.clock import Clock


class WrongClock:
    """A machine's clock that differs from Freshdesk's."""

    def __init__(self, clock: Clock, *, ahead: float) -> None:
        """Keep the right clock, and by how many seconds this one is ahead of it."""
        self._clock = clock
        self._ahead = ahead

    def time(self) -> float:
        """Return the wrong time."""
        return self._clock.time() + self._ahead

    def monotonic(self) -> float:
        """Return seconds that pass as on the right clock."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait as the right clock does."""
        await self._clock.sleep(seconds)
