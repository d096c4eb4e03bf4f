"""What training and evaluation report; holds no ticket text, only row ids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["EvaluationReport", "Metrics", "TargetEvaluation", "TargetReport", "TrainingReport"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Metrics(_Frozen):
    """Figures of one set of predictions, all but `rows` between 0 and 1 (log loss: nats).

    `coverage` is the share of tickets answered, `precision` the share of right answers among
    them (None if none was given), `majority` the accuracy of always saying the commonest label.
    """

    rows: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    log_loss: float
    majority: float
    coverage: float
    precision: float | None


class TargetReport(_Frozen):
    """How one target was learnt; figures on rows the fit had not seen.

    Attributes:
        target: Name.
        labels: Label names in the bundle.
        rows: Tickets with a label, after merging and leaving out.
        merged: Tickets by rare label that became ``other``.
        left_out: Tickets by rare label that were not used.
        wanted_precision: What the threshold was chosen for.
        threshold: Probability below which the bundle abstains; above 1 it always does.
        metrics: Figures on held-out rows; None if there were too few to measure.
        by_language: The same per value of the column ``language``.
        parts: Held-out accuracy of each part alone.
        scales: What the blend gives each part.
        predictable: False if the text says too little of this target; then it always abstains.
        suspicious: Row ids whose label the model doubts most, worst first.
        warnings: In words for an administrator.
    """

    target: str
    labels: tuple[str, ...]
    rows: int
    merged: Mapping[str, int]
    left_out: Mapping[str, int]
    wanted_precision: float
    threshold: float
    metrics: Metrics | None
    by_language: Mapping[str, Metrics]
    parts: Mapping[str, float]
    scales: Mapping[str, float]
    predictable: bool
    suspicious: tuple[str, ...]
    warnings: tuple[str, ...]


class TrainingReport(_Frozen):
    """What was built.

    Attributes:
        bundle: The folder.
        bundle_id: Its id.
        tickets: Tickets (or examples) used.
        groups: Groups of near-duplicates among them.
        inherited: Targets taken over from the base bundle unchanged.
        targets: One report a target.
        seconds: Wall-clock time.
        warnings: On the whole.
    """

    bundle: Path
    bundle_id: str
    tickets: int
    groups: int
    inherited: tuple[str, ...]
    targets: tuple[TargetReport, ...]
    seconds: float
    warnings: tuple[str, ...]


class TargetEvaluation(_Frozen):
    """Figures of a finished bundle on one target of a file.

    Attributes:
        metrics: Over all labelled tickets; a true label the bundle lacks counts as an error.
        by_language: The same per value of the column ``language``.
        confusion: Tickets by true label, then by predicted label.
    """

    metrics: Metrics
    by_language: Mapping[str, Metrics]
    confusion: Mapping[str, Mapping[str, int]]


class EvaluationReport(_Frozen):
    """Figures of a finished bundle on a file of tickets."""

    bundle_id: str
    tickets: int
    in_scope: float
    targets: Mapping[str, TargetEvaluation]
