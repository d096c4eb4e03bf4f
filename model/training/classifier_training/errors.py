"""Errors of training.

::

    TrainingError              a bundle cannot be built
    ├── DataError              a file of tickets or labels cannot be used
    ├── TooFewTicketsError     not enough labelled tickets for a target
    ├── NothingToLearnError    the tickets carry no labels at all
    ├── RareLabelsError        labels with too few tickets, and the caller wants them refused
    └── OutputFolderError      the output folder holds something that is no bundle

None of them is worth a retry: the input has to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = [
    "DataError",
    "NothingToLearnError",
    "OutputFolderError",
    "RareLabelsError",
    "TooFewTicketsError",
    "TrainingError",
]


class TrainingError(Exception):
    """A bundle cannot be built from what was given."""

    retryable = False


class DataError(TrainingError):
    """A file of tickets or labels cannot be used.

    Attributes:
        file: The file.
        problem: What is wrong, without any of its text.
        line: The line at fault, counted from 1, if there is one.
    """

    def __init__(self, file: Path, problem: str, *, line: int | None = None) -> None:
        self.file = file
        self.problem = problem
        self.line = line
        place = f"{file}, line {line}" if line is not None else str(file)
        super().__init__(f"{place}: {problem}")


class TooFewTicketsError(TrainingError):
    """Not enough labelled tickets for a target.

    Attributes:
        target: The target.
        found: Usable tickets, or usable labels, that were found.
        needed: How many it takes.
        what: "tickets" or "labels".
    """

    def __init__(self, target: str, *, found: int, needed: int, what: str) -> None:
        self.target = target
        self.found = found
        self.needed = needed
        self.what = what
        super().__init__(
            f"target {target}: {found} usable {what}, at least {needed} are needed. "
            "Add tickets, merge labels, or leave this target out."
        )


class NothingToLearnError(TrainingError):
    """The tickets carry no labels at all, or each of them another one."""

    def __init__(self) -> None:
        super().__init__(
            "no column of the tickets looks like labels: 2 to 300 different values, most of them "
            "seen repeatedly. Name the columns to learn, or check where the tickets come from."
        )


class RareLabelsError(TrainingError):
    """Labels with too few tickets to learn from, and the caller wants them refused.

    Attributes:
        target: The target.
        counts: Tickets per rare label.
        needed: Tickets a label needs.
    """

    def __init__(self, target: str, counts: Mapping[str, int], *, needed: int) -> None:
        self.target = target
        self.counts = dict(counts)
        self.needed = needed
        named = ", ".join(f"{label} ({count})" for label, count in sorted(counts.items()))
        super().__init__(
            f"target {target}: labels with fewer than {needed} tickets: {named}. "
            "Add tickets, or let rare labels be merged."
        )


class OutputFolderError(TrainingError):
    """The output folder holds something that is no bundle, so it is left alone.

    Attributes:
        folder: The folder.
        found: A file in it that no bundle has.
    """

    def __init__(self, folder: Path, found: str) -> None:
        self.folder = folder
        self.found = found
        super().__init__(
            f"{folder} holds {found}, which no bundle has. Choose an empty or a new folder."
        )
