"""Builds bundles from labels that are only described: names, descriptions, keywords, few examples.

::

    targets:
      group:
        Billing:
          description: invoices, charges, payment methods
          keywords: [invoice, VAT]
          examples: [Why was I charged twice?, {subject: Invoice, body: Please send it again.}]
        Shipping: {}

Every label has a prototype (`prototypes`), first from its name in a few phrasings, its description
and its keywords, then from its examples, and sharpened by unlabelled tickets where there are any.
Parts score a ticket: its likeness to the prototypes, logistic regressions on embeddings and on
wording, and a ridge regression on both, in which names count as examples; and two regressions that
also learn from what the others and its neighbours (`propagation`) think of an unlabelled ticket
(self-training). Prototypes and regressions on embeddings look away from what sets tickets of one
label apart (`whitening`). How much each part counts is fixed for few examples, but for the ridge
regression's share, and decided by many; without examples the prototypes and what they taught about
meaning stand alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import softmax

from classifier_training.blend import (
    ALWAYS_ABSTAIN,
    Blend,
    choose_blend,
    fixed_blend,
    log_loss,
    spread,
)
from classifier_training.data import read_tickets
from classifier_training.errors import DataError
from classifier_training.groups import fold_numbers, near_duplicate_groups
from classifier_training.labels_file import LabelDescription, LabelsFile, read_labels
from classifier_training.learn import Learnt, Material, target_report
from classifier_training.logistic import fit_logistic
from classifier_training.propagation import neighbourhood, propagated
from classifier_training.prototypes import Texts, balancing, prototypes_of, refined
from classifier_training.report import TargetReport, TrainingReport
from classifier_training.ridge import solved
from classifier_training.targets import Target
from classifier_training.train import Settings, assemble, inherited_from
from classifier_training.vectors import (
    Floats,
    Progress,
    TextEncoder,
    Vectors,
    dense_matrix,
    fingerprints,
    fit_space,
    sparse_matrix,
    stack,
)
from classifier_training.whitening import within_label_whitening
from classifier_training.writer import check_output, write_bundle
from ticket_classifier.bundle import MANIFEST_FILE, read_bundle
from ticket_classifier.encoder import DIMENSIONS, JOINED_DIMENSIONS
from ticket_classifier.features import FeatureSpace
from ticket_classifier.heads import Head

type Rows = NDArray[np.intp]

__all__ = ["train_from_labels"]

_PHRASINGS = (
    "{}?",
    "customer support request: {}",
    "Hi, my question is about {}. Thank you.",
    "Hallo, ich habe ein Problem mit {}. Können Sie mir helfen?",
)
_DENSE_PENALTY = 0.03
_WORDS_PENALTY = 0.03
_NAME_COUNTS = 3.0
_EXAMPLE_COUNTS = 2.0
_TAUGHT_COUNTS = 0.3
_TEACHERS = {"prototype": 1.0, "dense": 1.0, "words": 0.4}
_SURENESS = 4.0
_LESSONS = 2
_DOUBT = 0.001
"""Share of a label that no neighbour thinks of."""
_FEWEST_EXAMPLES = 40
_FEWEST_TO_WEIGH = 10
_FEWEST_TO_WEIGH_TAUGHT = 30
"""Examples a label from which they say how much each part counts, without and with unlabelled
tickets. With five, a fit without a fold has four, and regressions seem worse than they are beside
names. Beside what unlabelled tickets taught, the parts in fixed shares were still ahead with 20."""
_SHARES = {"prototype": 1.0, "dense": 1.0, "words": 0.3}
_TAUGHT_SHARES = {
    "prototype": 0.0,
    "dense": 0.5,
    "words": 0.0,
    "taught": 1.0,
    "taught words": 0.6,
}
"""Where there are unlabelled tickets, the first parts count by what they taught."""
_JOINT_SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Of the ridge regression, which is the best part for some sets (five examples each of 42 labels of
long German tickets: .67 against .62) and the worst for others (77 labels of questions to a bank:
.67 against .76). So the examples choose one."""
_JOINT_PENALTY = 0.3
_MOST_UNLABELLED = 10_000
_TOO_FEW = (
    "{} examples are too few to measure anything (it takes {}); "
    "the bundle abstains here unless the configuration sets min_confidence"
)
_SEPARATORS = re.compile(r"[_/\s]+")


