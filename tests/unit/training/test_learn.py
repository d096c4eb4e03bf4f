"""A head is its parts, folded into one set of weights."""

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier_training.learn import Material, learn_targets, one_hot
from classifier_training.logistic import fit_logistic
from classifier_training.ridge import Kernel, Recipe
from classifier_training.targets import prepare_target
from classifier_training.vectors import Vectors, count_matrix, dense_matrix, sparse_matrix
from ticket_classifier.encoder import JOINED_DIMENSIONS
from ticket_classifier.features import WORD_BUCKETS, FeatureSpace
from unit.training.corpus import make_rows

type Floats = NDArray[np.float32]

_RECIPES = (
    Recipe("sparse", 0.0, 0.3),
    Recipe("joint", 0.25, 0.3),
    Recipe("dense", 1.0, 0.03),
    Recipe("words", 0.0, 0.03, emphasis=2.0),
)


@pytest.fixture(scope="module")
def tickets() -> tuple[Vectors, list[str]]:
    """Made-up tickets; an embedding says a little of the queue."""
    rows = make_rows(150, seed=5)
    queues = [row["queue"] for row in rows]
    joined = np.random.default_rng(5).normal(size=(len(rows), JOINED_DIMENSIONS))
    joined[:, 0] += [6.0 * len(queue) for queue in queues]
    counts = count_matrix([f"{row['subject']}\n{row['body']}" for row in rows])
    return Vectors(joined.astype(np.float32), counts), queues


@pytest.mark.parametrize("recipe", _RECIPES, ids=lambda recipe: recipe.part)
def test_a_head_scores_as_its_part_does(recipe: Recipe, tickets: tuple[Vectors, list[str]]) -> None:
    vectors, queues = tickets
    target = prepare_target("queue", queues, fewest=5, rare="refuse")
    material = Material(
        vectors=vectors,
        row_ids=[str(row) for row in range(len(queues))],
        folds=np.arange(len(queues)) % 3,
        languages=[None] * len(queues),
    )
    learnt = learn_targets(material, [target], recipes=[recipe])
    head, report = learnt.heads["queue"], learnt.reports[0]
    sparse, dense = sparse_matrix(learnt.space, vectors), dense_matrix(learnt.space, vectors)

    logits = dense @ head.dense + sparse @ head.sparse.astype(np.float32) + head.bias
    truth, _ = one_hot([target])
    expected = report.scales[recipe.part] * _scores(recipe, learnt.space, vectors, truth)

    assert expected.std(axis=0).min() > 0.1
    # Up to what a label's bias and the calibration add for every ticket.
    apart = (logits - expected) - (logits - expected).mean(axis=0)
    assert np.abs(apart).max() < 0.01 * np.abs(expected).max()


def _scores(recipe: Recipe, space: FeatureSpace, vectors: Vectors, truth: Floats) -> Floats:
    """What the part itself, learnt from all tickets, thinks of each of them."""
    sparse, dense = sparse_matrix(space, vectors), dense_matrix(space, vectors)
    if recipe.part in {"sparse", "joint"}:
        kernel, rows = Kernel(sparse, dense), np.arange(len(truth))
        dual, mean = kernel.dual_weights(recipe, rows, truth)
        return kernel.block(recipe, rows, rows) @ dual + mean
    features = dense
    if recipe.part == "words":
        features = sparse.toarray()
        features[:, space.buckets >= WORD_BUCKETS] *= recipe.emphasis
    weights, bias = fit_logistic(features, truth, recipe.penalty)
    return features @ weights + bias
