"""Choices of `setup` on the command line; apart, so that `--help` stays quick."""

from enum import StrEnum

__all__ = ["Language", "Where"]


class Language(StrEnum):
    """Language of dialogue and comments."""

    EN = "en"
    DE = "de"


class Where(StrEnum):
    """Where triage will run, which decides where secrets and cursor are kept."""

    AWS = "aws"
    SERVER = "server"
