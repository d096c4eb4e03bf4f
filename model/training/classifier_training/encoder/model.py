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
class _Batch:
    lengths: list[int]
    text_of_piece: Tensor
    dropout: Dropout | None

    @classmethod
    def of(cls, texts: Sequence[Tensor], dropout: Dropout | None) -> "_Batch":
        lengths = [len(text) for text in texts]
        numbers = torch.arange(len(texts)).repeat_interleave(torch.tensor(lengths))
        return cls(lengths, numbers, dropout)

    def drop(self, states: Tensor) -> Tensor:
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

    def forward(self, states: Tensor, batch: _Batch) -> Tensor:
        """Map [pieces of all texts, hidden] to the same shape."""
        joined = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        bias = torch.cat([self.query.bias, self.key.bias, self.value.bias])
        texts = functional.linear(states, joined, bias).split(batch.lengths)
        attended = self.attention_output(torch.cat([_attend(text) for text in texts]))
        states = self.attention_norm(states + batch.drop(attended))
        fed = self.narrow(functional.gelu(self.wide(states)))
        return self.output_norm(states + batch.drop(fed))


def _attend(text: Tensor) -> Tensor:
    """Self-attention within one text: [pieces, 3 x hidden] to [pieces, hidden]."""
    length = len(text)
    query, key, value = text.view(1, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).reshape(length, -1)


class Encoder(nn.Module):  # type: ignore[misc]
    """multilingual-e5-small over packed texts.

    Embeddings and the lowest layers are frozen: pieces that no ticket holds would drift apart from
    the others, and what the lowest layers make of a text needs to be computed only once.
    """

    def __init__(self, weights: Weights, frozen_layers: int = 0) -> None:
        """Take over `weights`, named as `dequantise` names them."""
        super().__init__()
        hidden = weights["word"].shape[1]
        layers = 1 + max(int(name.split(".")[0]) for name in weights if name[0].isdigit())
        self.word = nn.Embedding.from_pretrained(torch.from_numpy(weights["word"]))
        self.position = nn.Embedding.from_pretrained(torch.from_numpy(weights["position"]))
        self.norm = nn.LayerNorm(hidden, EPSILON)
        wide = len(weights["0.wide.bias"])
        self.layers = nn.ModuleList(Layer(hidden, wide) for _ in range(layers))
        self._load(weights)
        self.frozen_layers = frozen_layers
        for part in (self.norm, *self.layers[:frozen_layers]):
            part.requires_grad_(requires_grad=False)

    def lower(self, texts: Sequence[Tensor]) -> list[Tensor]:
        """Return the states above the frozen layers, [pieces, hidden] a text.

        Args:
            texts: The piece ids of each text, `<s>` first.
        """
        batch = _Batch.of(texts, dropout=None)
        positions = torch.cat([torch.arange(length) for length in batch.lengths])
        with torch.no_grad():
            states = self.norm(self.word(torch.cat(list(texts))) + self.position(positions))
            for layer in self.layers[: self.frozen_layers]:
                states = layer(states, batch)
        return [text.clone() for text in states.split(batch.lengths)]

    def forward(
        self, texts: Sequence[Tensor], dropout: Dropout | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (`general` [texts, hidden] of unit length, `ticket` [texts, hidden]).

        Args:
            texts: What `lower` returned.
            dropout: How to drop features while training.
        """
        batch = _Batch.of(texts, dropout)
        states = torch.cat(list(texts))
        for layer in self.layers[self.frozen_layers :]:
            states = layer(states, batch)
        split = states.split(batch.lengths)
        general = torch.stack([text.mean(dim=0) for text in split])
        ticket = torch.stack([text[0] for text in split])
        return functional.normalize(general, dim=-1), ticket

    def weights(self) -> Weights:
        """Return the arrays as `dequantise` names them."""
        state = self.state_dict()
        return {_ours(name): tensor.detach().numpy().copy() for name, tensor in state.items()}

    def _load(self, weights: Mapping[str, np.ndarray]) -> None:
        names = self.state_dict()
        self.load_state_dict({name: torch.from_numpy(weights[_ours(name)]) for name in names})


def _ours(name: str) -> str:
    """Translate a torch parameter name into that of `dequantise`."""
    if name in {"word.weight", "position.weight"}:
        return name.removesuffix(".weight")
    return name.removeprefix("layers.")
