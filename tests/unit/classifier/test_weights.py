"""The weights leave an ONNX file as views of its bytes, and no file makes that go wrong quietly."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ticket_classifier.encoder import DIMENSIONS
from ticket_classifier.weights import split_weights
from unit.classifier.tiny import PIECES, tiny_encoder

MODEL = tiny_encoder()


def model_of(*tensors: TensorProto) -> bytes:
    graph = helper.make_graph([], "graph", [], [], list(tensors))
    content: bytes = helper.make_model(graph).SerializeToString()
    return content


def test_nothing_but_the_weights_is_taken_out() -> None:
    graph, weights = split_weights(MODEL)

    left, whole = onnx.load_from_string(graph), onnx.load_from_string(MODEL)
    table = left.graph.initializer[0]
    assert table.data_location == TensorProto.EXTERNAL
    assert not table.raw_data
    np.testing.assert_array_equal(
        weights["table"], numpy_helper.to_array(whole.graph.initializer[0])
    )
    del left.graph.initializer[:], whole.graph.initializer[:]
    assert left == whole
    assert len(graph) < 1000


def test_no_byte_is_copied() -> None:
    _, weights = split_weights(MODEL)
    assert np.shares_memory(weights["table"], np.frombuffer(MODEL, np.uint8))
    assert not weights["table"].flags.writeable


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8])
def test_all_types_of_weights(kind: type[np.generic]) -> None:
    values = np.arange(-2048, 2048).reshape(32, 128).astype(kind)
    _, weights = split_weights(model_of(numpy_helper.from_array(values, "größe")))
    np.testing.assert_array_equal(weights["größe"], values)
    assert weights["größe"].dtype == kind


def test_small_constants_and_other_types_stay() -> None:
    """ONNX Runtime computes with them before it starts."""
    model = model_of(
        numpy_helper.from_array(np.ones(255, np.float32), "small"),
        numpy_helper.from_array(np.ones(1000, np.int64), "numbers"),
        helper.make_tensor("spelt out", TensorProto.FLOAT, [1000], [1.0] * 1000),
    )
    graph, weights = split_weights(model)
    assert not weights
    assert onnx.load_from_string(graph) == onnx.load_from_string(model)


def test_shapes_that_lie_are_refused() -> None:
    table = numpy_helper.from_array(np.ones((32, 32), np.float32), "table")
    table.dims[0] = 33
    with pytest.raises(ValueError, match="another size than its shape"):
        split_weights(model_of(table))


@given(st.integers(0, len(MODEL) - 1))
def test_a_file_that_is_cut_short_is_refused_or_lacks_whole_fields(end: int) -> None:
    try:
        _, weights = split_weights(MODEL[:end])
    except ValueError:
        return
    for table in weights.values():
        assert table.shape == (len(PIECES), DIMENSIONS)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_graph_or_a_value_error(content: bytes) -> None:
    try:
        _, weights = split_weights(content)
    except ValueError:
        return
    assert not weights


@given(st.integers(0, len(MODEL) - 1), st.binary(min_size=1, max_size=12))
def test_bytes_in_the_wrong_place_end_in_a_graph_or_a_value_error(at: int, bytes_: bytes) -> None:
    changed = MODEL[:at] + bytes_ + MODEL[at + len(bytes_) :]
    try:
        _, weights = split_weights(changed)
    except ValueError:
        return
    assert sum(table.nbytes for table in weights.values()) <= len(changed)
