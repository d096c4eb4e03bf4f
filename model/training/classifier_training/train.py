"""Builds bundles from labelled tickets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier_training.corpus import Corpus
from classifier_training.data import (
    Ticket,
    columns_of_labels,
    label_columns,
    read_tickets,
    row_hash,
)
from classifier_training.errors import DataError, NothingToLearnError, TooFewTicketsError
from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.learn import Learnt, Material, learn_targets, scope_of
from classifier_training.report import TargetReport, TrainingReport
from classifier_training.targets import RareLabels, Target, prepare_target
from classifier_training.vectors import Progress, TextEncoder, Vectors, fingerprints
from classifier_training.writer import BundleContent, check_output, write_bundle
from ticket_classifier.bundle import MANIFEST_FILE, BundleFiles, Scope, read_bundle
from ticket_classifier.features import FeatureSpace
from ticket_classifier.heads import Head

__all__ = [
    "DEFAULT_PRECISIONS",
    "Settings",
    "train_corpus",
    "train_default",
    "train_from_tickets",
]

DEFAULT_PRECISIONS: Mapping[str, float] = {
    "queue": 0.94,
    "priority": 0.85,
    "sentiment": 0.90,
    "language": 0.99,
}
"""Where the default model's targets want another precision than .95."""

_TEST_SPLIT = "test.jsonl"
_OWN_SPACE = "own"
_MOST_THREADS = 4
_DIFFERENT = "groups of different tickets"


