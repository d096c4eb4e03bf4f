"""The built functions in containers, as `sam local` runs them on-premise."""

import functools
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, SystemClock, english_account
from support.deployment import event
from support.template import ROOT

pytestmark = pytest.mark.docker

SAM = str(ROOT / ".tools" / "sam" / "bin" / "sam")
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
# As in samconfig.toml and events/env.simulator.json.
GATEWAY, FRESHDESK_PORT, API_PORT = "172.17.0.1", 8225, 3225
SUBJECT = "Charged twice for invoice 4711"
DESCRIPTION = "<div>Our card was charged twice for invoice 4711, please refund one payment.</div>"


def docker(*arguments: str) -> str | None:
    """Return what the docker command prints, None when it fails or is not there."""
    if not shutil.which("docker"):
        return None
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def reason_to_skip() -> str:
    if docker("info") is None:
        return "no container engine is running"
    if docker("image", "inspect", IMAGE) is None:
        return f"the image {IMAGE} is not there"
    with socket.socket() as probe:
        try:
            probe.bind((GATEWAY, 0))
        except OSError:
            return f"the engine's bridge has not the address in samconfig.toml, {GATEWAY}"
    return ""


@pytest.fixture
def freshdesk() -> Iterator[Simulator]:
    if reason := reason_to_skip():
        pytest.skip(reason)
    simulator = Simulator(english_account(SystemClock()), knobs=Knobs.calm())
    simulator.start(host=GATEWAY, port=FRESHDESK_PORT)
    try:
        yield simulator
    finally:
        simulator.stop()


def sam_local(*arguments: str) -> list[str]:
    return [SAM, "local", *arguments, "--config-env", "simulator", "--skip-pull-image"]


def invoke(function: str, name: str) -> Any:
    done = subprocess.run(
        sam_local("invoke", function, "--event", f"events/{name}.json"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_webhook_changes_the_ticket(freshdesk: Simulator) -> None:
    ticket = freshdesk.account.add_ticket(SUBJECT, DESCRIPTION)
    answer = invoke("WebhookFunction", "webhook_created")
    assert json.loads(answer["body"])["outcome"] == "triaged"
    [write] = freshdesk.journal.api_writes_to(ticket.id)
    assert write.change_of("tags")


def test_the_sweep_changes_the_ticket(freshdesk: Simulator) -> None:
    ticket = freshdesk.account.add_ticket(SUBJECT, DESCRIPTION)
    assert invoke("SweepFunction", "sweep")["triaged"] == 1
    assert len(freshdesk.journal.api_writes_to(ticket.id)) == 1


@pytest.fixture
def api(freshdesk: Simulator) -> Iterator[httpx.Client]:
    started = subprocess.Popen(
        sam_local("start-api"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{API_PORT}", timeout=60) as client:
        try:
            wait_for(client, started)
            yield client
        finally:
            started.terminate()
            started.wait(timeout=60)


def wait_for(client: httpx.Client, started: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end and started.poll() is None:
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("sam local start-api did not start")


def test_the_api_takes_webhooks(freshdesk: Simulator, api: httpx.Client) -> None:
    sample = event("webhook_created")
    ticket = freshdesk.account.add_ticket(SUBJECT, DESCRIPTION)

    def deliver(secret: str) -> httpx.Response:
        return api.post(
            sample["path"],
            content=sample["body"],
            headers={"Content-Type": "application/json", "X-OTAI-Secret": secret},
        )

    assert deliver("wrong" * 10).status_code == 401
    for _ in range(2):
        assert deliver(sample["headers"]["X-OTAI-Secret"]).status_code == 200
    assert len(freshdesk.journal.api_writes_to(ticket.id)) == 1
