"""From cases to everything a report shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from heapq import nsmallest
from typing import Any

from otai_freshdesk.domain.ticket import GROUP
from otai_freshdesk.evaluation.cases import NEVER, STEPS, Case, Judgement
from otai_freshdesk.evaluation.judge import EvaluatedField
from otai_freshdesk.evaluation.measures import (
    Confusion,
    Curve,
    Reliability,
    Score,
    confusion,
    curve,
    reliability,
    score,
    scores_by,
)
from otai_freshdesk.evaluation.savings import Assumption, savings
from otai_freshdesk.evaluation.thresholds import WANTED, Recommendation, recommend

__all__ = ["DISAGREEMENTS", "Cell", "Evaluation", "FieldEvaluation", "evaluate", "monday_of"]

DISAGREEMENTS = 20  # shown for each field
_ROUTING = (GROUP, "queue")
_MONTH = 365.25 / 12
_A_WEEK = 7
type Judged = tuple[Case, Judgement]


@dataclass(frozen=True, slots=True)
class Cell:
    """Tickets that are alike to a report, whatever the threshold; see `Case` and `Judgement`."""

    group: str
    language: str
    decided: str
    proposed: str | None
    step: int
    acts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEvaluation:
    """All about one field, at its present threshold where nothing else is said.

    Attributes:
        field: Which.
        undecided: Tickets in which nobody decided it.
        score: Of all tickets.
        curve: The counts at each threshold.
        by_group: A score for each group that people left tickets in.
        by_language: A score for each language.
        by_week: A score for each week in which tickets were created, by its Monday.
        reliability: Probability against truth.
        confusion: People against triage.
        recommendation: Which threshold to set.
        disagreements: Wrongly written tickets, the most probable first.
        judged: Every ticket in which people decided it.
    """

    field: EvaluatedField
    undecided: int
    score: Score
    curve: Curve
    by_group: dict[str, Score]
    by_language: dict[str, Score]
    by_week: dict[date, Score]
    reliability: Reliability
    confusion: Confusion
    recommendation: Recommendation
    disagreements: tuple[Judged, ...]
    judged: tuple[Judged, ...]

    def as_record(self) -> dict[str, Any]:
        """Return everything for scripts and for the page."""
        return {
            "name": self.field.name,
            "target": self.field.target,
            "threshold": _threshold(self.field.threshold),
            "undecided": self.undecided,
            "score": self.score.as_record(),
            "curve": {
                "thresholds": [step / STEPS for step in range(STEPS + 1)] + [None],
                "routed": list(self.curve.routed),
                "wrong": list(self.curve.wrong),
            },
            "by_group": _named(self.by_group, "group"),
            "by_language": _named(self.by_language, "language"),
            "by_week": [
                {"week": week.isoformat(), **one.as_record()} for week, one in self.by_week.items()
            ],
            "reliability": {
                "error": self.reliability.error,
                "bins": [
                    {**asdict(one), "accuracy": one.accuracy} for one in self.reliability.bins
                ],
            },
            "confusion": {
                "labels": list(self.confusion.labels),
                "counts": [list(row) for row in self.confusion.counts],
            },
            "recommendation": self.recommendation.as_record(),
            "disagreements": [
                {
                    "ticket_id": case.ticket_id,
                    "language": case.language,
                    "decided": one.decided,
                    "proposed": one.proposed,
                    "probability": one.probability,
                }
                for case, one in self.disagreements
            ],
        }

    def cells(self) -> Counter[Cell]:
        """Return how many tickets there are of each kind: enough to count anything again."""
        return Counter(
            Cell(case.group, case.language, one.decided, one.proposed, one.step, one.acts)
            for case, one in self.judged
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All fields together.

    Attributes:
        tickets: How many were judged.
        first: Day on which the oldest of them was created, if known.
        last: Day on which the newest was created.
        fields: One each.
        wanted: The precision that recommendations are made for.
    """

    tickets: int
    first: date | None
    last: date | None
    fields: tuple[FieldEvaluation, ...]
    wanted: float

    @property
    def routing(self) -> FieldEvaluation | None:
        """The field that decides who works on a ticket: savings are computed for it."""
        by_name = {one.field.name: one for one in self.fields}
        return next((by_name[name] for name in _ROUTING if name in by_name), None)

    def assumption(self) -> Assumption:
        """Return the assumptions, with the tickets a month that the sample speaks for."""
        if self.first is None or self.last is None:
            return Assumption()
        days = (self.last - self.first).days + 1
        if days < _A_WEEK:
            return Assumption()
        return Assumption(tickets_a_month=max(1, round(self.tickets / days * _MONTH)))

    def as_record(self) -> dict[str, Any]:
        """Return everything for scripts and for the page."""
        record = {
            "tickets": self.tickets,
            "period": {
                "first": self.first.isoformat() if self.first else None,
                "last": self.last.isoformat() if self.last else None,
            },
            "wanted_precision": self.wanted,
            "fields": [one.as_record() for one in self.fields],
            "savings": None,
        }
        if self.routing is not None:
            assumption = self.assumption()
            record["savings"] = {
                "field": self.routing.field.name,
                "assumption": asdict(assumption),
                **asdict(savings(self.routing.score, assumption)),
            }
        return record


def evaluate(
    cases: Sequence[Case], fields: Sequence[EvaluatedField], *, wanted: float = WANTED
) -> Evaluation:
    """Return everything a report shows.

    Args:
        cases: One a ticket, with a judgement for each of `fields`.
        fields: What is compared.
        wanted: The precision that thresholds are recommended for.
    """
    days = [case.created for case in cases if case.created]
    return Evaluation(
        tickets=len(cases),
        first=min(days, default=None),
        last=max(days, default=None),
        fields=tuple(
            _evaluate(cases, number, field, wanted) for number, field in enumerate(fields)
        ),
        wanted=wanted,
    )


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _evaluate(
    cases: Sequence[Case], number: int, field: EvaluatedField, wanted: float
) -> FieldEvaluation:
    judged = [(case, one) for case in cases if (one := case.judgements[number]) is not None]
    judgements = [one for _, one in judged]
    threshold = field.threshold
    counts = curve(judgements)
    weeks = scores_by(
        judged, lambda it: it[0].created and monday_of(it[0].created), _judgement, threshold
    )
    wrong = [it for it in judged if it[1].acts and not it[1].agrees]
    return FieldEvaluation(
        field=field,
        undecided=len(cases) - len(judged),
        score=score(judgements, threshold),
        curve=counts,
        by_group=scores_by(judged, lambda it: it[0].group or None, _judgement, threshold),
        by_language=scores_by(judged, lambda it: it[0].language or None, _judgement, threshold),
        by_week=dict(sorted(weeks.items())),
        reliability=reliability(judgements),
        confusion=confusion(judgements, threshold),
        recommendation=recommend(counts, threshold, wanted),
        disagreements=tuple(
            nsmallest(DISAGREEMENTS, wrong, key=lambda it: (-it[1].probability, it[0].ticket_id))
        ),
        judged=tuple(judged),
    )


def _judgement(judged: Judged) -> Judgement:
    return judged[1]


def _threshold(step: int) -> float | None:
    """Return a threshold for scripts, None for one that nothing reaches."""
    return None if step >= NEVER else step / STEPS


def _named(scores: dict[str, Score], key: str) -> list[dict[str, Any]]:
    return [{key: name, **one.as_record()} for name, one in scores.items()]
