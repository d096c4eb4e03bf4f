"""What keeps a report from being made.

CommandError
|-- NothingToCompareError  no ticket in which people decided anything
`-- NotFreshdeskError      the configured ticket system has no history we can read
"""

from otai_freshdesk.cli.errors import CommandError, ExitCode

__all__ = ["NotFreshdeskError", "NothingToCompareError"]


class NothingToCompareError(CommandError):
    """There is no ticket in which people decided anything that is compared."""

    code = ExitCode.INPUT


class NotFreshdeskError(CommandError):
    """The configured ticket system has no history that can be read here.

    Attributes:
        provider: Name of its adapter.
    """

    code = ExitCode.CONFIG

    def __init__(self, provider: str) -> None:
        self.provider = provider
        super().__init__(
            f"the history of a {provider} cannot be read: give past tickets as a file with --file"
        )
