"""A bundle of a few hundred kilobytes, made on the spot: the real contract, no real knowledge."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from classifier_training.writer import BundleContent, write_bundle
from ticket_classifier.bundle import Scope
from ticket_classifier.encoder import DIMENSIONS, JOINED_DIMENSIONS, TICKET_DIMENSIONS
from ticket_classifier.features import FeatureSpace, count_buckets
from ticket_classifier.heads import Head

LETTERS = string.ascii_lowercase + string.digits + "äöüßéèàçñãõ.,:;!?-'\"()@/#%€\n"
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *LETTERS]

TRAINING_TEXTS = (
    "refund please, my parcel arrived broken and I want my money back",
    "I cannot log in, the password is wrong and the account is locked",
)


def tiny_tokenizer() -> bytes:
    """A unigram tokenizer whose pieces are single characters."""
    model = Unigram([(piece, -1.0) for piece in PIECES], unk_id=3)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer.to_str().encode()


def tiny_encoder(*, ticket_output: str = "ticket") -> bytes:
    """An ONNX graph with the contract's names: mean and maximum of random piece vectors."""
    table = np.random.default_rng(0).normal(size=(len(PIECES), DIMENSIONS)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["states"]),
        helper.make_node("ReduceMean", ["states"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["general"], axis=1, p=2),
        helper.make_node("ReduceMax", ["states"], ["most"], axes=[1], keepdims=0),
        helper.make_node("Concat", ["most", "mean"], [ticket_output], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
        [
            helper.make_tensor_value_info("general", TensorProto.FLOAT, [1, DIMENSIONS]),
            helper.make_tensor_value_info(ticket_output, TensorProto.FLOAT, [1, TICKET_DIMENSIONS]),
        ],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def write_encoder(folder: Path) -> Path:
    """A folder with encoder and tokenizer only, as training starts from."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "encoder.onnx").write_bytes(tiny_encoder())
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer())
    return folder


def tiny_content(**changes: object) -> BundleContent:
    """A bundle with one target, which tells refunds from log-ins by their wording."""
    buckets = [count_buckets(text)[0] for text in TRAINING_TEXTS]
    known = np.union1d(*buckets).astype(np.uint32)
    space = FeatureSpace(
        buckets=known,
        idf=np.ones(len(known), np.float32),
        mean=np.zeros(JOINED_DIMENSIONS, np.float32),
        scale=np.ones(JOINED_DIMENSIONS, np.float32),
    )
    sparse = np.stack([np.isin(known, own) for own in buckets], axis=1).astype(np.float16) * 8
    head = Head(
        labels=("refunds", "access"),
        sparse=sparse,
        dense=np.zeros((JOINED_DIMENSIONS, 2), np.float32),
        bias=np.zeros(2, np.float32),
        threshold=0.8,
    )
    values: dict[str, object] = {
        "files": {"encoder.onnx": tiny_encoder(), "tokenizer.json": tiny_tokenizer()},
        "spaces": {"own": space},
        "heads": {"queue": head},
        "space_of": {"queue": "own"},
        "metrics": {"queue": {}},
        "scope": Scope(space="own", known_share=0.3, unknown_pieces=0.3),
        "encoder": {"name": "tiny"},
        "trained_with": {},
    }
    return BundleContent(**(values | changes))  # type: ignore[arg-type]


def write_tiny_bundle(folder: Path, **changes: object) -> Path:
    """Write the bundle and return its folder."""
    write_bundle(folder, tiny_content(**changes))
    return folder
