"""Learns the heads of several targets over the same tickets.

For each target: recipes are selected by held-out log loss, one for each part (ridge regression on
n-grams and on n-grams with embeddings, logistic regression on embeddings and, where it ends within
minutes, on n-grams); their held-out scores are blended and calibrated; the threshold is chosen on
the same held-out rows; then the chosen recipes are fitted on all rows and folded into one head.
Held-out rows are those of group-wise folds or, where the encoder itself was trained on most of
the tickets, the calibration part it never saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import log_softmax

from classifier_training.blend import (
    ALWAYS_ABSTAIN,
    Blend,
    choose_blend,
    fit_blend,
    log_loss,
    threshold_for,
)
from classifier_training.logistic import fit_logistic, logistic_fold_scores
from classifier_training.metrics import measure
from classifier_training.report import Metrics, TargetReport
from classifier_training.ridge import (
    GUIDE_SHARE,
    Kernel,
    Part,
    Recipe,
    fold_scores,
    grid,
    primal_weights,
)
from classifier_training.targets import OTHER, Target
from classifier_training.vectors import (
    Progress,
    Vectors,
    dense_matrix,
    fit_space,
    sparse_matrix,
)
from ticket_classifier.bundle import Scope
from ticket_classifier.features import WORD_BUCKETS, FeatureSpace
from ticket_classifier.heads import Head

__all__ = ["Learnt", "Material", "learn_targets", "one_hot", "scope_of", "target_report"]

type Floats = NDArray[np.float32]
type Rows = NDArray[np.intp]
type Splits = list[tuple[Rows, Rows]]

_SELECTION_ROWS = 2_500
_SELECTION_SPLITS = 3
_MANY_LABELS = 20
_ROUGHLY = 30
_MOST_WORK = 200_000_000
_WORD_WEIGHT = 2.0
"""A word has a dozen n-grams of characters, which would drown it. On the held-back tickets the log
loss of the heads went from .259 to .250 for the queue, from .251 to .247 for the type, from .314 to
.311 for the sentiment. A few examples a label are too few to learn from words: `labels` lost .1 to
.8 points by it."""
_LOGISTIC = frozenset({"dense", "words"})
_SCALES = (0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0, 50.0)
_LEAST_GAIN = 0.01
_SURE_GAIN = 3.0
_DOUBTED = 0.02
_CONVINCED = 0.8
_FEWEST_OF_LANGUAGE = 20
_LABELS_NAMED = 10


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to learn from, one row a ticket.

    Attributes:
        vectors: The texts as numbers.
        row_ids: What reports call the tickets.
        folds: Fold number of each ticket, near-duplicates in one fold.
        languages: Language of each ticket where known, for the reports.
        held: True for the calibration part; None to use the folds.
        late: True for tickets labelled by a later, sharpened guide, whose labels may differ from
            those the heads shall give; None where all were labelled alike.
        precisions: Wanted precision by target.
        default_precision: For targets not named there.
    """

    vectors: Vectors
    row_ids: Sequence[str]
    folds: Rows
    languages: Sequence[str | None]
    held: NDArray[np.bool_] | None = None
    late: NDArray[np.bool_] | None = None
    precisions: Mapping[str, float] = field(default_factory=dict)
    default_precision: float = 0.95

    def splits(self, rows: Rows) -> Splits:
        """Pairs of rows to fit on and rows to score, within `rows`."""
        if self.held is not None:
            held = self.held[rows]
            return [(rows[~held], rows[held])]
        folds = self.folds[rows]
        return [(rows[folds != fold], rows[folds == fold]) for fold in np.unique(folds)]


@dataclass(frozen=True, slots=True)
class Learnt:
    """Heads and the feature space they share."""

    space: FeatureSpace
    heads: Mapping[str, Head]
    reports: tuple[TargetReport, ...]


