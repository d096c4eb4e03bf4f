"""Builds bundles from labels that are only described: names, descriptions, keywords, few examples.

::

    targets:
      group:
        Billing:
          description: invoices, charges, payment methods
          keywords: [invoice, VAT]
          examples: [Why was I charged twice?, {subject: Invoice, body: Please send it again.}]
        Shipping: {}

Every label gives one prototype: the mean embedding of its name in a few phrasings, of its
description and of its keywords. Four parts score a ticket: its likeness to the prototypes, and
logistic regressions on embeddings and on wording and a ridge regression on both, in which
prototypes count as examples. How much each part counts the examples decide; without
examples the prototypes stand alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from classifier_training.blend import (
    ALWAYS_ABSTAIN,
    Blend,
    choose_blend,
    fit_blend,
    log_loss,
)
from classifier_training.data import read_tickets
from classifier_training.errors import DataError, TooFewTicketsError
from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.learn import Learnt, Material, one_hot, target_report
from classifier_training.logistic import fit_logistic, logistic_fold_scores
from classifier_training.report import TargetReport, TrainingReport
from classifier_training.ridge import Kernel, Recipe, fold_scores, primal_weights
from classifier_training.targets import Target
from classifier_training.train import Settings, assemble, inherited_from
from classifier_training.vectors import (
    Floats,
    Progress,
    TextEncoder,
    Vectors,
    dense_matrix,
    fit_space,
    sparse_matrix,
)
from classifier_training.writer import check_output, write_bundle
from ticket_classifier.bundle import MANIFEST_FILE, read_bundle
from ticket_classifier.encoder import DIMENSIONS
from ticket_classifier.features import FeatureSpace
from ticket_classifier.heads import Head

__all__ = ["Example", "LabelDescription", "LabelsFile", "read_labels", "train_from_labels"]

_PHRASINGS = (
    "{}",
    "Hello, I have a problem with {}. Can you help me?",
    "Hi, my question is about {}. Thank you.",
)
_RECIPE = Recipe("joint", 1.0, 1.0)
_DENSE_PENALTIES = (0.003, 0.01, 0.03, 0.1)
_WORDS_PENALTY = 0.03
_SELECTION_SPLITS = 2
_PROTOTYPE_DOUBT = 0.25
_UNMEASURED_SCALE = 12.0
_FEWEST_EXAMPLES = 40
_TOO_FEW = (
    "{} examples are too few to measure anything (it takes {}); "
    "the bundle abstains here unless the configuration sets min_confidence"
)
_SEPARATORS = re.compile(r"[_/\s]+")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Model):
    """One example ticket of a label."""

    subject: str = ""
    body: str


class LabelDescription(_Model):
    """What is known of a label besides its name."""

    description: str = ""
    keywords: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    @field_validator("examples", mode="before")
    @classmethod
    def _plain_text_is_a_body(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        return [{"body": entry} if isinstance(entry, str) else entry for entry in value]


class LabelsFile(_Model):
    """A whole ``labels.yml``: labels by target."""

    targets: dict[str, dict[str, LabelDescription]] = Field(min_length=1)

    @field_validator("targets", mode="before")
    @classmethod
    def _a_bare_name_is_a_label(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {target: _with_descriptions(labels) for target, labels in value.items()}


def _with_descriptions(labels: object) -> object:
    """Accept a list of names, and names without anything behind the colon."""
    if isinstance(labels, list):
        return {str(label): {} for label in labels}
    if isinstance(labels, dict):
        return {str(label): entry or {} for label, entry in labels.items()}
    return labels


def read_labels(file: Path) -> LabelsFile:
    """Read a ``labels.yml``.

    Raises:
        DataError: It cannot be read or is not of that form; the message names the place, never
            an example's text.
        TooFewTicketsError: A target has fewer than two labels.
    """
    try:
        content = LabelsFile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise DataError(file, "cannot be read") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(file, "is not YAML in UTF-8") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        # Without the cause: it would carry the text of examples.
        raise DataError(file, f"{place}: {first['msg']}") from None
    for name, labels in content.targets.items():
        if len(labels) < 2:
            raise TooFewTicketsError(name, found=len(labels), needed=2, what="labels")
    return content


def train_from_labels(
    labels: Path,
    output: Path,
    *,
    base: Path,
    unlabelled: Path | None = None,
    targets: Sequence[str] | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Build a bundle from described labels.

    Figures, calibration and threshold come from the examples, each judged by a fit without its
    fold. With fewer than 40 examples a target nothing can be measured: its figures are None and
    its threshold makes it abstain always, until the configuration sets a confidence of its own.

    Args:
        labels: A ``labels.yml``.
        output: Folder of the new bundle; an older bundle there is replaced.
        base: A bundle, or a folder with ``encoder.onnx`` and ``tokenizer.json``.
        unlabelled: Tickets as they come in, without labels; where there are few examples they
            say what is common to all tickets and so says nothing of the label.
        targets: Targets of the file to learn; by default all.
        settings: How to train.
        progress: Called with stage, steps done, steps in all.

    Raises:
        TrainingError: A file cannot be used.
        BundleError: `base` cannot be used.
    """
    started = time.monotonic()
    settings = settings or Settings()
    check_output(output)
    described = _wanted(labels, read_labels(labels), targets)
    encoder = TextEncoder(base, threads=settings.threads)
    drafts = [_draft(name, entries, encoder) for name, entries in described.items()]
    background = _background(unlabelled, encoder, progress)
    space, everything = _shared_space(drafts, background, _base_space(base))
    heads: dict[str, Head] = {}
    reports = []
    for done, draft in enumerate(drafts, start=1):
        heads[draft.name], report = _LabelLearner(draft, space).learn(settings)
        reports.append(report)
        if progress is not None:
            progress("learn", done, len(drafts))
    learnt = Learnt(space, heads, tuple(reports))
    content = assemble(encoder, learnt, everything, inherited_from(base, heads, settings))
    return TrainingReport(
        bundle=output,
        bundle_id=write_bundle(output, content),
        tickets=sum(len(draft.codes) for draft in drafts),
        groups=sum(len(np.unique(draft.groups())) for draft in drafts),
        inherited=tuple(name for name in content.heads if name not in heads),
        targets=learnt.reports,
        seconds=round(time.monotonic() - started, 1),
        warnings=(),
    )


