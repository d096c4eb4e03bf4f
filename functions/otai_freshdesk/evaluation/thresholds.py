"""Which threshold a field should have for a wanted precision."""

from dataclasses import dataclass
from enum import StrEnum

from otai_freshdesk.evaluation.cases import STEPS
from otai_freshdesk.evaluation.measures import Curve, wilson_low

__all__ = ["AT_LEAST", "WANTED", "Advice", "Recommendation", "recommend"]

WANTED = 0.95
AT_LEAST = 30  # written tickets below which a share says next to nothing
_NEAR = 2  # steps, that is one percent: not worth a new marker


class Advice(StrEnum):
    """What to do about a threshold."""

    KEEP = "keep"
    RAISE = "raise"
    LOWER = "lower"
    TOO_FEW = "too_few"  # too few tickets to tell
    OUT_OF_REACH = "out_of_reach"  # at no threshold it is right often enough


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice on the threshold of one field.

    Attributes:
        advice: What to do.
        threshold: Step to set; None where there is none to recommend.
        routed: Tickets written there.
        wrong: Those of them on which people disagree.
    """

    advice: Advice
    threshold: int | None = None
    routed: int = 0
    wrong: int = 0

    def as_record(self) -> dict[str, float | int | str | None]:
        """Return the advice with the precision it gives, and what that is worth."""
        right = self.routed - self.wrong
        return {
            "advice": self.advice.value,
            "threshold": None if self.threshold is None else self.threshold / STEPS,
            "routed": self.routed,
            "wrong": self.wrong,
            "precision": right / self.routed if self.routed else None,
            "precision_at_least": wilson_low(right, self.routed) if self.routed else None,
        }


def recommend(counts: Curve, present: int, wanted: float = WANTED) -> Recommendation:
    """Return the lowest threshold at which the wanted share of written tickets is right.

    Args:
        counts: The field's tickets at all thresholds.
        present: Step of the threshold in use.
        wanted: The share, 0 to 1.
    """
    if counts.routed[0] < AT_LEAST:
        return Recommendation(Advice.TOO_FEW)
    enough = (step for step in range(STEPS + 1) if counts.routed[step] >= AT_LEAST)
    good = (
        step
        for step in enough
        if counts.routed[step] - counts.wrong[step] >= wanted * counts.routed[step]
    )
    found = next(good, None)
    if found is None:
        return Recommendation(Advice.OUT_OF_REACH)
    near = abs(found - present) <= _NEAR
    step = present if near else found
    advice = Advice.KEEP if near else Advice.RAISE if found > present else Advice.LOWER
    return Recommendation(advice, step, counts.routed[step], counts.wrong[step])
