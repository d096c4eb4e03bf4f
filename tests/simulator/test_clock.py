"""The virtual clock."""

import asyncio

import pytest

from freshdesk_simulator import Clock, SystemClock, VirtualClock
from freshdesk_simulator.clock import format_timestamp, parse_timestamp


def test_both_are_clocks() -> None:
    assert isinstance(VirtualClock(), Clock)
    assert isinstance(SystemClock(), Clock)
    assert SystemClock().time() > 1.7e9


async def test_sleep_moves_the_time(virtual_clock: VirtualClock) -> None:
    start = virtual_clock.time()
    await virtual_clock.sleep(3600)
    await virtual_clock.sleep(0)
    assert (virtual_clock.time() - start, virtual_clock.monotonic()) == (3600, 3600)


async def test_sleepers_share_the_time_and_wake_in_order(virtual_clock: VirtualClock) -> None:
    woken: list[tuple[int, float]] = []

    async def sleeper(seconds: int) -> None:
        await virtual_clock.sleep(seconds)
        woken.append((seconds, virtual_clock.monotonic()))

    await asyncio.gather(*(sleeper(seconds) for seconds in (5, 1, 3, 5)))
    assert woken == [(1, 1), (3, 3), (5, 5), (5, 5)]


async def test_a_thousand_sleepers_are_cheap(virtual_clock: VirtualClock) -> None:
    await asyncio.gather(*(virtual_clock.sleep(seconds) for seconds in range(1, 1001)))
    assert virtual_clock.monotonic() == 1000


async def test_earlier_sleeper_overtakes(virtual_clock: VirtualClock) -> None:
    late = asyncio.create_task(virtual_clock.sleep(60))
    await asyncio.sleep(0)
    await virtual_clock.sleep(5)
    assert (virtual_clock.monotonic(), late.done()) == (5, False)
    virtual_clock.advance(55)
    await late
    assert virtual_clock.monotonic() == 60


async def test_time_waits_for_work_under_way(virtual_clock: VirtualClock) -> None:
    async def work() -> float:
        for _ in range(20):
            await asyncio.sleep(0)
        return virtual_clock.monotonic()

    sleeping = asyncio.create_task(virtual_clock.sleep(60))
    assert await work() == 0
    await sleeping


async def test_cancelled_sleeper_moves_nothing(virtual_clock: VirtualClock) -> None:
    sleeping = asyncio.create_task(virtual_clock.sleep(60))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    await virtual_clock.sleep(5)
    assert virtual_clock.monotonic() == 5


def test_advance_tells_listeners_and_never_goes_back(virtual_clock: VirtualClock) -> None:
    moments: list[float] = []
    virtual_clock.add_listener(lambda: moments.append(virtual_clock.monotonic()))
    virtual_clock.advance(2)
    virtual_clock.advance_to(virtual_clock.time() - 1)
    assert moments == [2]
    with pytest.raises(ValueError, match="backwards"):
        virtual_clock.advance(-1)


def test_timestamps_have_second_precision() -> None:
    assert (
        format_timestamp(parse_timestamp("2026-03-02T09:00:00.9+01:00")) == "2026-03-02T08:00:00Z"
    )
