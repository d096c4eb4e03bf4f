"""How replies travel: whole, or broken the way real networks break them.

Over a real port faults touch the TCP connection itself. In process there is none: a fault then
raises `WireFaultError`, which `InProcessTransport` turns into what httpx would have raised.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from email.utils import formatdate

import httpx
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from freshdesk_simulator.api import RawReply
from freshdesk_simulator.clock import Clock
from freshdesk_simulator.errors import WireFaultError
from freshdesk_simulator.faults import Fault, FaultKind

# SO_LINGER on, zero seconds: closing sends a reset instead of an orderly end.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
DEFAULT_READ_TIMEOUT = 5.0


@dataclass(slots=True)
class Connection:
    """One TCP connection of a client."""

    transport: asyncio.Transport
    calls: int = 0

    def reset(self) -> None:
        """Break it off so that the peer sees a reset."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def close(self) -> None:
        """End it in good order, after what was written."""
        self.transport.close()


class Connections:
    """The open connections of a server, by the peer's address."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[tuple[str, int], Connection] = {}

    def of(self, scope: Scope) -> Connection | None:
        """Return the connection a request came on; None in process."""
        client = scope.get("client")
        return None if client is None else self._open.get((client[0], client[1]))

    def protocol(self) -> type[H11Protocol]:
        """Return the server protocol that keeps this register."""
        register = self._open

        class RegisteringProtocol(H11Protocol):
            """HTTP/1.1 that notes its connections."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                peer = transport.get_extra_info("peername")
                register[peer[0], peer[1]] = Connection(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                peer = self.transport.get_extra_info("peername")
                register.pop((peer[0], peer[1]), None)
                super().connection_lost(exc)

        return RegisteringProtocol


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request's ends: what it came on and how to answer it."""

    connection: Connection | None
    receive: Receive
    send: Send
    clock: Clock

    async def answer(self, reply: RawReply) -> bool:
        """Send a whole reply; return True, since it arrived."""
        await self._start(reply)
        await self.send({"type": "http.response.body", "body": reply.body})
        return True

    async def inflict(self, fault: Fault, reply: RawReply) -> bool:
        """Send a reply as a fault has it, and return whether the client could read it whole."""
        match fault.kind:
            case FaultKind.SLOW_DRIP:
                return await self._drip(fault, reply)
            case FaultKind.RATE_LIMIT | FaultKind.SERVER_ERROR | FaultKind.REDIRECT:
                return await self.answer(reply)
            case FaultKind.HANG:
                await self._hang(fault.seconds)
            case FaultKind.RESET | FaultKind.REPLY_LOST:
                await self._break_off(fault.kind, in_order=False)
            case FaultKind.STALE_KEEP_ALIVE:
                await self._break_off(fault.kind, in_order=True)
            case FaultKind.HALF_BODY:
                await self._half(reply)
            case FaultKind.BAD_GZIP:
                headers = {**reply.headers, "Content-Encoding": "gzip"}
                await self.answer(RawReply(reply.status, reply.body or b"{}", headers))
        return False

    async def _start(self, reply: RawReply) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        headers.append((b"content-length", str(len(reply.body)).encode()))
        headers.append((b"date", formatdate(self.clock.time(), usegmt=True).encode()))
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def _hang(self, seconds: float) -> None:
        if self.connection is None:
            raise WireFaultError(FaultKind.HANG)
        try:
            async with asyncio.timeout(seconds):
                await self._until_disconnected()
        except TimeoutError:
            await self._break_off(FaultKind.HANG, in_order=True)

    async def _break_off(self, kind: FaultKind, *, in_order: bool) -> None:
        if self.connection is None:
            raise WireFaultError(kind)
        if in_order:
            self.connection.close()
        else:
            self.connection.reset()
        await self._until_disconnected()

    async def _half(self, reply: RawReply) -> None:
        if self.connection is None:
            raise WireFaultError(FaultKind.HALF_BODY)
        await self._start(reply)
        half = reply.body[: len(reply.body) // 2]
        await self.send({"type": "http.response.body", "body": half, "more_body": True})
        await self._break_off(FaultKind.HALF_BODY, in_order=True)

    async def _drip(self, fault: Fault, reply: RawReply) -> bool:
        await self._start(reply)
        gone = asyncio.create_task(self._until_disconnected()) if self.connection else None
        try:
            for start in range(0, len(reply.body), fault.chunk):
                drop = reply.body[start : start + fault.chunk]
                await self.send({"type": "http.response.body", "body": drop, "more_body": True})
                await self._pause(fault.seconds, gone)
                if gone is not None and gone.done():
                    return False
            await self.send({"type": "http.response.body", "body": b""})
        finally:
            if gone is not None:
                gone.cancel()
        return True

    async def _pause(self, seconds: float, gone: asyncio.Task[None] | None) -> None:
        if gone is None:
            await self.clock.sleep(seconds)
        else:
            await asyncio.wait([gone], timeout=seconds)

    async def _until_disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


class InProcessTransport(httpx.AsyncBaseTransport):
    """Reaches the simulator without a socket; connection faults become httpx's errors.

    A hang lasts as long as the client's read timeout, on the simulator's clock.

    Args:
        app: The simulator's ASGI application.
        clock: The simulator's clock.
    """

    def __init__(self, app: object, clock: Clock) -> None:
        """Wrap httpx's own transport for ASGI."""
        self._inner = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on.

        Raises:
            httpx.ReadTimeout: For a hang.
            httpx.ReadError: For a reset or a lost reply.
            httpx.RemoteProtocolError: For half a body or a stale connection.
        """
        try:
            return await self._inner.handle_async_request(request)
        except WireFaultError as fault:
            raise await self._as_client_sees_it(fault, request) from fault

    async def _as_client_sees_it(
        self, fault: WireFaultError, request: httpx.Request
    ) -> httpx.TransportError:
        match fault.kind:
            case FaultKind.HANG:
                timeouts = request.extensions.get("timeout", {})
                await self._clock.sleep(timeouts.get("read") or DEFAULT_READ_TIMEOUT)
                return httpx.ReadTimeout("simulated hang", request=request)
            case FaultKind.HALF_BODY:
                message = "peer closed connection without sending complete message body"
                return httpx.RemoteProtocolError(message, request=request)
            case FaultKind.STALE_KEEP_ALIVE:
                message = "Server disconnected without sending a response."
                return httpx.RemoteProtocolError(message, request=request)
            case _:
                return httpx.ReadError("simulated reset", request=request)
