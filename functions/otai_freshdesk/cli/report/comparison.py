"""Judges past tickets one after the other, and keeps how far it has come."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.cli.report.document import Subjects
from otai_freshdesk.cli.report.progress import Progress
from otai_freshdesk.cli.report.source import PastTicket, Source
from otai_freshdesk.evaluation import Judge

__all__ = ["LeftOut", "compare", "never_left_out"]

type LeftOut = Callable[[PastTicket], str | None]


def never_left_out(_: PastTicket) -> None:
    """Leave no ticket out."""


async def compare(
    source: Source,
    judge: Judge,
    classifier: Classifier,
    progress: Progress,
    *,
    limit: int,
    subjects: Subjects,
    left_out: LeftOut = never_left_out,
    show: Callable[[int], None] = lambda _: None,
) -> None:
    """Judge the tickets of a source, from where the progress stands, until there are enough.

    One batch is in memory at a time, and of a ticket that is judged only its case stays. A ticket
    that the progress knows is not judged again. The classifier runs in a thread, so that an
    interruption is felt at once.

    Args:
        source: Past tickets.
        judge: Compares.
        classifier: Judges blind.
        progress: An open one; it ends up with the cases of this run and of those before it.
        limit: How many tickets are enough.
        subjects: Takes the subjects of disagreements.
        left_out: Says of a ticket why it does not count, None where it does.
        show: Told how many are judged.
    """
    async with aclosing(source.batches(progress.position)) as batches:
        async for batch in batches:
            skipped = Counter(batch.skipped)
            for ticket in batch.tickets:
                if len(progress.cases) >= limit:
                    return
                if progress.knows(ticket.decided.ticket_id):
                    continue
                if reason := left_out(ticket):
                    skipped[reason] += 1
                    continue
                await _judge(ticket, judge, classifier, progress, subjects)
                show(len(progress.cases))
            progress.end_batch(skipped, batch.position)


async def _judge(
    ticket: PastTicket,
    judge: Judge,
    classifier: Classifier,
    progress: Progress,
    subjects: Subjects,
) -> None:
    prediction = await asyncio.to_thread(classifier.classify, ticket.subject, ticket.body)
    case = judge.case(prediction, ticket.decided)
    progress.add(case)
    subjects.note(case, ticket.subject)
