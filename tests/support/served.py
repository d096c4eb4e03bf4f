"""The webhook of `serve` behind a real port, with a simulated account behind it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from otai_freshdesk.application.outcome import Outcome
from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.cli.serving import LONGEST_HEADERS, MOST_REQUESTS
from otai_freshdesk.cli.webhook_app import WebhookApp
from support.account import Account, connected_account

DEADLINE = 8.0


@dataclass(frozen=True)
class Served:
    """Where it listens, and the account behind it."""

    url: str
    account: Account


@contextlib.contextmanager
def served(classifier: Classifier | None = None, *, deadline: float = DEADLINE) -> Iterator[Served]:
    """Serve in a thread of its own, with uvicorn set up as `serve` does it.

    Args:
        classifier: Judges; reads the subject by default.
        deadline: Seconds for one ticket.
    """
    ready: threading.Event = threading.Event()
    found: list[Served] = []
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        async with connected_account() as account:
            account.simulator.turn(server_error_rate=0.0)
            if classifier:
                account.classifier = classifier
            application = account.process()

            async def triage(ticket_id: int) -> Outcome:
                return await application.webhook(ticket_id, seconds=deadline)

            server = uvicorn.Server(
                uvicorn.Config(
                    WebhookApp(application.guard, triage),
                    port=0,
                    lifespan="off",
                    ws="none",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    limit_concurrency=MOST_REQUESTS,
                    timeout_graceful_shutdown=5,
                    h11_max_incomplete_event_size=LONGEST_HEADERS,
                )
            )
            servers.append(server)
            serving = asyncio.create_task(server.serve())
            while not server.started and not serving.done():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            found.append(Served(f"http://127.0.0.1:{port}", account))
            ready.set()
            await serving

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    try:
        while not ready.wait(0.1):
            if not thread.is_alive():
                raise RuntimeError("the webhook could not be served")
        yield found[0]
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(30)
