"""Part 3: many tickets, one and two threads, and what batching would give and cost."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from benchmarks.effort import Effort
from benchmarks.paths import BUNDLE
from benchmarks.texts import test_tickets, tokenizer
from benchmarks.timing import rotated, timed
from ticket_classifier import Classifier, clean, load
from ticket_classifier.encoder import Embedding, Encoder

type Result = dict[str, Any]
type Floats = NDArray[np.float32]

BATCHES = (8, 32)
ROUNDS = 3
BATCHED = 200
"""Tickets of the part about batches, which measures the encoder alone."""
PAD = 1


def measure(effort: Effort) -> Result:
    """Return tickets a second of every way, and how often batches agree with one at a time."""
    tickets = test_tickets()[: effort.tickets]
    pairs = [(ticket.subject, ticket.body) for ticket in tickets]
    rounds = ROUNDS if effort.rounds > 2 else 1
    return {
        "tickets": len(pairs),
        "rounds": rounds,
        "tickets_per_s": _rates(_whole_ways(pairs), len(pairs), rounds),
        **_batching([clean(*pair) for pair in pairs[:BATCHED]], rounds),
    }


def _whole_ways(pairs: Sequence[tuple[str, str]]) -> dict[str, Callable[[], object]]:
    one, split = load(BUNDLE, threads=1), load(BUNDLE, threads=2)
    pool = ThreadPoolExecutor(2)

    def two_tickets_at_once() -> object:
        return list(pool.map(lambda pair: one.classify(*pair), pairs))

    return {
        "one_thread": lambda: [one.classify(*pair) for pair in pairs],
        "two_tickets_at_once": two_tickets_at_once,
        "two_threads_a_ticket": lambda: [split.classify(*pair) for pair in pairs],
    }


def _rates(ways: Mapping[str, Callable[[], object]], tickets: int, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in rotated(list(ways), number):
            seconds[name] += timed(ways[name], 1)
    return {name: round(tickets / statistics.median(taken), 1) for name, taken in seconds.items()}


def _batching(cleaned: Sequence[str], rounds: int) -> Result:
    """Encode alone and in padded batches of similar length, and judge both with the same heads."""
    reader = tokenizer()
    ids = [reader.ids(text) for text in cleaned]
    single = Encoder((BUNDLE / "encoder.onnx").read_bytes(), threads=1)
    session = _batched_session()
    ways: dict[str, Callable[[], object]] = {"alone": lambda: [single.embed(row) for row in ids]}
    ways |= {str(size): _in_batches(session, ids, size) for size in BATCHES}
    rates = _rates(ways, len(ids), rounds)
    alone = [single.embed(row) for row in ids]
    expected = judged(cleaned, alone)
    return {
        "batched_tickets": len(ids),
        "encoder_alone_per_s": rates["alone"],
        "batches": {
            str(size): {
                "encoder_per_s": rates[str(size)],
                **agreement(expected, judged(cleaned, in_batches(session, ids, size))),
            }
            for size in BATCHES
        },
    }


def _in_batches(
    session: ort.InferenceSession, ids: Sequence[list[int]], size: int
) -> Callable[[], object]:
    return lambda: in_batches(session, ids, size)


def in_batches(
    session: ort.InferenceSession, ids: Sequence[list[int]], size: int
) -> list[Embedding]:
    """Encode in batches of tickets of similar length, padded to the longest of each."""
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    found: dict[int, Embedding] = {}
    for start in range(0, len(order), size):
        numbers = order[start : start + size]
        longest = max(len(ids[number]) for number in numbers)
        rows = np.full((len(numbers), longest), PAD, dtype=np.int64)
        mask = np.zeros((len(numbers), longest), dtype=np.float32)
        for row, number in enumerate(numbers):
            rows[row, : len(ids[number])] = ids[number]
            mask[row, : len(ids[number])] = 1
        general, ticket = session.run(["general", "ticket"], {"input_ids": rows, "mask": mask})
        for row, number in enumerate(numbers):
            found[number] = Embedding(general=general[row], ticket=ticket[row])
    return [found[number] for number in range(len(ids))]


class _Known:
    """Stands where the encoder stands, and gives out embeddings made elsewhere, in order."""

    def __init__(self, embeddings: Sequence[Embedding]) -> None:
        self._embeddings = iter(embeddings)

    def embed(self, ids: list[int]) -> Embedding:  # noqa: ARG002 - the encoder's signature
        return next(self._embeddings)


def judged(
    cleaned: Sequence[str], embeddings: Sequence[Embedding]
) -> list[dict[str, tuple[str, bool]]]:
    """Return label and abstention by target for each ticket, given its embedding."""
    classifier: Classifier = load(BUNDLE, threads=1)
    classifier._encoder = _Known(embeddings)  # type: ignore[assignment]
    answers = []
    for text in cleaned:
        targets = classifier.classify_cleaned(text).targets
        answers.append({name: (one.label, one.abstained) for name, one in targets.items()})
    return answers


def agreement(
    expected: Sequence[Mapping[str, tuple[str, bool]]],
    found: Sequence[Mapping[str, tuple[str, bool]]],
) -> dict[str, float]:
    """Return the shares of labels, and of tickets with all their answers, that are the same."""
    pairs = [
        (one[target][0], other[target][0])
        for one, other in zip(expected, found, strict=True)
        for target in one
    ]
    same = [one == other for one, other in zip(expected, found, strict=True)]
    return {
        "labels_agree": round(sum(one == other for one, other in pairs) / len(pairs), 4),
        "tickets_agree": round(sum(same) / len(same), 4),
    }


def _batched_session() -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(
        batched(onnx.load(BUNDLE / "encoder.onnx")).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )


def batched(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the encoder for several padded tickets a call, with a second input.

    `mask` is float32 [tickets, pieces]: 1 where a piece is the ticket's own. Attention ignores the
    others, and the means leave them out.
    """
    graph = model.graph
    nodes = _mask_nodes()
    for node in graph.node:
        if node.op_type == "Attention":
            node.input.extend(["allowed"])
        if node.op_type == "ReduceMean":
            states, axes = node.input
            (mean,) = node.output
            nodes.append(helper.make_node("Mul", [states, "mask column"], [f"{mean} own"]))
            nodes.append(
                helper.make_node("ReduceSum", [f"{mean} own", axes], [f"{mean} sum"], keepdims=0)
            )
            node.CopyFrom(helper.make_node("Div", [f"{mean} sum", "lengths"], [mean]))
        nodes.append(node)
    rows: list[str | int] = ["tickets", "pieces"]
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, rows),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, rows),
    ]
    outputs = [
        helper.make_tensor_value_info(one.name, TensorProto.FLOAT, ["tickets", None])
        for one in graph.output
    ]
    constants = [
        *graph.initializer,
        onnx.numpy_helper.from_array(np.array([1, 2]), "attention axes"),
        onnx.numpy_helper.from_array(np.array([2]), "column axis"),
        onnx.numpy_helper.from_array(np.array(1, np.float32), "one"),
        onnx.numpy_helper.from_array(np.array(-1e4, np.float32), "never"),
        onnx.numpy_helper.from_array(np.array([1], np.int64), "single"),
    ]
    rebuilt = helper.make_graph(nodes, "batched encoder", inputs, outputs, constants)
    return helper.make_model(rebuilt, opset_imports=model.opset_import, ir_version=model.ir_version)


def _mask_nodes() -> list[onnx.NodeProto]:
    """Make of the mask what attention adds to its scores, [tickets, 1, pieces, pieces]."""
    return [
        helper.make_node("Unsqueeze", ["mask", "column axis"], ["mask column"]),
        helper.make_node("ReduceSum", ["mask", "single"], ["lengths"], keepdims=1),
        helper.make_node("Sub", ["one", "mask"], ["foreign"]),
        helper.make_node("Mul", ["foreign", "never"], ["penalty"]),
        helper.make_node("Unsqueeze", ["penalty", "attention axes"], ["penalty row"]),
        helper.make_node("Shape", ["mask"], ["pieces"], start=1, end=2),
        helper.make_node("Concat", ["single", "single", "pieces", "single"], ["spread"], axis=0),
        helper.make_node("Expand", ["penalty row", "spread"], ["allowed"]),
    ]
