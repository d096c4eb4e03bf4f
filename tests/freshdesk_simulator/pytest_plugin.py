"""Fixtures; switch them on with `pytest_plugins = ["freshdesk_simulator.pytest_plugin"]`."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from freshdesk_simulator.builders import english_account, german_account
from freshdesk_simulator.clock import VirtualClock
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.simulator import Simulator


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock that moves only when somebody sleeps on it or advances it."""
    return VirtualClock()


@pytest.fixture
def freshdesk(virtual_clock: VirtualClock) -> Simulator:
    """An English Growth account without random faults, in process."""
    return Simulator(english_account(virtual_clock), knobs=Knobs.calm())


@pytest.fixture
def german_freshdesk(virtual_clock: VirtualClock) -> Simulator:
    """A German Growth account without random faults, in process."""
    return Simulator(german_account(virtual_clock), knobs=Knobs.calm())


@pytest.fixture
def freshdesk_server(freshdesk: Simulator) -> Iterator[Simulator]:
    """The English account behind a real loopback port."""
    with freshdesk:
        yield freshdesk


@pytest.fixture
async def freshdesk_client(freshdesk: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the English account, in process."""
    async with freshdesk.client() as client:
        yield client
