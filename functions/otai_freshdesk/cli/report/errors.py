"""What keeps a report from being made.

CommandError
`-- NothingToCompareError  no ticket in which people decided anything
"""

from otai_freshdesk.cli.errors import CommandError, ExitCode

__all__ = ["NothingToCompareError"]


class NothingToCompareError(CommandError):
    """There is no ticket in which people decided anything that is compared."""

    code = ExitCode.INPUT
