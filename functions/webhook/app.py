"""The webhook function: an API Gateway request in, one triaged ticket and an answer out."""

from typing import Any

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from otai_freshdesk.application.outcome import Outcome
from otai_freshdesk.bootstrap import application
from otai_freshdesk.observability import logger, metrics, observe_budget, observe_outcome
from otai_freshdesk.runtime import run
from otai_freshdesk.web.routes import build

MARGIN = 1.0  # seconds kept for the answer

otai = application()
otai.prepare()


def triage(ticket_id: int) -> Outcome:
    """Triage one ticket within the webhook's deadline and what remains of the invocation."""
    remaining = app.lambda_context.get_remaining_time_in_millis() / 1000 - MARGIN
    seconds = min(otai.settings.webhook.deadline.total_seconds(), remaining)
    outcome = run(otai.webhook(ticket_id, seconds=seconds))
    observe_outcome(outcome)
    observe_budget(otai.budget_left())
    return outcome


app = build(otai.guard, triage)


@logger.inject_lambda_context(
    correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True
)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request; see `otai_freshdesk.web` for what is refused and how."""
    return app.resolve(event, context)
