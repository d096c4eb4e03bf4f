"""`serve`: a real process, real signals, a real port."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.serving import PlainFormatter, sweep_regularly
from otai_freshdesk.web.routes import PATH
from support.account import Account, connected_account
from unit.cli.conftest import SECRET, Desk, Run

PATIENCE = 30.0


@contextmanager
def serving(desk: Desk, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `serve --json` on a free port; yield the process and its URL."""
    command = "from otai_freshdesk.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--port", "0", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OTAI_CONFIG": str(desk.config)},
    )
    assert process.stdout
    try:
        while True:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            if (event := json.loads(line))["message"] == "serving":
                break
        yield process, event["url"]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_webhooks_are_answered_and_what_waits_is_swept(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    state = tmp_path / "kept" / "state.json"
    state.parent.mkdir()
    missed = desk.add("invoice")

    with serving(desk, "--state", str(state)) as (process, url):
        until(lambda: desk.group_of(missed) == "Billing")
        fresh = desk.add("crash")
        reply = httpx.post(
            url + PATH, json={"ticket_id": fresh}, headers={"X-OTAI-Secret": SECRET}, timeout=20
        )
        assert (reply.status_code, reply.json()["outcome"]) == (200, "triaged")
        assert httpx.post(url + PATH, json={"ticket_id": fresh}).status_code == 401
        assert desk.group_of(fresh) == "Technical Support"
        until(state.exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == ExitCode.DONE

    assert desk.writes == 2


def test_a_stop_waits_for_the_request_under_way(run: Run, desk: Desk) -> None:
    ticket_id = desk.add("crash", created_at=time.time() - 60)
    with serving(desk) as (process, url):
        until(lambda: desk.group_of(ticket_id) is not None)
        desk.simulator.faults.next("hang", seconds=1.0, method="GET", path=r"/tickets/\d+")
        fresh = desk.add("invoice")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as caller:
            body = json.dumps({"ticket_id": fresh})
            caller.sendall(
                f"POST {PATH} HTTP/1.1\r\nHost: otai\r\nContent-Type: application/json\r\n"
                f"X-OTAI-Secret: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            until(lambda: bool(desk.simulator.faults.felt))
            process.send_signal(signal.SIGINT)
            caller.settimeout(PATIENCE)
            answer = caller.recv(4096)
        assert answer.startswith(b"HTTP/1.1 20")
        assert process.wait(PATIENCE) == ExitCode.DONE


def test_it_listens_on_this_machine_only_by_default(run: Run, desk: Desk) -> None:
    with serving(desk) as (_, url):
        assert url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_said(run: Run, desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        result = run("serve", "--port", port)

    assert result.exit_code == ExitCode.FILE
    assert f"127.0.0.1 port {port}" in result.stderr
    assert "--port" in result.stderr


def test_without_its_extra_it_says_how_to_get_it(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "otai_freshdesk.cli.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    result = run("serve")

    assert result.exit_code == ExitCode.CONFIG
    assert "pip install 'otai-freshdesk[serve]'" in result.stderr


class TestSweepRegularly:
    @pytest.fixture
    async def account(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
        monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
        async with connected_account() as connected:
            yield connected

    async def test_every_interval_a_sweep(self, account: Account) -> None:
        first = account.add()

        sweeping = asyncio.create_task(sweep_regularly(account.application, 600))
        try:
            await self.until(lambda: account.is_marked(first))
            second = account.add()
            await self.until(lambda: account.is_marked(second))
        finally:
            sweeping.cancel()

        # By the journal: virtual time goes on while this test waits to notice.
        [write] = account.simulator.journal.api_writes_to(second)
        assert write.time - account.ticket(second).created_at <= 700

    async def test_a_sweep_that_fails_is_not_the_last(self, account: Account) -> None:
        account.simulator.faults.next("server_error", calls=3)
        ticket_id = account.add()

        sweeping = asyncio.create_task(sweep_regularly(account.application, 600))
        try:
            await self.until(lambda: account.is_marked(ticket_id))
        finally:
            sweeping.cancel()

    @staticmethod
    async def until(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - what is awaited happens in another thread
                await asyncio.sleep(0.01)


def test_the_log_for_people_is_one_line_an_event() -> None:
    record = logging.makeLogRecord(
        {
            "levelname": "INFO",
            "msg": "ticket",
            "ticket": {
                "ticket_id": 7,
                "outcome": "triaged",
                "fields": {
                    "group": {"value": "Billing", "probability": 0.9312, "verdict": "write"},
                    "type": {"value": None, "probability": 0.4, "verdict": "unmapped"},
                },
            },
        }
    )

    line = PlainFormatter("%(levelname)s %(message)s").format(record)

    assert line == (
        "INFO ticket ticket_id=7 outcome=triaged "
        "group=Billing (0.93, write) type=- (0.40, unmapped)"
    )
