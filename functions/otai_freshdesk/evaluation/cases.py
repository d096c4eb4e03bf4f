"""What is known of a past ticket: what the model proposes, and what people decided; no text.

Probabilities and thresholds are compared on a grid of half percents, so that a report can count
for every threshold at once and every count can be checked. Production compares the exact numbers:
the two differ for the few tickets that lie within a quarter of a percent of a threshold.
"""

import math
from dataclasses import dataclass
from datetime import date

__all__ = ["EMPTY", "NEVER", "STEPS", "Case", "Judgement", "step_of", "threshold_step"]

STEPS = 200
"""The grid's step of probability 1."""

NEVER = STEPS + 1
"""The step of a threshold that no probability reaches."""

EMPTY = ""
"""Stands for a field that people emptied."""

_ROUNDING = 1e-9  # .95 * 200 may come out just below 190


def step_of(probability: float) -> int:
    """Return the last step of the grid that `probability` (0 to 1) reaches."""
    return math.floor(probability * STEPS + _ROUNDING)


def threshold_step(threshold: float) -> int:
    """Return the step of the grid nearest to a threshold; above 1 it is `NEVER`."""
    return NEVER if threshold > 1 else round(max(0.0, threshold) * STEPS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One field of one ticket.

    Attributes:
        decided: The value that people chose, or `EMPTY`.
        proposed: The value that belongs to the likeliest label; None where the label map leaves
            the field alone.
        probability: Of that label, 0 to 1.
        acts: Whether triage writes the proposal once the probability reaches the threshold. It
            does not for automated mail, for text out of scope, and for a proposal that means
            "undecided" itself.
    """

    decided: str
    proposed: str | None
    probability: float
    acts: bool

    @property
    def step(self) -> int:
        """The last step of the grid that the probability reaches."""
        return step_of(self.probability)

    @property
    def agrees(self) -> bool:
        """Whether the proposal is what people decided."""
        return self.proposed == self.decided

    def is_routed(self, step: int) -> bool:
        """Tell whether triage writes the proposal at the threshold of this step."""
        return self.acts and self.step >= step


@dataclass(frozen=True, slots=True)
class Case:
    """One past ticket.

    Attributes:
        ticket_id: Its number; in a file, that of its row.
        created: The day it was created, if known.
        language: Of its text; empty where unknown.
        group: The group people left it in; empty where unknown.
        judgements: One a field, in the order of the fields; None where nobody decided.
    """

    ticket_id: int
    created: date | None
    language: str
    group: str
    judgements: tuple[Judgement | None, ...]