def learn_targets(
    material: Material,
    targets: Sequence[Target],
    progress: Progress | None = None,
    *,
    recipes: Sequence[Recipe] | None = None,
) -> Learnt:
    """Learn every target; those labelled on the same tickets share their factorisations.

    Args:
        material: The tickets.
        targets: What to learn of them.
        progress: Called with "learn", targets done and targets in all.
        recipes: Those to select from; by default all of `grid`. Those of the part "words" are
            left out for targets of too many labels, so they do not do alone there.
    """
    labels = sum(len(target.labels) for target in targets)
    space = fit_space(material.vectors, labels, word_weight=_WORD_WEIGHT)
    learner = _Learner(material, space, grid() if recipes is None else recipes)
    together: dict[bytes, list[Target]] = {}
    for target in targets:
        together.setdefault((target.codes >= 0).tobytes(), []).append(target)
    heads: dict[str, Head] = {}
    reports: dict[str, TargetReport] = {}
    for group in together.values():
        for name, (head, report) in learner.learn(group).items():
            heads[name], reports[name] = head, report
            if progress is not None:
                progress("learn", len(heads), len(targets))
    ordered = {target.name: heads[target.name] for target in targets}
    return Learnt(space, ordered, tuple(reports[name] for name in ordered))


class _Learner:
    """The features and similarities of one set of tickets."""

    def __init__(self, material: Material, space: FeatureSpace, recipes: Sequence[Recipe]) -> None:
        self._material = material
        self._space = space
        self._recipes = recipes
        self._sparse = sparse_matrix(space, material.vectors)
        self._served = dense_matrix(space, material.vectors)
        self._dense = _by_guide(self._served, material.late)
        self._kernel = Kernel(self._sparse, self._served, material.late)

    def learn(self, targets: Sequence[Target]) -> dict[str, tuple[Head, TargetReport]]:
        """Learn targets that are labelled on the same tickets."""
        rows = targets[0].rows
        truth, columns = one_hot(targets)
        splits = self._material.splits(rows)
        few_splits = self._material.splits(self._selection_rows(rows))[:_SELECTION_SPLITS]
        tried = self._held_out_scores(self._recipes, few_splits, truth, columns, roughly=True)
        chosen = _select(tried, targets, columns, _held(few_splits))
        for target in targets:
            if not self._affords_words(len(target.labels)):
                chosen[target.name].pop("words", None)
        needed = {recipe for parts in chosen.values() for recipe in parts.values()}
        tried = self._held_out_scores(needed, splits, truth, columns)
        held = _held(splits)
        choices = []
        for target in targets:
            recipes = chosen[target.name]
            part_scores = {
                part: tried[recipe][held][:, columns[target.name]]
                for part, recipe in recipes.items()
            }
            blend = choose_blend(part_scores, target.codes[held])
            report = target_report(self._material, target, blend, part_scores, held)
            choices.append(_Choice(target, columns[target.name], recipes, blend, report))
        heads = self._fold_in(choices, truth)
        return {
            choice.target.name: (heads[choice.target.name], choice.report) for choice in choices
        }

    def _held_out_scores(
        self,
        recipes: Iterable[Recipe],
        splits: Splits,
        truth: Floats,
        columns: Mapping[str, slice],
        *,
        roughly: bool = False,
    ) -> dict[Recipe, Floats]:
        """Scores by recipe, [all rows, labels of all targets].

        `roughly` ends the regressions of many labels early: good enough to choose among them.
        """
        ordered = sorted(recipes, key=repr)
        ridge = [recipe for recipe in ordered if recipe.part not in _LOGISTIC]
        scores = fold_scores(self._kernel, ridge, splits, truth)
        for recipe in ordered:
            if recipe.part not in _LOGISTIC:
                continue
            scores[recipe] = np.zeros_like(truth)
            features = self._features(recipe)
            for part in columns.values():
                labels = part.stop - part.start
                if recipe.part != "words" or self._affords_words(labels):
                    scores[recipe][:, part] = logistic_fold_scores(
                        features,
                        truth[:, part],
                        recipe.penalty,
                        splits,
                        most=_ROUGHLY if roughly and labels >= _MANY_LABELS else None,
                    )
        return scores

    def _features(self, recipe: Recipe) -> Floats | sp.csr_matrix:
        if recipe.part == "words":
            return self._sparse @ sp.diags(self._emphases(recipe))
        return self._dense

    def _emphases(self, recipe: Recipe) -> Floats:
        """How much each n-gram counts, [features]."""
        of_words = self._space.buckets >= WORD_BUCKETS
        return np.where(of_words, recipe.emphasis, 1.0).astype(np.float32)

    def _affords_words(self, labels: int) -> bool:
        """Whether logistic regression on n-grams ends within minutes."""
        return int(self._sparse.nnz) * labels <= _MOST_WORK

    def _selection_rows(self, rows: Rows) -> Rows:
        """A sample for the many fits of selection; of a calibration part, all."""
        held = self._material.held
        scored = rows[held[rows]] if held is not None else rows[:0]
        others = np.setdiff1d(rows, scored)
        if len(others) <= _SELECTION_ROWS:
            return rows
        picked = np.random.default_rng(0).permutation(len(others))[:_SELECTION_ROWS]
        return np.sort(np.concatenate([scored, others[picked]]))

    def _fold_in(self, choices: Sequence[_Choice], truth: Floats) -> dict[str, Head]:
        """Fit the chosen recipes on all rows; blend and calibration go into the weights."""
        rows = choices[0].target.rows
        sparse, dense = self._sparse[rows], self._served[rows]
        weights = {
            choice.target.name: _Weights.zero(sparse.shape[1], dense.shape[1], choice.blend)
            for choice in choices
        }
        used = {recipe for choice in choices for recipe in choice.used}
        for recipe in sorted(used, key=repr):
            if recipe.part in _LOGISTIC:
                features = self._features(recipe)[rows]
                for choice in choices:
                    if recipe in choice.used:
                        own_truth = truth[rows][:, choice.columns]
                        fitted, bias = fit_logistic(features, own_truth, recipe.penalty)
                        if recipe.part == "dense":
                            fitted = _of_early_guide(fitted, dense.shape[1])
                        else:
                            fitted *= self._emphases(recipe)[:, None]
                        weights[choice.target.name].add_part(recipe, choice.blend, fitted, bias)
                continue
            dual, mean = self._kernel.dual_weights(recipe, rows, truth)
            dual = self._kernel.served(dual, rows)
            for choice in choices:
                if recipe in choice.used:
                    added = primal_weights(recipe, dual[:, choice.columns], sparse, dense)
                    scale = choice.blend.scales[recipe.part]
                    weights[choice.target.name].add(scale, *added, mean[choice.columns])
        return {
            choice.target.name: weights[choice.target.name].head(choice.report)
            for choice in choices
        }


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen for one target; `columns` are its labels among those of all targets."""

    target: Target
    columns: slice
    recipes: Mapping[Part, Recipe]
    blend: Blend
    report: TargetReport

    @property
    def used(self) -> set[Recipe]:
        """The recipes whose scores the blend counts."""
        return {
            recipe for part, recipe in self.recipes.items() if self.blend.scales.get(part, 0.0) > 0
        }


@dataclass(slots=True)
class _Weights:
    """A head under construction."""

    sparse: Floats
    dense: Floats
    bias: NDArray[np.float64]

    @classmethod
    def zero(cls, features: int, dimensions: int, blend: Blend) -> _Weights:
        labels = len(blend.offsets)
        return cls(
            np.zeros((features, labels), np.float32),
            np.zeros((dimensions, labels), np.float32),
            blend.offsets.copy(),
        )

    def add(
        self,
        scale: float,
        sparse: Floats | float,
        dense: Floats | float,
        bias: Floats,
    ) -> None:
        """Add a part's weights, scaled."""
        self.sparse += np.float32(scale) * sparse
        self.dense += np.float32(scale) * dense
        self.bias += scale * bias

    def add_part(
        self,
        recipe: Recipe,
        blend: Blend,
        weights: Floats,
        bias: Floats,
    ) -> None:
        """Add a logistic regression's weights, scaled by the blend."""
        scale = blend.scales[recipe.part]
        if recipe.part == "words":
            self.add(scale, weights, 0.0, bias)
        else:
            self.add(scale, 0.0, weights, bias)

    def head(self, report: TargetReport) -> Head:
        return Head(
            labels=report.labels,
            sparse=self.sparse.astype(np.float16),
            dense=self.dense,
            bias=self.bias.astype(np.float32),
            threshold=report.threshold,
        )


