"""Part 2: how near the encoder comes to what one core can multiply, and where the rest goes."""

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from benchmarks.effort import Effort
from benchmarks.paths import BUNDLE
from benchmarks.texts import LENGTHS, Text, test_tickets, texts_of_length, tokenizer
from benchmarks.timing import in_turn, milliseconds, timed
from ticket_classifier import clean, load
from ticket_classifier.encoder import Encoder

type Result = dict[str, Any]

SQUARES = (256, 512, 1024)
"""Sides of the square matrices whose product shows what the core can do; the best one counts."""

PROFILED_PIECES = 128
PROFILED_RUNS = 40
QUANTISED, FLOAT = "MatMulInteger", "MatMul"


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of the encoder."""

    layers: int
    hidden: int
    wide: int


def shape_of(model: Path) -> Shape:
    """Read the dimensions off the int8 graph's matrices."""
    sizes = {one.name: tuple(one.dims) for one in onnx.load(model).graph.initializer}
    hidden, wide = sizes["0.wide.int8"]
    layers = sum(name.endswith(".wide.int8") for name in sizes)
    return Shape(layers, hidden, wide)


def multiply_adds(shape: Shape, pieces: int) -> tuple[int, int]:
    """Return the multiply-adds of one ticket: those with int8 weights, and those of attention.

    A layer multiplies each piece by four matrices of hidden x hidden (query, key, value, output)
    and two of hidden x wide; attention compares each piece with each and adds up the values, twice
    pieces x pieces x hidden, in float32.
    """
    weights = 4 * shape.hidden**2 + 2 * shape.hidden * shape.wide
    attention = 2 * pieces**2 * shape.hidden
    return shape.layers * pieces * weights, shape.layers * attention


def measure(effort: Effort) -> Result:
    """Return throughputs, the share of them that is reached, and what takes the time."""
    shape = shape_of(BUNDLE / "encoder.onnx")
    texts = _texts()
    speeds, encoding = _speeds(texts, effort.rounds)
    return {
        "shape": {"layers": shape.layers, "hidden": shape.hidden, "wide": shape.wide},
        "int8_gmac_s": round(speeds[QUANTISED], 1),
        "fp32_gmac_s": round(speeds[FLOAT], 1),
        "lengths": {
            str(pieces): _share(shape, pieces, seconds, speeds)
            for pieces, seconds in encoding.items()
        },
        "stages_ms": {str(pieces): _stages(texts[pieces], effort.rounds) for pieces in LENGTHS},
        "operators": _operators(PROFILED_RUNS if effort.rounds > 2 else 3),
    }


def _texts() -> dict[int, Text]:
    reader, tickets = tokenizer(), test_tickets()
    return {pieces: texts_of_length(pieces, tickets, reader)[0] for pieces in LENGTHS}


def _share(
    shape: Shape, pieces: int, seconds: float, speeds: Mapping[str, float]
) -> dict[str, float]:
    """Compare a measured time with that of the same products at full speed."""
    int8, fp32 = multiply_adds(shape, pieces)
    ideal = int8 / speeds[QUANTISED] / 1e9 + fp32 / speeds[FLOAT] / 1e9
    return {
        "gmac": round((int8 + fp32) / 1e9, 3),
        "ms": milliseconds(seconds),
        "ideal_ms": milliseconds(ideal),
        "share": round(ideal / seconds, 3),
        "all_fp32_ideal_ms": milliseconds((int8 + fp32) / speeds[FLOAT] / 1e9),
    }


