"""Trains the heads of the shipped bundle.

    python -m classifier_training.default [--tickets DIR] [--output DIR] [--encoder DIR]
                                          [--calibration FILE | --pretrained]

With `--pretrained` the encoder has not been fine-tuned on these tickets and folds are used;
otherwise blend, calibration and thresholds come from the rows named in the calibration file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from classifier_training.errors import TrainingError
from classifier_training.train import train_default
from ticket_classifier import BundleError

__all__ = ["CALIBRATION", "main"]

CALIBRATION = Path(__file__).parent / "encoder" / "calibration.txt"
"""Keys of the tickets the shipped encoder never saw."""

EARLY_FILES = CALIBRATION.with_name("early_files.txt")
"""Names of the files labelled before the guide was sharpened, as the test split is."""


def main(arguments: list[str] | None = None) -> int:
    """Train and print the report; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m classifier_training.default")
    parser.add_argument("--tickets", type=Path, default=Path("model/tickets"))
    parser.add_argument("--output", type=Path, default=Path("model/bundle"))
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--calibration", type=Path, default=CALIBRATION)
    parser.add_argument("--pretrained", action="store_true")
    given = parser.parse_args(arguments)
    try:
        report = train_default(
            given.tickets,
            given.output,
            encoder=given.encoder,
            calibration=None if given.pretrained else given.calibration,
            early=EARLY_FILES.read_text(encoding="ascii").split(),
            progress=_show,
        )
    except (BundleError, OSError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.model_dump_json(indent=2))
    return 0


def _show(stage: str, done: int, total: int) -> None:
    if done % 500 == 0 or done == total:
        print(f"{stage}: {done} of {total}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
