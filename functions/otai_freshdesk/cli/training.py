"""Trains a bundle beside the one in use, compares the two, and puts the better one in place."""

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from classifier_training import (
    Settings,
    TrainingReport,
    train_corpus,
    train_from_labels,
    train_from_tickets,
)
from classifier_training.data import Ticket, read_tickets
from classifier_training.evaluate import evaluate_classifier
from classifier_training.vectors import TextEncoder
from classifier_training.writer import check_output, put_in_place
from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.output import progress_bar
from otai_freshdesk.cli.resolved import Collection
from ticket_classifier import BundleError, load
from ticket_classifier.bundle import MANIFEST_FILE

__all__ = [
    "Comparison",
    "Figures",
    "FromFreshdesk",
    "FromLabels",
    "FromTickets",
    "Task",
    "Trained",
    "train_bundle",
]

_CHANCE = 1.96  # standard errors: one in forty falls lower by chance
_ROW_IDS_SHOWN = 10

type Show = Callable[[str, int, int | None], None]
"""Called with a stage, steps done, and steps in all where that is known."""


class Source(Protocol):
    """Where labels come from."""

    def learn(self, output: Path, base: Path, settings: Settings, show: Show) -> TrainingReport:
        """Write a bundle to `output`.

        Args:
            output: Folder of the new bundle.
            base: Bundle that lends the encoder, and targets that are not trained.
            settings: How to train.
            show: Told how far it came.

        Raises:
            TrainingError, BundleError: What was given cannot be used.
        """
        ...

    def finish(self) -> None:
        """Clean up after a bundle was made."""
        ...


@dataclass(frozen=True, slots=True)
class FromTickets:
    """A file of labelled tickets; `targets` are its columns to learn, None: all label columns."""

    file: Path
    targets: Sequence[str] | None

    def learn(self, output: Path, base: Path, settings: Settings, show: Show) -> TrainingReport:
        """Write a bundle to `output`."""
        return train_from_tickets(
            self.file, output, base=base, targets=self.targets, settings=settings, progress=show
        )

    def finish(self) -> None:
        """Nothing is left over."""


@dataclass(frozen=True, slots=True)
class FromLabels:
    """A file of described labels, perhaps tickets without labels; None: all targets of it."""

    file: Path
    unlabelled: Path | None
    targets: Sequence[str] | None

    def learn(self, output: Path, base: Path, settings: Settings, show: Show) -> TrainingReport:
        """Write a bundle to `output`."""
        return train_from_labels(
            self.file,
            output,
            base=base,
            unlabelled=self.unlabelled,
            targets=self.targets,
            settings=settings,
            progress=show,
        )

    def finish(self) -> None:
        """Nothing is left over."""


@dataclass(frozen=True, slots=True)
class FromFreshdesk:
    """The account's resolved tickets; None: every field that was filled often enough."""

    collection: Collection
    targets: Sequence[str] | None

    def learn(self, output: Path, base: Path, settings: Settings, show: Show) -> TrainingReport:
        """Write a bundle to `output`."""
        encoder = TextEncoder(base, threads=settings.threads)
        with self.collection.kept():
            corpus = self.collection.collect(
                encoder, lambda done: show(f"Reading tickets: {done}", done, None)
            )
            return train_corpus(
                corpus, output, base=base, targets=self.targets, settings=settings, progress=show
            )

    def finish(self) -> None:
        """Let go of what was collected."""
        self.collection.finish()


@dataclass(frozen=True, slots=True)
class Task:
    """What to train.

    Attributes:
        source: Where labels come from.
        output: Folder of the bundle.
        base: Bundle that lends the encoder, and targets that are not trained.
        holdout: Labelled tickets to compare on, new to both bundles.
        settings: How to train.
    """

    source: Source
    output: Path
    base: Path | None
    holdout: Path | None
    settings: Settings


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
            # A manifest leaves out what there is none of: a bundle that always abstains.
            None if metrics.get("precision") is None else float(metrics["precision"]),
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
        trained = {target.target: target for target in self.report.targets}
        for one in self.comparisons:
            target = trained.get(one.target)
            labels = str(len(target.labels)) if target else "-"
            before = f"{one.before.accuracy:.3f}" if one.before else "-"
            if one.after is None:
                rows = str(target.rows) if target else "-"
                yield one.target, labels, rows, "-", before, "-", "-"
                continue
            right = "-" if one.after.precision is None else f"{one.after.precision:.1%}"
            yield (
                one.target,
                labels,
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
        TrainingError: Tickets, labels, holdout or output folder cannot be used.
        BundleError: The base cannot be used.
        OSError: The output folder cannot be written.
    """
    output = task.output.resolve()
    check_output(output)
    holdout = read_tickets(task.holdout) if task.holdout else None
    output.parent.mkdir(parents=True, exist_ok=True)
    replaced = output.is_dir() and any(output.iterdir())
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        fresh = Path(scratch) / "new"
        with progress_bar("Training", 1) as progress:

            def show(stage: str, done: int, total: int | None) -> None:
                progress(done, total, stage)

            base = bundle_folder(task.base)
            report = task.source.learn(fresh, base, task.settings, show)
            after = _figures(fresh, holdout)
            before = _figures(output, holdout) if replaced else {}
        learnt = [target.target for target in report.targets]
        comparisons = tuple(
            Comparison(target, before.get(target), after.get(target))
            for target in dict.fromkeys((*learnt, *after, *before))
        )
        in_place = force or not any(one.is_worse for one in comparisons)
        if in_place:
            put_in_place(fresh, output)
        task.source.finish()
    report = report.model_copy(update={"bundle": task.output})
    return Trained(report, comparisons, replaced, in_place)


def _figures(bundle: Path, holdout: Sequence[Ticket] | None) -> dict[str, Figures]:
    """Return a bundle's figures by target; a bundle that is broken has none.

    Those of its training, and where the holdout tells a target's labels, those on the holdout.
    """
    try:
        manifest = json.loads((bundle / MANIFEST_FILE).read_text(encoding="utf-8"))
        measured = {
            name: Figures.of(target["metrics"]["metrics"])
            for name, target in manifest["targets"].items()
            if "metrics" in target["metrics"]
        }
        if holdout is not None:
            evaluated = evaluate_classifier(load(bundle), holdout)
            measured |= {
                name: Figures.of(one.metrics.model_dump())
                for name, one in evaluated.targets.items()
            }
    except (BundleError, OSError, ValueError, KeyError, TypeError):
        return {}
    return measured
