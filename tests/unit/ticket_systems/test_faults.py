"""Faults of a real network: how each ends, how soon, and how often was written."""

import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.ticket_systems.freshdesk import errors
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, Limits, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import override_host
from otai_freshdesk.ticket_systems.freshdesk.retry import AT_ONCE, RetryPolicy

LIMITS = Limits(connect=0.5, read=0.2, write=0.5, pool=0.5, total=0.4)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def freshdesk(clock: VirtualClock) -> Iterator[Simulator]:
    account = english_account(clock)
    account.add_ticket("Kaputt", "<div>It is broken</div>")
    with Simulator(account, knobs=Knobs.calm()) as simulator:
        yield simulator


@pytest.fixture
async def adapter(freshdesk: Simulator, clock: VirtualClock) -> AsyncIterator[FreshdeskAdapter]:
    client = FreshdeskClient(
        override_host(freshdesk.url),
        StaticApiKey(freshdesk.api_key),
        clock=clock,
        budget=Budget(clock),
        retry=RetryPolicy(attempts=3),
        limits=LIMITS,
    )
    made: Any = FreshdeskAdapter(object(), client=client)  # type: ignore[arg-type]
    yield made
    await made.aclose()


SPOILT = ["hang", "reset", "half_body", "slow_drip", "bad_gzip", "reply_lost", "server_error"]


@pytest.mark.parametrize("fault", SPOILT)
async def test_a_read_survives_one_fault(
    freshdesk: Simulator, adapter: FreshdeskAdapter, fault: str
) -> None:
    freshdesk.faults.next(fault, seconds=2.0 if fault == "hang" else 0.15, chunk=8)
    begun = time.monotonic()
    ticket = await adapter.get_ticket(1)
    assert ticket is not None
    assert ticket["subject"] == "Kaputt"
    assert freshdesk.faults.felt.total() == 1
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("fault", SPOILT)
async def test_a_read_gives_up_in_the_end(
    freshdesk: Simulator, adapter: FreshdeskAdapter, fault: str
) -> None:
    freshdesk.faults.next(fault, calls=9, seconds=2.0 if fault == "hang" else 0.15, chunk=8)
    begun = time.monotonic()
    with pytest.raises(errors.FreshdeskError) as caught:
        await adapter.get_ticket(1)
    assert caught.value.retryable
    assert freshdesk.faults.felt.total() == 3
    assert time.monotonic() - begun < 3 * LIMITS.total + 1.0


@pytest.mark.parametrize(
    ("fault", "writes"),
    [
        ("hang", 0),
        ("reset", 0),
        ("server_error", 0),
        ("half_body", 1),
        ("slow_drip", 1),
        ("bad_gzip", 1),
        ("reply_lost", 1),
    ],
)
async def test_a_write_in_doubt_is_sent_once_and_reported(
    freshdesk: Simulator, adapter: FreshdeskAdapter, fault: str, writes: int
) -> None:
    freshdesk.faults.next(fault, method="PUT", seconds=2.0 if fault == "hang" else 0.15, chunk=8)
    begun = time.monotonic()
    with pytest.raises(errors.AmbiguousWriteError):
        await adapter.update_ticket("1", {"priority": 3})
    assert time.monotonic() - begun < 1.5
    assert len(freshdesk.journal.api_writes_to(1)) == writes
    assert freshdesk.journal.count(method="PUT") == 1


@pytest.mark.parametrize("fault", ["half_body", "reply_lost", "server_error", "reset"])
async def test_a_note_is_posted_once_whatever_happens_to_the_reply(
    freshdesk: Simulator, adapter: FreshdeskAdapter, fault: str
) -> None:
    freshdesk.faults.next(fault, method="POST")
    note = await adapter.add_note(1, "<p>triaged otai-3f9a2c</p>", marker="otai-3f9a2c")
    assert note is not None
    assert note["private"] is True
    again = await adapter.add_note(1, "<p>triaged otai-3f9a2c</p>", marker="otai-3f9a2c")
    assert again is not None
    assert again["id"] == note["id"]
    assert len(freshdesk.account.conversations[1]) == 1


async def test_a_redirect_is_an_error_and_leads_nowhere(
    freshdesk: Simulator, adapter: FreshdeskAdapter
) -> None:
    freshdesk.faults.next("redirect", calls=2)
    with pytest.raises(errors.RedirectError):
        await adapter.get_ticket(1)
    with pytest.raises(errors.RedirectError):
        await adapter.update_ticket("1", {"priority": 3})
    assert freshdesk.faults.felt.total() == 2
    assert freshdesk.journal.api_writes_to(1) == []


async def test_a_storm_of_429_is_waited_out_never_early(
    freshdesk: Simulator, adapter: FreshdeskAdapter, clock: VirtualClock
) -> None:
    freshdesk.faults.next("rate_limit", calls=2, retry_after=30)
    updated = await adapter.update_ticket("1", {"priority": 3})
    assert updated is not None
    assert 62 <= clock.monotonic() <= 64
    assert len(freshdesk.journal.api_writes_to(1)) == 1


async def test_a_stale_connection_costs_a_read_nothing(
    freshdesk: Simulator, adapter: FreshdeskAdapter
) -> None:
    at_once = adapter.with_retry(AT_ONCE)
    assert await at_once.get_ticket(1)
    freshdesk.faults.next("stale_keep_alive")
    assert await at_once.get_ticket(1)
    assert freshdesk.faults.felt.total() == 1


async def test_a_deadline_cuts_a_hang_short(
    freshdesk: Simulator, adapter: FreshdeskAdapter, clock: VirtualClock
) -> None:
    freshdesk.faults.next("hang", calls=9, seconds=2.0)
    begun = time.monotonic()
    with pytest.raises(errors.ReplyLostError) as caught:
        await adapter.with_retry(AT_ONCE).get_ticket(1, deadline=clock.monotonic() + 0.1)
    assert caught.value.timed_out
    assert time.monotonic() - begun < 0.4
    state = adapter.client.budget.state()
    assert (state.spent, state.in_flight) == (1, 0)


async def test_nobody_listening_is_a_failure_before_sending(clock: VirtualClock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    client = FreshdeskClient(
        override_host(f"http://127.0.0.1:{port}"),
        StaticApiKey("fdk-key"),
        clock=clock,
        budget=Budget(clock),
        retry=RetryPolicy(attempts=2),
        limits=LIMITS,
    )
    adapter: Any = FreshdeskAdapter(object(), client=client)  # type: ignore[arg-type]
    with pytest.raises(errors.ConnectionFailedError, match="nothing was sent"):
        await adapter.update_ticket("1", {"priority": 3})
    assert client.budget.state().spent == 0
    await client.aclose()
