"""The encoder in other clothes says the same: float32 weights out of int8, tickets in batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from benchmarks import many, weights
from benchmarks.limit import Shape, shape_of
from classifier_training.encoder import graph, side
from classifier_training.encoder.dequantise import DENSE, NORMS

type Floats = np.ndarray[Any, np.dtype[np.float32]]

HIDDEN, WIDE, LAYERS, PIECES = 96, 48, 12, 40


def drawn() -> dict[str, Floats]:
    """Return random weights of a small encoder."""
    random = np.random.default_rng(1)

    def floats(*shape: int) -> Floats:
        return random.normal(0, 0.3, shape).astype(np.float32)

    nibbles = random.integers(-8, 8, (PIECES, HIDDEN)).astype(np.float32)
    nibbles[:, :: graph.BLOCK] = -8  # as every block of the published weights has it
    found = {
        "word": nibbles / np.float32(32),
        "position": floats(16, HIDDEN),
        "norm.weight": 1 + floats(HIDDEN),
        "norm.bias": floats(HIDDEN),
    }
    sizes = {"wide": (WIDE, HIDDEN), "narrow": (HIDDEN, WIDE)}
    for layer in range(LAYERS):
        for name in DENSE.values():
            shape = sizes.get(name, (HIDDEN, HIDDEN))
            found[f"{layer}.{name}.weight"] = floats(*shape)
            found[f"{layer}.{name}.bias"] = floats(shape[0])
        for name in NORMS.values():
            found[f"{layer}.{name}.weight"] = 1 + floats(HIDDEN)
            found[f"{layer}.{name}.bias"] = floats(HIDDEN)
    found |= {
        f"{side.PREFIX}{name.removeprefix('11.')}": array
        for name, array in found.items()
        if name.startswith("11.")
    }
    found[side.READ] = floats(HIDDEN, (1 + len(side.MEANS)) * HIDDEN)
    found[side.BIAS] = floats(HIDDEN)
    return found


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def alone(model: onnx.ModelProto, ids: list[int]) -> list[Floats]:
    outputs: list[Floats] = session(model).run(["general", "ticket"], {"input_ids": [ids]})
    return outputs


def test_float32_weights_come_out_of_the_int8_graph(tmp_path: Path) -> None:
    before = drawn()
    graph.save(before, tmp_path / "encoder.onnx", int8=True)

    after = weights.dequantise(tmp_path / "encoder.onnx")

    assert after.keys() == before.keys()
    for name, array in before.items():
        assert after[name].shape == array.shape
        assert np.abs(after[name] - array).max() <= np.abs(array).max() / 127
    np.testing.assert_array_equal(after["word"], before["word"])


def test_the_shape_is_read_off_the_graph(tmp_path: Path) -> None:
    graph.save(drawn(), tmp_path / "encoder.onnx", int8=True)

    assert shape_of(tmp_path / "encoder.onnx") == Shape(LAYERS + 1, HIDDEN, WIDE)


def batches(model: onnx.ModelProto, ids: list[list[int]], size: int) -> Mapping[str, list[Floats]]:
    found = many.in_batches(session(many.batched(model)), ids, size)
    return {
        "general": [one.general for one in found],
        "ticket": [one.ticket for one in found],
    }


@pytest.mark.parametrize("size", [1, 3, 8])
def test_in_float32_padding_and_neighbours_change_nothing(size: int) -> None:
    random = np.random.default_rng(2)
    ids = [random.integers(4, PIECES, length).tolist() for length in (3, 9, 1, 14, 5)]

    found = batches(graph.build(drawn(), int8=False), ids, size)

    for number, row in enumerate(ids):
        general, ticket = alone(graph.build(drawn(), int8=False), row)
        assert found["general"][number] == pytest.approx(general[0], abs=1e-5)
        assert found["ticket"][number] == pytest.approx(ticket[0], abs=1e-5)
