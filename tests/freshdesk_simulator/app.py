"""The ASGI application: the same one behind a real port and in process."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from freshdesk_simulator.api import Api, RawReply, RawRequest
from freshdesk_simulator.journal import Journal


class App:
    """Serves the API under `/api/v2`."""

    def __init__(self, api: Api, journal: Journal) -> None:
        """Take the parts that answer."""
        self._api = api
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        raw = RawRequest(request.method, request.url, request.headers, await request.body())
        number = self._journal.begin(raw.method, raw.url.path, raw.url.query)
        reply = self._api.answer(raw, number)
        await send_reply(reply, send)
        self._journal.acknowledge(number)


async def send_reply(reply: RawReply, send: Send) -> None:
    """Send a whole reply."""
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
