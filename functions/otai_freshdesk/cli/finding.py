"""All that is to be said of one ticket, found out and shown."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ticket_classifier
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.triage import Mode, Triage
from otai_freshdesk.cli.configuration import open_application, settings_now, with_mode
from otai_freshdesk.cli.errors import InputError, NoSuchTicketError
from otai_freshdesk.cli.explain import Influence, influences
from otai_freshdesk.cli.files import open_input
from otai_freshdesk.cli.model import OpenClassifier, domain_prediction
from otai_freshdesk.cli.output import print_line, print_table
from otai_freshdesk.domain.policy import Decision, Ineligible
from otai_freshdesk.domain.ticket import Changes, Ticket

__all__ = ["Examiner", "Finding", "show"]

PATIENCE = 60.0  # seconds in which Freshdesk has to answer
_AT_ANY_AGE = datetime.min.replace(tzinfo=UTC)
_WHY = (
    "Why (an approximation: the text was classified again without each word; x3.0 says that the "
    "word makes the label three times as likely against all others)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What triage makes of one ticket.

    Attributes:
        bundle_id: The bundle that judged.
        ticket_id: 0 for text from a file.
        prediction: What the model says.
        decision: What would be written into an eligible ticket.
        left_alone: Why triage would not touch the ticket, None where it would.
        why: The words that moved each target's label; empty where nobody asked.
        outcome: What became of the ticket, where it was to be written.
    """

    bundle_id: str
    ticket_id: int
    prediction: ticket_classifier.Prediction
    decision: Decision
    left_alone: Ineligible | None
    why: Mapping[str, tuple[Influence, ...]] = field(repr=False)
    outcome: Outcome | None = None

    @property
    def is_triaged(self) -> bool:
        """Whether the ticket was written."""
        return self.outcome is not None and self.outcome.status is Status.TRIAGED

    def as_record(self) -> dict[str, Any]:
        """Return the finding for scripts."""
        judged = Outcome(ticket_id=self.ticket_id, status=Status.SHADOW, decision=self.decision)
        changes = Changes() if self.left_alone else self.decision.changes
        return {
            "ticket_id": self.ticket_id or None,
            "bundle_id": self.bundle_id,
            "in_scope": self.prediction.in_scope,
            "left_alone": self.left_alone,
            "targets": {
                name: {
                    "label": one.label,
                    "probability": one.probability,
                    "threshold": one.threshold,
                    "abstained": one.abstained,
                    "probabilities": dict(one.probabilities),
                }
                for name, one in self.prediction.targets.items()
            },
            "fields": judged.as_record()["fields"],
            "would_write": {"values": dict(changes.values), "tags": list(changes.tags)},
            "why": {
                "approximate": True,
                "targets": {
                    target: [
                        {
                            "word": one.word,
                            "odds_factor": one.odds,
                            "probability_without": one.without,
                        }
                        for one in words
                    ]
                    for target, words in self.why.items()
                },
            },
            "outcome": self.outcome.as_record() if self.outcome else None,
        }