def target_report(
    material: Material,
    target: Target,
    blend: Blend,
    scores: Mapping[Part, Floats],
    held: Rows,
) -> TargetReport:
    """Measure, choose the threshold, and say what an administrator should know.

    Args:
        material: The tickets.
        target: The target.
        blend: Its blend.
        scores: Scores of the held-out rows by part, each [held rows, labels].
        held: Numbers of these rows.
    """
    labels = target.codes[held]
    probabilities = blend.probabilities(scores)
    wanted = material.precisions.get(target.name, material.default_precision)
    predictable = _says_something(probabilities, labels)
    threshold = threshold_for(probabilities, labels, wanted) if predictable else ALWAYS_ABSTAIN
    answered = probabilities.max(axis=1) >= threshold
    suspicious = _suspicious(probabilities, labels) if predictable else np.zeros(0, np.intp)
    return TargetReport(
        target=target.name,
        labels=target.labels,
        rows=len(target.rows),
        merged=target.merged,
        left_out=target.left_out,
        wanted_precision=wanted,
        threshold=threshold,
        metrics=measure(probabilities, labels, answered),
        by_language=_by_language(material, probabilities, labels, answered, held),
        parts=_part_accuracies(scores, labels),
        scales={part: round(scale, 4) for part, scale in blend.scales.items()},
        predictable=predictable,
        suspicious=tuple(material.row_ids[held[row]] for row in suspicious),
        warnings=_warnings(target, threshold, wanted, predictable=predictable),
    )


