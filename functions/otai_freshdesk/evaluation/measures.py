"""Counts and shares: how often triage acts and is right, at one threshold or at all of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Self

from otai_freshdesk.evaluation.cases import NEVER, Judgement

__all__ = [
    "Bin",
    "Confusion",
    "Curve",
    "Reliability",
    "Score",
    "confusion",
    "curve",
    "reliability",
    "score",
    "scores_by",
    "wilson_low",
]

BINS = 10
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """How triage does at one threshold.

    Attributes:
        decided: Tickets whose field people decided.
        proposed: Those for which the likeliest label has a value.
        right: Proposals that agree with people, at whatever probability.
        routed: Tickets that triage writes.
        wrong: Those of them on which people disagree.
    """

    decided: int = 0
    proposed: int = 0
    right: int = 0
    routed: int = 0
    wrong: int = 0

    def __add__(self, other: Self) -> "Score":
        """Return the score of both sets of tickets together."""
        return Score(
            self.decided + other.decided,
            self.proposed + other.proposed,
            self.right + other.right,
            self.routed + other.routed,
            self.wrong + other.wrong,
        )

    @property
    def accuracy(self) -> float | None:
        """The share of right proposals, None without any."""
        return self.right / self.proposed if self.proposed else None

    @property
    def coverage(self) -> float | None:
        """The share of decided tickets that triage writes, None without any."""
        return self.routed / self.decided if self.decided else None

    @property
    def precision(self) -> float | None:
        """The share of written tickets on which people agree, None where it writes none."""
        return (self.routed - self.wrong) / self.routed if self.routed else None

    def as_record(self) -> dict[str, float | int | None]:
        """Return counts and shares."""
        return {
            "decided": self.decided,
            "proposed": self.proposed,
            "right": self.right,
            "routed": self.routed,
            "wrong": self.wrong,
            "accuracy": self.accuracy,
            "coverage": self.coverage,
            "precision": self.precision,
        }


def score(judgements: Iterable[Judgement], threshold: int) -> Score:
    """Return how triage does on `judgements` at the threshold of a step."""
    counts: Counter[str] = Counter()
    for one in judgements:
        counts["decided"] += 1
        counts["proposed"] += one.proposed is not None
        counts["right"] += one.agrees
        if one.is_routed(threshold):
            counts["routed"] += 1
            counts["wrong"] += not one.agrees
    return Score(**counts)


def scores_by[T, K](
    items: Iterable[T],
    key: Callable[[T], K | None],
    judgement: Callable[[T], Judgement],
    threshold: int,
) -> dict[K, Score]:
    """Return a score for each key, most tickets first; items whose key is None are left out."""
    parts: dict[K, list[Judgement]] = {}
    for item in items:
        name = key(item)
        if name is not None:
            parts.setdefault(name, []).append(judgement(item))
    ordered = sorted(parts.items(), key=lambda part: -len(part[1]))
    return {name: score(part, threshold) for name, part in ordered}


@dataclass(frozen=True, slots=True)
class Curve:
    """Tickets written, and wrongly written, at each step from 0 to `NEVER`."""

    routed: Sequence[int]
    wrong: Sequence[int]


def curve(judgements: Iterable[Judgement]) -> Curve:
    """Return the counts for all thresholds at once."""
    routed, wrong = [0] * (NEVER + 1), [0] * (NEVER + 1)
    for one in judgements:
        if one.acts:
            routed[one.step] += 1
            wrong[one.step] += not one.agrees
    return Curve(_from_each_on(routed), _from_each_on(wrong))


def _from_each_on(counts: Sequence[int]) -> list[int]:
    return list(accumulate(reversed(counts)))[::-1]


@dataclass(frozen=True, slots=True)
class Bin:
    """Proposals of similar probability.

    Attributes:
        low: Lower end of the bin; the upper end is a tenth above it.
        tickets: How many there are.
        right: How many agree with people.
        probability: Their mean probability, None without any.
    """

    low: float
    tickets: int
    right: int
    probability: float | None

    @property
    def accuracy(self) -> float | None:
        """The share of right ones, None without any."""
        return self.right / self.tickets if self.tickets else None


@dataclass(frozen=True, slots=True)
class Reliability:
    """Whether nine of ten proposals made with .9 are right.

    Attributes:
        bins: Ten, from 0 to 1.
        error: The expected calibration error: the mean distance between probability and share of
            right ones, weighted by tickets (Guo et al. 2017); None without proposals.
    """

    bins: tuple[Bin, ...]
    error: float | None


def reliability(judgements: Iterable[Judgement]) -> Reliability:
    """Return probability against truth, for all proposals whether they would be written or not."""
    parts: list[list[Judgement]] = [[] for _ in range(BINS)]
    for one in judgements:
        if one.proposed is not None:
            parts[min(BINS - 1, int(one.probability * BINS + 1e-9))].append(one)
    bins = tuple(_bin(number, part) for number, part in enumerate(parts))
    tickets = sum(one.tickets for one in bins)
    off = sum(
        one.tickets * abs(one.accuracy - one.probability)
        for one in bins
        if one.accuracy is not None and one.probability is not None
    )
    return Reliability(bins, off / tickets if tickets else None)


def _bin(number: int, part: Sequence[Judgement]) -> Bin:
    mean = sum(one.probability for one in part) / len(part) if part else None
    return Bin(number / BINS, len(part), sum(one.agrees for one in part), mean)


@dataclass(frozen=True, slots=True)
class Confusion:
    """What people decided (rows) against what triage writes (columns).

    Attributes:
        labels: Of rows and columns, the most frequent decision first.
        counts: One row a label; the last column counts the tickets that are left to people.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def confusion(judgements: Sequence[Judgement], threshold: int) -> Confusion:
    """Return the matrix at the threshold of a step."""
    frequency = Counter(one.decided for one in judgements)
    frequency.update({one.proposed: 0 for one in judgements if one.proposed is not None})
    labels = tuple(sorted(frequency, key=lambda label: (-frequency[label], label)))
    place = {label: number for number, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for one in judgements:
        routed = one.proposed is not None and one.is_routed(threshold)
        column = place[one.proposed] if routed and one.proposed is not None else len(labels)
        counts[place[one.decided]][column] += 1
    return Confusion(labels, tuple(tuple(row) for row in counts))


def wilson_low(right: int, tickets: int) -> float:
    """Return the lower end of Wilson's 95 % interval for a share (Wilson 1927).

    Args:
        right: How many have the property.
        tickets: Of how many, at least 1.
    """
    share, z2 = right / tickets, _NORMAL_95**2
    spread = _NORMAL_95 * sqrt(share * (1 - share) / tickets + z2 / (4 * tickets**2))
    return max(0.0, (share + z2 / (2 * tickets) - spread) / (1 + z2 / tickets))
