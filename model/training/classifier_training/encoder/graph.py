"""Writes the encoder as an ONNX graph, in float32 or with int8 weights.

Both graphs have the same nodes but for the matrix products. Measured on one core with 128 pieces,
each against the others in the same run, these choices paid:

- query, key and value are one matrix product, so that the activation is quantised once;
- one `Attention` operator (opset 23) instead of transposes, products and a softmax;
- the residual addition and the layer norm are one operator, and so are bias and int8 product;
- `Gelu` as one operator (the tanh forms are slower);
- no mask and no padding, since a call holds one text.

These did not: three products over one shared quantised activation; 8-bit blocks (`MatMulNBits`),
three times slower.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import side
from .dequantise import Floats

HEADS = 12
EPSILON = 1e-12
OPSET, IR_VERSION = 23, 11
BLOCK = 32
"""Embeddings with one scale."""
CONTRIB = "com.microsoft"
"""ONNX Runtime's own operators, which every build of it for a CPU holds."""
OUTPUTS = ("general", "ticket")
LONGEST = 256
"""Pieces that serving shows the encoder at most: further positions are not shipped."""


def build(weights: Mapping[str, Floats], *, int8: bool) -> onnx.ModelProto:
    """Return the encoder as a graph.

    Input `input_ids` int64 [1, n]; outputs `general` float32 [1, hidden], of unit length, what the
    side layer recalls (or the mean over the pieces where `weights` has none), and `ticket` float32
    [1, 2 x hidden], the vector of the first piece and the mean over the pieces, of unit length.

    Args:
        weights: The arrays as `dequantise` names them.
        int8: Quantise the matrices (8 bits, a scale a column, activations dynamically) and the
            embeddings (4 bits, a scale a block); positions in 16 bits.
    """
    graph = _Graph(int8=int8)
    hidden = weights["word"].shape[1]
    states = _states(graph, weights)
    mean = graph.mean(states[-1])
    general = _recalled(graph, weights, states) if side.READ in weights else mean
    graph.node("LpNormalization", general, out="general", axis=-1, p=2)
    begin = graph.node("Gather", states[-1], graph.constant("first", np.int64(0)), axis=1)
    unit = graph.node("LpNormalization", mean, axis=-1, p=2)
    graph.node("Concat", begin, unit, out="ticket", axis=-1)
    return graph.model(general=(1, hidden), ticket=(1, 2 * hidden))


def build_below_side(weights: Mapping[str, Floats]) -> onnx.ModelProto:
    """Return the int8 graph up to what the side layer reads, for its training.

    Input as `build` has it; outputs `states` float32 [1, n, hidden], those above layer
    `side.INPUT`, and `means` float32 [1, layers x hidden], those over the pieces above the layers
    `side.MEANS`.
    """
    graph = _Graph(int8=True)
    hidden = weights["word"].shape[1]
    states = _states(graph, weights)
    graph.node("Identity", states[side.INPUT], out="states")
    means = [graph.mean(states[layer]) for layer in side.MEANS]
    graph.node("Concat", *means, out="means", axis=-1)
    return graph.model(states=(1, "n", hidden), means=(1, len(means) * hidden))


def save(weights: Mapping[str, Floats], path: Path, *, int8: bool) -> None:
    """Write the graph of `weights` to `path`."""
    onnx.save(build(weights, int8=int8), path)