def _wanted(
    file: Path, content: LabelsFile, targets: Sequence[str] | None
) -> Mapping[str, Mapping[str, LabelDescription]]:
    for name in targets or ():
        if name not in content.targets:
            raise DataError(file, f"has no target {name!r}")
    return {
        name: entries
        for name, entries in content.targets.items()
        if targets is None or name in targets
    }


@dataclass(frozen=True, slots=True)
class _Draft:
    """One target as numbers: a prototype a label, then the examples."""

    name: str
    labels: tuple[str, ...]
    prototypes: Vectors
    examples: Vectors
    codes: NDArray[np.intp]
    row_ids: tuple[str, ...]

    def groups(self) -> NDArray[np.intp]:
        return near_duplicate_groups(self.examples.counts)


def _draft(name: str, entries: Mapping[str, LabelDescription], encoder: TextEncoder) -> _Draft:
    examples = [
        (code, f"{label} #{number}", example)
        for code, (label, entry) in enumerate(entries.items())
        for number, example in enumerate(entry.examples, start=1)
    ]
    return _Draft(
        name=name,
        labels=tuple(entries),
        prototypes=_prototypes(entries, encoder),
        examples=encoder.vectors([(example.subject, example.body) for *_, example in examples]),
        codes=np.array([code for code, *_ in examples], dtype=np.intp),
        row_ids=tuple(row_id for _, row_id, _ in examples),
    )


def _prototypes(entries: Mapping[str, LabelDescription], encoder: TextEncoder) -> Vectors:
    """The mean embedding of each label's texts, and the n-grams of all its words."""
    joined, words = [], []
    for label, entry in entries.items():
        name = _SEPARATORS.sub(" ", label).strip()
        keywords = ", ".join(entry.keywords)
        texts = [phrasing.format(name) for phrasing in _PHRASINGS]
        # A description says more than a name: it counts as much as all phrasings together.
        texts += [text for text in (entry.description, keywords) if text] * len(_PHRASINGS)
        joined.append(np.mean([encoder.embed(text) for text in texts], axis=0))
        words.append(f"{name} {entry.description} {keywords}")
    counts = encoder.vectors_of_cleaned(words).counts
    return Vectors(np.array(joined, dtype=np.float32), counts)


