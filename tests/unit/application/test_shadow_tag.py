"""Shadow mode with a tag of its own: one tag, nothing else, and live takes no notice."""

from collections.abc import AsyncIterator

import pytest

from freshdesk_simulator.builders import BOT_KEY
from otai_freshdesk.application.outcome import Status
from otai_freshdesk.domain.policy import Ineligible
from support.account import Account, connected_account

SECONDS = 8.0
LONG = 840.0
HOUR = 3600
TAG = "otai-shadow"


@pytest.fixture
async def rehearsing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
    """An account in shadow mode; the tests make live processes of it."""
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    async with connected_account({"shadow_tag": TAG}, OTAI_MODE="shadow") as connected:
        connected.simulator.turn(server_error_rate=0.0)
        yield connected


async def test_a_webhook_sets_the_tag_once_and_no_field(rehearsing: Account) -> None:
    ticket_id = rehearsing.add(tags=["vip"])
    before = rehearsing.ticket(ticket_id)

    first = await rehearsing.application.webhook(ticket_id, seconds=SECONDS)
    second = await rehearsing.application.webhook(ticket_id, seconds=SECONDS)

    after = rehearsing.ticket(ticket_id)
    assert first.status is Status.SHADOW
    assert first.decision is not None
    assert {field.field: field.value for field in first.decision.fields}["group"] == "Billing"
    assert (second.status, second.reason) == (Status.SKIPPED, Ineligible.MARKED)
    assert after.tags == ("vip", TAG)
    assert (after.group_id, after.type, after.priority) == (
        before.group_id,
        before.type,
        before.priority,
    )
    assert rehearsing.writes(ticket_id) == 1


async def test_a_sweep_sets_the_tag_once_in_bulk_too(rehearsing: Account) -> None:
    now = int(rehearsing.simulator.clock.time())
    old = [rehearsing.add(created_at=now - 24 * HOUR + 60 * n) for n in range(20)]
    young = [rehearsing.add() for _ in range(3)]

    first = await rehearsing.application.sweep(seconds=LONG)
    for _ in range(2):
        rehearsing.simulator.clock.advance(300)  # type: ignore[attr-defined]
        await rehearsing.application.sweep(seconds=LONG)

    assert (first.counts[Status.SHADOW], first.counts[Status.TRIAGED]) == (23, 0)
    for ticket_id in (*old, *young):
        assert rehearsing.ticket(ticket_id).tags == (TAG,)
        assert rehearsing.ticket(ticket_id).group_id is None
        assert rehearsing.writes(ticket_id) == 1
    assert any("bulk_update" in call.path for call in rehearsing.simulator.journal.calls)


async def test_live_ignores_the_tag_and_keeps_it(rehearsing: Account) -> None:
    now = int(rehearsing.simulator.clock.time())
    ids = [rehearsing.add(created_at=now - 24 * HOUR + 60 * n) for n in range(12)]
    await rehearsing.application.sweep(seconds=LONG)
    rehearsing.simulator.clock.advance(300)  # type: ignore[attr-defined]

    await rehearsing.process(OTAI_MODE="live").sweep(seconds=LONG)

    for ticket_id in ids:
        assert rehearsing.is_marked(ticket_id)
        assert TAG in rehearsing.ticket(ticket_id).tags
        assert rehearsing.group_of(ticket_id) == "Billing"


async def test_a_ticket_that_live_has_triaged_gets_no_tag(rehearsing: Account) -> None:
    ticket_id = rehearsing.add()
    await rehearsing.process(OTAI_MODE="live").webhook(ticket_id, seconds=SECONDS)

    outcome = await rehearsing.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.reason is Ineligible.MARKED
    assert TAG not in rehearsing.ticket(ticket_id).tags
