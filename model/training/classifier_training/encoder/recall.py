"""Trains the side layer: `general` comes to lie where the pretrained encoder has it.

On the tickets, their subjects and a few words out of them; all layers of the tuned encoder stay as
they are. What the side layer reads comes from the int8 graph, once, and in training the layer
rounds as it does in the graph, so that it learns to live with the rounding. As in `finetune`, the
halves of every batch run in two threads of one torch thread each.
"""

import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn
from torch.nn import functional

from . import graph
from .dequantise import Weights
from .examples import Example
from .finetune import CHUNK, shortened
from .model import Encoder, SideLayer


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes:
        passes: How often every ticket is seen.
        tickets: Of a step.
        phrases: Of a step.
        rate: Peak learning rate; it rises over `warm_up` steps and falls linearly to nothing.
        warm_up: Steps.
        weight_decay: As AdamW has it.
        threads: Parts of a batch that run at the same time.
        seed: Of everything random.
    """

    passes: float = 2.0
    tickets: int = 16
    phrases: int = 24
    rate: float = 3e-4
    warm_up: int = 50
    weight_decay: float = 0.01
    threads: int = 2
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Texts:
    """What the side layer reads of some texts, and where the pretrained encoder has them.

    Attributes:
        states: Of each text, float16 [pieces, hidden].
        means: [texts, layers x hidden].
        anchors: [texts, hidden].
    """

    states: Sequence[Tensor]
    means: Tensor
    anchors: Tensor

    @property
    def centre(self) -> Tensor:
        """The mean anchor; distances are taken from it, since all lie in a narrow cone."""
        return self.anchors.mean(dim=0)

    def __len__(self) -> int:
        return len(self.states)

    def __add__(self, other: "Texts") -> "Texts":
        return Texts(
            [*self.states, *other.states],
            torch.cat([self.means, other.means]),
            torch.cat([self.anchors, other.anchors]),
        )

    def take(self, rows: Sequence[int]) -> "Texts":
        """Return some of the texts."""
        chosen = list(rows)
        states = [self.states[row] for row in chosen]
        return Texts(states, self.means[chosen], self.anchors[chosen])


class Recall:
    """One run over tickets and phrases."""

    def __init__(
        self, tuned: Weights, pretrained: Weights, examples: Sequence[Example], settings: Settings
    ) -> None:
        """Set up a run: encode all texts by both encoders.

        It keeps the states of all texts: 2 GB for 26,000 tickets.
        """
        torch.set_num_threads(1)
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.threads)
        self._model = SideLayer(pretrained)
        self._parameters = list(self._model.parameters())
        known = [example for example in examples if not example.held_back]
        phrases = sorted({tuple(phrase) for example in known for phrase in example.phrases})
        below = graph.build_below_side(tuned).SerializeToString()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(below, options, providers=["CPUExecutionProvider"])
        encoder = Encoder(pretrained)
        self._tickets = self._read(session, encoder, [example.pieces for example in known])
        self._phrases = self._read(session, encoder, list(map(list, phrases)))
        held_out = [example.pieces for example in examples if example.held_back]
        self._held_out = self._read(session, encoder, held_out)
        self._centre = (self._tickets.centre + self._phrases.centre) / 2

    def run(self) -> Weights:
        """Train to the end and return the weights of the side layer and its read-out."""
        settings = self._settings
        draw = random.Random(settings.seed)  # noqa: S311 - nothing secret
        steps = round(settings.passes * len(self._tickets) / settings.tickets)
        optimiser = torch.optim.AdamW(
            self._parameters, lr=settings.rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda done: min(1, (done + 1) / settings.warm_up) * (1 - done / steps)
        )
        self._log("start", settings=asdict(settings), steps=steps, cosine=self.evaluate())
        order: list[int] = []
        for step in range(1, steps + 1):
            if len(order) < settings.tickets:
                order = draw.sample(range(len(self._tickets)), len(self._tickets))
            rows = [order.pop() for _ in range(min(settings.tickets, len(order)))]
            phrases = draw.sample(range(len(self._phrases)), settings.phrases)
            loss = self._descend(self._tickets.take(rows) + self._phrases.take(phrases))
            optimiser.step()
            schedule.step()
            if step % 100 == 0:
                self._log("step", step=step, loss=round(loss, 4))
        self._log("end", cosine=self.evaluate())
        return self._model.weights()

    def evaluate(self) -> float:
        """Return the mean cosine between `general` and its anchors on the held-back tickets.

        Each lot is centred on itself.
        """
        with torch.no_grad():
            chunks = [self._held_out.take(rows) for rows in _chunks(len(self._held_out))]
            found = torch.cat(list(map(self._general, chunks)))
        moved = functional.cosine_similarity(
            found - found.mean(dim=0), self._held_out.anchors - self._held_out.centre
        )
        return round(float(moved.mean()), 4)

    def _descend(self, batch: Texts) -> float:
        """Leave the gradients of a batch with the parameters and return its loss."""
        by_length = sorted(range(len(batch)), key=lambda row: len(batch.states[row]))
        parts = [by_length[n :: self._settings.threads] for n in range(self._settings.threads)]
        work = [self._pool.submit(self._gradients, batch.take(part)) for part in parts]
        results = [future.result() for future in work]
        for parameter, *gradients in zip(
            self._parameters, *(gradients for gradients, _ in results), strict=True
        ):
            parameter.grad = torch.stack(gradients).sum(dim=0) / len(batch)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        return sum(loss for _, loss in results) / len(batch)

    def _gradients(self, texts: Texts) -> tuple[tuple[Tensor, ...], float]:
        """Return the gradients of the summed cosine distances, and their sum."""
        moved = functional.cosine_similarity(
            self._general(texts) - self._centre, texts.anchors - self._centre
        )
        loss = (1 - moved).sum()
        return torch.autograd.grad(loss, self._parameters), loss.item()

    def _general(self, texts: Texts) -> Tensor:
        found: Tensor = self._model([states.float() for states in texts.states], texts.means)
        return found

    def _read(
        self, session: ort.InferenceSession, encoder: Encoder, texts: Sequence[list[int]]
    ) -> Texts:
        pieces = [shortened(text) for text in texts]

        def below(text: Tensor) -> tuple[Tensor, Tensor]:
            states, means = session.run(["states", "means"], {"input_ids": text.numpy()[None]})
            return torch.from_numpy(states[0].astype(np.float16)), torch.from_numpy(means[0])

        def embedded(rows: range) -> Tensor:
            with torch.no_grad():
                mean, _ = encoder(encoder.embed([pieces[row] for row in rows]))
            return mean

        states, means = zip(*self._pool.map(below, pieces), strict=True)
        anchors = torch.cat(list(self._pool.map(embedded, _chunks(len(pieces)))))
        return Texts(states, torch.stack(means), anchors)

    def _log(self, event: str, **values: object) -> None:
        print(json.dumps({"event": event, "time": round(time.time()), **values}), flush=True)


def _chunks(texts: int) -> list[range]:
    return [range(at, min(at + CHUNK, texts)) for at in range(0, texts, CHUNK)]
