"""The label columns of the tickets as numbers, with rare labels merged, left out or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier_training.errors import RareLabelsError, TooFewTicketsError

__all__ = ["OTHER", "RareLabels", "Target", "prepare_target"]

OTHER = "other"
"""The label that rare ones are merged into."""

RareLabels = Literal["merge", "leave_out", "refuse"]

_FEWEST_TICKETS = 20
_FEWEST_LABELS = 2


@dataclass(frozen=True, slots=True)
class Target:
    """One label column.

    Attributes:
        name: Name of the column.
        labels: Label names, sorted (in the given order if they were given).
        codes: Label number of each ticket, -1 where it has none, [tickets].
        merged: Tickets by rare label that became `OTHER`.
        left_out: Tickets by rare label that lost their label.
    """

    name: str
    labels: tuple[str, ...]
    codes: NDArray[np.intp]
    merged: Mapping[str, int]
    left_out: Mapping[str, int]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Numbers of the tickets that have a label."""
        return np.flatnonzero(self.codes >= 0)


def prepare_target(
    name: str, column: Sequence[str | None], *, fewest: int, rare: RareLabels
) -> Target:
    """Number the labels of a column.

    Args:
        name: Name of the target.
        column: Label of each ticket, None where it has none.
        fewest: Tickets a label needs.
        rare: What becomes of labels with fewer: merged into `OTHER` if together they have
            enough, else left out; left out at once; or refused.

    Raises:
        RareLabelsError: There are rare labels, and `rare` is "refuse".
        TooFewTicketsError: Fewer than 20 tickets or 2 labels remain.
    """
    counts = Counter(label for label in column if label is not None)
    few = {label: count for label, count in counts.items() if count < fewest}
    if few and rare == "refuse":
        raise RareLabelsError(name, few, needed=fewest)
    merged = sum((Counter(few) | Counter({OTHER: counts[OTHER]})).values())
    merge = rare == "merge" and merged >= fewest
    new_name = dict.fromkeys(few, OTHER) if merge else dict.fromkeys(few, "")
    final = [new_name.get(label, label) if label is not None else "" for label in column]
    labels = tuple(sorted({label for label in final if label}))
    number = {label: index for index, label in enumerate(labels)}
    codes = np.array([number.get(label, -1) for label in final], dtype=np.intp)
    rows = int((codes >= 0).sum())
    if len(labels) < _FEWEST_LABELS:
        raise TooFewTicketsError(name, found=len(labels), needed=_FEWEST_LABELS, what="labels")
    if rows < _FEWEST_TICKETS:
        raise TooFewTicketsError(name, found=rows, needed=_FEWEST_TICKETS, what="tickets")
    ordered = dict(sorted(few.items()))
    return Target(
        name=name,
        labels=labels,
        codes=codes,
        merged=ordered if merge else {},
        left_out={} if merge else ordered,
    )
