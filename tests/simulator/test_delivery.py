"""Webhook delivery: delay, loss, copies, order, retries, throttling, ageing."""

import asyncio
from collections import Counter

import pytest

from freshdesk_simulator import DeliveryRequest, Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.account import Plan
from freshdesk_simulator.errors import UnsafeTargetError

URL = "http://127.0.0.1:9/hook"
MINUTE = 60
HOUR = 3600


class Receiver:
    """Answers with the statuses it was given, the last one for ever; None hangs up."""

    def __init__(self, clock: VirtualClock, *statuses: int | None) -> None:
        self._clock = clock
        self._statuses = list(statuses or (200,))
        self.seen: list[tuple[float, int, int]] = []

    async def __call__(self, request: DeliveryRequest) -> int:
        self.seen.append((self._clock.monotonic(), request.ticket_id, request.attempt))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if status is None:
            raise ConnectionRefusedError
        return status


def simulate(
    clock: VirtualClock, receiver: Receiver, knobs: Knobs, plan: Plan = "enterprise", seed: int = 1
) -> Simulator:
    account = english_account(clock, plan=plan)
    simulator = Simulator(account, knobs=knobs, seed=seed, deliver=receiver)
    simulator.add_webhook(URL)
    return simulator


async def test_defaults_lose_double_delay_and_shuffle(virtual_clock: VirtualClock) -> None:
    receiver = Receiver(virtual_clock)
    knobs = Knobs(webhook_throttle=False)
    simulator = simulate(virtual_clock, receiver, knobs)
    for number in range(1000):
        simulator.humans.submit_ticket(f"{number}")
    await simulator.deliveries.drain()
    copies = Counter(ticket_id for _, ticket_id, _ in receiver.seen)
    lost, doubled = 1000 - len(copies), sum(count == 2 for count in copies.values())
    assert 3 <= lost <= 20
    assert 9 <= doubled <= 34
    assert simulator.deliveries.outcomes() == {"delivered": len(receiver.seen), "lost": lost}
    times = [moment for moment, _, _ in receiver.seen]
    assert times == sorted(times)
    assert times[0] >= 1.0
    assert times[-1] <= 25.0
    order = [ticket_id for _, ticket_id, _ in receiver.seen]
    assert order != sorted(order)


async def test_same_seed_same_story() -> None:
    async def story(seed: int) -> list[tuple[float, int, int]]:
        clock = VirtualClock()
        receiver = Receiver(clock)
        simulator = simulate(clock, receiver, Knobs(webhook_loss=0.3), seed=seed)
        for number in range(50):
            simulator.humans.submit_ticket(f"{number}")
        await simulator.deliveries.drain()
        return receiver.seen

    assert await story(3) == await story(3)
    assert await story(3) != await story(4)


@pytest.mark.parametrize("answer", [500, 404, 302, None])
async def test_failures_are_retried_after_5_30_60_minutes(
    virtual_clock: VirtualClock, answer: int | None
) -> None:
    receiver = Receiver(virtual_clock, answer)
    simulator = simulate(virtual_clock, receiver, Knobs.calm())
    simulator.humans.submit_ticket("s")
    await simulator.deliveries.drain()
    moments = [moment for moment, _, _ in receiver.seen]
    assert moments == [0, 5 * MINUTE, 35 * MINUTE, 95 * MINUTE]
    assert [attempt for _, _, attempt in receiver.seen] == [1, 2, 3, 4]
    assert simulator.deliveries.outcomes() == {"failed": 3, "given_up": 1}


async def test_retry_that_succeeds_ends_it(virtual_clock: VirtualClock) -> None:
    receiver = Receiver(virtual_clock, 503, 200)
    simulator = simulate(virtual_clock, receiver, Knobs.calm())
    simulator.humans.submit_ticket("s")
    await simulator.deliveries.drain()
    assert simulator.deliveries.outcomes() == {"failed": 1, "delivered": 1}


