"""Errors of the classifier package.

::

    BundleError                  a bundle folder cannot be used
    ├── BundleMissingError       the folder or one of its files is not there or cannot be read
    ├── BundleTamperedError      a file is not the one the manifest was written for
    ├── BundleFormatError        the manifest or the heads are of an unknown or broken form
    └── BundleMismatchError      intact files that do not belong together, or not to this version

None of them is worth a retry: a bundle changes only when somebody swaps the folder.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BundleError",
    "BundleFormatError",
    "BundleMismatchError",
    "BundleMissingError",
    "BundleTamperedError",
]


class BundleError(Exception):
    """A bundle folder cannot be used.

    Attributes:
        bundle: The folder that was to be loaded.
        file: The file inside it that is at fault.
        problem: What is wrong with it, in words for an administrator.
        retryable: Always False.
    """

    retryable = False
    remedy = "Rebuild the bundle, or copy the whole folder again from where it was built."

    def __init__(self, bundle: Path, file: str, problem: str) -> None:
        self.bundle = bundle
        self.file = file
        self.problem = problem
        super().__init__(f"bundle {bundle}: {file}: {problem}. {self.remedy}")


class BundleMissingError(BundleError):
    """The folder or one of its files is not there, or cannot be read."""

    remedy = "Check the path and that the whole folder was copied."


class BundleTamperedError(BundleError):
    """A file's size or SHA-256 differs from the manifest's: truncated, replaced or edited."""

    remedy = (
        "Copy the whole folder again from where it was built; to change thresholds, "
        "use the configuration instead of the bundle."
    )


class BundleFormatError(BundleError):
    """The manifest or the heads cannot be understood: broken, or of another format version."""


class BundleMismatchError(BundleError):
    """The files are intact but do not fit each other, or not this version of the classifier."""

    remedy = "Train the bundle again with this version of the software."
