"""The routes of the webhook, the same in Lambda and on-premise."""

import base64
import binascii
from collections.abc import Callable
from http import HTTPStatus

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.jsontext import dumps
from otai_freshdesk.observability import observe_refusal
from otai_freshdesk.web.errors import RequestError, UnprocessableError
from otai_freshdesk.web.request import RequestGuard, WebhookRequest

PATH = "/freshdesk/webhook"


def build(guard: RequestGuard, triage: Callable[[int], Outcome]) -> APIGatewayRestResolver:
    """Return the resolver that checks a request with `guard` and answers with `triage`.

    Body validation of the resolver stays off: it would run before our checks and tell a
    stranger what a valid body looks like.
    """
    app = APIGatewayRestResolver()

    @app.post(PATH)
    def webhook() -> Response[str]:
        event = app.current_event
        headers = {name.lower(): value for name, value in event.headers.items()}
        body = _raw_body(event.body, encoded=bool(event.is_base64_encoded))
        outcome = triage(guard.ticket_id(WebhookRequest(headers, body)))
        deferred = outcome.status is Status.DEFERRED
        return _json(HTTPStatus.ACCEPTED if deferred else HTTPStatus.OK, outcome.as_record())

    def refuse(error: RequestError) -> Response[str]:
        observe_refusal(error.status, str(error))
        problem = {"title": error.status.phrase, "status": error.status, "detail": str(error)}
        return _json(error.status, problem, content_type="application/problem+json")

    app.exception_handler(RequestError)(refuse)
    return app


def _raw_body(body: str | None, *, encoded: bool) -> bytes:
    if not body:
        return b""
    if not encoded:
        return body.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnprocessableError("the body is not valid base64") from error


def _json(
    status: HTTPStatus, body: dict[str, object], *, content_type: str = "application/json"
) -> Response[str]:
    return Response(
        status_code=status,
        content_type=content_type,
        body=dumps(body),
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
