"""From an API Gateway event to an answer: every status, and nothing in it that must not be."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.config.errors import SecretError
from otai_freshdesk.config.secrets import Secret, WebhookSecrets
from otai_freshdesk.observability import logger
from otai_freshdesk.web.request import RequestGuard
from otai_freshdesk.web.routes import build

SECRET = "sample-secret-of-at-least-32-characters"
EVENT = Path(__file__).parents[3] / "events" / "webhook_created.json"


class Context:
    function_name = "webhook"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:webhook"
    aws_request_id = "1"


def event(**changes: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(EVENT.read_text(encoding="utf-8"))
    return document | changes


def answer(request: dict[str, Any], outcome: Status = Status.TRIAGED) -> dict[str, Any]:
    secrets = WebhookSecrets(Secret("env:X", {"env": lambda _name, _refresh: SECRET}))
    app = build(
        RequestGuard(secrets, max_body_bytes=4096),
        lambda ticket_id: Outcome(ticket_id=ticket_id, status=outcome),
    )
    reply: dict[str, Any] = app.resolve(request, Context())  # type: ignore[arg-type]
    return reply


def with_headers(**headers: str) -> dict[str, Any]:
    document = event()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    shown = {
        key: value
        for key, value in document["headers"].items()
        if key.lower() not in {name.lower() for name in named}
    }
    document["headers"] = shown | named
    document["multiValueHeaders"] = {k: [v] for k, v in document["headers"].items()}
    return document


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Status.TRIAGED, 200),
        (Status.SKIPPED, 200),
        (Status.NOT_FOUND, 200),
        (Status.REJECTED, 200),
        (Status.SHADOW, 200),
        (Status.OFF, 200),
        (Status.DEFERRED, 202),
    ],
)
def test_every_outcome_is_answered_with_2xx(outcome: Status, status: int) -> None:
    reply = answer(event(), outcome)

    assert reply["statusCode"] == status
    assert json.loads(reply["body"]) == {"ticket_id": 1, "outcome": outcome.value}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (event(body="x" * 5000), 413),
        (with_headers(Content_Type="text/xml"), 415),
        (with_headers(X_OTAI_Secret="wrong"), 401),
        (event(body='{"freshdesk_webhook": {}}'), 422),
        (event(body=None), 422),
        (event(body="!", isBase64Encoded=True), 422),
        (event(path="/elsewhere"), 404),
        (event(httpMethod="GET"), 404),
    ],
    ids=["large", "xml", "secret", "no id", "empty", "base64", "path", "method"],
)
def test_what_is_refused(request_: dict[str, Any], status: int) -> None:
    assert answer(request_)["statusCode"] == status


def test_an_encoded_body_is_decoded() -> None:
    body = base64.b64encode(b'{"ticket_id": 7}').decode()

    reply = answer(event(body=body, isBase64Encoded=True))

    assert json.loads(reply["body"])["ticket_id"] == 7


def test_a_form_is_taken() -> None:
    request = with_headers(Content_Type="application/x-www-form-urlencoded; charset=utf-8")
    request["body"] = "ticket_id=9"

    assert json.loads(answer(request)["body"])["ticket_id"] == 9


def test_secrets_we_cannot_have_are_our_own_fault() -> None:
    def missing(_name: str, _refresh: bool) -> str:
        raise SecretError("the parameter /somewhere/secret cannot be read")

    guard = RequestGuard(WebhookSecrets(Secret("env:X", {"env": missing})), 4096)
    app = build(guard, lambda ticket_id: Outcome(ticket_id=ticket_id, status=Status.TRIAGED))

    reply = app.resolve(event(), Context())  # type: ignore[arg-type]

    assert reply["statusCode"] == 503
    assert "/somewhere" not in reply["body"]


def test_an_error_is_a_problem_document_and_tells_a_stranger_nothing() -> None:
    reply = answer(with_headers(X_OTAI_Secret="wrong-and-never-repeated"))

    assert reply["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
    assert "never-repeated" not in str(reply)
    assert SECRET not in str(reply)


def test_neither_the_body_nor_the_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger(logger.name).propagate = True
    body = '{"ticket_id": "x", "ticket_subject": "planted-subject planted@example.com"}'
    with caplog.at_level(logging.DEBUG):
        answer(event(body=body))
        answer(with_headers(X_OTAI_Secret="planted-secret"))

    for record in caplog.records:
        assert "planted" not in str(record.__dict__)