def _speeds(texts: Mapping[int, Text], rounds: int) -> tuple[dict[str, float], dict[int, float]]:
    """Measure products and encoder in turn: 10^9 multiply-adds a second, and seconds a ticket."""
    encoder = Encoder((BUNDLE / "encoder.onnx").read_bytes(), threads=1)
    reader = tokenizer()
    ids = {pieces: reader.ids(text.cleaned) for pieces, text in texts.items()}
    contestants: dict[str, Callable[[], object]] = {
        f"{kind} {side}": _product(kind, side) for kind in (QUANTISED, FLOAT) for side in SQUARES
    }
    contestants |= {str(pieces): _embedding(encoder, row) for pieces, row in ids.items()}
    seconds = {
        name: statistics.median(taken)
        for name, taken in in_turn(contestants, rounds, calls=3).items()
    }
    speeds = {
        kind: max(side**3 / seconds[f"{kind} {side}"] / 1e9 for side in SQUARES)
        for kind in (QUANTISED, FLOAT)
    }
    return speeds, {pieces: seconds[str(pieces)] for pieces in texts}


def _embedding(encoder: Encoder, ids: list[int]) -> Callable[[], object]:
    return lambda: encoder.embed(ids)


def _product(kind: str, side: int) -> Callable[[], object]:
    """Return a call of one square matrix product, whose second matrix is a constant."""
    random = np.random.default_rng(7)
    if kind == QUANTISED:
        left = random.integers(0, 256, (side, side)).astype(np.uint8)
        right = random.integers(-127, 128, (side, side)).astype(np.int8)
        types = (TensorProto.UINT8, TensorProto.INT32)
    else:
        left, right = random.standard_normal((2, side, side)).astype(np.float32)
        types = (TensorProto.FLOAT, TensorProto.FLOAT)
    graph = helper.make_graph(
        [helper.make_node(kind, ["left", "right"], ["out"])],
        "product",
        [helper.make_tensor_value_info("left", types[0], [side, side])],
        [helper.make_tensor_value_info("out", types[1], [side, side])],
        [onnx.numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(
        model.SerializeToString(), _one_thread(), providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"left": left})


def _one_thread() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _stages(text: Text, rounds: int) -> dict[str, float]:
    """Return milliseconds of cleaning, tokenising, encoding, and the heads (what remains)."""
    classifier = load(BUNDLE, threads=1)
    reader = tokenizer()
    encoder = Encoder((BUNDLE / "encoder.onnx").read_bytes(), threads=1)
    ids = reader.ids(text.cleaned)
    taken = in_turn(
        {
            "all": lambda: classifier.classify(text.subject, text.body),
            "clean": lambda: clean(text.subject, text.body),
            "tokenise": lambda: reader.ids(text.cleaned),
            "encode": lambda: encoder.embed(ids),
        },
        rounds,
        calls=3,
    )
    stages = {name: statistics.median(seconds) for name, seconds in taken.items()}
    rest = stages["all"] - stages["clean"] - stages["tokenise"] - stages["encode"]
    return {name: milliseconds(value) for name, value in stages.items()} | {
        "heads": milliseconds(max(rest, 0.0))
    }


def _operators(runs: int) -> list[dict[str, Any]]:
    """Profile the encoder by operator; the longest first, milliseconds a ticket."""
    options = _one_thread()
    options.enable_profiling = True
    row = np.array([tokenizer().ids(_texts()[PROFILED_PIECES].cleaned)], dtype=np.int64)
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = ort.InferenceSession(
            (BUNDLE / "encoder.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        timed(lambda: session.run(None, {"input_ids": row}), runs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return by_operator(events)


def by_operator(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum up a profile of ONNX Runtime: each operator's share and median milliseconds a run.

    Args:
        events: The profile. A node occurs once a run; what it takes is the median of these.
    """
    nodes: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            nodes[event["args"]["op_name"], event["name"]].append(event["dur"] / 1e6)
    operators: dict[str, float] = defaultdict(float)
    for (operator, _), seconds in nodes.items():
        operators[operator] += statistics.median(seconds)
    whole = sum(operators.values())
    ordered = sorted(operators.items(), key=lambda one: -one[1])
    return [
        {"operator": name, "ms": milliseconds(seconds), "share": round(seconds / whole, 3)}
        for name, seconds in ordered
    ]