def _by_language(
    material: Material,
    probabilities: NDArray[np.float64],
    labels: Rows,
    answered: NDArray[np.bool_],
    held: Rows,
) -> dict[str, Metrics]:
    languages = np.array([material.languages[row] or "" for row in held])
    return {
        str(language): measure(probabilities[rows], labels[rows], answered[rows])
        for language in np.unique(languages)
        if language and (rows := languages == language).sum() >= _FEWEST_OF_LANGUAGE
    }


def one_hot(targets: Sequence[Target]) -> tuple[Floats, dict[str, slice]]:
    """One-hot labels of all targets side by side, and where each target's columns are."""
    blocks, columns, start = [], {}, 0
    for target in targets:
        width = len(target.labels)
        block = np.zeros((len(target.codes), width), dtype=np.float32)
        block[target.rows, target.codes[target.rows]] = 1.0
        blocks.append(block)
        columns[target.name] = slice(start, start + width)
        start += width
    return np.concatenate(blocks, axis=1), columns


def _by_guide(dense: Floats, late: NDArray[np.bool_] | None) -> Floats:
    """Features of which a linear fit is a common one and one a guide, as in `Kernel`."""
    if late is None:
        return dense
    share = np.float32(GUIDE_SHARE**0.5)
    return np.hstack([dense, share * dense * ~late[:, None], share * dense * late[:, None]])


def _of_early_guide(weights: Floats, dimensions: int) -> Floats:
    """The weights of `_by_guide`'s features as they count for a ticket of the early guide."""
    common, early = weights[:dimensions], weights[dimensions : 2 * dimensions]
    return common + np.float32(GUIDE_SHARE**0.5) * early if len(early) else common


def _held(splits: Splits) -> Rows:
    return np.sort(np.concatenate([held for _, held in splits]))


def _select(
    tried: Mapping[Recipe, Floats],
    targets: Sequence[Target],
    columns: Mapping[str, slice],
    held: Rows,
) -> dict[str, dict[Part, Recipe]]:
    """For each target and part the recipe of least held-out log loss at its best temperature.

    A ridge regression is chosen for all targets together, which then share its factorisation.
    """
    losses = {
        recipe: {
            target.name: _best_loss(scores[held][:, columns[target.name]], target.codes[held])
            for target in targets
        }
        for recipe, scores in tried.items()
    }

    def loss(recipe: Recipe, target: Target) -> float:
        of_targets = losses[recipe]
        return of_targets[target.name] if recipe.part in _LOGISTIC else sum(of_targets.values())

    parts = {recipe.part for recipe in tried}
    return {
        target.name: {
            part: min(
                (recipe for recipe in tried if recipe.part == part),
                key=lambda recipe: loss(recipe, target),
            )
            for part in sorted(parts)
        }
        for target in targets
    }


