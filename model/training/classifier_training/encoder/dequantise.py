"""Reads multilingual-e5-small out of its 4-bit file as float32 arrays.

Layout of the file (little endian, found by reading the package's own C reader):

- magic `E5S1`, u32 version; i32 hidden, layers, heads, feed-forward, vocabulary, positions, token
  types; f32 layer-norm epsilon; i32 quantisation;
- tokenizer: i32 pieces and four special ids, u64 blob length, u32 offsets[pieces + 1],
  f32 scores[pieces], the blob; i32 and a u32-sized normaliser;
- i32 number of tensors, each: u16-sized name, u8 type, u32 count, u64 offset, u64 bytes.

A quantised tensor is a run of blocks of 32 values: an f16 scale, then 16 bytes with two 4-bit
values each (all low nibbles first); value = (nibble - 8) * scale.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import DifferentEncodersError, MissingInputError, WeightsFormatError

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]

MAGIC = b"E5S1"
BLOCK_VALUES = 32
BLOCK_BYTES = 18
DENSE = {
    "q": "query",
    "k": "key",
    "v": "value",
    "ao": "attention_output",
    "fi": "wide",
    "fo": "narrow",
}
NORMS = {"aln": "attention_norm", "oln": "output_norm"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of the encoder."""

    hidden: int
    layers: int
    heads: int
    wide: int
    vocabulary: int
    positions: int
    types: int


class _Reader:
    """Walks over the header; every read moves on."""

    def __init__(self, raw: bytes, at: int) -> None:
        self._raw, self._at = raw, at

    def values(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self._raw, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def value(self, layout: str) -> Any:
        return self.values(layout)[0]

    def text(self, length: int) -> str:
        self.skip(length)
        return self._raw[self._at - length : self._at].decode()

    def skip(self, length: int) -> None:
        self._at += length


@dataclass(frozen=True, slots=True)
class _Tensors:
    """The tensors of the file by name: where each begins and how many bytes it has."""

    raw: bytes
    index: dict[str, tuple[int, int]]

    def quantised(self, name: str, rows: int, columns: int) -> Floats:
        offset, _ = self.index[name]
        count = rows * columns // BLOCK_VALUES * BLOCK_BYTES
        blocks = np.frombuffer(self.raw, np.uint8, count, offset).reshape(-1, BLOCK_BYTES)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
        return ((nibbles.astype(np.float32) - 8) * scale).reshape(rows, columns)

    def plain(self, name: str, *shape: int) -> Floats:
        offset, _ = self.index[name]
        count = int(np.prod(shape))
        return np.frombuffer(self.raw, "<f4", count, offset).reshape(shape).astype(np.float32)


def dequantise(path: Path) -> Weights:
    """Return the encoder's arrays by name.

    `word` [vocabulary, hidden]; `position` [positions, hidden] (the embedding of token type 0, the
    only one in use, is already added); `norm.weight`, `norm.bias`; and for every layer i
    `i.query.weight` [out, in], `i.query.bias`, likewise `key`, `value`, `attention_output`, `wide`,
    `narrow`, `attention_norm`, `output_norm`.

    Raises:
        MissingInputError: The file has not been fetched.
        WeightsFormatError: The file is of another kind.
    """
    if not path.exists():
        raise MissingInputError(path, "fetch")
    shape, tensors = _open(path)
    hidden = shape.hidden
    weights = {
        "word": tensors.quantised("emb.word", shape.vocabulary, hidden),
        "position": tensors.plain("emb.pos", shape.positions, hidden)
        + tensors.plain("emb.type", 1, hidden),
        "norm.weight": tensors.plain("emb.ln.w", hidden),
        "norm.bias": tensors.plain("emb.ln.b", hidden),
    }
    sizes = {"fi": (shape.wide, hidden), "fo": (hidden, shape.wide)}
    for layer in range(shape.layers):
        for short, name in DENSE.items():
            rows, columns = sizes.get(short, (hidden, hidden))
            weight = tensors.quantised(f"l{layer}.{short}.w", rows, columns)
            weights[f"{layer}.{name}.weight"] = weight
            weights[f"{layer}.{name}.bias"] = tensors.plain(f"l{layer}.{short}.b", rows)
        for short, name in NORMS.items():
            weights[f"{layer}.{name}.weight"] = tensors.plain(f"l{layer}.{short}.w", hidden)
            weights[f"{layer}.{name}.bias"] = tensors.plain(f"l{layer}.{short}.b", hidden)
    return weights


def save_weights(weights: Weights, path: Path) -> None:
    """Write the encoder's arrays as one file."""
    np.savez(path, **weights)  # type: ignore[arg-type]


def load_weights(path: Path) -> Weights:
    """Return the arrays that `save_weights` wrote."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def average(*parts: Weights) -> Weights:
    """Return the mean of encoders of one run, array by array.

    On new texts the mean often does better than any of them (Izmailov et al. 2018, "Averaging
    Weights Leads to Wider Optima and Better Generalization").

    Raises:
        DifferentEncodersError: They do not have the same arrays.
    """
    shapes = [{name: array.shape for name, array in part.items()} for part in parts]
    if any(shape != shapes[0] for shape in shapes):
        raise DifferentEncodersError
    return {
        name: np.mean([part[name] for part in parts], axis=0, dtype=np.float64).astype(np.float32)
        for name in parts[0]
    }


def _open(path: Path) -> tuple[Shape, _Tensors]:
    raw = path.read_bytes()
    if not raw.startswith(MAGIC):
        raise WeightsFormatError(path, f"does not begin with {MAGIC.decode()}")
    read = _Reader(raw, len(MAGIC))
    read.skip(struct.calcsize("<I"))
    shape = Shape(*read.values("7i"))
    read.skip(struct.calcsize("<fi"))
    pieces = read.values("5i")[0]
    blob_length = read.value("Q")
    read.skip(4 * (pieces + 1) + 4 * pieces + blob_length)
    read.skip(struct.calcsize("<i"))
    read.skip(read.value("I"))
    index = {}
    for _ in range(read.value("i")):
        name = read.text(read.value("H"))
        read.skip(struct.calcsize("<BI"))
        index[name] = (read.value("Q"), read.value("Q"))
    return shape, _Tensors(raw, index)
