"""The sweep function: invoked on a schedule, triages whatever the webhook missed."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from otai_freshdesk.application.errors import HelpDeskAuthenticationError
from otai_freshdesk.bootstrap import application
from otai_freshdesk.observability import log_outcome, logger, metrics, observe_budget, observe_sweep
from otai_freshdesk.runtime import run

MARGIN = 10.0  # seconds kept to finish what was begun and to save the state

otai = application()
otai.prepare()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep once; `since` in the event (ISO 8601 with zone) looks back further than the cursor.

    Raises:
        HelpDeskAuthenticationError: the key is refused, so that the alarm goes off.
        ValueError: `since` is no such time.
    """
    since = datetime.fromisoformat(event["since"]) if event.get("since") else None
    if since and since.tzinfo is None:
        raise ValueError("since needs a zone, such as 2026-11-01T00:00:00Z")
    seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN
    report = run(otai.sweep(seconds=seconds, since=since, observe=log_outcome))
    observe_sweep(report)
    observe_budget(otai.budget_left())
    if report.key_refused:
        raise HelpDeskAuthenticationError(str(report.stopped))
    return report.as_record()