def _best_loss(scores: Floats, labels: Rows) -> float:
    rows = np.arange(len(labels))
    losses = [-log_softmax(scores * scale, axis=1)[rows, labels].mean() for scale in _SCALES]
    return float(min(losses))


def _part_accuracies(scores: Mapping[Part, Floats], labels: Rows) -> dict[str, float]:
    accuracies = {}
    for part, part_scores in scores.items():
        alone = {part: part_scores}
        predicted = fit_blend(alone, labels).probabilities(alone).argmax(axis=1)
        accuracies[part] = round(float(np.mean(predicted == labels)), 4)
    return accuracies


def _says_something(probabilities: NDArray[np.float64], labels: Rows) -> bool:
    """Whether the text tells more of the label than the label's frequency does.

    The held-out log loss must beat that of the frequencies by three standard errors and by one
    per cent, which random labels do not.
    """
    frequencies = np.bincount(labels, minlength=probabilities.shape[1]) / len(labels)
    before = -np.log(np.maximum(frequencies[labels], 1e-12))
    gain = before - log_loss(probabilities, labels)
    error = gain.std() / np.sqrt(len(gain))
    return bool(gain.mean() > max(_SURE_GAIN * error, _LEAST_GAIN * before.mean()))


def _suspicious(probabilities: NDArray[np.float64], labels: Rows) -> Rows:
    """Rows whose label the held-out model all but rules out while it is sure of another."""
    given = probabilities[np.arange(len(labels)), labels]
    doubted = np.flatnonzero((given < _DOUBTED) & (probabilities.max(axis=1) > _CONVINCED))
    return doubted[np.argsort(given[doubted], kind="stable")]


def _warnings(
    target: Target, threshold: float, wanted: float, *, predictable: bool
) -> tuple[str, ...]:
    notes = []
    if not predictable:
        notes.append("the text does not tell this label; the bundle always abstains here")
    elif threshold > 1.0:
        notes.append(f"no threshold reaches a precision of {wanted:.2f}; it always abstains here")
    if target.merged:
        notes.append(f"labels with too few tickets became {OTHER!r}: {_counted(target.merged)}")
    alike = Counter(label.casefold() for label in target.labels)
    if any(count > 1 for count in alike.values()):
        names = ", ".join(label for label in target.labels if alike[label.casefold()] > 1)
        notes.append(f"these labels differ in case only and are learnt as rivals: {names}")
    if target.left_out:
        notes.append(f"labels with too few tickets were left out: {_counted(target.left_out)}")
    return tuple(notes)


def _counted(rare: Mapping[str, int]) -> str:
    """Labels with their tickets, the commonest first."""
    ordered = sorted(rare.items(), key=lambda entry: -entry[1])
    named = [f"{label} ({count})" for label, count in ordered[:_LABELS_NAMED]]
    return ", ".join([*named, *(["..."] if len(ordered) > _LABELS_NAMED else [])])


def scope_of(space_name: str, space: FeatureSpace, vectors: Vectors) -> Scope:
    """Bounds that all but a few of the training texts keep.

    A text's share of known n-grams is judged as if the text itself were not in the training set.
    The bound is nine tenths of the share that 99.5 % of them reach.
    """
    frequency = np.bincount(vectors.counts.indices, minlength=vectors.counts.shape[1])
    needed = int(frequency[space.buckets].min()) + 1 if len(space.buckets) else 1
    known = np.zeros(vectors.counts.shape[1], dtype=bool)
    known[space.buckets] = True
    known &= frequency >= needed
    filled = np.flatnonzero(np.diff(vectors.counts.indptr))
    shares = [
        known[
            vectors.counts.indices[vectors.counts.indptr[row] : vectors.counts.indptr[row + 1]]
        ].mean()
        for row in filled
    ]
    lowest = float(np.quantile(shares, 0.005)) if shares else 0.0
    return Scope(space=space_name, known_share=round(0.9 * lowest, 4), unknown_pieces=0.3)
