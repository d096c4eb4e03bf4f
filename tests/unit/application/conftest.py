"""Use cases are tested against the simulator, on its virtual clock."""

from collections.abc import AsyncIterator

import pytest

from freshdesk_simulator.builders import BOT_KEY
from support.account import Account, connected_account


@pytest.fixture
async def account(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    async with connected_account() as connected:
        yield connected
