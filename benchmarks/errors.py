"""What can go wrong in a benchmark.

BenchmarkError
├── PeersMissingError   the peers' environment is not there
├── ContestantError     a contestant's process has ended
└── LoadError           a service under load did not start or did not recover
"""

__all__ = ["BenchmarkError", "ContestantError", "LoadError", "PeersMissingError"]


class BenchmarkError(Exception):
    """A benchmark cannot be run; the message says what to do."""


class PeersMissingError(BenchmarkError):
    """The peers' environment is not there."""

    def __init__(self) -> None:
        super().__init__("the peers are not installed: run make peers")


class ContestantError(BenchmarkError):
    """A contestant's process has ended before its work.

    Attributes:
        contestant: Its name.
    """

    def __init__(self, contestant: str) -> None:
        super().__init__(f"{contestant} has ended; what it wrote stands above")
        self.contestant = contestant


class LoadError(BenchmarkError):
    """A service under load did not start or did not recover."""
