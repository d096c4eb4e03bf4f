"""Measures what the `general` vector knows of labels it has never been trained on.

For any labelled text: accuracy of the nearest label name, and of a logistic regression on a few
examples a label. Run before and after fine-tuning, the figures must not fall.
"""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from .dequantise import Floats

PREFIX = "query: "
MAX_PIECES = 256


def embed(folder: Path, texts: Sequence[str], threads: int = 1) -> Floats:
    """Return `general` of every text, [texts, hidden], by `encoder.onnx` and `tokenizer.json`."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(folder / "encoder.onnx", options)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_PIECES)
    ids = (np.array([tokenizer.encode(PREFIX + text).ids]) for text in texts)
    return np.concatenate([session.run(["general"], {"input_ids": row})[0] for row in ids])


def read_labelled(path: Path, label: str) -> list[tuple[str, str]]:
    """Return (text, label) of a CSV (`text`, label) or JSONL (`subject`, `body`, label) file."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [(row["text"], row[label]) for row in csv.DictReader(file)]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(f"{row.get('subject') or ''}\n{row.get('body') or ''}", row[label]) for row in rows]


def probe(
    folder: Path, rows: Sequence[tuple[str, str]], shots: Sequence[int] = (5, 20), tests: int = 1000
) -> dict[str, float]:
    """Return the accuracy by bare label names and by examples a label, on `tests` other rows."""
    rows = list(rows)
    random.Random(7).shuffle(rows)  # noqa: S311 - nothing secret
    test, rest = rows[:tests], rows[tests:]
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, label in rest:
        by_label[label].append(text)
    names = sorted(by_label)
    gold = np.array([label for _, label in test])
    vectors = embed(folder, [text for text, _ in test])
    bare = embed(folder, [name.replace("_", " ") for name in names])
    found = {"names": float(np.mean(np.array(names)[(vectors @ bare.T).argmax(axis=1)] == gold))}
    most = {name: embed(folder, texts[: max(shots)]) for name, texts in by_label.items()}
    centre = np.concatenate(list(most.values())).mean(axis=0)
    for count in shots:
        x = np.concatenate([embedded[:count] for embedded in most.values()]) - centre
        y = [name for name, embedded in most.items() for _ in embedded[:count]]
        model = LogisticRegression(C=100, max_iter=300).fit(x, y)
        found[f"{count} examples"] = float(model.score(vectors - centre, gold))
    return {name: round(value, 4) for name, value in found.items()}
