"""The encoder in torch, for training: the same arithmetic as `graph`, over packed texts.

A batch is one long row of pieces with the lengths of its texts, so that nothing is computed for
padding; only attention is run text by text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from . import side
from .dequantise import Weights

HEADS = 12
EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Dropout:
    """Drops features, the same ones in all pieces of a text.

    One mask a text instead of one a piece costs next to nothing on a CPU, where drawing random
    numbers otherwise takes a sixth of the time.

    Attributes:
        rate: The share that is dropped.
        generator: Where the masks come from.
    """

    rate: float
    generator: torch.Generator

    def masks(self, texts: int, features: int) -> Tensor:
        """Return [texts, features], scaled so that the expectation stays."""
        kept = torch.empty(texts, features).bernoulli_(1 - self.rate, generator=self.generator)
        return kept / (1 - self.rate)


@dataclass(frozen=True, slots=True)
class Batch:
    """Packed texts.

    Attributes:
        lengths: Pieces of each text.
        text_of_piece: Number of the text that each piece belongs to.
        dropout: How to drop features while training.
    """

    lengths: list[int]
    text_of_piece: Tensor
    dropout: Dropout | None

    @classmethod
    def of(cls, texts: Sequence[Tensor], dropout: Dropout | None) -> "Batch":
        """Pack `texts`, of which only the lengths are looked at."""
        lengths = [len(text) for text in texts]
        numbers = torch.arange(len(texts)).repeat_interleave(torch.tensor(lengths))
        return cls(lengths, numbers, dropout)

    def split(self, states: Tensor) -> tuple[Tensor, ...]:
        """Return the states of each text."""
        parts: tuple[Tensor, ...] = states.split(self.lengths)
        return parts

    def means(self, states: Tensor) -> Tensor:
        """Return the mean over the pieces of each text, [texts, hidden]."""
        return torch.stack([text.mean(dim=0) for text in self.split(states)])

    def drop(self, states: Tensor) -> Tensor:
        """Return the states without the features that this batch drops."""
        if self.dropout is None:
            return states
        masks = self.dropout.masks(len(self.lengths), states.shape[1])
        return states * masks[self.text_of_piece]


class Layer(nn.Module):  # type: ignore[misc]
    """One post-norm transformer layer."""

    def __init__(self, hidden: int, wide: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.attention_output = (
            nn.Linear(hidden, hidden) for _ in range(4)
        )
        self.attention_norm, self.output_norm = (nn.LayerNorm(hidden, EPSILON) for _ in range(2))
        self.wide, self.narrow = nn.Linear(hidden, wide), nn.Linear(wide, hidden)

    def forward(self, states: Tensor, batch: Batch) -> Tensor:
        """Map [pieces of all texts, hidden] to the same shape."""
        joined = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        bias = torch.cat([self.query.bias, self.key.bias, self.value.bias])
        texts = batch.split(self._product(states, joined, bias, batch))
        attended = torch.cat([_attend(text) for text in texts])
        attended = self._linear(attended, self.attention_output, batch)
        states = self.attention_norm(states + batch.drop(attended))
        fed = functional.gelu(self._linear(states, self.wide, batch))
        fed = self._linear(fed, self.narrow, batch)
        return self.output_norm(states + batch.drop(fed))

    def _linear(self, states: Tensor, linear: nn.Linear, batch: Batch) -> Tensor:
        return self._product(states, linear.weight, linear.bias, batch)

    def _product(self, states: Tensor, weight: Tensor, bias: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - for quantised layers
        """Return `states @ weight.T + bias`."""
        return functional.linear(states, weight, bias)


class QuantisedLayer(Layer):
    """A layer that computes as its int8 graph does, with gradients as if nothing were rounded."""

    def _product(self, states: Tensor, weight: Tensor, bias: Tensor, batch: Batch) -> Tensor:
        rounded = _RoundedStates.apply(states, batch.text_of_piece, len(batch.lengths))
        return functional.linear(rounded, _RoundedRows.apply(weight), bias)


class _RoundedRows(torch.autograd.Function):  # type: ignore[misc]
    """Weights as `graph.quantise_rows` rounds them: 8 bits, a scale a row."""

    @staticmethod
    def forward(_context: object, weight: Tensor) -> Tensor:
        scales = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / 127
        return torch.round(weight / scales) * scales

    @staticmethod
    def backward(_context: object, gradient: Tensor) -> Tensor:
        return gradient


class _RoundedStates(torch.autograd.Function):  # type: ignore[misc]
    """States as ONNX's `DynamicQuantizeLinear` rounds them: 8 bits, a scale and a zero a text."""

    @staticmethod
    def forward(_context: object, states: Tensor, text_of_piece: Tensor, texts: int) -> Tensor:
        least, most = (
            torch.zeros(texts).scatter_reduce(0, text_of_piece, ends, kind)
            for ends, kind in ((states.amin(dim=1), "amin"), (states.amax(dim=1), "amax"))
        )
        scales = ((most - least) / 255).clamp_min(1e-30)
        zeros = torch.round(-least / scales)[text_of_piece, None]
        scales = scales[text_of_piece, None]
        return ((torch.round(states / scales) + zeros).clamp(0, 255) - zeros) * scales

    @staticmethod
    def backward(_context: object, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient, None, None


def _attend(text: Tensor) -> Tensor:
    """Self-attention within one text: [pieces, 3 x hidden] to [pieces, hidden]."""
    length = len(text)
    query, key, value = text.view(1, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).reshape(length, -1)


class Encoder(nn.Module):  # type: ignore[misc]
    """multilingual-e5-small over packed texts.

    Embeddings are frozen: pieces that no ticket holds would drift apart from the others.
    """

    def __init__(self, weights: Weights) -> None:
        """Take over `weights`, named as `dequantise` names them."""
        super().__init__()
        hidden = weights["word"].shape[1]
        layers = 1 + max(int(name.split(".")[0]) for name in weights if name[0].isdigit())
        self.word = nn.Embedding.from_pretrained(torch.from_numpy(weights["word"]))
        self.position = nn.Embedding.from_pretrained(torch.from_numpy(weights["position"]))
        self.norm = nn.LayerNorm(hidden, EPSILON).requires_grad_(requires_grad=False)
        wide = len(weights["0.wide.bias"])
        self.layers = nn.ModuleList(Layer(hidden, wide) for _ in range(layers))
        self._load(weights)

    def embed(self, texts: Sequence[Tensor]) -> list[Tensor]:
        """Return the states below the first layer, [pieces, hidden] a text.

        Args:
            texts: The piece ids of each text, `<s>` first.
        """
        lengths = [len(text) for text in texts]
        positions = torch.cat([torch.arange(length) for length in lengths])
        with torch.no_grad():
            states = self.norm(self.word(torch.cat(list(texts))) + self.position(positions))
        return [text.clone() for text in states.split(lengths)]

    def forward(
        self, texts: Sequence[Tensor], dropout: Dropout | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return mean and beginning of the last layer, [texts, hidden], the mean at unit length.

        Args:
            texts: What `embed` returned.
            dropout: How to drop features while training.
        """
        batch = Batch.of(texts, dropout)
        *_, states = self.states(texts, batch)
        begin = torch.stack([text[0] for text in batch.split(states)])
        return functional.normalize(batch.means(states), dim=-1), begin

    def states(self, texts: Sequence[Tensor], batch: Batch) -> list[Tensor]:
        """Return the states below the first layer and above each, [pieces of all texts, hidden]."""
        found = [torch.cat(list(texts))]
        for layer in self.layers:
            found.append(layer(found[-1], batch))
        return found

    def weights(self) -> Weights:
        """Return the arrays as `dequantise` names them."""
        state = self.state_dict()
        return {_ours(name): tensor.detach().numpy().copy() for name, tensor in state.items()}

    def _load(self, weights: Mapping[str, np.ndarray]) -> None:
        names = self.state_dict()
        self.load_state_dict({name: torch.from_numpy(weights[_ours(name)]) for name in names})


class SideLayer(nn.Module):  # type: ignore[misc]
    """The side layer and its read-out, as the int8 graph computes them."""

    def __init__(self, pretrained: Weights) -> None:
        """Begin with the last layer of `pretrained`, and with its mean as read-out."""
        super().__init__()
        hidden = pretrained["word"].shape[1]
        last = max(int(name.split(".")[0]) for name in pretrained if name[0].isdigit())
        self.layer = QuantisedLayer(hidden, len(pretrained[f"{last}.wide.bias"]))
        state = {
            name: torch.from_numpy(pretrained[f"{last}.{name}"]) for name in self.layer.state_dict()
        }
        self.layer.load_state_dict(state)
        self.read = nn.Linear((1 + len(side.MEANS)) * hidden, hidden)
        with torch.no_grad():
            self.read.weight.zero_()[:, :hidden] = torch.eye(hidden)
            self.read.bias.zero_()

    def forward(self, states: Sequence[Tensor], means: Tensor) -> Tensor:
        """Return `general` [texts, hidden], of unit length.

        Args:
            states: Above layer `side.INPUT`, [pieces, hidden] a text.
            means: Over the pieces, above the layers `side.MEANS`, [texts, layers x hidden].
        """
        batch = Batch.of(states, dropout=None)
        recalled = batch.means(self.layer(torch.cat(list(states)), batch))
        weight = _RoundedRows.apply(self.read.weight)
        found = functional.linear(torch.cat([recalled, means], dim=1), weight, self.read.bias)
        return functional.normalize(found, dim=-1)

    def weights(self) -> Weights:
        """Return those of the side layer and the read-out."""
        learnt = {side.PREFIX + name: tensor for name, tensor in self.layer.state_dict().items()}
        learnt |= {side.READ: self.read.weight, side.BIAS: self.read.bias}
        return {name: tensor.detach().numpy().copy() for name, tensor in learnt.items()}


def _ours(name: str) -> str:
    """Translate a torch parameter name into that of `dequantise`."""
    if name in {"word.weight", "position.weight"}:
        return name.removesuffix(".weight")
    return name.removeprefix("layers.")
