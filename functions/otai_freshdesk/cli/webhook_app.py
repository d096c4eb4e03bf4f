"""The webhook as an ASGI application: the checks and answers of `web.routes`, without Lambda."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.cli.errors import sentence
from otai_freshdesk.jsontext import dumps
from otai_freshdesk.observability import logger
from otai_freshdesk.web.errors import RequestError
from otai_freshdesk.web.request import RequestGuard, WebhookRequest
from otai_freshdesk.web.routes import PATH

__all__ = ["WebhookApp"]

BODY_TIMEOUT = 10.0  # seconds in which a request's body has to be here

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: dict[str, object]
    content_type: bytes = b"application/json"


class WebhookApp:
    """Answers `POST /freshdesk/webhook`; anything else is not found."""

    def __init__(
        self,
        guard: RequestGuard,
        triage: Callable[[int], Awaitable[Outcome]],
        body_timeout: float = BODY_TIMEOUT,
    ) -> None:
        """Keep what is needed.

        Args:
            guard: Checks requests.
            triage: Triages the ticket of an acceptable request.
            body_timeout: Seconds in which a request's body has to be here.
        """
        self._guard = guard
        self._triage = triage
        self._body_timeout = body_timeout

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a mistake of ours is logged and answered with 500."""
        try:
            answer = await self._answer(scope, receive)
        except _CallerGoneError:
            return
        except Exception as error:  # noqa: BLE001 - one request must not end the process
            logger.error("webhook failed", extra={"reason": sentence(error)})
            answer = _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the sweep will find the ticket")
        await _send(answer, send)

    async def _answer(self, scope: Message, receive: Receive) -> _Answer:
        if scope["method"] != "POST" or scope["path"].rstrip("/") != PATH:
            return _Answer(HTTPStatus.NOT_FOUND, {"statusCode": 404, "message": "Not found"})
        headers = {_text(name).lower(): _text(value) for name, value in scope["headers"]}
        try:
            async with asyncio.timeout(self._body_timeout):
                body = await _read_body(receive, self._guard.max_body_bytes)
        except TimeoutError:
            return _problem(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive")
        try:
            # In a thread, since the secret may have to be fetched.
            ticket_id = await asyncio.to_thread(
                self._guard.ticket_id, WebhookRequest(headers, body)
            )
        except RequestError as error:
            reason = str(error)
            logger.warning("webhook refused", extra={"status": error.status, "reason": reason})
            return _problem(error.status, reason)
        outcome = await self._triage(ticket_id)
        deferred = outcome.status is Status.DEFERRED
        return _Answer(HTTPStatus.ACCEPTED if deferred else HTTPStatus.OK, outcome.as_record())


class _CallerGoneError(Exception):
    """The caller closed the connection before the request was whole."""


async def _read_body(receive: Receive, longest: int) -> bytes:
    """Return the body, or the beginning of one that is longer than `longest`."""
    body = bytearray()
    more = True
    while more and len(body) <= longest:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerGoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _text(raw: bytes) -> str:
    # The guard compares bytes: what is no UTF-8 becomes text that equals no secret.
    return raw.decode("utf-8", errors="surrogateescape")


def _problem(status: HTTPStatus, detail: str) -> _Answer:
    problem: dict[str, object] = {"title": status.phrase, "status": status, "detail": detail}
    return _Answer(status, problem, b"application/problem+json")


async def _send(answer: _Answer, send: Send) -> None:
    body = dumps(answer.body).encode()
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
