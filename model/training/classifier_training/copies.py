"""Refuses near-copies among the project's tickets, above all of the test split.

    python -m classifier_training.copies [FOLDER]

names every group of tickets that are nearly the same, one a line, and exits with 1 if there is
one: a copy of a test ticket among the training tickets would make the printed figures too good,
and copies among themselves teach nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier_training.data import Ticket, read_tickets
from classifier_training.errors import TrainingError
from classifier_training.groups import near_duplicate_groups
from classifier_training.vectors import count_matrix
from ticket_classifier import clean

__all__ = ["main", "near_copies"]


def near_copies(tickets: Sequence[Ticket]) -> list[tuple[str, ...]]:
    """Groups of two and more tickets that are nearly the same, by row id.

    As `near_duplicate_groups`, over what the model sees of a ticket.
    """
    groups = near_duplicate_groups(count_matrix([clean(one.subject, one.body) for one in tickets]))
    names, sizes = np.unique(groups, return_counts=True)
    return [
        tuple(tickets[row].row_id for row in np.flatnonzero(groups == name).tolist())
        for name in names[sizes > 1]
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the groups; return the exit code."""
    folder = Path(arguments[0]) if arguments else Path("model/tickets")
    try:
        files = sorted(folder.glob("*.jsonl"))
        found = near_copies([ticket for file in files for ticket in read_tickets(file)])
    except (OSError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for group in found:
        print(" ".join(group))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
