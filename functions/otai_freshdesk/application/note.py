"""The private note: what was decided about a ticket, for the agents who work on it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from otai_freshdesk.application.outcome import Outcome
from otai_freshdesk.domain.policy import FieldDecision, Verdict


def note_lines(outcome: Outcome, marker: str) -> tuple[str, ...]:
    """Return the note's lines: labels, values and probabilities, nothing of the customer's.

    The value a field had before is left out: in a field of one's own it may be anything.
    """
    decision = outcome.decision
    fields = decision.fields if decision else ()
    return (f"Triaged by otai-freshdesk ({marker})", *(_line(outcome, field) for field in fields))


def _line(outcome: Outcome, field: FieldDecision) -> str:
    if field.field in outcome.refused:
        return f"{field.field}: {field.value} is not known to Freshdesk and was left out"
    if field.verdict is Verdict.WRITE and _changed_meanwhile(outcome, field):
        return f"{field.field}: changed meanwhile and left as it is; {_likely(field)}"
    return f"{field.field}: {_SENTENCES[field.verdict](field)}"


def _changed_meanwhile(outcome: Outcome, field: FieldDecision) -> bool:
    return outcome.written is not None and field.field not in outcome.written.values


def _abstained(field: FieldDecision) -> str:
    if field.probability < field.threshold:
        return f"left to you; {_likely(field)}, {_percent(field.threshold)} are needed"
    return "left to you; the text is unlike those the model knows"


def _likely(field: FieldDecision) -> str:
    return f"{field.label} is {_percent(field.probability)} likely"


def _percent(probability: float) -> str:
    # Nothing is certain, so nothing is shown as 100 %.
    return f"{min(probability, 0.999) * 100:.1f} %"


_SENTENCES: Mapping[Verdict, Callable[[FieldDecision], str]] = MappingProxyType(
    {
        Verdict.WRITE: lambda field: f"{field.value}; {_likely(field)}",
        Verdict.UNCHANGED: lambda field: f"{field.value} already; {_likely(field)}",
        Verdict.DECIDED: lambda field: f"decided already; {_likely(field)}",
        Verdict.UNMAPPED: lambda field: f"left alone, as configured; {_likely(field)}",
        Verdict.AUTOMATED: lambda _: "left alone; this is automated mail",
        Verdict.ABSTAIN: _abstained,
    }
)
