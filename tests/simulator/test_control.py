"""The control interface, the command line, and the simulator as a whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from freshdesk_simulator import (
    DeliveryRequest,
    Knobs,
    Simulator,
    SystemClock,
    VirtualClock,
    german_account,
)
from freshdesk_simulator.cli import load_tickets, main, text_to_html
from freshdesk_simulator.errors import UnsafeTargetError, UsageError

TESTS = Path(__file__).parents[1]


@pytest.fixture
def control(freshdesk_server: Simulator) -> httpx.Client:
    return httpx.Client(base_url=f"{freshdesk_server.url}/_control", trust_env=False)


def test_from_another_process(freshdesk_server: Simulator, control: httpx.Client) -> None:
    with control:
        tickets = {"tickets": [{"subject": "a", "description": "<i>b</i>", "tags": ["t"]}]}
        assert control.post("/tickets", json=tickets).json() == {"ids": [1]}
        assert control.post("/tickets", json=tickets | {"fire_rules": True}).json() == {"ids": [2]}
        assert control.get("/tickets/1").json()["tags"] == ["t"]
        assert control.post("/update", json={"id": 1, "status": 3}).json()["status"] == 3
        assert control.post("/faults", json={"kind": "redirect", "path": "groups"}).json() == {}
        api = f"{freshdesk_server.url}/api/v2"
        auth = (freshdesk_server.api_key, "X")
        assert httpx.get(f"{api}/groups", auth=auth, trust_env=False).status_code == 302
        change = {"priority": 2}
        httpx.put(f"{api}/tickets/1", auth=auth, json=change, trust_env=False).raise_for_status()
        state = control.get("/state").json()
        assert (state["tickets"], state["calls"], state["writes"]) == (2, 2, 3)
        assert state["faults_felt"] == {"redirect": 1}
        journal = control.get("/journal").json()
        assert [call["status"] for call in journal] == [302, 200]
        assert journal[1]["writes"][0]["changes"][0]["field"] == "priority"
        before = state["time"]
        assert control.post("/advance", json={"seconds": 60}).json()["time"] > before
        assert control.post("/knobs", json={"per_page_over_100": "clamp"}).is_success
        assert freshdesk_server.knobs.per_page_over_100 == "clamp"
        assert control.post("/deliver").json() == {"attempts": 0}
        assert control.delete("/faults").is_success
        assert control.post("/reset").is_success
        assert control.get("/state").json()["tickets"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/tickets", {"tickets": {}}, 400),
        ("POST", "/tickets", {"tickets": [{"description": "no subject"}]}, 400),
        ("POST", "/tickets", {"tickets": [{"subject": "s", "nonsense": 1}]}, 400),
        ("POST", "/tickets", [], 400),
        ("POST", "/faults", {"kind": "nonsense"}, 400),
        ("POST", "/knobs", {"nonsense": 1}, 400),
        ("POST", "/advance", {"seconds": -1}, 400),
        ("POST", "/advance", {"seconds": "x"}, 400),
        ("POST", "/update", {"id": 99, "status": 3}, 400),
        ("GET", "/tickets/99", None, 400),
        ("GET", "/nonsense", None, 404),
    ],
)
def test_wrong_commands_get_a_sentence(
    control: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    with control:
        reply = control.request(method, path, json=body)
    assert reply.status_code == status
    assert reply.json()["error"]


def test_binds_only_private_addresses(freshdesk: Simulator) -> None:
    with pytest.raises(UnsafeTargetError):
        freshdesk.start(host="8.8.8.8")


def test_can_be_started_again(freshdesk: Simulator) -> None:
    for _ in range(2):
        with freshdesk:
            url = f"{freshdesk.url}/api/v2/agents/me"
            assert httpx.get(url, auth=(freshdesk.api_key, "X"), trust_env=False).is_success


def test_link_names_the_host_that_was_called(freshdesk_server: Simulator) -> None:
    for number in range(2):
        freshdesk_server.account.add_ticket(f"{number}")
    url = f"{freshdesk_server.url}/api/v2/tickets?per_page=1"
    reply = httpx.get(url, auth=(freshdesk_server.api_key, "X"), trust_env=False)
    assert reply.links["next"]["url"] == f"{url}&page=2"


def test_knobs_are_frozen_and_know_their_names() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Knobs.calm(nonsense=1)
    with pytest.raises(ValueError, match="frozen"):
        Knobs().webhook_loss = 0.5  # type: ignore[misc]
    with pytest.raises(ValueError, match="less than or equal"):
        Knobs(webhook_loss=2)


def test_tickets_from_a_file(tmp_path: Path, virtual_clock: VirtualClock) -> None:
    account = german_account(virtual_clock)
    rows = [
        {"subject": "a", "body": "x < y\nz", "queue": "billing", "type": "Incident"},
        {"subject": "", "description": "<p>h</p>", "ticket": {"status": 5, "tags": ["t"]}},
    ]
    path = tmp_path / "tickets.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    assert load_tickets(account, path) == 2
    first, second = account.tickets
    assert first.description == text_to_html("x < y\nz") == "<div>x &lt; y<br>\nz</div>"
    assert first.type is None, "labels are not properties"
    assert (second.status, second.tags) == (5, ("t",))
    path.write_text('{"subject": "a"}')
    with pytest.raises(UsageError, match="line 1 of"):
        load_tickets(account, path)


def test_command_serves_until_told_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "tickets.jsonl"
    path.write_text('{"subject": "a", "body": "b"}\n')
    command = [sys.executable, "-m", "freshdesk_simulator", "--port", "0", "--account", "german"]
    command += ["--tickets", str(path), "--webhook-url", "http://127.0.0.1:9/", "--calm"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert process.stdout is not None
    with process:
        ready = json.loads(process.stdout.readline())
        url, auth = f"{ready['url']}/api/v2/tickets", (ready["api_key"], "X")
        assert len(httpx.get(url, auth=auth, trust_env=False).json()) == ready["tickets"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_command_refuses_what_is_unsafe_or_unreadable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tickets.jsonl"
    path.write_text("nonsense")
    for options in (
        ["--host", "8.8.8.8"],
        ["--tickets", str(path)],
        ["--webhook-url", "http://8.8.8.8"],
    ):
        assert main(["--port", "0", *options]) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith("freshdesk_simulator: ")
        assert shown.out == ""


def test_real_clock_serves_too() -> None:
    simulator = Simulator(german_account(SystemClock()), knobs=Knobs.calm())
    simulator.deliveries.transport = _accept
    simulator.add_webhook("http://127.0.0.1:9/")
    with simulator:
        ticket = simulator.humans.submit_ticket("s")
        for _ in range(200):
            if simulator.deliveries.log:
                break
            httpx.get(f"{simulator.url}/_control/state", trust_env=False)
        assert simulator.deliveries.outcomes() == {"delivered": 1}
        auth = (simulator.api_key, "X")
        url = f"{simulator.url}/api/v2/tickets/{ticket.id}"
        assert httpx.get(url, auth=auth, trust_env=False).json()["id"] == ticket.id


async def _accept(request: DeliveryRequest) -> int:
    return 204
