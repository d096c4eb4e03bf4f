"""Each fault, as an httpx client feels it over a real port and in process."""

from collections.abc import Iterator

import httpx
import pytest

from freshdesk_simulator import Simulator, VirtualClock


@pytest.fixture
def client(freshdesk_server: Simulator) -> Iterator[httpx.Client]:
    freshdesk_server.account.add_ticket("Printer", "<div>jammed</div>")
    with httpx.Client(
        base_url=f"{freshdesk_server.url}/api/v2",
        auth=(freshdesk_server.api_key, "X"),
        timeout=httpx.Timeout(5.0, read=0.3),
        trust_env=False,
    ) as client:
        yield client


def put(client: httpx.Client, priority: int) -> httpx.Response:
    return client.put("/tickets/1", json={"priority": priority})


def priority(simulator: Simulator) -> int:
    return simulator.account.ticket(1).priority


def test_hang(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("hang")
    with pytest.raises(httpx.ReadTimeout):
        put(client, 3)
    assert priority(freshdesk_server) == 1
    assert put(client, 3).status_code == 200


def test_hang_after_the_deed(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("hang", applied=True)
    with pytest.raises(httpx.ReadTimeout):
        put(client, 3)
    assert priority(freshdesk_server) == 3


def test_hang_ends_by_itself(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("hang", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/agents/me")


def test_reset(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("reset")
    with pytest.raises(httpx.ReadError):
        put(client, 3)
    assert priority(freshdesk_server) == 1


def test_reply_lost(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("reply_lost")
    with pytest.raises(httpx.ReadError):
        put(client, 3)
    assert priority(freshdesk_server) == 3
    [call] = freshdesk_server.journal.calls
    assert (call.status, call.fault, call.acknowledged) == (200, "reply_lost", None)


def test_half_a_body(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("half_body")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        client.get("/tickets/1")


def test_slow_drip_never_trips_the_read_timeout(
    freshdesk_server: Simulator, client: httpx.Client
) -> None:
    freshdesk_server.faults.next("slow_drip", seconds=0.05, chunk=100)
    reply = client.get("/tickets/1")
    assert reply.json()["subject"] == "Printer"
    assert reply.elapsed.total_seconds() > 0.4


def test_slow_drip_stops_when_the_client_leaves(
    freshdesk_server: Simulator, client: httpx.Client
) -> None:
    freshdesk_server.faults.next("slow_drip", seconds=1.0, chunk=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/tickets/1")
    assert client.get("/tickets/1").status_code == 200


def test_stale_keep_alive_hits_only_a_reused_connection(
    freshdesk_server: Simulator, client: httpx.Client
) -> None:
    freshdesk_server.faults.next("stale_keep_alive")
    assert client.get("/agents/me").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending"):
        put(client, 3)
    assert priority(freshdesk_server) == 1
    assert put(client, 3).status_code == 200


def test_bad_gzip(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("bad_gzip")
    with pytest.raises(httpx.DecodingError):
        put(client, 3)
    assert priority(freshdesk_server) == 3


def test_storm_of_429(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("rate_limit", calls=3, retry_after=7)
    replies = [client.get("/agents/me") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [429, 429, 429, 200]
    assert replies[0].headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("status", "body", "start"), [(502, "html", "<html"), (500, "json", "{"), (504, "empty", "")]
)
def test_server_error(
    freshdesk_server: Simulator, client: httpx.Client, status: int, body: str, start: str
) -> None:
    freshdesk_server.faults.next("server_error", status=status, body=body)
    reply = put(client, 3)
    assert reply.status_code == status
    assert reply.text.startswith(start)
    assert bool(reply.text) == bool(start)
    assert priority(freshdesk_server) == 1
    freshdesk_server.faults.next("server_error", applied=True)
    assert put(client, 3).status_code == 502
    assert priority(freshdesk_server) == 3


def test_redirect(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("redirect", location="https://elsewhere.example/")
    reply = client.get("/agents/me")
    assert (reply.status_code, reply.headers["Location"]) == (302, "https://elsewhere.example/")


def test_by_method_and_path(freshdesk_server: Simulator, client: httpx.Client) -> None:
    freshdesk_server.faults.next("redirect", calls=2, method="PUT", path=r"/tickets/\d+$")
    seen = [
        client.get("/tickets/1"),
        put(client, 2),
        client.get("/groups"),
        put(client, 2),
        put(client, 2),
    ]
    assert [reply.status_code for reply in seen] == [200, 302, 200, 302, 200]
    assert freshdesk_server.faults.felt == {"redirect": 2}


def test_now_and_then_from_a_seed(freshdesk_server: Simulator, client: httpx.Client) -> None:
    def story(seed: int) -> list[int]:
        freshdesk_server.faults.clear()
        freshdesk_server.faults.sometimes("redirect", probability=0.5, seed=seed)
        return [client.get("/agents/me").status_code for _ in range(20)]

    first = story(1)
    assert set(first) == {200, 302}
    assert story(1) == first
    assert story(2) != first
    freshdesk_server.faults.clear()
    assert client.get("/agents/me").status_code == 200


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        ("hang", httpx.ReadTimeout, 1),
        ("reset", httpx.ReadError, 1),
        ("reply_lost", httpx.ReadError, 3),
        ("half_body", httpx.RemoteProtocolError, 3),
        ("stale_keep_alive", httpx.RemoteProtocolError, 1),
        ("bad_gzip", httpx.DecodingError, 3),
    ],
)
async def test_in_process_a_client_feels_the_same(
    freshdesk: Simulator, fault: str, error: type[Exception], after: int
) -> None:
    freshdesk.account.add_ticket("Printer")
    freshdesk.faults.next(fault)
    async with freshdesk.client() as client:
        with pytest.raises(error):
            await client.put("/tickets/1", json={"priority": 3})
        assert priority(freshdesk) == after
        assert (await client.get("/tickets/1")).status_code == 200


async def test_in_process_waiting_takes_virtual_time(
    freshdesk: Simulator, virtual_clock: VirtualClock
) -> None:
    freshdesk.account.add_ticket("Printer")
    async with freshdesk.client() as client:
        freshdesk.faults.next("hang")
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/tickets/1", timeout=8.0)
        assert virtual_clock.monotonic() == 8.0
        freshdesk.faults.next("slow_drip", seconds=2.0, chunk=100)
        body = (await client.get("/tickets/1")).content
        assert virtual_clock.monotonic() == 8.0 + 2.0 * -(-len(body) // 100)
