"""Takes the weights out of an ONNX file without copying them.

ONNX Runtime reads a model as one protobuf message: it copies and checks all bytes of it, weights
included, before it starts. Given a small graph, and the weights as arrays that lie in the file's
bytes, it starts in two thirds of the time, and those bytes are in memory once.

A file is messages within messages (field numbers as `onnx.proto` has them)::

    ModelProto.graph = 7 > GraphProto.initializer = 5 > TensorProto
    TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9, external_data = 13,
                 data_location = 14
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["split_weights"]

type Weights = Mapping[str, NDArray[Any]]

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ARRAYS = {1: np.float32, 2: np.uint8, 3: np.int8, 10: np.float16}
"""Types by their number in ``TensorProto.DataType``; weights of others stay in the graph."""
_SMALLEST = 1024
"""Bytes below which a constant stays in the graph, where ONNX Runtime can compute with it."""
_ELSEWHERE = b"\x6a\x11\x0a\x08location\x12\x05given" + b"\x70\x01"
"""external_data {key: "location", value: "given"}, data_location: EXTERNAL."""


def split_weights(model: bytes) -> tuple[bytes, Weights]:
    """Return (`graph`, `weights`): the model without its larger constants, and these by name.

    The arrays are read-only views of `model`. To be started, the graph needs each of them as an
    external initializer.

    Raises:
        ValueError: `model` is no whole protobuf message, or a constant's size belies its shape.
    """
    weights: dict[str, NDArray[Any]] = {}
    return b"".join(_without_weights(memoryview(model), (_GRAPH, _INITIALIZER), weights)), weights


def _without_weights(
    message: memoryview, path: tuple[int, ...], weights: dict[str, NDArray[Any]]
) -> Iterator[bytes | memoryview]:
    """Yield the parts of `message`, with the tensors at `path` emptied into `weights`."""
    if not path:
        yield from _emptied(message, weights)
        return
    for number, kind, whole, content in _fields(message):
        if (number, kind) == (path[0], _BYTES):
            inner = b"".join(_without_weights(content, path[1:], weights))
            yield _varint(number << 3 | _BYTES) + _varint(len(inner))
            yield inner
        else:
            yield whole


def _emptied(tensor: memoryview, weights: dict[str, NDArray[Any]]) -> Iterator[bytes | memoryview]:
    """Yield the parts of a tensor, without its values if these went to `weights`."""
    fields = list(_fields(tensor))
    values = {number: content for number, _, _, content in fields}
    kind = _ARRAYS.get(_integer(values.get(_DATA_TYPE, b"\0"), 0)[0])
    raw = values.get(_RAW_DATA, b"")
    if kind is None or len(raw) < _SMALLEST:
        yield tensor
        return
    shape = [
        size for number, _, _, content in fields if number == _DIMS for size in _sizes(content)
    ]
    if math.prod(shape) * np.dtype(kind).itemsize != len(raw):
        raise ValueError("a constant has another size than its shape says")
    weights[str(values.get(_NAME, b""), "utf-8")] = np.frombuffer(raw, kind).reshape(shape)
    yield from (whole for number, _, whole, _ in fields if number != _RAW_DATA)
    yield _ELSEWHERE


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview, memoryview]]:
    """Yield (number, wire type, whole field, content) of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, begin = _integer(message, at)
        kind = key & 7
        if kind == _BYTES:
            length, begin = _integer(message, begin)
            end = begin + length
        elif kind == _VARINT:
            end = _integer(message, begin)[1]
        elif kind in {_FIXED64, _FIXED32}:
            end = begin + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError(f"no wire type {kind} is known")
        if end > len(message):
            raise ValueError("a field ends behind its message")
        yield key >> 3, kind, message[at:end], message[begin:end]
        at = end


def _sizes(content: memoryview) -> Iterator[int]:
    """Yield the integers of a repeated field, packed or one by one."""
    at = 0
    while at < len(content):
        size, at = _integer(content, at)
        yield size


def _integer(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return the varint at `at` and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("an integer has no end")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
