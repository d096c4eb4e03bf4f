"""Where small texts are kept: an SSM parameter, a file, or memory."""

import os
from pathlib import Path

from otai_freshdesk.application.sweep_state import SweepStateStore
from otai_freshdesk.ssm import ssm_client


class MemoryStore:
    """Forgets with the process: for demonstrations and tests."""

    def __init__(self) -> None:
        self._text: str | None = None

    def load(self) -> str | None:
        """Return what was saved."""
        return self._text

    def save(self, text: str) -> None:
        """Remember `text`."""
        self._text = text


class FileStore:
    """A file, replaced as a whole, so that a crash leaves the old one or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """Return the file's text, or None when there is none.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def save(self, text: str) -> None:
        """Replace the file.

        Raises:
            OSError: the folder cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            with new.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._path)
        except OSError as error:
            new.unlink(missing_ok=True)
            error.filename = str(self._path)  # writing to a full disk names no file
            raise


class SsmStore:
    """A String parameter of the SSM Parameter Store (standard tier, 4 KB)."""

    def __init__(self, name: str) -> None:
        """Make the client; nothing is sent yet.

        Raises:
            OSError: no region is configured.
        """
        # Imported here: only who keeps the state in SSM pays for it.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        self._name = name
        self._errors = (BotoCoreError, ClientError)
        try:
            self._ssm = ssm_client()
        except self._errors as error:
            raise OSError(f"SSM cannot be reached for the parameter {name}: {error}") from error

    def load(self) -> str | None:
        """Return the parameter's value, or None when there is no such parameter.

        Raises:
            OSError: it cannot be read now.
        """
        try:
            return str(self._ssm.get_parameter(Name=self._name)["Parameter"]["Value"])
        except self._ssm.exceptions.ParameterNotFound:
            return None
        except self._errors as error:
            raise OSError(f"the SSM parameter {self._name} cannot be read: {error}") from error

    def save(self, text: str) -> None:
        """Replace the parameter's value.

        Raises:
            OSError: the parameter cannot be written.
        """
        try:
            self._ssm.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True)
        except self._errors as error:
            raise OSError(f"the SSM parameter {self._name} cannot be written: {error}") from error


def open_store(location: str) -> SweepStateStore:
    """Return the store at `ssm:/path`, `file:/path` or `memory`."""
    scheme, _, name = location.partition(":")
    if scheme == "ssm":
        return SsmStore(name)
    return FileStore(Path(name)) if scheme == "file" else MemoryStore()
