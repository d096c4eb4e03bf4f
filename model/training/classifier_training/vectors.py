"""Cleaned texts as the numbers training works with: embeddings and n-gram counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ticket_classifier import clean
from ticket_classifier.bundle import ENCODER_FILE, TOKENIZER_FILE
from ticket_classifier.encoder import JOINED_DIMENSIONS, Encoder, TicketTokenizer
from ticket_classifier.errors import BundleMissingError
from ticket_classifier.features import (
    BUCKETS,
    WORD_BUCKETS,
    FeatureSpace,
    count_buckets,
    fingerprint,
)

__all__ = [
    "Progress",
    "TextEncoder",
    "Vectors",
    "count_matrix",
    "dense_matrix",
    "fingerprints",
    "fit_space",
    "sparse_matrix",
    "stack",
    "unit_rows",
]

type Progress = Callable[[str, int, int], None]
"""Called with a stage's name, steps done and steps in all."""

type Floats = NDArray[np.float32]

_WEIGHTS = 3_000_000
_LEAST_FEATURES = 20_000
"""A bundle holds at most 3 million sparse weights (6 MB), but 20,000 n-grams at any rate."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Texts as numbers, one row a text.

    Attributes:
        joined: Joined embeddings, float32 [rows, JOINED_DIMENSIONS].
        counts: N-gram counts, CSR [rows, BUCKETS].
    """

    joined: Floats
    counts: sp.csr_matrix

    def take(self, rows: NDArray[np.intp]) -> Vectors:
        """The given rows only."""
        return Vectors(self.joined[rows], self.counts[rows])


def stack(parts: Sequence[Vectors]) -> Vectors:
    """The rows of all parts, in order."""
    return Vectors(
        np.concatenate([part.joined for part in parts]),
        sp.vstack([part.counts for part in parts]).tocsr(),
    )


class TextEncoder:
    """Cleans, tokenises and embeds texts; remembers each for the length of the run."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Start the encoder of a bundle, or of a folder with only encoder and tokenizer.

        Args:
            folder: The bundle or folder.
            threads: Texts embedded at once, each by one thread: what one text gives depends
                neither on their number nor on its neighbours.

        Raises:
            BundleError: A file is missing or broken.
        """
        self.files = {file: _read(folder, file) for file in (ENCODER_FILE, TOKENIZER_FILE)}
        self._tokenizer = TicketTokenizer(self.files[TOKENIZER_FILE], bundle=folder)
        self._encoder = Encoder(self.files[ENCODER_FILE], bundle=folder)
        self._threads = threads
        self._known: dict[str, Floats] = {}

    def embed(self, text: str) -> Floats:
        """Joined embedding of a cleaned text."""
        joined = self._known.get(text)
        if joined is None:
            joined = self._encoder.embed(self._tokenizer.ids(text)).joined()
            self._known[text] = joined
        return joined

    def vectors(
        self, tickets: Sequence[tuple[str, str]], progress: Progress | None = None
    ) -> Vectors:
        """Vectors of (subject, body) pairs, some 15 ms each on one core."""
        return self.vectors_of_cleaned([clean(*ticket) for ticket in tickets], progress)

    def vectors_of_cleaned(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of texts that were cleaned already."""
        joined = np.zeros((len(texts), JOINED_DIMENSIONS), dtype=np.float32)
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for row, embedding in enumerate(pool.map(self.embed, texts)):
                    joined[row] = embedding
                    if progress is not None and (row % 50 == 49 or row + 1 == len(texts)):
                        progress("embed", row + 1, len(texts))
            except BaseException:
                # Ctrl-C ends the run now, not after the texts that are still waiting.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return Vectors(joined, count_matrix(texts))


def _read(folder: Path, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise BundleMissingError(folder, file, "is missing or cannot be read") from error


def count_matrix(texts: Sequence[str]) -> sp.csr_matrix:
    """N-gram counts of cleaned texts, CSR [texts, BUCKETS]."""
    counted = [count_buckets(text) for text in texts]
    pointers = np.cumsum([0, *(len(buckets) for buckets, _ in counted)])
    columns = np.concatenate([np.zeros(0, np.uint32), *(buckets for buckets, _ in counted)])
    counts = np.concatenate([np.zeros(0, np.float32), *(counts for _, counts in counted)])
    return sp.csr_matrix((counts, columns.astype(np.int32), pointers), shape=(len(texts), BUCKETS))


def fingerprints(vectors: Vectors) -> set[int]:
    """What the texts are known again by; see `ticket_classifier.features.fingerprint`."""
    counts = vectors.counts
    rows = itertools.pairwise(counts.indptr)
    return {fingerprint(counts.indices[a:b], counts.data[a:b]) for a, b in rows}


def fit_space(vectors: Vectors, labels: int, *, word_weight: float = 1.0) -> FeatureSpace:
    """The n-grams worth keeping, their inverse document frequencies, and the embedding's scaling.

    Args:
        vectors: All training texts.
        labels: Labels of all targets together, which bound how many n-grams fit into the bundle.
        word_weight: How much words and pairs of words count beside n-grams of characters.

    Returns:
        N-grams of at least two texts (of one, below 200 texts), the commonest first if too many;
        idf as scikit-learn's smooth one: ln((1 + rows) / (1 + document frequency)) + 1, for words
        and pairs of words times `word_weight`.
    """
    rows = vectors.counts.shape[0]
    frequency = np.bincount(vectors.counts.indices, minlength=BUCKETS)
    buckets = np.flatnonzero(frequency >= (2 if rows >= 200 else 1))
    most = max(_LEAST_FEATURES, _WEIGHTS // max(1, labels))
    if len(buckets) > most:
        commonest = np.argsort(-frequency[buckets], kind="stable")[:most]
        buckets = np.sort(buckets[commonest])
    idf = np.log((1 + rows) / (1 + frequency[buckets])) + 1
    idf[buckets >= WORD_BUCKETS] *= word_weight
    spread = vectors.joined.std(axis=0)
    return FeatureSpace(
        buckets=buckets.astype(np.uint32),
        idf=idf.astype(np.float32),
        mean=vectors.joined.mean(axis=0, dtype=np.float64).astype(np.float32),
        scale=(1.0 / np.maximum(spread, 1e-6)).astype(np.float32),
    )


def sparse_matrix(space: FeatureSpace, vectors: Vectors) -> sp.csr_matrix:
    """TF-IDF rows of unit length, CSR [rows, features]; as `FeatureSpace.sparse` for each."""
    kept = vectors.counts[:, space.buckets].tocsr()
    values = (1.0 + np.log(kept.data)) * space.idf[kept.indices]
    weighted = sp.csr_matrix((values.astype(np.float32), kept.indices, kept.indptr), kept.shape)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return sp.diags(scale.astype(np.float32)).dot(weighted).tocsr()


def dense_matrix(space: FeatureSpace, vectors: Vectors) -> Floats:
    """Standardised embeddings of unit length, float32; as `FeatureSpace.dense` for each."""
    scaled = (vectors.joined - space.mean) * space.scale
    return unit_rows(scaled)


def unit_rows(rows: Floats) -> Floats:
    """Rows brought to length one, float32; rows of zeros stay as they are."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
