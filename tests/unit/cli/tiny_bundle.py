"""A bundle of a few kilobytes: an encoder that says nothing, heads that know a few words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from classifier_training.writer import BundleContent, write_bundle
from ticket_classifier import clean
from ticket_classifier.bundle import Scope
from ticket_classifier.encoder import DIMENSIONS, JOINED_DIMENSIONS, TICKET_DIMENSIONS
from ticket_classifier.features import FeatureSpace, count_buckets, fingerprint
from ticket_classifier.heads import Head

WORDS: Mapping[str, Mapping[str, str]] = {
    "queue": {
        "billing_payments": "invoice",
        "technical_support": "crash",
        "automated_mail": "bounce",
    },
    "type": {"Question": "how", "Incident": "crash"},
    "priority": {"Low": "whenever", "High": "urgent"},
}
THRESHOLD = 0.8
_WEIGHT = 4.0


def build(
    folder: Path,
    *,
    known: Mapping[str, Mapping[str, str]] = WORDS,
    taught_by: Sequence[tuple[str, str]] = (),
) -> str:
    """Write the bundle: each label is known by one word; return its id.

    Args:
        folder: Where it goes.
        known: By target, the word for each label.
        taught_by: Texts it says it was trained on.
    """
    fingerprints = {fingerprint(*count_buckets(clean(*text))) for text in taught_by}
    words = sorted({word for labels in known.values() for word in labels.values()})
    buckets = np.unique(np.concatenate([count_buckets(word)[0] for word in words]))
    buckets = buckets.astype(np.uint32)
    space = FeatureSpace(
        buckets=buckets,
        idf=np.ones(len(buckets), np.float32),
        mean=np.zeros(JOINED_DIMENSIONS, np.float32),
        scale=np.ones(JOINED_DIMENSIONS, np.float32),
    )
    content = BundleContent(
        files={"encoder.onnx": _encoder(), "tokenizer.json": _tokenizer()},
        spaces={"own": space},
        heads={target: _head(labels, buckets) for target, labels in known.items()},
        space_of=dict.fromkeys(known, "own"),
        metrics={target: {} for target in known},
        scope=Scope("own", 0.0, 1.0),
        encoder={"name": "tiny"},
        trained_with={},
        taught_by=np.array(sorted(fingerprints), np.uint32),
    )
    return write_bundle(folder, content)


def _head(labels: Mapping[str, str], buckets: NDArray[np.uint32]) -> Head:
    sparse = np.zeros((len(buckets), len(labels)), np.float16)
    for column, word in enumerate(labels.values()):
        sparse[np.isin(buckets, count_buckets(word)[0]), column] = _WEIGHT
    return Head(
        labels=tuple(labels),
        sparse=sparse,
        dense=np.zeros((JOINED_DIMENSIONS, len(labels)), np.float32),
        bias=np.zeros(len(labels), np.float32),
        threshold=THRESHOLD,
    )


def _tokenizer() -> bytes:
    vocabulary = {"<s>": 0, "</s>": 1, "<unk>": 2, "query:": 3}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return bytes(tokenizer.to_str(), "utf-8")


def _encoder() -> bytes:
    table = numpy_helper.from_array(np.full((4, DIMENSIONS), 0.01, np.float32), "table")
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["pieces"]),
            helper.make_node("ReduceMean", ["pieces"], ["general"], axes=[1], keepdims=0),
            helper.make_node("Concat", ["general", "general"], ["ticket"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, None])],
        [
            helper.make_tensor_value_info("general", TensorProto.FLOAT, [1, DIMENSIONS]),
            helper.make_tensor_value_info("ticket", TensorProto.FLOAT, [1, TICKET_DIMENSIONS]),
        ],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
