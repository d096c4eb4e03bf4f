"""The tickets in pieces, as `prepare` writes them and the training reads them."""

import json
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingInputError


@dataclass(frozen=True, slots=True)
class Example:
    """One ticket in pieces.

    Attributes:
        key: The row's key.
        held_back: Whether it belongs to the calibration part.
        late: Whether it was labelled by the sharpened guide.
        labels: The index of each target's label.
        pieces: The piece ids of the cleaned text.
        phrases: Piece ids of its subject alone and of a few words out of it: what labels and their
            descriptions look like.
    """

    key: str
    held_back: bool
    late: bool
    labels: list[int]
    pieces: list[int]
    phrases: list[list[int]]


def read_examples(path: Path) -> list[Example]:
    """Return what `prepare` wrote.

    Raises:
        MissingInputError: It has not been written.
    """
    if not path.exists():
        raise MissingInputError(path, "prepare")
    with path.open(encoding="utf-8") as file:
        return [Example(**json.loads(line)) for line in file]
