"""Medians, percentiles and ratios of what was measured in turn."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed.

    Raises:
        ValueError: When there are no values, or the share is none.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError("a percentile needs values and a share between 0 and 1")
    ordered = sorted(values)
    exact = share * len(ordered)
    place = int(exact) if exact == int(exact) else int(exact) + 1
    return ordered[max(place, 1) - 1]


def ratio_of_rounds(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return the median over rounds of `theirs / ours`.

    Both were measured in the same rounds, one after the other, so whatever slows the machine down
    for a while slows both and leaves the ratio alone.

    Raises:
        ValueError: When the numbers of rounds differ or are zero.
    """
    if len(theirs) != len(ours) or not ours:
        raise ValueError("a ratio needs the same rounds of both")
    return statistics.median(one / other for one, other in zip(theirs, ours, strict=True))


def rotated[T](items: Sequence[T], by: int) -> list[T]:
    """Return the items beginning with another one, so that nobody is always first."""
    start = by % len(items)
    return [*items[start:], *items[:start]]


def in_turn(
    contestants: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1
) -> dict[str, list[float]]:
    """Time several functions in turn.

    Args:
        contestants: What to call, by name; each is called once before, to warm up.
        rounds: How often each has its turn.
        calls: Calls a turn; a turn counts as their median.

    Returns:
        Seconds a call, one value a round.
    """
    for function in contestants.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name in rotated(list(contestants), number):
            seconds[name].append(statistics.median(timed(contestants[name], calls)))
    return seconds


def timed(function: Callable[[], object], calls: int) -> list[float]:
    """Return the seconds of each of several calls."""
    taken = []
    for _ in range(calls):
        begin = perf_counter()
        function()
        taken.append(perf_counter() - begin)
    return taken


def milliseconds(seconds: float) -> float:
    """Return milliseconds with as many digits as mean something."""
    return float(f"{seconds * 1000:.3g}")
