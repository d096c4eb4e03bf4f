"""The simulator behind a real port: uvicorn in a thread of its own."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Coroutine

import uvicorn
from starlette.types import ASGIApp

from freshdesk_simulator.errors import UnsafeTargetError, UsageError

START_TIMEOUT = 10.0


class Server:
    """A started or startable server.

    Args:
        app: The ASGI application.
        protocol: The uvicorn protocol class that speaks HTTP.
        host: A loopback or private address.
        port: 0 takes a free one.
        background: A coroutine function that runs beside the server, in its event loop.

    Raises:
        UnsafeTargetError: For a host that is neither loopback nor private.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        protocol: type[asyncio.Protocol],
        host: str = "127.0.0.1",
        port: int = 0,
        background: Callable[[], Coroutine[object, object, None]] | None = None,
    ) -> None:
        """Prepare; `start()` binds."""
        address = ipaddress.ip_address(host)
        if not (address.is_loopback or address.is_private):
            message = f"refusing to bind {host}: only loopback and private addresses"
            raise UnsafeTargetError(message)
        self._app = app
        self._protocol = protocol
        self._host = host
        self._port = port
        self._background = background
        self._socket: socket.socket | None = None
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash.

        Raises:
            UsageError: Before `start()`.
        """
        if self._socket is None:
            message = "the server is not started"
            raise UsageError(message)
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Bind, start the thread, and return once requests are accepted."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # With the protocol named, asyncio sets TCP_NODELAY; without, each reply takes 40 ms.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self._host, self._port))
        self._socket.listen(512)
        config = uvicorn.Config(
            self._app,
            http=self._protocol,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="freshdesk-simulator", daemon=True)
        self._thread.start()
        self._wait_until_started()

    def stop(self) -> None:
        """Stop at once, cutting open connections, and wait for the thread.

        Raises:
            Exception: What ended the background function before its time.
        """
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._uvicorn.force_exit = True
            self._thread.join(START_TIMEOUT)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._uvicorn = self._thread = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        if self._uvicorn is None or self._socket is None:
            return
        beside = asyncio.create_task(self._background()) if self._background else None
        try:
            await self._uvicorn.serve(sockets=[self._socket])
        finally:
            if beside is not None:
                beside.cancel()
                [outcome] = await asyncio.gather(beside, return_exceptions=True)
                self._failure = outcome if isinstance(outcome, Exception) else None

    def _wait_until_started(self) -> None:
        pause = threading.Event()
        for _ in range(int(START_TIMEOUT / 0.01)):
            if self._uvicorn is not None and self._uvicorn.started:
                return
            pause.wait(0.01)
        self.stop()
        message = "the server did not start"
        raise UsageError(message)
