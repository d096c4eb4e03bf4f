"""Faults to switch on: for the next calls, for some paths, or now and then from a seed."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong with a call."""

    HANG = "hang"
    RESET = "reset"
    HALF_BODY = "half_body"
    SLOW_DRIP = "slow_drip"
    STALE_KEEP_ALIVE = "stale_keep_alive"
    BAD_GZIP = "bad_gzip"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    REDIRECT = "redirect"
    REPLY_LOST = "reply_lost"


# Kinds that spoil the reply to a call which was carried out.
APPLIED = {FaultKind.HALF_BODY, FaultKind.SLOW_DRIP, FaultKind.BAD_GZIP, FaultKind.REPLY_LOST}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Args:
        kind: What goes wrong.
        applied: Whether the call is carried out all the same; by default the kind decides.
        status: Of a server error (500, 502, 503, 504) or a redirect (302).
        body: Of a server error: html, json or empty.
        retry_after: Whole seconds in a rate limit's reply.
        location: Where a redirect points.
        seconds: How long a hang lasts at most, or the pause between the drips.
        chunk: Bytes a drip.
    """

    kind: FaultKind
    applied: bool | None = None
    status: int = 502
    body: str = "html"
    retry_after: int = 30
    location: str = "https://login.example/"
    seconds: float = 30.0
    chunk: int = 64

    @property
    def carried_out(self) -> bool:
        """Whether the call has its effect."""
        return self.kind in APPLIED if self.applied is None else self.applied


@dataclass(slots=True)
class _Rule:
    fault: Fault
    method: str | None
    path: re.Pattern[str] | None
    left: int | None
    probability: float
    random: random.Random

    def takes(self, method: str, path: str, *, reused: bool) -> bool:
        if self.left == 0 or self.method not in {None, method}:
            return False
        if self.path is not None and not self.path.search(path):
            return False
        if self.fault.kind is FaultKind.STALE_KEEP_ALIVE and not reused:
            return False
        if self.random.random() >= self.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults switched on; the first that applies to a call is inflicted.

    A stale keep-alive waits for a call on a connection that was used before. `felt` counts what
    was inflicted.
    """

    def __init__(self) -> None:
        """Start without faults."""
        self._rules: list[_Rule] = []
        self.felt: Counter[FaultKind] = Counter()

    def next(
        self,
        kind: FaultKind | str,
        *,
        calls: int = 1,
        method: str | None = None,
        path: str | None = None,
        **options: object,
    ) -> None:
        """Inflict a fault on the next matching calls.

        Args:
            kind: What goes wrong.
            calls: How many calls.
            method: Only calls with this verb.
            path: Only calls whose path this regular expression finds.
            **options: Fields of `Fault`.
        """
        self._add(kind, calls, method, path, 1.0, 0, options)

    def sometimes(
        self,
        kind: FaultKind | str,
        *,
        probability: float,
        seed: int = 0,
        method: str | None = None,
        path: str | None = None,
        **options: object,
    ) -> None:
        """Inflict a fault on each matching call with a probability, until cleared."""
        self._add(kind, None, method, path, probability, seed, options)

    def clear(self) -> None:
        """Switch all faults off."""
        self._rules.clear()

    def pick(self, method: str, path: str, *, reused: bool) -> Fault | None:
        """Return the fault for a call, and use it up."""
        for rule in self._rules:
            if rule.takes(method, path, reused=reused):
                self.felt[rule.fault.kind] += 1
                return rule.fault
        return None

    def _add(
        self,
        kind: FaultKind | str,
        calls: int | None,
        method: str | None,
        path: str | None,
        probability: float,
        seed: int,
        options: dict[str, object],
    ) -> None:
        fault = Fault(FaultKind(kind), **options)  # type: ignore[arg-type]
        pattern = None if path is None else re.compile(path)
        self._rules.append(_Rule(fault, method, pattern, calls, probability, random.Random(seed)))
