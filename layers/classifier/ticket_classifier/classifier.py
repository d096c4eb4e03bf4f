"""The classifier: one ticket in, one prediction out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ticket_classifier.bundle import ENCODER_FILE, BundleFiles, Manifest, read_bundle
from ticket_classifier.cleaning import clean
from ticket_classifier.encoder import Encoder
from ticket_classifier.features import SparseVector, count_buckets, fingerprint
from ticket_classifier.heads import Head, HeadGroup
from ticket_classifier.prediction import Prediction, TargetPrediction

__all__ = ["Classifier", "load"]

_LETTER = re.compile(r"[^\W\d_]")


def load(bundle: Path, *, threads: int = 1) -> Classifier:
    """Read, verify and start a bundle.

    Args:
        bundle: Its folder.
        threads: Threads the encoder may use for one ticket.

    Raises:
        BundleError: One of its subclasses says what is wrong with the folder.
    """
    return Classifier(read_bundle(bundle), bundle=bundle, threads=threads)


class Classifier:
    """A loaded bundle. Safe to use from several threads; holds no state between tickets.

    Attributes:
        bundle_id: Id of the bundle, twelve hexadecimal digits.
        targets: Label names by target.
        manifest: The verified manifest, with metrics.
    """

    def __init__(self, files: BundleFiles, *, bundle: Path, threads: int = 1) -> None:
        """Start a verified bundle.

        Raises:
            BundleError: The encoder cannot be used.
        """
        self.manifest: Manifest = files.manifest
        self.bundle_id = files.manifest.bundle_id
        self._tokenizer = files.tokenizer
        self._encoder = Encoder(files.encoder, threads=threads, bundle=bundle, file=ENCODER_FILE)
        self._spaces = files.spaces
        self._taught_by = files.taught_by
        self._thresholds = {name: head.threshold for name, head in files.heads.items()}
        self._groups = {
            space: HeadGroup(heads)
            for space in files.spaces
            if (heads := _heads_of_space(files, space))
        }
        self.targets: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {name: head.labels for name, head in files.heads.items()}
        )

    def __repr__(self) -> str:
        return f"Classifier(bundle_id={self.bundle_id!r}, targets={list(self.targets)})"

    def classify(self, subject: str, body: str) -> Prediction:
        """Predict every target for one ticket.

        Deterministic: the same text gives the same prediction, whatever came before it. Never
        raises on any text; a text without a letter, or out of scope, abstains in every target.
        """
        return self.classify_cleaned(clean(subject, body))

    def classify_cleaned(self, text: str) -> Prediction:
        """As `classify`, for a text that `ticket_classifier.clean` returned."""
        ids = self._tokenizer.ids(text)
        joined = self._encoder.embed(ids).joined()
        vectors = {name: space.sparse(text) for name, space in self._spaces.items()}
        in_scope = self._in_scope(text, ids, vectors)
        probabilities: dict[str, NDArray[np.float32]] = {}
        for name, group in self._groups.items():
            dense = self._spaces[name].dense(joined)
            probabilities |= group.probabilities(vectors[name], dense)
        answers = {
            name: self._answer(name, probabilities[name], in_scope=in_scope)
            for name in self.targets
        }
        return Prediction(MappingProxyType(answers), in_scope)

    def was_taught_by(self, subject: str, body: str) -> bool:
        """Whether the bundle was trained on this very text, as far as it has kept that.

        What it says of such a ticket says nothing of others.
        """
        return fingerprint(*count_buckets(clean(subject, body))) in self._taught_by

    def _in_scope(self, text: str, ids: list[int], vectors: dict[str, SparseVector]) -> bool:
        scope = self.manifest.scope
        return (
            _LETTER.search(text) is not None
            and self._tokenizer.unknown_share(ids) <= scope.unknown_pieces
            and vectors[scope.space].known_share >= scope.known_share
        )

    def _answer(
        self, name: str, probabilities: NDArray[np.float32], *, in_scope: bool
    ) -> TargetPrediction:
        labels = self.targets[name]
        if not in_scope:
            # Half-way to "no idea": the order of the labels stays, the certainty goes.
            probabilities = ((probabilities + 1 / len(labels)) / 2).astype(np.float32)
        best = int(probabilities.argmax())
        probability = float(probabilities[best])
        threshold = self._thresholds[name]
        return TargetPrediction(
            label=labels[best],
            probability=probability,
            threshold=threshold,
            abstained=not in_scope or probability < threshold,
            probabilities=MappingProxyType(dict(zip(labels, probabilities.tolist(), strict=True))),
        )


def _heads_of_space(files: BundleFiles, space: str) -> dict[str, Head]:
    return {
        name: files.heads[name]
        for name, target in files.manifest.targets.items()
        if target.space == space
    }
