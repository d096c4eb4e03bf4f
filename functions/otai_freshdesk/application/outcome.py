"""What became of one ticket: ids, labels, scores and durations, never text."""

from dataclasses import dataclass
from enum import StrEnum

from otai_freshdesk.domain.policy import Decision, FieldDecision, Ineligible
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, Changes

_CHOSEN_FROM_A_LIST = frozenset({GROUP, TYPE, PRIORITY})


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
        """Return what logs and replies may show: ids, labels, scores and durations.

        What a field held before is shown of group, type and priority alone.
        """
        record: dict[str, object] = {"ticket_id": self.ticket_id, "outcome": self.status.value}
        if self.reason:
            record["reason"] = str(self.reason)
        if self.decision:
            record["fields"] = {
                field.field: {
                    **_before(field),
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


def _before(field: FieldDecision) -> dict[str, object]:
    """Return what may be shown of the value before: in a field of one's own it may be anything."""
    if field.field in _CHOSEN_FROM_A_LIST:
        return {"before": field.before}
    return {"was_empty": field.before is None}