def train_from_labels(
    labels: Path,
    output: Path,
    *,
    base: Path,
    unlabelled: Path | None = None,
    targets: Sequence[str] | None = None,
    settings: Settings | None = None,
    encoder: TextEncoder | None = None,
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
        unlabelled: Tickets as they come in, some hundreds or more; their labels are not read.
            They say what is common to all tickets, and sharpen the prototypes.
        targets: Targets of the file to learn; by default all.
        settings: How to train.
        encoder: That of `base`, if it is started already: it remembers what it has embedded.
        progress: Called with stage, steps done, steps in all.

    Raises:
        TrainingError: A file does not hold what it should.
        BundleError: `base` cannot be used.
        OSError: A file cannot be read, or `output` not be written.
    """
    started = time.monotonic()
    settings = settings or Settings()
    check_output(output)
    described = _wanted(labels, read_labels(labels), targets)
    encoder = encoder or TextEncoder(base, threads=settings.threads)
    drafts = [_draft(name, entries, encoder) for name, entries in described.items()]
    background = _background(unlabelled, encoder, progress)
    space, everything = _shared_space(drafts, background, _base_space(base))
    others = _texts(space, background) if background is not None else None
    heads: dict[str, Head] = {}
    reports = []
    for done, draft in enumerate(drafts, start=1):
        heads[draft.name], report = _LabelLearner(draft, space, others).learn(settings)
        reports.append(report)
        if progress is not None:
            progress("learn", done, len(drafts))
    learnt = Learnt(space, heads, tuple(reports))
    content = assemble(
        encoder,
        learnt,
        everything,
        inherited_from(base, heads, settings),
        taught_by=set().union(*(fingerprints(draft.examples) for draft in drafts)),
    )
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
    if len(tickets) > _MOST_UNLABELLED:
        picked = np.random.default_rng(0).permutation(len(tickets))[:_MOST_UNLABELLED]
        tickets = [tickets[row] for row in np.sort(picked)]
    return encoder.vectors([(ticket.subject, ticket.body) for ticket in tickets], progress)


def _shared_space(
    drafts: Sequence[_Draft], background: Vectors | None, base: FeatureSpace | None
) -> tuple[FeatureSpace, Vectors]:
    """The feature space of all targets, and all texts.

    It is centred on the given tickets, or where these are few on the names, if those are many, or
    else on the tickets that the base bundle learnt from: by names alone 42 labels were right in
    .30 instead of .22 of the tickets when centred on the names, 8 labels in .22 instead of .25.
    """
    tickets = [draft.examples for draft in drafts] + ([background] if background else [])
    everything = stack([*tickets, *(draft.prototypes for draft in drafts)])
    names = sum(len(draft.labels) for draft in drafts)
    space = fit_space(everything, names)
    real = stack(tickets).joined
    if len(real) >= _FEWEST_EXAMPLES:
        spread = np.maximum(real.std(axis=0), 1e-6)
        mean = real.mean(axis=0).astype(np.float32)
        scale = (1.0 / spread).astype(np.float32)
    else:
        lent = base if base and names < _FEWEST_EXAMPLES else space
        mean, scale = lent.mean, lent.scale.copy()
    # The rest of an embedding is trained on our tickets' labels, not on names and labels new
    # to it: with five examples a label it took banking77 from .761 to .752.
    scale[DIMENSIONS:] = 0.0
    centred = FeatureSpace(buckets=space.buckets, idf=space.idf, mean=mean, scale=scale)
    return centred, everything


def _base_space(base: Path) -> FeatureSpace | None:
    """The space of the tickets that the base bundle learnt from, if it is a bundle."""
    if not (base / MANIFEST_FILE).exists():
        return None
    files = read_bundle(base)
    return files.spaces[files.manifest.scope.space]


@dataclass(frozen=True, slots=True)
class _Part:
    """One linear way to score tickets: weights of embeddings and of n-grams, and a bias."""

    dense: Floats
    sparse: Floats
    bias: Floats

    def scores(self, texts: Texts) -> Floats:
        scores: Floats = texts.dense @ self.dense + texts.sparse @ self.sparse + self.bias
        return scores


class _LabelLearner:
    """Learns one target from names, examples and, where there are any, unlabelled tickets."""

    def __init__(self, draft: _Draft, space: FeatureSpace, unlabelled: Texts | None) -> None:
        self._draft = draft
        self._unlabelled = unlabelled
        # Names and tickets lie in different places, so each lot is centred on itself.
        centre = draft.prototypes.joined.mean(axis=0)
        around = FeatureSpace(buckets=space.buckets, idf=space.idf, mean=centre, scale=space.scale)
        self._names = _texts(around, draft.prototypes)
        self._tickets = _texts(space, draft.examples)
        self._examples = np.arange(len(draft.codes))
        self._truth = np.eye(len(draft.labels), dtype=np.float32)[draft.codes]

    def learn(self, settings: Settings) -> tuple[Head, TargetReport]:
        """Blend the parts by the examples and fold them into a head."""
        labels = len(self._draft.labels)
        if len(self._examples) < _FEWEST_EXAMPLES or len(np.unique(self._draft.codes)) < 2:
            parts = self._parts(self._examples)
            used = {name for name in parts if name in {"prototype", "taught"}}
            blend = Blend(dict.fromkeys(sorted(used), 1.0), np.zeros(labels))
            report = _unmeasured(self._draft, blend, settings)
            return self._head(blend, parts, ALWAYS_ABSTAIN), report
        folds = fold_numbers(self._draft.groups(), settings.folds, seed=settings.seed)
        scores = self._held_out_scores(folds)
        blend = self._blend(scores)
        report = self._report(blend, scores, folds, settings)
        return self._head(blend, self._parts(self._examples), report.threshold), report

    def _blend(self, scores: Mapping[str, Floats]) -> Blend:
        """How much each part counts: what the examples say, where they are enough to say it."""
        codes = self._draft.codes
        fewest, shares = (
            (_FEWEST_TO_WEIGH, _SHARES)
            if self._unlabelled is None
            else (_FEWEST_TO_WEIGH_TAUGHT, _TAUGHT_SHARES)
        )
        if len(codes) < fewest * len(self._draft.labels):
            blends = [fixed_blend(scores, codes, {**shares, "joint": s}) for s in _JOINT_SHARES]
            losses = [log_loss(blend.probabilities(scores), codes).mean() for blend in blends]
            return blends[int(np.argmin(losses))]
        return choose_blend(scores, codes)

    def _held_out_scores(self, folds: Rows) -> dict[str, Floats]:
        """Scores of every example by part, each made without the example's fold."""
        scores: dict[str, Floats] = {}
        for fold in np.unique(folds):
            held = np.flatnonzero(folds == fold)
            tickets = self._tickets.take(held)
            for name, part in self._parts(np.flatnonzero(folds != fold)).items():
                whole = scores.setdefault(name, np.zeros(self._truth.shape, np.float32))
                whole[held] = part.scores(tickets)
        return scores

    def _parts(self, rows: Rows) -> dict[str, _Part]:
        """What names, some examples and the unlabelled tickets teach."""
        tickets, truth = self._tickets.take(rows), self._truth[rows]
        metric = within_label_whitening(tickets.dense, truth)
        parts = {"prototype": self._of_likeness(tickets, truth, metric)}
        if len(rows):
            parts["dense"] = self._of_meaning(tickets.dense, truth, metric)
            parts["words"] = self._of_wording(tickets.sparse, truth)
            parts["joint"] = self._ridge(tickets, truth)
        if self._unlabelled is not None:
            parts |= self._taught(parts, tickets, truth, metric, self._unlabelled)
        return parts

    def _of_likeness(self, tickets: Texts, truth: Floats, metric: Floats) -> _Part:
        """Likeness to prototypes in the given metric."""
        found = prototypes_of(self._names.measured_by(metric), tickets.measured_by(metric), truth)
        if self._unlabelled is not None:
            found = refined(found, self._unlabelled.measured_by(metric))
        return _Part(metric @ found.meaning, found.words, found.offsets)

    def _taught(
        self,
        parts: Mapping[str, _Part],
        tickets: Texts,
        truth: Floats,
        metric: Floats,
        unlabelled: Texts,
    ) -> dict[str, _Part]:
        """Regressions that also learn from what the other parts think of unlabelled tickets."""
        dense = np.concatenate([tickets.dense, unlabelled.dense])
        counts = np.repeat(
            np.array([_EXAMPLE_COUNTS, _TAUGHT_COUNTS], dtype=np.float32),
            [len(truth), len(unlabelled.dense)],
        )
        opinion = np.zeros((len(unlabelled.dense), truth.shape[1]), dtype=np.float32)
        for name, weight in _TEACHERS.items():
            if name in parts:
                opinion += np.float32(weight) * _levelled(parts[name].scores(unlabelled))
        graph = neighbourhood(dense @ metric)
        for _ in range(_LESSONS):
            told = np.concatenate([np.float32(_EXAMPLE_COUNTS) * truth, _shares(opinion)])
            heard = propagated(graph, told)[len(truth) :]
            opinion = _levelled(opinion) + _levelled(np.log(heard + np.float32(_DOUBT)))
            opinions = np.concatenate([truth, _shares(opinion)])
            taught = self._of_meaning(dense, opinions, metric, counts)
            opinion = _levelled(opinion) + _levelled(taught.scores(unlabelled))
        sparse = sp.vstack([tickets.sparse, unlabelled.sparse]).tocsr()
        words = self._of_wording(sparse, opinions, counts)
        return {"taught": taught, "taught words": words}

    def _of_meaning(
        self, dense: Floats, truth: Floats, metric: Floats, counts: Floats | None = None
    ) -> _Part:
        """A logistic regression on embeddings in the given metric."""
        features = np.concatenate([dense, self._names.dense]) @ metric
        weights, bias = self._regression(features, truth, _DENSE_PENALTY, counts)
        return _Part(metric @ weights, np.zeros(self._names.sparse.shape[::-1], np.float32), bias)

    def _of_wording(
        self, sparse: sp.csr_matrix, truth: Floats, counts: Floats | None = None
    ) -> _Part:
        """A logistic regression on n-grams."""
        features = sp.vstack([sparse, self._names.sparse]).tocsr()
        weights, bias = self._regression(features, truth, _WORDS_PENALTY, counts)
        return _Part(np.zeros(self._names.dense.shape[::-1], np.float32), weights, bias)

    def _regression(
        self,
        features: Floats | sp.csr_matrix,
        truth: Floats,
        penalty: float,
        counts: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Weights and bias by tickets and, after them, all names, which count as examples too."""
        labels = truth.shape[1]
        counts = np.ones(len(truth), dtype=np.float32) if counts is None else counts
        counts = np.concatenate([counts, np.full(labels, _NAME_COUNTS, dtype=np.float32)])
        truth = np.concatenate([truth, np.eye(labels, dtype=np.float32)])
        return fit_logistic(features, truth, penalty, counts)

    def _ridge(self, tickets: Texts, truth: Floats) -> _Part:
        """A ridge regression on embeddings and wording of tickets and names."""
        dense = np.concatenate([tickets.dense, self._names.dense])
        sparse = sp.vstack([tickets.sparse, self._names.sparse]).tocsr()
        truth = np.concatenate([truth, np.eye(truth.shape[1], dtype=np.float32)])
        kernel = dense @ dense.T + (sparse @ sparse.T).toarray()
        kernel[np.diag_indices_from(kernel)] += np.float32(_JOINT_PENALTY)
        mean = truth.mean(axis=0)
        dual = solved(kernel, truth - mean)
        return _Part(dense.T @ dual, np.asarray(sparse.T @ dual), mean)

    def _report(
        self, blend: Blend, scores: Mapping[str, Floats], folds: Rows, settings: Settings
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

    def _head(self, blend: Blend, parts: Mapping[str, _Part], threshold: float) -> Head:
        used = [(scale, parts[name]) for name, scale in blend.scales.items() if scale > 0]
        dense = np.zeros((JOINED_DIMENSIONS, len(self._draft.labels)), dtype=np.float32)
        dense[:DIMENSIONS] = np.sum([scale * part.dense for scale, part in used], axis=0)
        return Head(
            labels=self._draft.labels,
            sparse=np.sum([scale * part.sparse for scale, part in used], axis=0).astype(np.float16),
            dense=dense,
            bias=np.sum(
                [blend.offsets, *(scale * part.bias for scale, part in used)], axis=0
            ).astype(np.float32),
            threshold=threshold,
        )


def _shares(opinion: Floats) -> Floats:
    """How each ticket is shared out among labels held to be about equally frequent."""
    logits = np.float32(_SURENESS) * opinion
    shares: Floats = softmax(logits + balancing(logits), axis=1)
    return shares


def _levelled(scores: Floats) -> Floats:
    """Scores of unit spread over the labels, so that parts of different scales compare."""
    return np.asarray(scores / spread(scores), dtype=np.float32)


def _texts(space: FeatureSpace, vectors: Vectors) -> Texts:
    # The rest of an embedding has no part here (`_shared_space`).
    return Texts(dense_matrix(space, vectors)[:, :DIMENSIONS], sparse_matrix(space, vectors))


def _unmeasured(draft: _Draft, blend: Blend, settings: Settings) -> TargetReport:
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
        scales=blend.scales,
        predictable=True,
        suspicious=(),
        warnings=(_TOO_FEW.format(len(draft.codes), _FEWEST_EXAMPLES),),
    )
