"""Fine-tunes the encoder on the tickets without letting it forget what it knew.

Five linear heads read the `<s>` vector (`ticket`) and the mean vector (`general`), while the mean
is held near where the pretrained encoder has it: on the tickets, on their subjects and on a few
words out of them. Near enough to learn from, not near enough for labels never seen: those are what
`recall` is for. The pretrained `<s>` vector says little, so that heads on it alone learn slowly:
after one epoch they knew 77 % of the languages, of which the mean knows all from the start.

The heads are told which tickets were labelled by the sharpened guide: the encoder need not
contradict itself where the two guides do.

The two halves of every batch run in two threads of one torch thread each. On two shared cores that
is several times faster than two torch threads within every operation, which wait for each other
hundreds of times a step.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .dequantise import Weights
from .examples import Example
from .model import Dropout, Encoder
from .rows import TARGETS
from .schedule import rate_share

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
ORDERED = "priority"
MAX_PIECES, TAIL_PIECES = 192, 48
CHUNK = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes:
        epochs: How often every ticket is seen.
        cycle: Epoch in which the rise and fall of the learning rates begins: 0, or the epoch from
            which a finished run goes on because tickets were added.
        batch: Tickets a step.
        encoder_rate: Peak learning rate of the encoder's last layer.
        head_rate: Peak learning rate of the heads.
        layer_decay: What a layer's rate is multiplied by to get that of the layer below.
        warm_up: Share of the cycle in which the rates rise; then they fall linearly to nothing.
        weight_decay: As AdamW has it.
        dropout: Share of features dropped.
        hidden_pieces: Share of a ticket's pieces that a step does not see.
        smoothing: Share of a label's probability that goes to the others (for the ordered target:
            to its neighbours).
        losses: Weight of each target.
        general_loss: Weight of keeping `general` in its place.
        phrases: Short phrases a step, on which `general` is kept too.
        max_pieces: Longer tickets lose their middle.
        threads: Parts of a batch that run at the same time.
        seed: Of everything random.
    """

    epochs: float = 6.0
    cycle: float = 0.0
    batch: int = 16
    encoder_rate: float = 1e-4
    head_rate: float = 2e-3
    layer_decay: float = 0.9
    warm_up: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    hidden_pieces: float = 0.06
    smoothing: float = 0.05
    losses: dict[str, float] = field(
        default_factory=lambda: {
            "queue": 1.0,
            "type": 0.6,
            "priority": 0.8,
            "sentiment": 0.6,
            "language": 0.1,
        }
    )
    general_loss: float = 1.0
    phrases: int = 12
    max_pieces: int = MAX_PIECES
    threads: int = 2
    seed: int = 7


class Heads(nn.Module):  # type: ignore[misc]
    """One linear head a target over both vectors and the guide by which the ticket was labelled.

    `general` is a unit vector in a narrow cone around `centre`: it is moved and stretched so that
    its features are about as large as those of `ticket`.
    """

    STRETCH = 40.0

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.linear = nn.ModuleList(
            nn.Linear(2 * hidden + 1, len(labels)) for labels in TARGETS.values()
        )

    def forward(
        self, ticket: Tensor, general: Tensor, centre: Tensor, late: Tensor
    ) -> dict[str, Tensor]:
        """Return the logits of each target; `late` is 1 for tickets of the sharpened guide."""
        known = torch.cat([ticket, self.STRETCH * (general - centre), late[:, None]], dim=1)
        return {name: head(known) for name, head in zip(TARGETS, self.linear, strict=True)}


