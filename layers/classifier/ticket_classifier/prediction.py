"""What the classifier answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Prediction", "TargetPrediction"]


@dataclass(frozen=True, slots=True)
class TargetPrediction:
    """The answer for one target.

    Attributes:
        label: The likeliest label, also when abstained.
        probability: Its calibrated probability, 0 to 1.
        threshold: What the probability must reach; above 1 the target always abstains.
        abstained: True if the label must not be acted on: below the threshold, out of scope, or
            nothing to read.
        probabilities: Probability of every label; they add up to 1.
    """

    label: str
    probability: float
    threshold: float
    abstained: bool
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answers for one ticket.

    Attributes:
        targets: One answer a target, in the bundle's order.
        in_scope: False if the text is empty, or in a language or jargon the bundle has not seen;
            then every target abstains.
    """

    targets: Mapping[str, TargetPrediction]
    in_scope: bool