def quantise_rows(weight: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return (`values` [rows, columns], `scales` [rows]) with `values * scales` near `weight`."""
    scales = np.maximum(np.abs(weight).max(axis=1) / 127, np.finfo(np.float32).tiny)
    return np.round(weight / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def quantise_blocks(table: Floats) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """Return 4-bit `values` [rows, columns] and `scales` [rows, columns / 32] of `table`.

    The value furthest from zero in a block becomes -8, as in the file that the weights come from
    (Q4_0). So embeddings that the training left alone lose nothing a second time.
    """
    blocks = table.reshape(len(table), -1, BLOCK)
    furthest = np.abs(blocks).argmax(axis=2, keepdims=True)
    scales = (np.take_along_axis(blocks, furthest, axis=2) / -8).astype(np.float16)
    divisors = np.where(scales == 0, 1, scales).astype(np.float32)
    values = np.round(blocks / divisors).clip(-8, 7).astype(np.int8)
    return values.reshape(table.shape), scales[:, :, 0]


def pack(values: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Return 4-bit `values` two a byte, the first one low, as 0 to 15 with a zero at 8.

    A type that every reader of arrays knows, unlike int4: the weights are handed to ONNX Runtime
    as arrays.
    """
    shifted = (values + 8).astype(np.uint8)
    return (shifted[:, ::2] | shifted[:, 1::2] << 4).astype(np.uint8)


@dataclass(slots=True)
class _Graph:
    """Collects nodes and constants."""

    int8: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(f"integers {values}", np.array(values, np.int64))

    def node(
        self, kind: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any
    ) -> str:
        return self.nodes_out(kind, *inputs, outs=[out], domain=domain, **attributes)[0]

    def nodes_out(
        self, kind: str, *inputs: str, outs: list[str], domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add one node and return the names of its outputs; empty ones are named after the node."""
        name = f"{kind} {len(self.nodes)}"
        names = [out or f"{name}.{number}" for number, out in enumerate(outs)]
        node = helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def linear(
        self, name: str, states: str, weight: Floats, bias: Floats, *, exact_row: bool = False
    ) -> str:
        """Add `states @ weight.T + bias`; with `exact_row` the states are not quantised."""
        bias_name = self.constant(f"{name}.bias", bias)
        if not self.int8:
            product = self.node("MatMul", states, self.constant(f"{name}.weight", weight.T))
            return self.node("Add", product, bias_name)
        values, scales = quantise_rows(weight)
        matrix = self.constant(f"{name}.int8", values.T)
        scale = self.constant(f"{name}.scale", scales)
        if exact_row:
            known = self.node("DequantizeLinear", matrix, scale, axis=1)
            return self.node("Add", self.node("MatMul", states, known), bias_name)
        no_zero_point = ""
        inputs = (states, matrix, scale, no_zero_point, bias_name)
        return self.node("DynamicQuantizeMatMul", *inputs, domain=CONTRIB)

    def table(self, name: str, values: Floats) -> str:
        """Add a constant of 16 bits in an int8 graph."""
        if not self.int8:
            return self.constant(name, values)
        return self.node(
            "Cast", self.constant(name, values.astype(np.float16)), to=TensorProto.FLOAT
        )

    def lookup(self, name: str, table: Floats, ids: str) -> str:
        """Add the rows `ids` of `table`."""
        if not self.int8:
            return self.node("Gather", self.constant(name, table), ids)
        values, scales = quantise_blocks(table)
        scale = self.constant(f"{name}.scale", scales)
        rows = self.node(
            "GatherBlockQuantized",
            self.constant(f"{name}.int4", pack(values)),
            ids,
            scale,
            domain=CONTRIB,
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
            bits=4,
        )
        return self.node("Cast", rows, to=TensorProto.FLOAT)

    def mean(self, states: str) -> str:
        """Add the mean over the pieces."""
        return self.node("ReduceMean", states, self.integers(1), keepdims=0)

    def norm(self, name: str, states: str, skip: str, weights: Mapping[str, Floats]) -> str:
        """Add the layer norm of `states + skip`."""
        inputs = (
            self.constant(f"{name}.{part}", weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        )
        return self.node(
            "SkipLayerNormalization", states, skip, *inputs, domain=CONTRIB, epsilon=EPSILON
        )

    def model(self, **outputs: tuple[int | str, ...]) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])]
        found = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ]
        graph = helper.make_graph(
            self.nodes, "encoder", inputs, found, list(self.constants.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def _states(graph: _Graph, weights: Mapping[str, Floats]) -> list[str]:
    """Add embeddings and layers; return the states below the first layer and above each."""
    layers = 1 + max(int(name.split(".")[0]) for name in weights if name[0].isdigit())
    states = [_embed(graph, weights)]
    for layer in range(layers):
        states.append(_layer(graph, weights, f"{layer}.", states[-1]))
    return states


def _embed(graph: _Graph, weights: Mapping[str, Floats]) -> str:
    words = graph.lookup("word", weights["word"], "input_ids")
    length = graph.node("Shape", "input_ids", start=1, end=2)
    table = graph.table("position", weights["position"][:LONGEST])
    positions = graph.node("Slice", table, graph.integers(0), length)
    return graph.norm("norm", words, graph.node("Unsqueeze", positions, graph.integers(0)), weights)


def _layer(graph: _Graph, weights: Mapping[str, Floats], prefix: str, states: str) -> str:
    def linear(name: str, inputs: str) -> str:
        name = prefix + name
        return graph.linear(name, inputs, weights[f"{name}.weight"], weights[f"{name}.bias"])

    joined, bias = (
        np.concatenate([weights[f"{prefix}{name}.{part}"] for name in ("query", "key", "value")])
        for part in ("weight", "bias")
    )
    projected = graph.linear(f"{prefix}projections", states, joined, bias)
    projections = graph.nodes_out("Split", projected, outs=["", "", ""], axis=-1, num_outputs=3)
    attended = graph.node("Attention", *projections, q_num_heads=HEADS, kv_num_heads=HEADS)
    attended = linear("attention_output", attended)
    states = graph.norm(f"{prefix}attention_norm", attended, states, weights)
    fed = linear("narrow", graph.node("Gelu", linear("wide", states)))
    return graph.norm(f"{prefix}output_norm", fed, states, weights)


def _recalled(graph: _Graph, weights: Mapping[str, Floats], states: list[str]) -> str:
    """Add the side layer and its read-out; `states` are those below the first layer and above all.

    The read-out is one row and small: its weights are rounded, the row is not.
    """
    recalled = _layer(graph, weights, side.PREFIX, states[side.INPUT])
    means = [graph.mean(recalled), *(graph.mean(states[layer]) for layer in side.MEANS)]
    row = graph.node("Concat", *means, axis=-1)
    return graph.linear("side.read", row, weights[side.READ], weights[side.BIAS], exact_row=True)