async def test_only_5xx_fails_by_knob(virtual_clock: VirtualClock) -> None:
    receiver = Receiver(virtual_clock, 404)
    simulator = simulate(virtual_clock, receiver, Knobs.calm(webhook_failure="only_5xx"))
    simulator.humans.submit_ticket("s")
    await simulator.deliveries.drain()
    assert simulator.deliveries.outcomes() == {"delivered": 1}


async def test_slow_receiver_counts_as_failed(virtual_clock: VirtualClock) -> None:
    async def slow(request: DeliveryRequest) -> int:
        await virtual_clock.sleep(request.timeout + 1)
        return 200

    knobs = Knobs.calm(webhook_retry_minutes=())
    simulator = Simulator(english_account(virtual_clock), knobs=knobs, deliver=slow)
    simulator.add_webhook(URL)
    simulator.humans.submit_ticket("s")
    await simulator.deliveries.drain()
    assert simulator.deliveries.outcomes() == {"given_up": 1}


async def test_webhooks_spend_the_api_bucket_and_wait_for_the_next_hour(
    virtual_clock: VirtualClock,
) -> None:
    receiver = Receiver(virtual_clock)
    simulator = simulate(virtual_clock, receiver, Knobs.calm(), plan="growth")
    async with simulator.client() as client:
        for _ in range(150):
            await client.get("/agents/me")
        for number in range(60):
            simulator.humans.submit_ticket(f"{number}")
        await simulator.deliveries.run_due()
        assert len(receiver.seen) == 50
        assert (await client.get("/agents/me")).status_code == 429
    await simulator.deliveries.drain()
    assert [moment for moment, _, _ in receiver.seen[50:]] == [HOUR] * 10
    assert simulator.deliveries.outcomes() == {"delivered": 60, "throttled": 10}


async def test_older_than_a_day_is_dropped(virtual_clock: VirtualClock) -> None:
    receiver = Receiver(virtual_clock)
    simulator = simulate(virtual_clock, receiver, Knobs.calm(webhook_delay=(25 * HOUR, 25 * HOUR)))
    simulator.humans.submit_ticket("s")
    await simulator.deliveries.drain()
    assert receiver.seen == []
    assert simulator.deliveries.outcomes() == {"dropped": 1}


async def test_at_most_so_many_at_a_time(virtual_clock: VirtualClock) -> None:
    active, most = 0, 0

    async def receive(request: DeliveryRequest) -> int:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await virtual_clock.sleep(1)
        active -= 1
        return 200

    knobs = Knobs.calm(webhook_concurrency=7)
    account = english_account(virtual_clock, plan="enterprise")
    simulator = Simulator(account, knobs=knobs, deliver=receive)
    simulator.add_webhook(URL)
    for number in range(30):
        simulator.humans.submit_ticket(f"{number}")
    await simulator.deliveries.drain()
    assert most == 7


@pytest.mark.parametrize(
    "url", ["http://example.com/x", "http://10.0.0.1/x", "http://[::2]/x", "x"]
)
def test_real_posts_go_to_loopback_only(freshdesk: Simulator, url: str) -> None:
    with pytest.raises(UnsafeTargetError):
        freshdesk.add_webhook(url)


async def test_served_simulator_delivers_over_http_by_itself(
    freshdesk_server: Simulator, virtual_clock: VirtualClock
) -> None:
    """GIVEN a rule that posts to the simulator's own control interface, standing for a receiver."""
    freshdesk_server.turn(webhook_delay=(30, 30))
    freshdesk_server.add_webhook(f"{freshdesk_server.url}/_control/tickets")
    freshdesk_server.humans.submit_ticket("s")
    virtual_clock.advance(31)
    for _ in range(200):
        if freshdesk_server.deliveries.log:
            break
        await asyncio.sleep(0.02)
    record = freshdesk_server.deliveries.log[0]
    assert (record.outcome, record.status) == ("failed", 400), "it is not a ticket, but it arrived"


async def test_real_delivery_feels_a_closed_port(freshdesk: Simulator) -> None:
    freshdesk.add_webhook("http://127.0.0.1:1/closed")
    freshdesk.humans.submit_ticket("s")
    await freshdesk.deliveries.run_due()
    [record] = freshdesk.deliveries.log
    assert (record.outcome, record.status) == ("failed", None)
