"""Webhook and sweep in one event loop, until a signal says stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from otai_freshdesk.application.outcome import Outcome
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.cli.configuration import read_settings
from otai_freshdesk.cli.errors import sentence
from otai_freshdesk.cli.output import printable
from otai_freshdesk.cli.webhook_app import WebhookApp
from otai_freshdesk.observability import log_outcome, logger

__all__ = ["Listener", "PlainFormatter", "serve", "serve_until_stopped", "sweep_regularly"]

MOST_REQUESTS = 100  # at once; further ones get 503, and Freshdesk tries again
LONGEST_HEADERS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen, how often to sweep, how to log.

    Attributes:
        host: Address.
        port: Port; 0 takes a free one.
        sweep_every: Seconds from the start of one sweep to that of the next.
        as_json: Log JSON lines to standard output, else plain lines to standard error.
    """

    host: str
    port: int
    sweep_every: float
    as_json: bool = False


def serve_until_stopped(
    config: Path, bundle: Path | None, state: Path | None, listener: Listener
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: Path of config.yml.
        bundle: What beats the configuration.
        state: File for the sweep's state; what beats the configuration.
        listener: Where and how.

    Raises:
        CommandError, ConfigError, BundleError: Configuration or bundle cannot be used.
        OSError: The port cannot be had.
    """
    cursor = {"OTAI_CURSOR": f"file:{state.resolve()}"} if state else {}
    settings = read_settings(config, bundle, {**os.environ, **cursor})
    if not listener.as_json:
        logging.getLogger(logger.name).handlers[:] = [_plain_lines()]
    with _bound(listener.host, listener.port) as bound:
        application = Application(settings)
        application.prepare()
        asyncio.run(serve(application, bound, listener.sweep_every))


async def serve(application: Application, bound: socket.socket, sweep_every: float) -> None:
    """Answer webhooks on a bound socket and sweep in turn, until a signal says stop."""
    deadline = application.settings.webhook.deadline.total_seconds()

    async def triage(ticket_id: int) -> Outcome:
        outcome = await application.webhook(ticket_id, seconds=deadline)
        log_outcome(outcome)
        return outcome

    config = uvicorn.Config(
        WebhookApp(application.guard, triage),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_REQUESTS,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
        timeout_graceful_shutdown=int(deadline) + 1,
    )
    async with aclosing(application):
        sweeping = asyncio.create_task(sweep_regularly(application, sweep_every))
        try:
            await _Server(config).serve(sockets=[bound])
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            logger.info("stopped")


async def sweep_regularly(application: Application, every: float) -> None:
    """Sweep at once and then every `every` seconds; what fails is logged and tried again."""
    clock = application.clock
    while True:
        started = clock.monotonic()
        try:
            report = await application.sweep(seconds=every, observe=log_outcome)
        except Exception as error:  # noqa: BLE001 - the next sweep may succeed
            logger.error("sweep failed", extra={"reason": sentence(error)})
        else:
            level = logger.info if report.complete else logger.warning
            level("sweep", extra={"sweep": report.as_record()})
        await clock.sleep(every - (clock.monotonic() - started))


class _Server(uvicorn.Server):
    """Says when it listens, and ends well when a signal asks it to.

    Uvicorn's own would raise the signal once more.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the bound sockets."""
        await super().startup(sockets)
        for bound in sockets or ():
            logger.info("serving", extra={"url": _url(bound)})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; signals reach the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror, f"{host} port {port}") from error
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _plain_lines() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


class PlainFormatter(logging.Formatter):
    """One line an event: time, level, event, its plain values, and what was decided."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        details: dict[str, object] = {
            key: getattr(record, key) for key in ("url", "reason") if hasattr(record, key)
        }
        details |= getattr(record, "ticket", {}) | getattr(record, "sweep", {})
        plain = [f"{key}={value}" for key, value in details.items() if _is_plain(value)]
        fields: Mapping[str, Mapping[str, Any]] = getattr(record, "ticket", {}).get("fields", {})
        plain += [f"{name}={_decision(field)}" for name, field in fields.items()]
        return printable(" ".join([super().format(record), *plain]))


def _decision(field: Mapping[str, Any]) -> str:
    return f"{field['value'] or '-'} ({field['probability']:.2f}, {field['verdict']})"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and value not in {"", 0}
