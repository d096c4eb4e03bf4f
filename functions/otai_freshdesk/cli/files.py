"""Files that are replaced as a whole, or not at all."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import typer

__all__ = ["STANDARD", "open_input", "open_output", "refuse_overwriting"]

STANDARD = Path("-")
"""Stands for standard input or output."""


@contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-`, to be read as bytes.

    Raises:
        OSError: It cannot be read.
    """
    if path == STANDARD:
        yield sys.stdin.buffer
        return
    with path.open("rb") as stream:
        yield stream


def refuse_overwriting(output: Path, source: Path | None) -> None:
    """Make sure before the work that `output` is neither a folder nor `source`.

    Raises:
        typer.BadParameter: Both are the same file.
        OSError: The output is a folder.
    """
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(output))
    if source and source.is_file() and output.exists() and output.samefile(source):
        raise typer.BadParameter(f"{output} is the file that is read; choose another --output")


@contextmanager
def open_output(path: Path) -> Iterator[TextIO]:
    """Open a file to be written as UTF-8; `-` is standard output.

    What is written appears under `path` when the block ends well, all at once. After an error
    or an interruption the file is as it was before, or is not there.

    Raises:
        OSError: It cannot be written.
    """
    if path == STANDARD:
        yield sys.stdout
        sys.stdout.flush()
        return
    if path.exists() and not path.is_file():
        # A pipe or device is written as it is: renaming a file over it would destroy it.
        with path.open("w", encoding="utf-8") as stream:
            yield stream
        return
    path = path.resolve()  # a symbolic link stays one
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("x", encoding="utf-8") as stream:
            _take_after(path, partial)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in {None, str(partial)}:
            error.filename = str(path)  # writing to a full disk names no file
        raise


def _take_after(path: Path, partial: Path) -> None:
    """Give a new file the mode of the one that it replaces, and its owner where that is allowed."""
    with contextlib.suppress(FileNotFoundError):
        before = path.stat()
        with contextlib.suppress(PermissionError):
            os.chown(partial, before.st_uid, before.st_gid)
        partial.chmod(before.st_mode)
