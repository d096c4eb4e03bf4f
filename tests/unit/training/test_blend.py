"""The blend is never worse than its better part; thresholds keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier_training.blend import (
    ALWAYS_ABSTAIN,
    choose_blend,
    fit_blend,
    fixed_blend,
    log_loss,
    spread,
    threshold_for,
)
from classifier_training.metrics import calibration_error, macro_f1, measure


def scores_of(
    seed: int, *, rows: int = 200, labels: int = 4, signal: float = 1.0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, labels, rows)
    clear = np.eye(labels)[truth]
    noise = {part: draw.normal(size=(rows, labels)) for part in ("sparse", "dense")}
    parts = {"sparse": clear * signal + noise["sparse"], "dense": clear * 0.5 + noise["dense"]}
    return {part: value.astype(np.float32) for part, value in parts.items()}, truth


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 3.0))
def test_the_blend_is_never_worse_than_its_better_part(seed: int, signal: float) -> None:
    scores, truth = scores_of(seed, signal=signal)
    whole = fit_blend(scores, truth)
    chosen = choose_blend(scores, truth)
    for part in scores:
        alone = {part: scores[part]}
        single = fit_blend(alone, truth)
        # The offsets' prior is part of what is minimised, so a hair may be lost in the loss alone.
        loss = log_loss(whole.probabilities(scores), truth).mean()
        assert loss <= log_loss(single.probabilities(alone), truth).mean() + 5e-3
        right = (chosen.probabilities(scores).argmax(axis=1) == truth).mean()
        assert right >= (single.probabilities(alone).argmax(axis=1) == truth).mean()
    assert all(scale >= 0 for scale in whole.scales.values())


@pytest.mark.parametrize("seed", range(10))
def test_a_part_that_is_ahead_by_luck_does_not_silence_the_other(seed: int) -> None:
    scores, truth = scores_of(seed, rows=60, signal=0.6)

    scales = choose_blend(scores, truth).scales

    assert all(scale > 0 for scale in scales.values())


def test_the_blend_leans_towards_a_part_that_is_right_more_often() -> None:
    # Right in four of five, but so sure where it errs that log loss hardly lets it speak.
    draw = np.random.default_rng(5)
    truth = draw.integers(0, 2, 1000)
    lead = {
        "rash": np.where(draw.random(1000) < 0.8, 1.0, -3.0),
        "timid": np.where(draw.random(1000) < 0.65, 1.0, -1.0),
    }
    scores = {
        part: (np.eye(2)[truth] * value[:, None]).astype(np.float32) for part, value in lead.items()
    }

    chosen, whole = choose_blend(scores, truth), fit_blend(scores, truth)

    assert chosen.scales["timid"] < whole.scales["timid"]
    right = (chosen.probabilities(scores).argmax(axis=1) == truth).mean()
    assert right >= (lead["rash"] > 0).mean()


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(0.1, 10))
def test_fixed_shares_hold_whatever_the_scores_spread(
    seed: int, sparse: float, stretch: float
) -> None:
    scores, truth = scores_of(seed)
    scores["sparse"] *= np.float32(stretch)

    blend = fixed_blend(scores, truth, {"sparse": sparse, "dense": 1.0})

    counts = {part: scale * spread(scores[part]) for part, scale in blend.scales.items()}
    assert counts["sparse"] == pytest.approx(sparse * counts["dense"], rel=1e-3)
    assert not blend.offsets.any()


@pytest.mark.parametrize("seed", range(5))
def test_of_fixed_shares_the_temperature_is_the_best(seed: int) -> None:
    scores, truth = scores_of(seed)
    blend = fixed_blend(scores, truth, {"sparse": 0.5, "dense": 1.0})

    def loss(factor: float) -> float:
        probabilities = blend.times(factor).probabilities(scores)
        return float(log_loss(probabilities, truth).mean())

    assert loss(1.0) < min(loss(0.9), loss(1.1))


def test_blended_probabilities_are_calibrated_on_new_rows() -> None:
    scores, truth = scores_of(1, rows=4000)
    fit = {part: value[:2000] for part, value in scores.items()}
    new = {part: value[2000:] for part, value in scores.items()}
    probabilities = fit_blend(fit, truth[:2000]).probabilities(new)
    right = probabilities.argmax(axis=1) == truth[2000:]
    assert calibration_error(probabilities.max(axis=1), right) < 0.04


def test_a_useless_part_gets_next_to_no_weight() -> None:
    scores, truth = scores_of(2, rows=1000, signal=3.0)
    scores["noise"] = np.random.default_rng(3).normal(size=(1000, 4)).astype(np.float32)
    scales = fit_blend(scores, truth).scales
    assert scales["noise"] < 0.1 * scales["sparse"]


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.6, 0.8, 0.95]))
def test_a_threshold_reaches_its_precision_on_the_rows_it_was_chosen_on(
    seed: int, precision: float
) -> None:
    scores, truth = scores_of(seed)
    probabilities = fit_blend(scores, truth).probabilities(scores)
    threshold = threshold_for(probabilities, truth, precision)
    answered = probabilities.max(axis=1) >= threshold
    if threshold == ALWAYS_ABSTAIN:
        assert not answered.any()
    else:
        figures = measure(probabilities, truth, answered)
        assert figures.precision is not None
        assert figures.precision >= precision - 1e-9
        assert answered.sum() >= 20


def test_a_threshold_keeps_its_promise_on_new_rows() -> None:
    kept = []
    for seed in range(40):
        scores, truth = scores_of(seed, rows=300, signal=2.0)
        blend = fit_blend(scores, truth)
        threshold = threshold_for(blend.probabilities(scores), truth, 0.95)
        new, new_truth = scores_of(seed + 1_000, rows=3_000, signal=2.0)
        probabilities = blend.probabilities(new)
        answered = probabilities.max(axis=1) >= threshold
        kept.append((probabilities.argmax(axis=1) == new_truth)[answered].mean() >= 0.95)
    assert np.mean(kept) >= 0.6


def test_thresholds_of_a_perfect_and_a_hopeless_model() -> None:
    truth = np.arange(100) % 2
    perfect = np.eye(2)[truth] * 0.8 + 0.1
    assert threshold_for(perfect, truth, 0.95) < 0.9
    assert threshold_for(perfect[:, ::-1], truth, 0.95) == ALWAYS_ABSTAIN


def test_metrics_of_a_small_table() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    labels = np.array([0, 1, 1, 1])
    figures = measure(probabilities, labels, np.array([True, False, False, True]))
    assert (figures.rows, figures.accuracy, figures.majority) == (4, 0.75, 0.75)
    assert (figures.coverage, figures.precision) == (0.5, 1.0)
    assert macro_f1(np.array([0, 0, 1, 1]), labels) == pytest.approx((2 / 3 + 4 / 5) / 2)
    # Gaps of the four bins: .1, .6, .3 and .2.
    assert figures.calibration_error == pytest.approx((0.1 + 0.6 + 0.3 + 0.2) / 4)
