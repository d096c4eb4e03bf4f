"""What one check of `doctor` found."""

from dataclasses import asdict, dataclass
from enum import StrEnum

__all__ = ["Check", "Status"]


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    ADVICE = "advice"  # works, and could be better
    PROBLEM = "problem"  # must be mended
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check that was made.

    Attributes:
        name: What was looked at.
        status: How it ended.
        found: What was seen: numbers, names of fields and groups; no secrets, no mail addresses.
        remedy: What to do; empty where there is nothing to do.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""

    def as_row(self) -> tuple[str, str, str]:
        """Return the check for people."""
        finding = f"{self.found.rstrip('.')}: {self.remedy}" if self.remedy else self.found
        return self.status.value, self.name, finding

    def as_record(self) -> dict[str, str]:
        """Return the check for scripts."""
        return asdict(self)
