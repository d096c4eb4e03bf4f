"""What became of one ticket: ids, labels, scores and durations, never text."""

from dataclasses import dataclass
from enum import StrEnum

from otai_freshdesk.domain.policy import Decision, Ineligible
from otai_freshdesk.domain.ticket import Changes


class Status(StrEnum):
    """How triage of one ticket ended."""

    TRIAGED = "triaged"  # marked, with or without fields written
    SKIPPED = "skipped"  # not eligible, see `reason`
    NOT_FOUND = "not_found"
    SHADOW = "shadow"  # decided; nothing written, or only the tag of a rehearsal
    OFF = "off"  # switched off: not even looked at
    DEFERRED = "deferred"  # the sweep will do it
    REJECTED = "rejected"  # the help desk refuses to change this ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one ticket's way through triage.

    `written` is what the help desk took, None where nothing was written; `refused` names the
    fields it did not take; `raced` says that somebody else marked the ticket between our two
    looks; `noted` whether the private note is there, None where none was asked for; `seconds` is
    the time the classifier took.
    """

    ticket_id: int
    status: Status
    reason: Ineligible | str | None = None
    decision: Decision | None = None
    written: Changes | None = None
    refused: frozenset[str] = frozenset()
    raced: bool = False
    noted: bool | None = None
    seconds: float = 0.0

    @property
    def abstained(self) -> bool:
        """Whether a field was left to a human because the model was not sure."""
        return self.decision is not None and self.decision.abstained

    def as_record(self) -> dict[str, object]:
        """Return what logs and replies may show: ids, labels, scores and durations."""
        record: dict[str, object] = {"ticket_id": self.ticket_id, "outcome": self.status.value}
        if self.reason:
            record["reason"] = str(self.reason)
        if self.decision:
            record["fields"] = {
                field.field: {
                    "before": field.before,
                    "label": field.label,
                    "value": field.value,
                    "probability": round(field.probability, 4),
                    "threshold": round(field.threshold, 4),
                    "verdict": field.verdict.value,
                }
                for field in self.decision.fields
            }
        if self.written:
            record["written"] = dict(self.written.values)
            record["tags"] = list(self.written.tags)
        if self.refused:
            record["refused"] = sorted(self.refused)
        if self.noted is not None:
            record["noted"] = self.noted
        if self.seconds:
            record["classify_ms"] = round(self.seconds * 1000, 1)
        return record
