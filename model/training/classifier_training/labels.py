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
description and of its keywords. Prototypes and examples are fitted together by ridge regression
on the joint kernel, the prototypes at a quarter of the penalty, so that they decide where there
are no examples and fade as these become many (42 German queues from English names, five examples
each: .66 against .63 without prototypes).
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

from classifier_training.blend import ALWAYS_ABSTAIN, Blend, choose_blend
from classifier_training.data import read_tickets
from classifier_training.errors import DataError, TooFewTicketsError
from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.learn import Learnt, Material, one_hot, target_report
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
from ticket_classifier.features import FeatureSpace
from ticket_classifier.heads import Head

__all__ = ["Example", "LabelDescription", "LabelsFile", "read_labels", "train_from_labels"]

_PHRASINGS = (
    "{}",
    "Hello, I have a problem with {}. Can you help me?",
    "Hi, my question is about {}. Thank you.",
)
_RECIPE = Recipe("joint", 1.0, 1.0, 1.0)
_PROTOTYPE_DOUBT = 0.25
_UNMEASURED_SCALE = 8.0
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
    space, everything = _shared_space(drafts, background)
    heads: dict[str, Head] = {}
    reports = []
    for done, draft in enumerate(drafts, start=1):
        heads[draft.name], report = _learn(draft, space, settings)
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
    drafts: Sequence[_Draft], background: Vectors | None
) -> tuple[FeatureSpace, Vectors]:
    """The feature space of all targets, centred on tickets rather than on label names."""
    tickets = [draft.examples for draft in drafts] + ([background] if background else [])
    everything = _stack([*tickets, *(draft.prototypes for draft in drafts)])
    space = fit_space(everything, sum(len(draft.labels) for draft in drafts))
    real = _stack(tickets)
    if len(real.joined) < _FEWEST_EXAMPLES:
        return space, everything
    spread = np.maximum(real.joined.std(axis=0), 1e-6)
    centred = FeatureSpace(
        buckets=space.buckets,
        idf=space.idf,
        mean=real.joined.mean(axis=0, dtype=np.float64).astype(np.float32),
        scale=(1.0 / spread).astype(np.float32),
    )
    return centred, everything


def _learn(draft: _Draft, space: FeatureSpace, settings: Settings) -> tuple[Head, TargetReport]:
    labels, examples = len(draft.labels), len(draft.codes)
    sparse = sparse_matrix(space, _stack([draft.examples, draft.prototypes]))
    dense = np.concatenate(
        [dense_matrix(space, draft.examples), _centred_prototypes(space, draft.prototypes)]
    )
    doubt = np.ones(examples + labels, dtype=np.float32)
    doubt[examples:] = _PROTOTYPE_DOUBT
    kernel = Kernel(sparse, dense, doubt)
    target = Target(
        name=draft.name,
        labels=draft.labels,
        codes=np.concatenate([draft.codes, np.arange(labels)]),
        merged={},
        left_out={},
    )
    truth, _ = one_hot([target])
    blend, report = _measure(draft, kernel, truth, settings)
    dual, mean = kernel.dual_weights(_RECIPE, np.arange(examples + labels), truth)
    scale = blend.scales["joint"]
    sparse_weights, dense_weights = primal_weights(_RECIPE, dual, sparse, dense)
    head = Head(
        labels=draft.labels,
        sparse=(scale * sparse_weights).astype(np.float16),
        dense=(scale * dense_weights).astype(np.float32),
        bias=(blend.offsets + scale * mean).astype(np.float32),
        threshold=report.threshold,
    )
    return head, report


def _centred_prototypes(space: FeatureSpace, prototypes: Vectors) -> Floats:
    """Prototypes around their own mean: names and tickets lie in different places."""
    around = FeatureSpace(
        buckets=space.buckets,
        idf=space.idf,
        mean=prototypes.joined.mean(axis=0),
        scale=space.scale,
    )
    return dense_matrix(around, prototypes)


def _measure(
    draft: _Draft, kernel: Kernel, truth: Floats, settings: Settings
) -> tuple[Blend, TargetReport]:
    """Blend and report from the examples, or fixed ones if there are too few."""
    examples, labels = len(draft.codes), len(draft.labels)
    if examples < _FEWEST_EXAMPLES or len(np.unique(draft.codes)) < 2:
        return Blend({"joint": _UNMEASURED_SCALE}, np.zeros(labels)), _unmeasured(draft, settings)
    folds = fold_numbers(draft.groups(), settings.folds, seed=settings.seed)
    prototypes = np.arange(examples, examples + labels)
    splits = [
        (np.concatenate([np.flatnonzero(folds != fold), prototypes]), np.flatnonzero(folds == fold))
        for fold in np.unique(folds)
    ]
    scores = {"joint": fold_scores(kernel, [_RECIPE], splits, truth)[_RECIPE][:examples]}
    blend = choose_blend(scores, draft.codes)
    material = Material(
        vectors=draft.examples,
        row_ids=draft.row_ids,
        folds=folds,
        languages=[None] * examples,
        precisions=settings.precisions,
        default_precision=settings.precision,
    )
    target = Target(draft.name, draft.labels, draft.codes, {}, {})
    return blend, target_report(material, target, blend, scores, np.arange(examples))


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
        scales={"joint": _UNMEASURED_SCALE},
        predictable=True,
        suspicious=(),
        warnings=(_TOO_FEW.format(len(draft.codes), _FEWEST_EXAMPLES),),
    )
