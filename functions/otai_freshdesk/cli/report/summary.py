"""What a report says, in a terminal."""

from collections.abc import Iterator
from pathlib import Path

from otai_freshdesk.cli.output import print_json, print_line, print_table
from otai_freshdesk.cli.report.document import Document
from otai_freshdesk.evaluation import FieldEvaluation
from otai_freshdesk.evaluation.cases import NEVER, STEPS

__all__ = ["show"]


def show(document: Document, output: Path, *, as_json: bool) -> None:
    """Print what a report says: all of it as JSON, or the figures of each field."""
    if as_json:
        print_json(document.as_record())
        return
    evaluation = document.evaluation
    headers = ("Field", "Tickets", "Accuracy", "Threshold", "Set", "Right where set", "Advice")
    print_table(headers, (_row(field) for field in evaluation.fields))
    print_line()
    print_line(f"{evaluation.tickets} tickets, bundle {document.bundle_id}; report: {output}")


def _row(field: FieldEvaluation) -> tuple[str, ...]:
    score = field.score
    return (
        field.field.name,
        str(score.decided),
        _share(score.accuracy),
        _threshold(field.field.threshold),
        _share(score.coverage),
        _share(score.precision),
        " ".join(_advice(field)),
    )


def _advice(field: FieldEvaluation) -> Iterator[str]:
    advised = field.recommendation
    yield advised.advice.value.replace("_", " ")
    if advised.threshold is not None:
        yield f"{advised.threshold / STEPS:g}"
        yield f"({_share((advised.routed - advised.wrong) / advised.routed)} right)"


def _threshold(step: int) -> str:
    return "never" if step >= NEVER else f"{step / STEPS:g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