def _processors() -> int:
    return min(_MOST_THREADS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes:
        precision: Wanted precision of the answers given; thresholds follow from it.
        precisions: The same for single targets.
        fewest: Tickets a label needs.
        rare: What becomes of labels with fewer.
        folds: Folds of near-duplicate groups that held-out figures come from.
        seed: Decides folds and samples; the same seed and data give the same bundle.
        inherit: Keep the targets of the base bundle that are not trained.
        remember: Keep a fingerprint of each text in the bundle, so that a back-test can leave out
            what taught it.
        most: Tickets used at most, drawn at random if there are more: memory grows with their
            square (12,000 need 1.5 GB).
        threads: Tickets embedded at once; changes nothing but the time it takes.
    """

    precision: float = 0.95
    precisions: Mapping[str, float] = field(default_factory=dict)
    fewest: int = 8
    rare: RareLabels = "merge"
    folds: int = 5
    seed: int = 0
    inherit: bool = True
    remember: bool = True
    most: int = 12_000
    threads: int = field(default_factory=_processors)


def train_from_tickets(
    tickets: Path,
    output: Path,
    *,
    base: Path,
    targets: Sequence[str] | None = None,
    settings: Settings | None = None,
    encoder: TextEncoder | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train a bundle on labelled tickets of one's own.

    Args:
        tickets: JSON Lines or CSV with ``subject``, ``body`` and label columns.
        output: Folder of the new bundle; an older bundle there is replaced.
        base: A bundle, or a folder with ``encoder.onnx`` and ``tokenizer.json``.
        targets: Columns to learn; by default all that look like labels.
        settings: How to train.
        encoder: That of `base`, if it is started already: it remembers what it has embedded.
        progress: Called with stage, steps done, steps in all.

    Raises:
        TrainingError: Tickets or labels cannot be used.
        BundleError: `base` cannot be used.
        OSError: `tickets` cannot be read, or `output` not be written.
    """
    rows = read_tickets(tickets)
    settings = settings or Settings()
    labels = [row.labels for row in rows]
    columns = label_columns(rows) if targets is None else {name for one in labels for name in one}
    if not columns:
        raise DataError(tickets, "has no column that looks like labels")
    for name in targets or ():
        if name not in columns:
            raise DataError(tickets, f"has no column {name!r}")
    picked, wanted, warnings = _chosen(labels, targets, settings)
    return train_rows(
        [rows[row] for row in picked],
        output,
        base=base,
        targets=wanted,
        settings=settings,
        lenient=targets is None,
        warnings=warnings,
        encoder=encoder,
        progress=progress,
    )


def train_default(
    tickets: Path,
    output: Path,
    *,
    encoder: Path | None = None,
    calibration: Path | None = None,
    early: Collection[str] = (),
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train the default bundle's heads on the project's tickets.

    Args:
        tickets: Folder of JSON Lines files; ``test.jsonl`` is not read.
        output: The bundle.
        encoder: Folder of ``encoder.onnx`` and ``tokenizer.json``; by default `output` itself.
        calibration: File of row keys (leading digits of `row_hash`), one a line: the rows the
            encoder was not fine-tuned on. Blend, calibration and thresholds are then fitted on
            them alone. Without it, folds are used, which is right for a pretrained encoder only.
        early: Names of the files labelled before the guide was sharpened. The heads answer as
            those are labelled, and learn apart how the others differ. By default all are alike.
        settings: How to train.
        progress: Called with stage, steps done, steps in all.

    Raises:
        TrainingError: Tickets or labels cannot be used.
        BundleError: The encoder cannot be used.
    """
    files = [file for file in sorted(tickets.glob("*.jsonl")) if file.name != _TEST_SPLIT]
    if not files:
        raise DataError(tickets, "holds no tickets (*.jsonl)")
    found = {row_hash(row): (row, file.name) for file in files for row in read_tickets(file)}
    rows = [row for row, _ in found.values()]
    return train_rows(
        rows,
        output,
        base=encoder or output,
        targets=label_columns(rows),
        settings=settings or Settings(precisions=DEFAULT_PRECISIONS, inherit=False, remember=False),
        held=_held_rows(rows, calibration) if calibration else None,
        late=np.array([name not in early for _, name in found.values()]) if early else None,
        progress=progress,
    )


def train_rows(
    rows: Sequence[Ticket],
    output: Path,
    *,
    base: Path,
    targets: Sequence[str],
    settings: Settings,
    held: NDArray[np.bool_] | None = None,
    late: NDArray[np.bool_] | None = None,
    lenient: bool = False,
    warnings: Sequence[str] = (),
    encoder: TextEncoder | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train on all of some tickets in memory; see `train_from_tickets`.

    `lenient`: a target whose tickets are all alike is left out with a word, not refused.
    """
    started = time.monotonic()
    check_output(output)
    labels = [row.labels for row in rows]
    _prepared(labels, targets, settings)  # what is wrong with them is said before the long work
    encoder = encoder or TextEncoder(base, threads=settings.threads)
    vectors = encoder.vectors([(row.subject, row.body) for row in rows], progress)
    corpus = Corpus([row.row_id for row in rows], labels, vectors)
    run = _Run(output, base, targets, settings, started, lenient, warnings)
    return run.train(corpus, encoder, held=held, late=late, progress=progress)


def train_corpus(
    corpus: Corpus,
    output: Path,
    *,
    base: Path,
    targets: Sequence[str] | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train on tickets that are numbers already, made with the encoder of `base`.

    Args:
        corpus: The tickets.
        output: Folder of the new bundle; an older bundle there is replaced.
        base: The bundle whose encoder made the corpus.
        targets: Columns to learn; by default all that look like labels.
        settings: How to train.
        progress: Called with stage, steps done, steps in all.

    Raises:
        TrainingError: Labels cannot be used.
        BundleError: `base` cannot be used.
    """
    started = time.monotonic()
    check_output(output)
    settings = settings or Settings()
    picked, wanted, warnings = _chosen(corpus.labels, targets, settings)
    encoder = TextEncoder(base, threads=settings.threads)
    run = _Run(output, base, wanted, settings, started, targets is None, warnings)
    return run.train(corpus.take(picked), encoder, progress=progress)


@dataclass(frozen=True, slots=True)
class _Run:
    """One training, from vectors to a bundle in place."""

    output: Path
    base: Path
    targets: Sequence[str]
    settings: Settings
    started: float
    lenient: bool
    warnings: Sequence[str]

    def train(
        self,
        corpus: Corpus,
        encoder: TextEncoder,
        *,
        held: NDArray[np.bool_] | None = None,
        late: NDArray[np.bool_] | None = None,
        progress: Progress | None = None,
    ) -> TrainingReport:
        """Learn, measure, write."""
        settings = self.settings
        groups = near_duplicate_groups(corpus.vectors.counts, seed=settings.seed)
        prepared, left_out = self._varied(_prepared(corpus.labels, self.targets, settings), groups)
        material = Material(
            vectors=corpus.vectors,
            row_ids=corpus.row_ids,
            folds=fold_numbers(groups, settings.folds, seed=settings.seed),
            languages=[labels.get("language") for labels in corpus.labels],
            held=held,
            late=late,
            precisions=settings.precisions,
            default_precision=settings.precision,
        )
        learnt = learn_targets(material, prepared, progress)
        inherited = inherited_from(self.base, learnt.heads, settings)
        content = assemble(
            encoder,
            learnt,
            corpus.vectors,
            inherited,
            taught_by=fingerprints(corpus.vectors) if settings.remember else set(),
        )
        return TrainingReport(
            bundle=self.output,
            bundle_id=write_bundle(self.output, content),
            tickets=len(corpus.row_ids),
            groups=len(np.unique(groups)),
            inherited=tuple(name for name in content.heads if name not in learnt.heads),
            targets=learnt.reports,
            seconds=round(time.monotonic() - self.started, 1),
            warnings=(*self.warnings, *left_out),
        )

    def _varied(
        self, targets: Sequence[Target], groups: NDArray[np.intp]
    ) -> tuple[list[Target], list[str]]:
        """The targets with tickets that differ, so that there are folds, and a word for others."""
        problems = {
            target.name: TooFewTicketsError(target.name, found=1, needed=2, what=_DIFFERENT)
            for target in targets
            if len(np.unique(groups[target.rows])) < 2
        }
        varied = [target for target in targets if target.name not in problems]
        if problems and not (self.lenient and varied):
            raise next(iter(problems.values()))
        return varied, [str(problem) for problem in problems.values()]


def _chosen(
    labels: Sequence[Mapping[str, str]], targets: Sequence[str] | None, settings: Settings
) -> tuple[list[int], list[str], list[str]]:
    """Which rows to use, which targets to learn, and a word for what is left out unasked."""
    picked, warnings = _at_most(labels, targets, settings)
    if targets is not None:
        return picked, list(targets), warnings
    of_picked = [labels[row] for row in picked]
    usable, left_out = _usable(of_picked, columns_of_labels(labels), settings)
    return picked, usable, [*warnings, *left_out]


def _at_most(
    labels: Sequence[Mapping[str, str]], targets: Sequence[str] | None, settings: Settings
) -> tuple[list[int], list[str]]:
    """The numbers of as many rows as are to be used, and a word if these are not all.

    Where rows have to be left out, those go first that have none of the wanted labels.
    """
    rows = len(labels)
    if rows <= settings.most:
        return list(range(rows)), []
    order = np.random.default_rng(settings.seed).permutation(rows)
    if targets is not None:
        wanted = set(targets)
        labelled = np.array([not wanted.isdisjoint(of_ticket) for of_ticket in labels])
        order = order[np.argsort(~labelled[order], kind="stable")]
    picked = np.sort(order[: settings.most])
    return picked.tolist(), [f"{settings.most} of {rows} tickets were used, drawn at random"]


def _prepared(
    labels: Sequence[Mapping[str, str]], targets: Sequence[str], settings: Settings
) -> list[Target]:
    return [
        prepare_target(
            name,
            [of_ticket.get(name) for of_ticket in labels],
            fewest=settings.fewest,
            rare=settings.rare,
        )
        for name in targets
    ]


def _usable(
    labels: Sequence[Mapping[str, str]], columns: Sequence[str], settings: Settings
) -> tuple[list[str], list[str]]:
    """The columns with enough to learn from, and a word for each other, unless none has."""
    usable, problems = [], []
    for name in columns:
        try:
            _prepared(labels, [name], settings)
        except TooFewTicketsError as error:
            problems.append(error)
        else:
            usable.append(name)
    if not usable:
        raise problems[0] if problems else NothingToLearnError
    return usable, [str(problem) for problem in problems]


def _held_rows(rows: Sequence[Ticket], calibration: Path) -> NDArray[np.bool_]:
    try:
        keys = set(calibration.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(calibration, "cannot be read") from error
    lengths = {len(key) for key in keys}
    hashes = [row_hash(row) for row in rows]
    held = np.array([any(value[:length] in keys for length in lengths) for value in hashes])
    if not held.any() or held.all():
        raise DataError(calibration, "names none of the tickets, or all of them")
    return held


# --- putting a bundle together ----------------------------------------------------------------


def inherited_from(
    base: Path, trained: Mapping[str, Head], settings: Settings
) -> BundleFiles | None:
    """The base bundle, if it is one, has targets not trained anew, and is to lend them.

    Raises:
        BundleError: The base bundle cannot be used.
    """
    if not settings.inherit or not (base / MANIFEST_FILE).exists():
        return None
    files = read_bundle(base)
    return files if set(files.heads) - set(trained) else None


def assemble(
    encoder: TextEncoder,
    learnt: Learnt,
    vectors: Vectors,
    inherited: BundleFiles | None,
    *,
    taught_by: set[int],
) -> BundleContent:
    """A bundle's content from what was learnt, whose texts, and what the base bundle lends."""
    spaces: dict[str, FeatureSpace] = {_OWN_SPACE: learnt.space}
    heads: dict[str, Head] = dict(learnt.heads)
    space_of = dict.fromkeys(heads, _OWN_SPACE)
    metrics = {report.target: _manifest_metrics(report) for report in learnt.reports}
    if inherited is not None:
        taught_by = taught_by | inherited.taught_by
        for name, target in inherited.manifest.targets.items():
            if name not in heads:
                lent = f"base-{target.space}"
                spaces[lent] = inherited.spaces[target.space]
                heads[name] = inherited.heads[name]
                space_of[name] = lent
                metrics[name] = dict(target.metrics)
    return BundleContent(
        files=encoder.files,
        spaces=spaces,
        heads=heads,
        space_of=space_of,
        metrics=metrics,
        scope=_scope(learnt, vectors),
        encoder={"name": "multilingual-e5-small", "licence": "MIT"},
        trained_with={
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            **{package: version(package) for package in ("numpy", "onnxruntime", "scipy")},
        },
        taught_by=np.array(sorted(taught_by), dtype=np.uint32),
    )


def _scope(learnt: Learnt, vectors: Vectors) -> Scope:
    return scope_of(_OWN_SPACE, learnt.space, vectors)


def _manifest_metrics(report: TargetReport) -> dict[str, object]:
    """The figures a manifest keeps of a target."""
    return report.model_dump(
        mode="json",
        include={"metrics", "wanted_precision", "scales", "predictable", "rows"},
        exclude_none=True,
    )
