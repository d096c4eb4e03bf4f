"""From past tickets to a report: judge, evaluate, write the page."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.cli.files import open_output
from otai_freshdesk.cli.output import note, progress_bar
from otai_freshdesk.cli.report.comparison import LeftOut, compare, never_left_out
from otai_freshdesk.cli.report.document import Document, Kind, Subjects
from otai_freshdesk.cli.report.errors import NothingToCompareError
from otai_freshdesk.cli.report.language import Language
from otai_freshdesk.cli.report.page import render
from otai_freshdesk.cli.report.progress import Progress
from otai_freshdesk.cli.report.source import Source
from otai_freshdesk.clock import Clock
from otai_freshdesk.domain.policy import Policy
from otai_freshdesk.domain.prediction import Prediction
from otai_freshdesk.evaluation import Judge, evaluate

__all__ = ["Origin", "Task", "make_report", "sample_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the administrator asked for.

    Attributes:
        config: Path of config.yml; None: the usual one for an account, none for a file.
        bundle: What beats the configuration.
        output: Where the page goes; the progress lies beside it.
        limit: How many tickets are enough.
        language: Of the page.
        wanted: The precision that thresholds are recommended for.
        with_text: Whether shortened subjects are shown.
        fresh: Whether to begin anew instead of going on.
        counted: Fields whose undecided values count as decisions.
    """

    config: Path | None
    bundle: Path | None
    output: Path
    limit: int
    language: Language
    wanted: float
    with_text: bool
    fresh: bool
    counted: tuple[str, ...] = ()

    @property
    def progress_path(self) -> Path:
        """Where the progress is kept."""
        return self.output.with_name(f".{self.output.name}.progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the tickets come from, and by which rules they are judged.

    Attributes:
        kind: What is compared with people.
        name: `{"account": ...}` or `{"file": ...}`.
        policy: The rules of triage.
        left_out: Says of a ticket why it does not count.
        ticket_url: What a ticket's number is added to for its address, where there is one.
    """

    kind: Kind
    name: Mapping[str, str]
    policy: Policy
    left_out: LeftOut = never_left_out
    ticket_url: str | None = None

    @property
    def marker(self) -> str | None:
        """The tag of the tickets, where only marked ones count."""
        return self.policy.marker if self.kind is Kind.REVIEW else None


def sample_of(classifier: Classifier) -> Prediction:
    """Return a prediction that names the bundle's targets and their thresholds."""
    return classifier.classify("", "")


async def make_report(
    task: Task, origin: Origin, source: Source, classifier: Classifier, clock: Clock
) -> Document:
    """Judge the tickets of a source, write the page, and return what it says.

    Raises:
        NothingToCompareError: People decided nothing that is compared.
        OSError: Progress or page cannot be written.
        Exception: Whatever the source raises; what was judged until then is kept.
    """
    judge = Judge(
        origin.policy,
        sample_of(classifier),
        counted=task.counted,
        live=origin.kind is Kind.REVIEW,
    )
    if task.fresh:
        task.progress_path.unlink(missing_ok=True)
    identity = _identity(task, origin, source, classifier)
    progress, subjects = Progress(task.progress_path, identity), Subjects()
    if progress.resumed:
        note(f"going on after {progress.resumed} tickets; --fresh begins anew")
    elif progress.is_of_another:
        note("the progress beside the report is of another comparison: beginning anew")
    with _kept(task.progress_path, identity), progress, progress_bar("Judging", task.limit) as bar:

        def show(done: int) -> None:
            bar(done, label=f"Judging: {done} tickets")

        await compare(
            source,
            judge,
            classifier,
            progress,
            limit=task.limit,
            subjects=subjects,
            left_out=origin.left_out,
            show=show,
        )
    if not any(one for case in progress.cases for one in case.judgements):
        progress.path.unlink()
        raise NothingToCompareError(_nothing(judge, progress))
    document = Document(
        kind=origin.kind,
        created_at=datetime.fromtimestamp(clock.time(), UTC),
        bundle_id=classifier.bundle_id,
        marker=origin.marker,
        source=origin.name,
        ticket_url=origin.ticket_url,
        skipped=progress.skipped,
        evaluation=evaluate(progress.cases, judge.fields, wanted=task.wanted),
        subjects=subjects.by_ticket() if task.with_text else None,
    )
    with open_output(task.output) as page:
        page.write(render(document, task.language))
    progress.path.unlink()
    return document


def _identity(task: Task, origin: Origin, source: Source, classifier: Classifier) -> object:
    """Return what must be the same for one run to go on where another ended."""
    rules = [
        (rule.field, rule.target, dict(rule.labels.entries), sorted(map(repr, rule.undecided)))
        for rule in origin.policy.rules
    ]
    described = repr((rules, origin.policy.automated, origin.marker, sorted(task.counted)))
    return {
        "kind": origin.kind.value,
        "bundle_id": classifier.bundle_id,
        "source": source.identity,
        "rules": hashlib.sha256(described.encode()).hexdigest(),
    }


@contextmanager
def _kept(path: Path, identity: object) -> Iterator[None]:
    """Say of a comparison that ends early how it goes on; what counts is what the disk holds."""
    try:
        yield
    except BaseException:
        if kept := Progress(path, identity).resumed:
            note(
                f"{kept} tickets are judged and kept in {path}; run the same command again to go on"
            )
        raise


def _nothing(judge: Judge, progress: Progress) -> str:
    fields = ", ".join(field.name for field in judge.fields)
    seen = len(progress.cases) + progress.skipped.total()
    left_out = ", ".join(f"{count} {reason}" for reason, count in progress.skipped.items())
    return (
        f"of {seen} tickets there is none in which people decided {fields}"
        + (f" (left out: {left_out.replace('_', ' ')})" if left_out else "")
        + "; look further back with --since, or give tickets with --file"
    )
