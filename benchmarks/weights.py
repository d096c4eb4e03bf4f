"""The shipped encoder's own weights in float32, out of its int8 graph."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

type Arrays = dict[str, npt.NDArray[np.float32]]

_PROJECTIONS = ("query", "key", "value")


def dequantise(model: Path) -> Arrays:
    """Return the arrays as `classifier_training.encoder` names them.

    Args:
        model: What `classifier_training.encoder.graph` wrote with int8 weights: a matrix lies there
            as [in, out] with a scale a column, the embeddings in 4 bits, two a byte, with a scale a
            block.
    """
    stored = {one.name: numpy_helper.to_array(one) for one in onnx.load(model).graph.initializer}
    weights: Arrays = {}
    for name, array in stored.items():
        stem, _, kind = name.rpartition(".")
        if kind == "int8":
            values = array.astype(np.float32) * stored[f"{stem}.scale"]
            weights[f"{stem}.weight"] = np.ascontiguousarray(values.T)
        elif kind == "int4":
            values = _unpacked(array)
            scales = stored[f"{stem}.scale"].astype(np.float32)
            weights[stem] = values * scales.repeat(values.shape[1] // scales.shape[1], axis=1)
        elif kind in {"bias", "weight"} or name == "position":
            weights[name] = array.astype(np.float32)
    return _split(weights)


def _unpacked(pairs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Undo what `graph.pack` did."""
    nibbles = np.stack([pairs & 15, pairs >> 4], axis=2).reshape(len(pairs), -1)
    return nibbles.astype(np.float32) - 8


def _split(weights: Arrays) -> Arrays:
    """Split the joined projections of every layer."""
    split: Arrays = {}
    for name, array in weights.items():
        stem, _, kind = name.rpartition(".")
        if stem.endswith("projections"):
            prefix = stem.removesuffix("projections")
            parts = np.split(array, len(_PROJECTIONS))
            split |= {
                f"{prefix}{one}.{kind}": part for one, part in zip(_PROJECTIONS, parts, strict=True)
            }
        else:
            split[name] = array
    return split


def save(model: Path, path: Path) -> None:
    """Write the float32 arrays of an int8 graph as one file."""
    np.savez(path, **dequantise(model))  # type: ignore[arg-type]