class Examiner:
    """Examines single tickets with a configuration and a bundle."""

    def __init__(self, config: Path, bundle: Path | None, *, explain: bool) -> None:
        """Read the configuration and load the bundle.

        Args:
            config: Path of config.yml.
            bundle: What beats the configuration.
            explain: Whether to find out which words moved the labels.

        Raises:
            CommandError, ConfigError, BundleError: One of them cannot be used.
        """
        settings = with_mode(settings_now(config, bundle), Mode.LIVE)
        self._settings = settings
        self._fresh_values = {
            name: next(iter(rule.undecided), None) for name, rule in settings.triage.fields.items()
        }
        self._switched_on = settings.triage.switched_on or _AT_ANY_AGE
        self._classifier = OpenClassifier(settings.classifier.bundle, settings.classifier.threads)
        self._application = open_application(settings, classifier=self._classifier)
        self._explain = explain

    def text(self, path: Path) -> Finding:
        """Examine the text of a file, as a new ticket in which nobody has decided anything.

        Raises:
            InputError: It is not UTF-8.
            OSError: It cannot be read.
        """
        with open_input(path) as stream:
            content = stream.read()
        try:
            subject, _, body = content.decode("utf-8-sig").strip().partition("\n")
        except UnicodeDecodeError:
            raise InputError(str(path), "not UTF-8; save the file as UTF-8") from None
        now = datetime.now(UTC)
        ticket = Ticket(
            id=0,
            subject=subject,
            body=body,
            created_at=now,
            updated_at=now,
            values=self._fresh_values,
        )
        return self._judge(ticket, self._triage())

    def ticket(self, ticket_id: int, *, apply: bool) -> Finding:
        """Examine a ticket of the account, and write it if that is asked for.

        Raises:
            NoSuchTicketError: The account has none of that number.
            HelpDeskError: It cannot be read or written now.
        """
        return asyncio.run(self._ticket(ticket_id, apply=apply))

    async def _ticket(self, ticket_id: int, *, apply: bool) -> Finding:
        async with aclosing(self._application) as application:
            help_desk = application.help_desk(application.clock.monotonic() + PATIENCE)
            if (ticket := await help_desk.ticket(ticket_id)) is None:
                raise NoSuchTicketError(ticket_id)
            triage = application.triage(help_desk, self._switched_on, self._settings)
            finding = self._judge(ticket, triage)
            if not apply:
                return finding
            return replace(finding, outcome=await triage.noted(await triage.ticket(ticket_id)))

    def _triage(self) -> Triage:
        return self._application.triage(
            self._application.help_desk(), self._switched_on, self._settings
        )

    def _judge(self, ticket: Ticket, triage: Triage) -> Finding:
        text = ticket_classifier.clean(ticket.subject, ticket.body)
        prediction = self._classifier.predict(text)
        return Finding(
            bundle_id=self._classifier.bundle_id,
            ticket_id=ticket.id,
            prediction=prediction,
            decision=triage.policy.decide(ticket, domain_prediction(prediction)),
            left_alone=triage.policy.ineligible(ticket),
            why=self._why(text, prediction) if self._explain else {},
        )

    def _why(
        self, text: str, prediction: ticket_classifier.Prediction
    ) -> dict[str, tuple[Influence, ...]]:
        def probabilities(shortened: str) -> dict[str, float]:
            others = self._classifier.predict(shortened).targets
            return {
                name: others[name].probabilities[one.label]
                for name, one in prediction.targets.items()
            }

        return influences(text, probabilities)


def show(finding: Finding) -> None:
    """Print a finding for people."""
    print_line(_heading(finding))
    print_line()
    print_table(
        ("Target", "Label", "Probability", "Threshold", "Verdict", "Next likeliest"),
        _target_rows(finding),
    )
    print_line()
    print_table(("Field", "Now", "Proposed", "Verdict"), _field_rows(finding.decision))
    if finding.why:
        print_line()
        print_line(_WHY)
        print_table(("Target", "Words"), _why_rows(finding))
    print_line()
    print_line(_conclusion(finding))


def _heading(finding: Finding) -> str:
    name = f"Ticket {finding.ticket_id}" if finding.ticket_id else "Text"
    scope = "" if finding.prediction.in_scope else ", unlike anything the bundle has seen"
    return f"{name}, judged by bundle {finding.bundle_id}{scope}"


def _target_rows(finding: Finding) -> Iterator[tuple[str, ...]]:
    for name, one in finding.prediction.targets.items():
        others = {label: p for label, p in one.probabilities.items() if label != one.label}
        second = max(others, key=others.__getitem__)
        yield (
            name,
            one.label,
            f"{one.probability:.2f}",
            f"{one.threshold:.2f}" if one.threshold <= 1 else "none",
            "abstains" if one.abstained else "sure",
            f"{second} {others[second]:.2f}",
        )


def _field_rows(decision: Decision) -> Iterator[tuple[str, ...]]:
    for one in decision.fields:
        yield one.field, one.before or "-", one.value or "-", one.verdict.value


def _why_rows(finding: Finding) -> Iterator[tuple[str, ...]]:
    for target, words in finding.why.items():
        shown = ", ".join(f"{one.word} {_factor(one.odds)}" for one in words)
        yield target, shown or "no single word moves it"


def _factor(odds: float) -> str:
    return f"x{odds:.0f}" if odds >= 10 else f"x{odds:.2g}"


def _conclusion(finding: Finding) -> str:
    if finding.outcome is not None:
        changes = finding.outcome.written
        if changes is None:
            return f"Not written: {finding.outcome.status.value} ({finding.outcome.reason})"
        refused = ", ".join(sorted(finding.outcome.refused))
        end = f"; Freshdesk refused {refused}" if refused else ""
        return f"Written: {_changes(changes)}{end}{_of_note(finding.outcome.noted)}"
    if finding.left_alone:
        return f"Would be left alone: {finding.left_alone.value.replace('_', ' ')}"
    if not finding.ticket_id:
        return f"Would write into a new ticket: {_changes(finding.decision.changes)}"
    return f"Would write: {_changes(finding.decision.changes)}; do it with --apply"


def _of_note(noted: bool | None) -> str:
    if noted is None:
        return ""
    return "; a private note says why" if noted else "; the private note could not be added"


def _changes(changes: Changes) -> str:
    fields = [f"{name} = {value}" for name, value in changes.values.items()]
    return ", ".join([*fields, f"tags {' '.join(changes.tags)}"])