def _background(
    unlabelled: Path | None, encoder: TextEncoder, progress: Progress | None
) -> Vectors | None:
    if unlabelled is None:
        return None
    tickets = read_tickets(unlabelled)
    return encoder.vectors([(ticket.subject, ticket.body) for ticket in tickets], progress)


def _stack(parts: Sequence[Vectors]) -> Vectors:
    return Vectors(
        np.concatenate([part.joined for part in parts]),
        sp.vstack([part.counts for part in parts]).tocsr(),
    )


def _shared_space(
    drafts: Sequence[_Draft], background: Vectors | None, base: FeatureSpace | None
) -> tuple[FeatureSpace, Vectors]:
    """The feature space of all targets, and all texts.

    It is centred on tickets rather than on label names: on the given ones, or where these are few
    on those that the base bundle learnt from.
    """
    tickets = [draft.examples for draft in drafts] + ([background] if background else [])
    everything = _stack([*tickets, *(draft.prototypes for draft in drafts)])
    space = fit_space(everything, sum(len(draft.labels) for draft in drafts))
    real = _stack(tickets).joined
    if len(real) >= _FEWEST_EXAMPLES:
        spread = np.maximum(real.std(axis=0), 1e-6)
        mean = real.mean(axis=0).astype(np.float32)
        scale = (1.0 / spread).astype(np.float32)
    else:
        lent = base or space
        mean, scale = lent.mean, lent.scale
    centred = FeatureSpace(buckets=space.buckets, idf=space.idf, mean=mean, scale=scale)
    return centred, everything


def _base_space(base: Path) -> FeatureSpace | None:
    """The space of the tickets that the base bundle learnt from, if it is a bundle."""
    if not (base / MANIFEST_FILE).exists():
        return None
    files = read_bundle(base)
    return files.spaces[files.manifest.scope.space]


