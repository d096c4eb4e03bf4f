"""Compares the int8 graph with its float32 twin, in the same run, on one thread."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from .graph import OUTPUTS

FLOAT32, INT8 = "encoder.fp32.onnx", "encoder.onnx"


def compare_speed(folder: Path, pieces: int = 128, rounds: int = 60) -> dict[str, float]:
    """Return the median milliseconds a call of both graphs, taken in turn, and their ratio."""
    draw = np.random.default_rng(7)
    ids = draw.integers(4, 10_000, (1, pieces))
    sessions = {name: _session(folder / name) for name in (FLOAT32, INT8)}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            session.run(None, {"input_ids": ids})
            begin = time.perf_counter()
            session.run(None, {"input_ids": ids})
            times[name].append(1000 * (time.perf_counter() - begin))
    float32, int8 = (statistics.median(times[name]) for name in (FLOAT32, INT8))
    return {"float32_ms": float32, "int8_ms": int8, "ratio": int8 / float32}


def compare_outputs(folder: Path, texts: Sequence[Sequence[int]]) -> dict[str, dict[str, float]]:
    """Return mean and lowest cosine between both graphs' outputs on the piece ids of `texts`."""
    sessions = [_session(folder / name) for name in (FLOAT32, INT8)]
    cosines: dict[str, list[float]] = {name: [] for name in OUTPUTS}
    for ids in texts:
        row = np.array([ids])
        pairs = zip(
            *(session.run(OUTPUTS, {"input_ids": row}) for session in sessions), strict=True
        )
        for name, (one, other) in zip(OUTPUTS, pairs, strict=True):
            cosines[name].append(_cosine(one[0], other[0]))
    return {
        name: {"mean": statistics.mean(values), "lowest": min(values)}
        for name, values in cosines.items()
    }


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options)


def _cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
