"""Which of an account's groups a label belongs to, by meaning.

Names and descriptions of groups and labels become vectors of the encoder's `general` output, the
one that is kept close to the pretrained embedding. All of them are shifted by what labels and
names that say nothing have in common; what is left of a name that says nothing then points
nowhere, and its likeness to any label is about zero. A label goes to the likeliest group, so
several labels may share one, and its confidence is a softmax over all groups and over a group
that is not there (`_NOWHERE`).

The two constants were chosen on ten made-up help desks (57 labels to place: 51 placed, none
wrong), and tried on seven others (40: 33 placed, none wrong); tests/unit/cli has them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from otai_freshdesk.cli.setup_meanings import VAGUE_NAMES, formulations
from ticket_classifier.bundle import ENCODER_FILE, read_bundle
from ticket_classifier.encoder import Encoder

__all__ = ["SURE_FROM", "Bundle", "Proposal", "Proposer", "plain_name", "read_labels"]

SURE_FROM = 0.5
"""Below this confidence nothing is proposed."""

_TEMPERATURE = 0.06
_NOWHERE = 0.22  # the likeness at which "no group" is as likely as the group
_SHORTEST = 1e-6

type Vectors = NDArray[np.float32]
type Embed = Callable[[str], Vectors]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a label shall become.

    Attributes:
        label: The bundle's label.
        value: The group or value; None where none fits with enough confidence.
        confidence: Of the nearest one, 0 to 1.
        nearest: The nearest one; None where there is none at all.
    """

    label: str
    value: str | None
    confidence: float
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """What setup needs of a verified bundle.

    Attributes:
        bundle_id: Its name.
        targets: Labels by target.
        embed: The `general` vector of a text.
    """

    bundle_id: str
    targets: Mapping[str, tuple[str, ...]]
    embed: Embed


def read_labels(folder: Path) -> Bundle:
    """Read and verify a bundle, and start its encoder.

    Raises:
        BundleError: It cannot be used.
    """
    files = read_bundle(folder)
    encoder = Encoder(files.encoder, bundle=folder, file=ENCODER_FILE)

    @cache
    def embed(text: str) -> Vectors:
        return encoder.embed(files.tokenizer.ids(text)).general

    targets = {name: target.labels for name, target in files.manifest.targets.items()}
    return Bundle(files.manifest.bundle_id, targets, embed)


class Proposer:
    """Compares labels with groups, or with the values of another field."""

    def __init__(self, embed: Embed) -> None:
        """Embed names that say nothing.

        Args:
            embed: Turns a text into a vector.
        """
        self._embed = embed
        self._vague = np.mean([embed(name) for name in VAGUE_NAMES], axis=0)

    def propose(self, labels: Sequence[str], values: Mapping[str, str]) -> tuple[Proposal, ...]:
        """Return a proposal for each label, in order.

        Args:
            labels: Of one target.
            values: Descriptions by name, "" where there is none.
        """
        if not values:
            return tuple(Proposal(label, None, 0.0, None) for label in labels)
        meant = np.array([self._mean(formulations(label)) for label in labels])
        named = np.array([self._mean(_said(*entry)) for entry in values.items()])
        common = (meant.mean(axis=0) + self._vague) / 2
        likeness = _directions(meant - common) @ _directions(named - common).T
        return tuple(
            _proposal(label, list(values), row) for label, row in zip(labels, likeness, strict=True)
        )

    def _mean(self, texts: Sequence[str]) -> Vectors:
        result: Vectors = np.mean([self._embed(text) for text in texts], axis=0)
        return result


def _proposal(label: str, names: Sequence[str], likeness: Vectors) -> Proposal:
    same = next((name for name in names if plain_name(name) == plain_name(label)), None)
    if same is not None:
        return Proposal(label, same, 1.0, same)
    scores = np.append(likeness, _NOWHERE) / _TEMPERATURE
    weights = np.exp(scores - scores.max())
    best = int(likeness.argmax())
    confidence = round(float(weights[best] / weights.sum()), 2)
    value = names[best] if confidence >= SURE_FROM else None
    return Proposal(label, value, confidence, names[best])


def _directions(rows: Vectors) -> Vectors:
    """Return rows of length one, and zeros for what is like everything."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = np.where(lengths > _SHORTEST, rows / np.maximum(lengths, _SHORTEST), 0.0)
    return result


def _said(name: str, description: str) -> tuple[str, ...]:
    return (name, f"{name}: {description}", description) if description.strip() else (name,)


def plain_name(name: str) -> str:
    """Return a name without case, underscores and double blanks, to compare it by."""
    return " ".join(name.replace("_", " ").casefold().split())
