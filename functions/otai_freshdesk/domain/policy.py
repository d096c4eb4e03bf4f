"""The rules of triage: who is eligible, what is undecided, when to abstain, what to write.

    look -> `ineligible` -> classify -> `decide` -> last look -> `confirm` -> write

Everything here is a pure function of its arguments, so that a decision can be replayed.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from otai_freshdesk.domain.prediction import Prediction, TargetPrediction
from otai_freshdesk.domain.ticket import Changes, Ticket, same_value

MAX_TAG_LENGTH = 32  # Freshdesk refuses longer tags


class Ineligible(StrEnum):
    """Why a ticket is left alone."""

    UNREADABLE = "unreadable"  # the help desk shows it in another form than it documents
    MARKED = "marked"
    SPAM = "spam"
    DELETED = "deleted"
    OUTBOUND = "outbound"
    NOT_OPEN = "not_open"
    ASSIGNED = "assigned"
    TOO_OLD = "too_old"


class Verdict(StrEnum):
    """What becomes of one field."""

    WRITE = "write"
    ABSTAIN = "abstain"  # the model is not sure enough
    DECIDED = "decided"  # somebody has chosen a value
    UNMAPPED = "unmapped"  # the label map leaves this label alone
    UNCHANGED = "unchanged"  # the field has this value already
    AUTOMATED = "automated"  # automated mail is tagged, never routed


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Maps predicted labels to the values of an account, many to one.

    Keys may hold the wildcards `*` and `?`; an exact key wins over a pattern, among patterns
    the first. A value of None leaves the field alone. Without entries a label maps to itself.
    """

    entries: Mapping[str, str | None]

    def __getitem__(self, label: str) -> str | None:
        """Return the account's value for `label`, or None when it is to be left alone."""
        if not self.entries:
            return label
        if label in self.entries:
            return self.entries[label]
        # To fnmatch [...] is a wildcard too; in a label it is only a bracket.
        patterns = (key for key in self.entries if fnmatchcase(label, key.replace("[", "[[]")))
        return self.entries.get(next(patterns, label))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """How one field of the ticket is filled from one target of the classifier.

    `undecided` holds the values that nobody has chosen (None: the empty field).
    `min_confidence` beats the bundle's threshold when it is set.
    """

    field: str
    target: str
    labels: LabelMap
    undecided: frozenset[str | None] = frozenset({None})
    min_confidence: float | None = None

    def threshold(self, prediction: TargetPrediction) -> float:
        """Return the probability from which the label is written."""
        return prediction.threshold if self.min_confidence is None else self.min_confidence

    def is_undecided(self, value: str | None) -> bool:
        """Tell whether nobody has chosen `value`, so that it may be replaced."""
        return any(same_value(self.field, value, one) for one in self.undecided)

    def spelt(self, value: str | None) -> str | None:
        """Return `value` as the rule spells it, and one that the rule does not name as it is."""
        named = (*self.labels.entries.values(), *self.undecided)
        return next((one for one in named if same_value(self.field, value, one)), value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDecision:
    """The verdict on one field, with all that is needed to explain it.

    The repr never shows what the field held before: a customer may have written it.
    """

    field: str
    before: str | None = dataclasses.field(repr=False)
    label: str
    value: str | None
    probability: float
    threshold: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What triage wants to do with one ticket."""

    fields: tuple[FieldDecision, ...]
    changes: Changes

    @property
    def abstained(self) -> bool:
        """Whether a field that nobody has decided is left to a human."""
        return any(field.verdict is Verdict.ABSTAIN for field in self.fields)


def looks_like_marker(tag: str, prefix: str) -> bool:
    """Tell whether `tag` is `<prefix>-` and six hexadecimal digits, in whatever case."""
    return re.fullmatch(rf"{re.escape(prefix)}-[0-9a-f]{{6}}", tag, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class AutomatedMail:
    """The label that stands for mail no human wrote, and the tag it gets instead of a group."""

    target: str
    label: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one account, for one bundle and configuration.

    `marker` is the tag that says "triaged"; every tag `<marker_prefix>-<six hex digits>` is
    somebody's marker, whichever bundle and configuration set it. `triage_from` is the moment
    triage was switched on: older tickets are never touched. `shadow_tag` is set in a rehearsal
    that leaves a trace: everything is decided as ever, and nothing but that tag is written, once.
    """

    rules: tuple[FieldRule, ...]
    marker: str
    marker_prefix: str
    unsure_tag: str
    triage_from: datetime
    automated: AutomatedMail | None = None
    shadow_tag: str | None = None

    def ineligible(self, ticket: Ticket) -> Ineligible | None:
        """Return why `ticket` must be left alone, or None when it may be triaged."""
        reasons = {
            Ineligible.UNREADABLE: not ticket.is_readable,
            Ineligible.DELETED: ticket.is_deleted,
            Ineligible.SPAM: ticket.is_spam,
            Ineligible.MARKED: self.is_marked(ticket),
            Ineligible.OUTBOUND: ticket.is_outbound,
            Ineligible.NOT_OPEN: not ticket.is_open,
            Ineligible.ASSIGNED: ticket.is_assigned,
            Ineligible.TOO_OLD: ticket.created_at < self.triage_from,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def is_marked(self, ticket: Ticket) -> bool:
        """Tell whether any bundle or configuration has triaged `ticket` before.

        In a rehearsal its own tag counts too; otherwise that tag means nothing.
        """
        shadow_tag = (self.shadow_tag or self.marker).casefold()
        return any(
            looks_like_marker(tag, self.marker_prefix) or tag.casefold() == shadow_tag
            for tag in ticket.tags
        )

    def decide(self, ticket: Ticket, prediction: Prediction) -> Decision:
        """Return the verdict on each field, and the changes that follow.

        The changes always hold the marker, so that a ticket is judged once, and the unsure tag
        when a field nobody has decided stays as it is because the model was not sure. In a
        rehearsal they hold the shadow tag alone.
        """
        automated = self._is_automated(prediction)
        fields = tuple(
            self._decide_field(rule, ticket, prediction, automated=automated)
            for rule in self.rules
            if rule.target in prediction.targets
        )
        tags = [self.marker]
        if any(field.verdict is Verdict.ABSTAIN for field in fields):
            tags.append(self.unsure_tag)
        if automated and self.automated:
            tags.append(self.automated.tag)
        if self.shadow_tag:
            return Decision(fields, Changes(tags=(self.shadow_tag,)))
        values = {f.field: f.value for f in fields if f.verdict is Verdict.WRITE and f.value}
        return Decision(fields, Changes(values, tuple(tags)))

    def confirm(self, decision: Decision, first: Ticket, latest: Ticket) -> Changes | Ineligible:
        """Return what may still be written after the last look.

        A field that changed since the first look stays as it is, whoever changed it; a ticket
        that is no longer eligible is left alone altogether.
        """
        if reason := self.ineligible(latest):
            return reason
        changed = frozenset(
            name for name, value in latest.values.items() if value != first.values.get(name)
        )
        return decision.changes.without(changed)

    def _is_automated(self, prediction: Prediction) -> bool:
        if self.automated is None or not prediction.in_scope:
            return False
        target = prediction.targets.get(self.automated.target)
        return (
            target is not None
            and target.label == self.automated.label
            and target.probability >= target.threshold
        )

    def _decide_field(
        self, rule: FieldRule, ticket: Ticket, prediction: Prediction, *, automated: bool
    ) -> FieldDecision:
        target = prediction.targets[rule.target]
        before = ticket.values.get(rule.field)
        value = rule.labels[target.label]
        threshold = rule.threshold(target)
        verdicts = {
            Verdict.DECIDED: not rule.is_undecided(before),
            Verdict.AUTOMATED: automated,
            Verdict.ABSTAIN: not prediction.in_scope or target.probability < threshold,
            Verdict.UNMAPPED: value is None,
            Verdict.UNCHANGED: same_value(rule.field, value, before),
        }
        return FieldDecision(
            field=rule.field,
            before=before,
            label=target.label,
            value=value,
            probability=target.probability,
            threshold=threshold,
            verdict=next((v for v, holds in verdicts.items() if holds), Verdict.WRITE),
        )
