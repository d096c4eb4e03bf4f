"""Trains a bundle beside the one in use, compares the two, and puts the better one in place."""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from classifier_training import Settings, TrainingReport, train_from_tickets
from classifier_training.evaluate import evaluate
from classifier_training.writer import check_output
from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.output import progress_bar
from ticket_classifier import BundleError
from ticket_classifier.bundle import MANIFEST_FILE

__all__ = ["Comparison", "Figures", "Task", "Trained", "train_bundle"]

_CHANCE = 1.96  # standard errors: one in forty falls lower by chance
_ROW_IDS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Task:
    """What to train.

    Attributes:
        tickets: Labelled tickets.
        output: Folder of the bundle.
        base: Bundle that lends the encoder, and targets that are not trained.
        targets: Columns to learn; None: all that look like labels.
        holdout: Labelled tickets to compare on, new to both bundles.
        seed: Decides folds and samples.
    """

    tickets: Path
    output: Path
    base: Path | None
    targets: Sequence[str] | None
    holdout: Path | None
    seed: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a bundle is at one target, on tickets its training had not seen."""

    rows: int
    accuracy: float
    coverage: float
    precision: float | None

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> Self:
        """Take the figures out of a training's or an evaluation's metrics."""
        return cls(
            int(metrics["rows"]),
            float(metrics["accuracy"]),
            float(metrics["coverage"]),
            None if metrics["precision"] is None else float(metrics["precision"]),
        )

    @property
    def variance(self) -> float:
        """Return the variance of the accuracy, as of so many draws."""
        return self.accuracy * (1 - self.accuracy) / max(1, self.rows)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One target before and after; None where a bundle lacks it or has no figures for it."""

    target: str
    before: Figures | None
    after: Figures | None

    @property
    def is_worse(self) -> bool:
        """Whether the new bundle is less accurate by more than chance, or lacks the target."""
        if self.before is None:
            return False
        if self.after is None:
            return True
        margin = _CHANCE * math.sqrt(self.before.variance + self.after.variance)
        return self.after.accuracy < self.before.accuracy - margin


@dataclass(frozen=True, slots=True)
class Trained:
    """A training that is over.

    Attributes:
        report: What was learnt.
        comparisons: Each target before and after.
        replaced: Whether there was a bundle before.
        in_place: Whether the new bundle is in the output folder.
    """

    HEADERS: ClassVar = ("Target", "Labels", "Tickets", "Accuracy", "Before", "Answers", "Right")

    report: TrainingReport
    comparisons: tuple[Comparison, ...]
    replaced: bool
    in_place: bool

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Return the figures for people."""
        labels = {target.target: str(len(target.labels)) for target in self.report.targets}
        for one in self.comparisons:
            before = f"{one.before.accuracy:.3f}" if one.before else "-"
            if one.after is None:
                yield one.target, "-", "-", "-", before, "-", "-"
                continue
            right = "-" if one.after.precision is None else f"{one.after.precision:.1%}"
            yield (
                one.target,
                labels.get(one.target, "-"),
                str(one.after.rows),
                f"{one.after.accuracy:.3f}",
                before,
                f"{one.after.coverage:.1%}",
                right,
            )

    def warnings(self) -> Iterator[str]:
        """Return what the administrator should know, in sentences without ticket text."""
        yield from self.report.warnings
        for target in self.report.targets:
            yield from (f"{target.target}: {warning}" for warning in target.warnings)
            if target.suspicious:
                first = ", ".join(target.suspicious[:_ROW_IDS_SHOWN])
                count = len(target.suspicious)
                yield f"{target.target}: {count} rows may be mislabelled, first {first}"

    def conclusion(self) -> str:
        """Return what became of the bundle, in one sentence."""
        report = self.report
        name = f"bundle {report.bundle_id}, {report.tickets} tickets in {report.seconds:.0f} s"
        if self.in_place:
            return f"{'Replaced by' if self.replaced else 'Wrote'} {name}: {report.bundle}"
        worse = ", ".join(one.target for one in self.comparisons if one.is_worse)
        return (
            f"Kept the bundle in {report.bundle}: {name}, is worse in {worse}; add tickets, or "
            "replace it all the same with --force"
        )

    def as_record(self) -> dict[str, Any]:
        """Return everything for scripts."""
        return {
            "in_place": self.in_place,
            "replaced": self.replaced,
            "comparisons": [{**asdict(one), "is_worse": one.is_worse} for one in self.comparisons],
            "report": self.report.model_dump(mode="json"),
        }


def train_bundle(task: Task, *, force: bool) -> Trained:
    """Train, compare, and replace the bundle in the output folder unless it is better.

    Raises:
        TrainingError: Tickets, labels or output folder cannot be used.
        BundleError: The base cannot be used.
        OSError: The output folder cannot be written.
    """
    output = task.output.resolve()
    check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    replaced = output.is_dir() and any(output.iterdir())
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        fresh = Path(scratch) / "new"
        with progress_bar("Training", 1) as progress:

            def show(stage: str, done: int, total: int) -> None:
                progress(done, total, stage)

            report = train_from_tickets(
                task.tickets,
                fresh,
                base=bundle_folder(task.base),
                targets=task.targets,
                settings=Settings(seed=task.seed),
                progress=show,
            )
            after = _figures(fresh, task.holdout)
            before = _figures(output, task.holdout) if replaced else {}
        comparisons = tuple(
            Comparison(target, before.get(target), after.get(target))
            for target in dict.fromkeys((*after, *before))
        )
        in_place = force or not any(one.is_worse for one in comparisons)
        if in_place:
            _replace(output, fresh, Path(scratch) / "old")
    report = report.model_copy(update={"bundle": task.output})
    return Trained(report, comparisons, replaced, in_place)


def _figures(bundle: Path, holdout: Path | None) -> dict[str, Figures]:
    """Return a bundle's figures by target; a bundle that is broken has none."""
    try:
        if holdout is not None:
            evaluated = evaluate(bundle, holdout)
            return {
                name: Figures.of(one.metrics.model_dump())
                for name, one in evaluated.targets.items()
            }
        manifest = json.loads((bundle / MANIFEST_FILE).read_text(encoding="utf-8"))
        return {
            name: Figures.of(target["metrics"]["metrics"])
            for name, target in manifest["targets"].items()
            if "metrics" in target["metrics"]
        }
    except (BundleError, OSError, ValueError, KeyError, TypeError):
        return {}


def _replace(output: Path, fresh: Path, old: Path) -> None:
    """Put a bundle in place by renaming, so that there is one at every moment but an instant."""
    if not output.exists():
        fresh.rename(output)
        return
    output.rename(old)
    try:
        fresh.rename(output)
    except OSError:
        old.rename(output)
        raise
