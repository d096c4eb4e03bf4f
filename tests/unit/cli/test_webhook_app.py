"""On-premise and in AWS the same request gets the same answer."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.cli.webhook_app import Message, WebhookApp
from otai_freshdesk.config.secrets import Secret, WebhookSecrets
from otai_freshdesk.web.request import RequestGuard
from otai_freshdesk.web.routes import PATH, build

SECRET = "a-webhook-secret-of-more-than-32-characters"
DEFERRED, LARGEST = 13, 512
TICKET = b'{"freshdesk_webhook": {"ticket_id": "7"}}'
JSON = {"Content-Type": "application/json", "X-OTAI-Secret": SECRET}
GUARD = RequestGuard(
    WebhookSecrets(Secret("env:ANY", {"env": lambda *_: SECRET})), max_body_bytes=LARGEST
)


@dataclass(frozen=True)
class Request:
    """A request as a caller sends it."""

    body: bytes = TICKET
    headers: Mapping[str, str] | None = None
    method: str = "POST"
    path: str = PATH

    @property
    def sent_headers(self) -> Mapping[str, str]:
        return JSON if self.headers is None else self.headers


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: Any
    cache: str | None


def outcome_of(ticket_id: int) -> Outcome:
    status = Status.DEFERRED if ticket_id == DEFERRED else Status.TRIAGED
    return Outcome(ticket_id=ticket_id, status=status, reason="Grüße" if status else None)


async def triage(ticket_id: int) -> Outcome:
    return outcome_of(ticket_id)


def in_aws(request: Request) -> Answer:
    """Answer as the webhook function does, behind API Gateway."""
    headers = dict(request.sent_headers)
    event = {
        "resource": request.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"requestId": "1", "stage": "v1"},
        "body": base64.b64encode(request.body).decode(),
        "isBase64Encoded": True,
    }
    reply = build(GUARD, outcome_of).resolve(event, None)  # type: ignore[arg-type]
    sent = {name.lower(): values[0] for name, values in reply["multiValueHeaders"].items()}
    return Answer(
        reply["statusCode"],
        sent["content-type"],
        json.loads(reply["body"]),
        sent.get("cache-control"),
    )


async def on_premise(request: Request, app: WebhookApp | None = None) -> Answer:
    """Answer as `serve` does."""
    transport = httpx.ASGITransport(app or WebhookApp(GUARD, triage))
    async with httpx.AsyncClient(transport=transport, base_url="http://otai") as client:
        reply = await client.request(
            request.method, request.path, content=request.body, headers=request.sent_headers
        )
    cache = reply.headers["cache-control"] if reply.status_code != 404 else None
    return Answer(reply.status_code, reply.headers["content-type"], reply.json(), cache)


REQUESTS = {
    "triaged": Request(),
    "deferred": Request(b'{"ticket_id": 13}'),
    "basic password": Request(
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"any:{SECRET}".encode()).decode(),
        }
    ),
    "a form": Request(
        b"freshdesk_webhook[ticket_id]=7",
        {**JSON, "Content-Type": "application/x-www-form-urlencoded"},
    ),
    "a slash at the end": Request(path=PATH + "/"),
    "no secret": Request(headers={"Content-Type": "application/json"}),
    "wrong secret": Request(headers={**JSON, "X-OTAI-Secret": "x" * 40}),
    "another type": Request(headers={**JSON, "Content-Type": "text/plain"}),
    "no type": Request(headers={"X-OTAI-Secret": SECRET}),
    "too large": Request(b" " * (LARGEST + 1)),
    "just not too large": Request(TICKET.ljust(LARGEST)),
    "no body": Request(b""),
    "no id": Request(b"{}"),
    "pasted text": Request(b'{"ticket_id": 7, "subject": "He said "no""}'),
    "another path": Request(path="/"),
    "another method": Request(method="GET"),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_same_answer_here_and_there(name: str) -> None:
    here, there = await on_premise(REQUESTS[name]), in_aws(REQUESTS[name])

    assert here == there
    expected = {"triaged": 200, "deferred": 202, "no secret": 401, "too large": 413, "no id": 422}
    assert here.status == expected.get(name, here.status)


@given(
    body=st.binary(max_size=LARGEST + 10) | st.integers().map(lambda n: b'{"ticket_id": %d}' % n),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "a/b"]),
    secret=st.sampled_from([SECRET, "x" * 40, ""]),
)
def test_the_same_answer_to_any_body(body: bytes, content_type: str, secret: str) -> None:
    request = Request(body, {"Content-Type": content_type, "X-OTAI-Secret": secret})

    assert asyncio.run(on_premise(request)) == in_aws(request)


async def test_a_mistake_of_ours_is_a_500_that_tells_nothing() -> None:
    async def fail(_: int) -> Outcome:
        raise ValueError("my ticket's text")

    answer = await on_premise(Request(), WebhookApp(GUARD, fail))

    assert answer.status == 500
    assert "my ticket's text" not in str(answer.body)


class TestSlowCallers:
    async def answer(self, *messages: Message) -> list[Message]:
        """Return what is sent to a caller that sends `messages` and then nothing."""
        waiting = list(messages)
        sent: list[Message] = []

        async def receive() -> Message:
            if waiting:
                return waiting.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(name.lower().encode(), value.encode()) for name, value in JSON.items()]
        scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers}
        await WebhookApp(GUARD, triage, body_timeout=0.05)(scope, receive, send)
        assert not waiting
        return sent

    async def test_a_body_that_does_not_end_is_given_up(self) -> None:
        start, _ = await self.answer({"type": "http.request", "body": b"{", "more_body": True})

        assert start["status"] == 408

    async def test_a_body_in_pieces_is_read_whole(self) -> None:
        start, _ = await self.answer(
            {"type": "http.request", "body": TICKET[:9], "more_body": True},
            {"type": "http.request", "body": TICKET[9:]},
        )

        assert start["status"] == 200

    async def test_a_body_without_end_is_not_kept(self) -> None:
        start, _ = await self.answer(
            {"type": "http.request", "body": b"x" * (LARGEST + 1), "more_body": True}
        )

        assert start["status"] == 413

    async def test_a_caller_that_has_gone_gets_no_answer(self) -> None:
        assert await self.answer({"type": "http.disconnect"}) == []


async def test_a_secret_that_is_no_utf8_is_wrong_and_no_mistake() -> None:
    headers = [(b"Content-Type", b"application/json"), (b"X-OTAI-Secret", b"\xff" * 40)]
    transport = httpx.ASGITransport(WebhookApp(GUARD, triage))
    async with httpx.AsyncClient(transport=transport, base_url="http://otai") as client:
        reply = await client.post(PATH, content=TICKET, headers=headers)

    assert reply.status_code == 401
