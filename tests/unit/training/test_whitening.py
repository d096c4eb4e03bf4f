"""The metric that looks away from what sets tickets of one label apart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier_training.whitening import within_label_whitening

type Floats = NDArray[np.float32]

DIMENSIONS = 6
LABELS = 3


@pytest.fixture
def tickets() -> tuple[Floats, Floats]:
    """Tickets whose labels lie along the first axes, and which differ most along the last."""
    dice = np.random.default_rng(0)
    codes = np.repeat(np.arange(LABELS), 40)
    spreads = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 2.0])
    rows = np.eye(LABELS, DIMENSIONS)[codes] + dice.normal(size=(120, DIMENSIONS)) * spreads
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32), np.eye(LABELS, dtype=np.float32)[codes]


def right(dense: Floats, truth: Floats) -> float:
    """Share of tickets that lie nearest to the mean of their own label."""
    means = (truth.T @ dense) / truth.sum(axis=0)[:, None]
    nearest = ((dense[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return float(np.mean(nearest == truth.argmax(axis=1)))


def test_labels_lie_further_apart_in_the_metric(tickets: tuple[Floats, Floats]) -> None:
    dense, truth = tickets
    metric = within_label_whitening(dense, truth)
    assert right(dense @ metric, truth) > right(dense, truth)


def test_directions_in_which_tickets_of_a_label_differ_count_less(
    tickets: tuple[Floats, Floats],
) -> None:
    weights = np.linalg.norm(within_label_whitening(*tickets), axis=0)
    assert weights[-1] < weights[:-1].min()


def test_metric_is_symmetric_and_keeps_the_tickets_mean_squared_length(
    tickets: tuple[Floats, Floats],
) -> None:
    dense, truth = tickets
    metric = within_label_whitening(dense, truth)
    np.testing.assert_allclose(metric, metric.T, atol=1e-6)
    assert np.square(dense @ metric).sum(axis=1).mean() == pytest.approx(1.0, abs=1e-5)


def test_turned_embeddings_give_a_turned_metric(tickets: tuple[Floats, Floats]) -> None:
    dense, truth = tickets
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    turned = within_label_whitening((dense @ turn).astype(np.float32), truth)
    expected = turn.T @ within_label_whitening(dense, truth) @ turn
    np.testing.assert_allclose(turned, expected, atol=1e-4)


@pytest.mark.parametrize("each", [0, 1])
def test_without_two_tickets_of_a_label_nothing_changes(each: int) -> None:
    dense = np.eye(LABELS * each, DIMENSIONS, dtype=np.float32)
    truth = np.eye(LABELS * each, LABELS, dtype=np.float32)
    np.testing.assert_array_equal(within_label_whitening(dense, truth), np.eye(DIMENSIONS))


def test_equal_tickets_of_a_label_change_nothing() -> None:
    dense = np.repeat(np.eye(LABELS, DIMENSIONS, dtype=np.float32), 2, axis=0)
    truth = np.repeat(np.eye(LABELS, dtype=np.float32), 2, axis=0)
    np.testing.assert_array_equal(within_label_whitening(dense, truth), np.eye(DIMENSIONS))
