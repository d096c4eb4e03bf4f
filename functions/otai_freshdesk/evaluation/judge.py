"""From a prediction and what people decided to a case, by the very rules that triage follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from sys import intern

from otai_freshdesk.domain.policy import FieldRule, Policy, Verdict
from otai_freshdesk.domain.prediction import Prediction
from otai_freshdesk.domain.ticket import GROUP, Ticket
from otai_freshdesk.evaluation.cases import EMPTY, Case, Judgement, step_of, threshold_step

__all__ = ["LANGUAGE", "Decided", "EvaluatedField", "Judge"]

LANGUAGE = "language"
"""The classifier's target that names the language of a text."""

_DIGITS = 6
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EvaluatedField:
    """A field that is compared.

    Attributes:
        name: Of the field.
        target: The classifier's target that fills it.
        threshold: Step of its present threshold.
    """

    name: str
    target: str
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What people made of a ticket.

    Attributes:
        ticket_id: Its number.
        created: The day it was created, if known.
        values: What each field holds, None where it is empty.
        language: Of its text, where somebody has said so; else the classifier says.
    """

    ticket_id: int
    created: date | None
    values: Mapping[str, str | None]
    language: str | None = None


class Judge:
    """Compares predictions with people, field by field.

    The prediction is blind: triage's policy sees a new ticket in which nobody has decided anything.
    """

    def __init__(
        self,
        policy: Policy,
        sample: Prediction,
        *,
        counted: Iterable[str] = (),
        live: bool = False,
    ) -> None:
        """Take the rules.

        Args:
            policy: The account's.
            sample: Any prediction of the bundle; it names the targets and their thresholds.
            counted: Fields whose undecided values count as decisions all the same, such as a
                priority that agents leave at Low on purpose.
            live: Whether triage itself has filled the fields, so that an undecided value in a
                field it has written is a decision: somebody took it back.
        """
        rules = [rule for rule in policy.rules if rule.target in sample.targets]
        self._policy = replace(policy, rules=tuple(rules))
        self._rules = {rule.field: rule for rule in rules}
        self._counted = frozenset(counted)
        self._live = live
        self._fresh = {rule.field: next(iter(rule.undecided), None) for rule in rules}
        self.fields: Sequence[EvaluatedField] = tuple(
            EvaluatedField(
                rule.field, rule.target, threshold_step(rule.threshold(sample.targets[rule.target]))
            )
            for rule in rules
        )

    def case(self, prediction: Prediction, decided: Decided) -> Case:
        """Return what a report needs to know of one ticket; it holds no text."""
        now = Ticket(
            id=decided.ticket_id,
            subject="",
            body="",
            created_at=_LONG_AGO,
            updated_at=_LONG_AGO,
            values=self._fresh,
        )
        verdicts = {one.field: one for one in self._policy.decide(now, prediction).fields}
        judgements = []
        for field in self.fields:
            verdict = verdicts[field.name]
            rule = self._rules[field.name]
            proposed = _spelt(rule, verdict.value)
            acts = (
                prediction.in_scope
                and verdict.verdict not in {Verdict.AUTOMATED, Verdict.DECIDED}
                and proposed is not None
                and not rule.is_undecided(proposed)
            )
            probability = round(verdict.probability, _DIGITS)
            written = self._live and acts and step_of(probability) >= field.threshold
            value = self._decision(rule, decided.values.get(field.name), written=written)
            judgements.append(
                None if value is None else Judgement(value, proposed, probability, acts)
            )
        return Case(
            ticket_id=decided.ticket_id,
            created=decided.created,
            language=intern(decided.language or self._language(prediction)),
            group=_spelt(self._rules.get(GROUP), decided.values.get(GROUP)) or EMPTY,
            judgements=tuple(judgements),
        )

    def _decision(self, rule: FieldRule, value: str | None, *, written: bool) -> str | None:
        """Return what people decided, None where nobody did."""
        spelt = _spelt(rule, value)
        if written or not rule.is_undecided(value):
            return spelt if spelt is not None else (EMPTY if written else None)
        return spelt if rule.field in self._counted else None

    @staticmethod
    def _language(prediction: Prediction) -> str:
        found = prediction.targets.get(LANGUAGE)
        return found.label if found else EMPTY


def _spelt(rule: FieldRule | None, value: str | None) -> str | None:
    """Return a value as the configuration spells it, so that it is counted under one name."""
    spelt = rule.spelt(value) if rule else value
    return None if spelt is None else intern(spelt)
