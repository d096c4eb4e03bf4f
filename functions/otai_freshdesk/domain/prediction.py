"""What the classifier says of one ticket, target by target."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetPrediction:
    """The likeliest label of one target.

    `probability` is calibrated: of many predictions made with .9, nine in ten are right.
    `threshold` is the probability below which the bundle advises to abstain.
    """

    label: str
    probability: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predictions of all targets for one ticket, and whether the text could be judged.

    `in_scope` is False where the text is empty, in a language the bundle does not know, or
    unlike anything it has seen: then every target counts as unsure.
    """

    targets: Mapping[str, TargetPrediction]
    in_scope: bool = True
