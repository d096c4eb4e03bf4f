"""Labelled tickets as numbers, and a folder that collects them batch by batch without their text.

What comes in over hours, within a rate limit, must survive an interruption; but a ticket's text
shall not lie on a disk because of it. So each batch is kept as embeddings, hashed n-grams and
labels, together with the place in the source from which to go on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from classifier_training.vectors import Vectors, stack
from ticket_classifier.features import BUCKETS

__all__ = ["Corpus", "CorpusFolder"]

_ORIGIN_FILE = "origin.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled tickets as numbers.

    Attributes:
        row_ids: What reports call the tickets, [tickets].
        labels: Label by column of each ticket, [tickets].
        vectors: Their texts, one row a ticket.
    """

    row_ids: Sequence[str]
    labels: Sequence[Mapping[str, str]]
    vectors: Vectors

    def take(self, rows: Sequence[int]) -> Corpus:
        """The given tickets only."""
        return Corpus(
            [self.row_ids[row] for row in rows],
            [self.labels[row] for row in rows],
            self.vectors.take(np.array(rows, dtype=np.intp)),
        )


class CorpusFolder:
    """Batches of labelled tickets on disk; readable by the owner alone, and without any text.

    A batch is there completely or not at all, so a run may be interrupted at any moment.
    """

    def __init__(self, folder: Path, origin: Mapping[str, str]) -> None:
        """Open the folder, or begin anew where it holds something of another origin.

        Args:
            folder: Where the batches lie; made on the first `add`.
            origin: What the batches depend on: source, span of time, encoder, cleaning.
        """
        self._folder = folder
        self._origin = dict(origin)
        if self._read_origin() != self._origin:
            self.clear()

    @property
    def place(self) -> str | None:
        """Where in the source the last batch ended; None before the first."""
        batches = self._batches()
        return str(_read(batches[-1])["place"]) if batches else None

    def add(self, batch: Corpus, place: str) -> None:
        """Keep a batch.

        Args:
            batch: The tickets.
            place: Where in the source to go on after it.

        Raises:
            OSError: It cannot be written.
        """
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, parents=True)
            (self._folder / _ORIGIN_FILE).write_text(json.dumps(self._origin), encoding="utf-8")
        target = self._folder / f"{len(self._batches()):06}.npz"
        partial = target.with_suffix(".partial")
        with partial.open("wb") as stream:
            np.savez(
                stream,
                joined=batch.vectors.joined,
                columns=batch.vectors.counts.indices.astype(np.int32),
                counts=batch.vectors.counts.data.astype(np.float32),
                pointers=batch.vectors.counts.indptr.astype(np.int64),
                described=np.frombuffer(
                    json.dumps([list(batch.row_ids), [dict(one) for one in batch.labels]]).encode(),
                    dtype=np.uint8,
                ),
                place=np.array(place),
            )
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)

    def corpus(self) -> Corpus | None:
        """All tickets, of those that came twice the later; None if there are none."""
        batches = [_corpus(_read(file)) for file in self._batches()]
        if not any(batch.row_ids for batch in batches):
            return None
        whole = Corpus(
            [row_id for batch in batches for row_id in batch.row_ids],
            [labels for batch in batches for labels in batch.labels],
            stack([batch.vectors for batch in batches]),
        )
        latest = {row_id: row for row, row_id in enumerate(whole.row_ids)}
        return whole.take(sorted(latest.values()))

    def clear(self) -> None:
        """Delete everything."""
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _batches(self) -> list[Path]:
        return sorted(self._folder.glob("*.npz"))

    def _read_origin(self) -> object:
        try:
            return json.loads((self._folder / _ORIGIN_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def _read(file: Path) -> Mapping[str, Any]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _corpus(arrays: Mapping[str, Any]) -> Corpus:
    row_ids, labels = json.loads(arrays["described"].tobytes())
    parts = (arrays["counts"], arrays["columns"], arrays["pointers"])
    counts = sp.csr_matrix(parts, shape=(len(row_ids), BUCKETS))
    return Corpus(row_ids, labels, Vectors(arrays["joined"], counts))
