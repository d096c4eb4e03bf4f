"""Exit codes, and the one place that says which error ends a command with which code.

    CommandError
    |-- InputError         a file handed in does not hold what the command reads
    |-- NoSuchTicketError  the account has no ticket of that number
    `-- ExtraMissingError  an optional part of the installation is not there

The errors of other packages are recognised by name: importing them here would make every
command, `--help` too, pay for numpy, httpx and ONNX Runtime.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import ClassVar

__all__ = [
    "CommandError",
    "ExitCode",
    "ExtraMissingError",
    "InputError",
    "NoSuchTicketError",
    "exit_code",
    "needs_extra",
    "sentence",
]


class ExitCode(IntEnum):
    """How a command ended; the package's docstring explains each."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    CONFIG = 3
    BUNDLE = 4
    REFUSED = 5
    UNAVAILABLE = 6
    INPUT = 7
    FILE = 8
    UNEXPECTED = 70
    INTERRUPTED = 130


class CommandError(Exception):
    """Base of every error of the command line; the message is for administrators."""

    code: ClassVar[ExitCode]


class InputError(CommandError):
    """A file handed in does not hold what the command reads; the message shows none of it.

    Attributes:
        name: The file's name as it was given.
        line: The line at fault, counted from 1, if there is one.
    """

    code = ExitCode.INPUT

    def __init__(self, name: str, problem: str, *, line: int | None = None) -> None:
        self.name = name
        self.line = line
        super().__init__(f"{name}, line {line}: {problem}" if line else f"{name}: {problem}")


class NoSuchTicketError(CommandError):
    """The account has no ticket of that number.

    Attributes:
        ticket_id: The number.
    """

    code = ExitCode.INPUT

    def __init__(self, ticket_id: int) -> None:
        self.ticket_id = ticket_id
        super().__init__(
            f"the account has no ticket {ticket_id}: check the number, the account's subdomain, "
            "and whether the agent whose key is used may see it"
        )


class ExtraMissingError(CommandError):
    """An optional part of the installation is not there.

    Attributes:
        extra: Its name in the package's list of extras.
    """

    code = ExitCode.CONFIG

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(f"{purpose} needs an extra: pip install 'otai-freshdesk[{extra}]'")


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Say which extra to install where an import in the block fails for the lack of a package.

    Raises:
        ExtraMissingError: A package of somebody else's is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissingError(extra, purpose) from error


# Looked up along an error's bases, the nearest first.
CODES: Mapping[str, ExitCode] = {
    "otai_freshdesk.config.errors.ConfigError": ExitCode.CONFIG,
    "ticket_classifier.errors.BundleError": ExitCode.BUNDLE,
    "otai_freshdesk.application.errors.HelpDeskAuthenticationError": ExitCode.REFUSED,
    "otai_freshdesk.application.errors.TicketRejectedError": ExitCode.REFUSED,
    "otai_freshdesk.application.errors.HelpDeskError": ExitCode.UNAVAILABLE,
    "otai_freshdesk.ticket_systems.freshdesk.errors.AuthenticationError": ExitCode.REFUSED,
    "otai_freshdesk.ticket_systems.freshdesk.errors.AccessDeniedError": ExitCode.REFUSED,
    "otai_freshdesk.ticket_systems.freshdesk.errors.NotFoundError": ExitCode.REFUSED,
    "otai_freshdesk.ticket_systems.freshdesk.errors.RedirectError": ExitCode.REFUSED,
    "otai_freshdesk.ticket_systems.freshdesk.errors.ConfigurationError": ExitCode.CONFIG,
    "otai_freshdesk.ticket_systems.base.TicketSystemError": ExitCode.UNAVAILABLE,
    "classifier_training.errors.OutputFolderError": ExitCode.FILE,
    "classifier_training.errors.TrainingError": ExitCode.INPUT,
    "ticket_files.TicketFileError": ExitCode.INPUT,
    "botocore.exceptions.BotoCoreError": ExitCode.CONFIG,
    "botocore.exceptions.ClientError": ExitCode.CONFIG,
    "builtins.OSError": ExitCode.FILE,
}

_SECRET_ERROR = "otai_freshdesk.config.errors.SecretError"  # noqa: S105 - a name

_WAYS_OUT: Mapping[int, str] = {
    errno.ENOENT: "check the path",
    errno.EACCES: "check its permissions, or choose another path",
    errno.EPERM: "check its permissions, or choose another path",
    errno.EROFS: "the file system is read-only; choose another path",
    errno.EISDIR: "it is a folder; give the path of a file",
    errno.ENOTDIR: "a part of the path is a file; check the path",
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "your quota of the disk is used up; free some space and run the command again",
    errno.EFBIG: "a limit on the size of files is set here (ulimit -f); raise it",
    errno.EADDRINUSE: "another program uses this port; choose one with --port",
}


def exit_code(error: Exception) -> ExitCode:
    """Return the code with which `error` ends a command."""
    error = _telling(error)
    if isinstance(error, CommandError):
        return error.code
    names = map(_name, type(error).__mro__)
    return next((CODES[name] for name in names if name in CODES), ExitCode.UNEXPECTED)


def sentence(error: Exception) -> str:
    """Return what an administrator is told: what went wrong, and the way out.

    The message of an error that nobody foresaw is left out: it may quote a ticket.
    """
    error = _telling(error)
    if exit_code(error) is ExitCode.UNEXPECTED:
        return (
            f"unexpected {type(error).__name__}, a mistake of this program's: run it again as "
            "otai-freshdesk --debug COMMAND and report the last lines"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return _file_sentence(error)
    if type(error).__module__.startswith("botocore."):
        return f"AWS: {error} Check region and credentials, or use env:NAME or file:/path for ssm:."
    return " ".join(str(error).split())


def _telling(error: Exception) -> Exception:
    """Return the secret's error where one is behind `error`: it names the place to look at."""
    cause: BaseException | None = error
    while cause is not None:
        if _name(type(cause)) == _SECRET_ERROR and isinstance(cause, Exception):
            return cause
        cause = cause.__cause__
    return error


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _file_sentence(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    way_out = _WAYS_OUT.get(error.errno or 0)
    return f"{what}{error.strerror}" + (f" ({way_out})" if way_out else "")
