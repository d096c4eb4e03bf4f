"""What operators see: structured logs and metrics of ids, labels, scores and durations.

Ticket text, keys and mail addresses never get here: an `Outcome` holds none, and errors of
this package are written without them.
"""

from functools import partial

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.application.sweep import SweepReport
from otai_freshdesk.jsontext import dumps

SERVICE = "otai-freshdesk"
NAMESPACE = "OtaiFreshdesk"

logger = Logger(service=SERVICE, json_serializer=partial(dumps, default=str))
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

_METRICS = {
    Status.TRIAGED: "TicketsTriaged",
    Status.SKIPPED: "TicketsSkipped",
    Status.SHADOW: "TicketsShadowed",
    Status.DEFERRED: "TicketsDeferred",
    Status.REJECTED: "TicketsRejected",
    Status.NOT_FOUND: "TicketsNotFound",
    Status.OFF: "TicketsSwitchedOff",
}


def log_outcome(outcome: Outcome) -> None:
    """Log what became of one ticket."""
    level = logger.warning if outcome.status in {Status.DEFERRED, Status.REJECTED} else logger.info
    level("ticket", extra={"ticket": outcome.as_record()})


def observe_outcome(outcome: Outcome) -> None:
    """Log and count what became of one ticket."""
    log_outcome(outcome)
    _count(_METRICS[outcome.status], 1)
    _count("TicketsAbstained", int(outcome.abstained and outcome.written is not None))
    _count("WritesRaced", int(outcome.raced))
    _count("FieldsRefused", len(outcome.refused))
    if outcome.seconds:
        metrics.add_metric("ClassifyTime", MetricUnit.Milliseconds, outcome.seconds * 1000)


def observe_refusal(status: int, reason: str) -> None:
    """Log and count a request that was refused; `reason` holds nothing of the request."""
    logger.warning("webhook refused", extra={"status": status, "reason": reason})
    _count("WebhooksRefused", 1)


def observe_sweep(report: SweepReport) -> None:
    """Log and count what one sweep did."""
    level = logger.info if report.complete else logger.warning
    level("sweep", extra={"sweep": report.as_record()})
    _count("SweepRecovered", report.counts[Status.TRIAGED])
    _count("TicketsAbstained", report.abstained)
    _count("TicketsRejected", report.counts[Status.REJECTED])
    _count("TicketsShadowed", report.counts[Status.SHADOW])
    _count("TicketsFailed", report.counts["failed"])
    _count("TicketsParked", len(report.parked))
    _count("WritesRaced", report.raced)
    _count("FieldsRefused", report.fields_refused)
    _count("SweepIncomplete", int(not report.complete))
    metrics.add_metric("SweepLag", MetricUnit.Seconds, report.lag.total_seconds())


def observe_budget(left: int | None) -> None:
    """Record what is left of the account's rate limit, where it is known."""
    if left is not None:
        metrics.add_metric("RateBudgetLeft", MetricUnit.Count, left)


def _count(name: str, number: int) -> None:
    if number:
        metrics.add_metric(name, MetricUnit.Count, number)