class _LabelLearner:
    """Learns one target from its prototypes and examples; the examples' rows come first."""

    def __init__(self, draft: _Draft, space: FeatureSpace) -> None:
        labels, examples = len(draft.labels), len(draft.codes)
        self._draft = draft
        self._rows = np.arange(examples + labels)
        self._examples = self._rows[:examples]
        self._sparse = sparse_matrix(space, _stack([draft.examples, draft.prototypes]))
        # Names and tickets lie in different places; so each lot is centred on itself, unless too
        # few tickets are known to say where theirs is.
        own_mean = draft.prototypes.joined.mean(axis=0)
        mean = own_mean if examples >= _FEWEST_EXAMPLES else space.mean
        prototypes = _dense_around(mean, space, draft.prototypes)
        self._dense = np.concatenate([dense_matrix(space, draft.examples), prototypes])
        self._likeness = _general_half(prototypes).T
        doubt = np.ones(len(self._rows), dtype=np.float32)
        doubt[examples:] = _PROTOTYPE_DOUBT
        self._kernel = Kernel(self._sparse, self._dense, doubt)
        codes = np.concatenate([draft.codes, np.arange(labels)])
        self._truth, _ = one_hot([Target(draft.name, draft.labels, codes, {}, {})])

    def learn(self, settings: Settings) -> tuple[Head, TargetReport]:
        """Blend the parts by the examples and fold them into a head."""
        if len(self._examples) < _FEWEST_EXAMPLES or len(np.unique(self._draft.codes)) < 2:
            offsets = np.zeros(len(self._draft.labels))
            blend = Blend({"prototype": _UNMEASURED_SCALE}, offsets)
            return self._head(blend, _DENSE_PENALTIES[0], ALWAYS_ABSTAIN), _unmeasured(
                self._draft, settings
            )
        folds = fold_numbers(self._draft.groups(), settings.folds, seed=settings.seed)
        splits = self._splits(folds)
        penalty = self._best_penalty(splits[:_SELECTION_SPLITS])
        scores = {
            "prototype": self._dense[self._examples] @ self._likeness,
            "dense": self._logistic(penalty, splits)[self._examples],
            "words": logistic_fold_scores(self._sparse, self._truth, _WORDS_PENALTY, splits)[
                self._examples
            ],
            "joint": fold_scores(self._kernel, [_RECIPE], splits, self._truth)[_RECIPE][
                self._examples
            ],
        }
        blend = choose_blend(scores, self._draft.codes)
        report = self._report(blend, scores, folds, settings)
        return self._head(blend, penalty, report.threshold), report

    def _splits(self, folds: NDArray[np.intp]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Folds of the examples; the prototypes are always there to fit on."""
        prototypes = self._rows[len(self._examples) :]
        return [
            (
                np.concatenate([np.flatnonzero(folds != fold), prototypes]),
                np.flatnonzero(folds == fold),
            )
            for fold in np.unique(folds)
        ]

    def _logistic(
        self, penalty: float, splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    ) -> Floats:
        return logistic_fold_scores(self._dense, self._truth, penalty, splits)

    def _best_penalty(self, splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> float:
        held = np.concatenate([held for _, held in splits])
        codes = self._draft.codes[held]

        def loss(penalty: float) -> float:
            scores = {"dense": self._logistic(penalty, splits)[held]}
            return float(log_loss(fit_blend(scores, codes).probabilities(scores), codes).mean())

        return min(_DENSE_PENALTIES, key=loss)

    def _report(
        self,
        blend: Blend,
        scores: Mapping[str, Floats],
        folds: NDArray[np.intp],
        settings: Settings,
    ) -> TargetReport:
        draft = self._draft
        material = Material(
            vectors=draft.examples,
            row_ids=draft.row_ids,
            folds=folds,
            languages=[None] * len(draft.codes),
            precisions=settings.precisions,
            default_precision=settings.precision,
        )
        target = Target(draft.name, draft.labels, draft.codes, {}, {})
        return target_report(material, target, blend, scores, self._examples)

    def _head(self, blend: Blend, penalty: float, threshold: float) -> Head:
        labels = len(self._draft.labels)
        sparse = np.zeros((self._sparse.shape[1], labels), dtype=np.float32)
        dense = np.float32(blend.scales.get("prototype", 0.0)) * self._likeness
        bias = blend.offsets.copy()
        if scale := blend.scales.get("dense", 0.0):
            weights, added = fit_logistic(self._dense, self._truth, penalty)
            dense += np.float32(scale) * weights
            bias += scale * added
        if scale := blend.scales.get("words", 0.0):
            weights, added = fit_logistic(self._sparse, self._truth, _WORDS_PENALTY)
            sparse += np.float32(scale) * weights
            bias += scale * added
        if scale := blend.scales.get("joint", 0.0):
            dual, mean = self._kernel.dual_weights(_RECIPE, self._rows, self._truth)
            parts = primal_weights(_RECIPE, dual, self._sparse, self._dense)
            sparse += np.float32(scale) * parts[0]
            dense += np.float32(scale) * parts[1]
            bias += scale * mean
        return Head(
            labels=self._draft.labels,
            sparse=sparse.astype(np.float16),
            dense=dense,
            bias=bias.astype(np.float32),
            threshold=threshold,
        )


def _dense_around(mean: Floats, space: FeatureSpace, vectors: Vectors) -> Floats:
    """As `dense_matrix`, around another mean."""
    around = FeatureSpace(buckets=space.buckets, idf=space.idf, mean=mean, scale=space.scale)
    return dense_matrix(around, vectors)


def _general_half(prototypes: Floats) -> Floats:
    """Prototypes by their ``general`` half alone: the other is trained on tickets, not on names."""
    halved = prototypes.copy()
    halved[:, DIMENSIONS:] = 0.0
    lengths = np.linalg.norm(halved, axis=1, keepdims=True)
    return (halved / np.maximum(lengths, 1e-6)).astype(np.float32)


def _unmeasured(draft: _Draft, settings: Settings) -> TargetReport:
    return TargetReport(
        target=draft.name,
        labels=draft.labels,
        rows=len(draft.codes),
        merged={},
        left_out={},
        wanted_precision=settings.precisions.get(draft.name, settings.precision),
        threshold=ALWAYS_ABSTAIN,
        metrics=None,
        by_language={},
        parts={},
        scales={"prototype": _UNMEASURED_SCALE},
        predictable=True,
        suspicious=(),
        warnings=(_TOO_FEW.format(len(draft.codes), _FEWEST_EXAMPLES),),
    )
