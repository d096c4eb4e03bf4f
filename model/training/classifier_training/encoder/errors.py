"""What can go wrong while the encoder is built.

    EncoderBuildError
    ├── ChecksumError           a downloaded or unpacked file is not the expected one
    ├── WeightsFormatError      the weights file is not laid out as documented
    ├── DifferentEncodersError  weights that are to be averaged are not of one encoder
    └── MissingInputError       an earlier step has not been run, or a folder holds no rows

None of them is worth a retry without a change by hand.
"""

from pathlib import Path


class EncoderBuildError(Exception):
    """Base of everything that stops an encoder build."""


class ChecksumError(EncoderBuildError):
    """A file differs from the one this build was written for."""

    def __init__(self, path: Path, expected: str, actual: str) -> None:
        super().__init__(
            f"{path.name}: sha256 is {actual}, expected {expected}. Delete it and fetch it again; "
            "if it differs again, the package has been republished and must be reviewed first."
        )
        self.path, self.expected, self.actual = path, expected, actual


class WeightsFormatError(EncoderBuildError):
    """The weights file does not follow the layout that `dequantise` reads."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}. Fetch the pinned version of the package again.")
        self.path, self.reason = path, reason


class DifferentEncodersError(EncoderBuildError):
    """Weights that are to be averaged do not have the same arrays."""

    def __init__(self) -> None:
        super().__init__(
            "The weights are of encoders of different shapes. Average those of one run only, with "
            "one vocabulary."
        )


class MissingInputError(EncoderBuildError):
    """A file that an earlier command writes is not there."""

    def __init__(self, path: Path, command: str) -> None:
        super().__init__(f"{path} is missing: run the command `{command}` first.")
        self.path, self.command = path, command