@dataclass(frozen=True, slots=True)
class Part:
    """What one thread works on in a step: tickets with their labels, and phrases."""

    tickets: list[Tensor]
    labels: Tensor
    late: Tensor
    phrases: list[Tensor]
    anchors: Tensor


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where the pretrained encoder has `general`, for every ticket and every phrase.

    Distances are taken from the mean vector, since this encoder's vectors all lie in a narrow cone.
    """

    tickets: Tensor
    phrases: Tensor
    held_out: Tensor
    centre: Tensor

    def loss(self, general: Tensor, anchors: Tensor) -> Tensor:
        """Return the summed cosine distances of `general` from `anchors`."""
        moved = functional.cosine_similarity(general - self.centre, anchors - self.centre)
        return (1 - moved).sum()


class Training:
    """One run: its model, its data and its state, which a checkpoint holds between epochs."""

    def __init__(
        self, weights: Weights, examples: Sequence[Example], settings: Settings, folder: Path
    ) -> None:
        """Set up a run, or the continuation of the one whose checkpoint lies in `folder`."""
        torch.set_num_threads(1)
        torch.manual_seed(settings.seed)
        self.settings, self.folder = settings, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(settings.threads)
        self.encoder = Encoder(weights)
        self.heads = Heads(weights["word"].shape[1])
        self.train_set = [example for example in examples if not example.held_back]
        self.held_out = [example for example in examples if example.held_back]
        self._tickets = self._embed([example.pieces for example in self.train_set])
        self._phrases = self._embed([p for example in self.train_set for p in example.phrases])
        self._held_out = self._embed([example.pieces for example in self.held_out])
        self.anchors = self._anchors()
        self.steps = -(-len(self.train_set) // settings.batch)
        self.optimiser = torch.optim.AdamW(
            self._groups(), weight_decay=settings.weight_decay, fused=True
        )
        self.epoch = self._resumed = self._resume()
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._factor)

    def run(self) -> Weights:
        """Train to the end and return the encoder's weights, named as `dequantise` names them."""
        total = round(self.settings.epochs * self.steps)
        self._log("start", settings=asdict(self.settings), tickets=len(self.train_set), steps=total)
        while self.epoch * self.steps < total:
            begin, done = time.monotonic(), self.epoch * self.steps
            losses = self._train_epoch(min(self.steps, total - done))
            self.epoch += 1
            metrics = self.evaluate()
            self._save()
            seconds = round(time.monotonic() - begin)
            self._log("epoch", epoch=self.epoch, seconds=seconds, losses=losses, held_out=metrics)
        return self.encoder.weights()

    def evaluate(self) -> dict[str, float]:
        """Return each target's accuracy on the calibration part, and how far `general` moved."""
        labels = torch.tensor([example.labels for example in self.held_out])
        general, ticket = self._encode(self._held_out)
        late = torch.tensor([float(example.late) for example in self.held_out])
        with torch.no_grad():
            heads = self.heads(ticket, general, self.anchors.centre, late)
            guesses = {name: logits.argmax(dim=1) for name, logits in heads.items()}
        metrics = {
            name: round(float((guesses[name] == labels[:, at]).float().mean()), 4)
            for at, name in enumerate(TARGETS)
        }
        kept = (general * self.anchors.held_out).sum(dim=1).mean()
        return metrics | {"general_cosine": round(float(kept), 4)}

    def _train_epoch(self, steps: int) -> dict[str, float]:
        sums: dict[str, float] = {}
        for step, parts in enumerate(self._batches(steps), 1):
            work = [
                self._pool.submit(self._gradients, part, 1_000_003 * self._step + number)
                for number, part in enumerate(parts)
            ]
            results = [future.result() for future in work]
            for parameter, *gradients in zip(
                self._parameters(), *(gradients for gradients, _ in results), strict=True
            ):
                parameter.grad = torch.stack(gradients).sum(dim=0)
            nn.utils.clip_grad_norm_(self._parameters(), 1.0)
            self.optimiser.step()
            self.schedule.step()
            for _, losses in results:
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0.0) + loss
            if step % 20 == 0:
                means = {name: round(value / step, 4) for name, value in sums.items()}
                self._log("step", step=self._step, losses=means)
        return {name: round(value / steps, 4) for name, value in sums.items()}

    def _gradients(self, part: Part, seed: int) -> tuple[tuple[Tensor, ...], dict[str, float]]:
        """Return one part's gradients and its share of the batch's losses."""
        settings = self.settings
        generator = torch.Generator().manual_seed(seed)
        dropout = Dropout(settings.dropout, generator)
        tickets = [_hide(text, settings.hidden_pieces, generator) for text in part.tickets]
        general, ticket = self.encoder([*tickets, *part.phrases], dropout)
        ticket = ticket[: len(tickets)]
        ticket = ticket * dropout.masks(*ticket.shape)
        heads = self.heads(ticket, general[: len(tickets)], self.anchors.centre, part.late)
        losses = {
            "general": self.anchors.loss(general, part.anchors)
            / (settings.batch + settings.phrases)
        }
        for at, (name, logits) in enumerate(heads.items()):
            wanted = _soft_labels(name, part.labels[:, at], settings.smoothing)
            loss = functional.cross_entropy(logits, wanted, reduction="sum")
            losses[name] = loss / settings.batch
        weights = settings.losses | {"general": settings.general_loss}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        gradients = torch.autograd.grad(total, self._parameters())
        return gradients, {name: loss.item() for name, loss in losses.items()}

    def _batches(self, steps: int) -> Iterator[list[Part]]:
        """Yield the parts of every batch of this epoch: tickets at random, spread by length."""
        settings = self.settings
        draw = random.Random(f"{settings.seed} {self.epoch}")  # noqa: S311 - nothing secret
        order = list(range(len(self.train_set)))
        draw.shuffle(order)
        for step in range(steps):
            batch = order[step * settings.batch : (step + 1) * settings.batch]
            batch.sort(key=lambda index: len(self.train_set[index].pieces))
            phrases = draw.sample(range(len(self._phrases)), settings.phrases)
            yield [
                self._part(batch[number :: settings.threads], phrases[number :: settings.threads])
                for number in range(settings.threads)
            ]

    def _part(self, tickets: list[int], phrases: list[int]) -> Part:
        return Part(
            tickets=[self._tickets[index] for index in tickets],
            labels=torch.tensor([self.train_set[index].labels for index in tickets]),
            late=torch.tensor([float(self.train_set[index].late) for index in tickets]),
            phrases=[self._phrases[index] for index in phrases],
            anchors=torch.cat([self.anchors.tickets[tickets], self.anchors.phrases[phrases]]),
        )

    def _anchors(self) -> Anchors:
        """Return where the encoder, as yet the pretrained one, has everything."""
        texts = (self._tickets, self._phrases, self._held_out)
        tickets, phrases, held_out = (self._encode(part)[0] for part in texts)
        centre = torch.cat([tickets, phrases]).mean(dim=0)
        return Anchors(tickets, phrases, held_out, centre)

    def _embed(self, texts: Sequence[list[int]]) -> list[Tensor]:
        """Return the states of `texts` below the first layer."""
        cut = [shortened(text, self.settings.max_pieces) for text in texts]
        chunks = [cut[at : at + CHUNK] for at in range(0, len(cut), CHUNK)]
        return [states for chunk in self._pool.map(self.encoder.embed, chunks) for states in chunk]

    def _encode(self, texts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return (`general`, `ticket`) of `texts`, without dropout."""
        chunks = [texts[at : at + CHUNK] for at in range(0, len(texts), CHUNK)]
        general, ticket = zip(*self._pool.map(self._forward, chunks), strict=True)
        return torch.cat(general), torch.cat(ticket)

    def _forward(self, texts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            general, ticket = self.encoder(texts)
        return general, ticket

    def _parameters(self) -> list[nn.Parameter]:
        modules = (self.encoder, self.heads)
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def _groups(self) -> list[dict[str, Any]]:
        """Return the parameters by learning rate: the lower the layer, the smaller."""
        settings, depth = self.settings, len(self.encoder.layers)
        groups = [
            {
                "params": list(layer.parameters()),
                "lr": settings.encoder_rate * settings.layer_decay ** (depth - 1 - at),
            }
            for at, layer in enumerate(self.encoder.layers)
        ]
        return [*groups, {"params": list(self.heads.parameters()), "lr": settings.head_rate}]

    def _factor(self, done: int) -> float:
        """Return the share of the peak learning rates after `done` steps of this process."""
        settings = self.settings
        return rate_share(
            self._resumed + (done + 1) / self.steps,
            cycle=settings.cycle,
            epochs=settings.epochs,
            warm_up=settings.warm_up,
        )

    @property
    def _step(self) -> int:
        return self._resumed * self.steps + int(self.schedule.last_epoch)

    def _resume(self) -> int:
        """Take over the checkpoint, if there is one, and return the number of finished epochs.

        The rates are those of the settings: a checkpoint knows those of the run that wrote it.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        rates = [group["lr"] for group in self.optimiser.param_groups]
        for name, part in self._stateful():
            part.load_state_dict(state[name])
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = group["initial_lr"] = rate
        return int(state["epoch"])

    def _save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        partial = self.folder / f"{CHECKPOINT}.partial"
        state = {name: part.state_dict() for name, part in self._stateful()}
        torch.save(state | {"epoch": self.epoch}, partial)
        partial.replace(self.folder / CHECKPOINT)

    def _stateful(self) -> Iterable[tuple[str, Any]]:
        return (
            ("encoder", self.encoder),
            ("heads", self.heads),
            ("optimiser", self.optimiser),
        )

    def _log(self, event: str, **values: object) -> None:
        line = json.dumps({"event": event, "time": round(time.time()), **values})
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        print(line, flush=True)


def shortened(pieces: list[int], limit: int = MAX_PIECES) -> Tensor:
    """Return [pieces], head and tail of a text that is longer than `limit`."""
    if len(pieces) > limit:
        pieces = [*pieces[: limit - TAIL_PIECES], *pieces[-TAIL_PIECES:]]
    return torch.tensor(pieces)


def _hide(text: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return [pieces, hidden] without about `share` of its pieces; the first, `<s>`, stays."""
    kept = torch.rand(len(text), generator=generator) >= share
    kept[0] = True
    return text[kept]


def _soft_labels(target: str, labels: Tensor, smoothing: float) -> Tensor:
    """Return the wanted probabilities [tickets, labels]."""
    count = len(TARGETS[target])
    if target == ORDERED:
        distance = (torch.arange(count) - labels[:, None]).abs()
        neighbours = (distance == 1).float()
        spread = neighbours / neighbours.sum(dim=1, keepdim=True)
    else:
        spread = torch.full((len(labels), count), 1 / count)
    return (1 - smoothing) * functional.one_hot(labels, count) + smoothing * spread
