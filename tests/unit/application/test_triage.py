"""One ticket's way, from the first look to the single write."""

import asyncio
import json
from typing import Any

import pytest

from freshdesk_simulator.models import Status as TicketStatus
from otai_freshdesk.application.outcome import Status
from otai_freshdesk.domain.policy import Ineligible
from support.account import Account, connected_account

SECONDS = 8.0


async def test_a_new_ticket_gets_group_type_priority_and_marker_in_one_write(
    account: Account,
) -> None:
    ticket_id = account.add(tags=["vip"])

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    ticket = account.ticket(ticket_id)
    assert outcome.status is Status.TRIAGED
    assert (account.group_of(ticket_id), ticket.type, ticket.priority) == ("Billing", "Question", 3)
    assert ticket.tags[0] == "vip"
    assert account.is_marked(ticket_id)
    assert account.writes(ticket_id) == 1


async def test_a_second_delivery_writes_nothing(account: Account) -> None:
    ticket_id = account.add()
    await account.application.webhook(ticket_id, seconds=SECONDS)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert (outcome.status, outcome.reason) == (Status.SKIPPED, Ineligible.MARKED)
    assert account.writes(ticket_id) == 1


async def test_deliveries_at_the_same_instant_write_once_in_one_process(account: Account) -> None:
    ticket_id = account.add()

    await asyncio.gather(
        *(account.application.webhook(ticket_id, seconds=SECONDS) for _ in range(10))
    )

    assert account.writes(ticket_id) == 1


async def test_what_an_agent_has_decided_stays(account: Account) -> None:
    returns = account.simulator.account.group("Returns").id
    ticket_id = account.add(group_id=returns, priority=4)

    await account.application.webhook(ticket_id, seconds=SECONDS)

    assert account.group_of(ticket_id) == "Returns"
    assert account.ticket(ticket_id).priority == 4
    assert account.ticket(ticket_id).type == "Question"
    assert account.is_marked(ticket_id)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"created_at": "2025-12-31T23:59:59Z"}, Ineligible.TOO_OLD),
        ({"status": TicketStatus.CLOSED}, Ineligible.NOT_OPEN),
        ({"spam": True}, Ineligible.SPAM),
        ({"deleted": True}, Ineligible.DELETED),
        ({"source": 10}, Ineligible.OUTBOUND),
    ],
)
async def test_a_ticket_that_is_not_eligible_stays_untouched(
    account: Account, properties: dict[str, Any], reason: Ineligible
) -> None:
    ticket_id = account.add(**properties)
    before = account.ticket(ticket_id)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert (outcome.status, outcome.reason) == (Status.SKIPPED, reason)
    assert account.ticket(ticket_id) == before


async def test_a_ticket_somebody_took_stays_untouched(account: Account) -> None:
    agent = next(iter(account.simulator.account.agents))
    ticket_id = account.add(responder_id=agent)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.reason is Ineligible.ASSIGNED
    assert account.writes(ticket_id) == 0


async def test_an_unsure_field_is_left_to_a_human_and_tagged(account: Account) -> None:
    ticket_id = account.add(json.dumps({"sure": 0.5}))

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.abstained
    assert account.group_of(ticket_id) is None
    assert "otai-unsure" in account.ticket(ticket_id).tags
    assert account.is_marked(ticket_id)


async def test_a_missing_ticket_is_said_to_be_missing(account: Account) -> None:
    outcome = await account.application.webhook(4711, seconds=SECONDS)

    assert outcome.status is Status.NOT_FOUND


async def test_a_group_that_is_gone_is_left_out_and_the_rest_written(account: Account) -> None:
    warm_up, ticket_id = account.add(), account.add()
    await account.application.webhook(warm_up, seconds=SECONDS)
    account.simulator.account.remove_group(account.simulator.account.group("Billing").id)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.refused == {"group"}
    assert account.ticket(ticket_id).type == "Question"
    assert account.is_marked(ticket_id)


async def test_an_unknown_type_is_left_out_and_the_rest_written(account: Account) -> None:
    ticket_id = account.add(json.dumps({"type": "Unheard of"}))

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.refused == {"type"}
    assert account.group_of(ticket_id) == "Billing"


async def test_a_wrong_key_defers_and_shows_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "a-wrong-key-never-to-be-seen")
    ticket_id = account.add()

    outcome = await account.process().webhook(ticket_id, seconds=SECONDS)

    assert outcome.status is Status.DEFERRED
    assert "never-to-be-seen" not in str(outcome)


async def test_a_rotated_key_is_fetched_once_more(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "the-key-of-yesterday")
    process = account.process()
    first, second = account.add(), account.add()
    await process.webhook(first, seconds=SECONDS)
    account.simulator.clock.advance(60)  # type: ignore[attr-defined]
    monkeypatch.setenv("OTAI_TEST_API_KEY", account.simulator.api_key)

    outcome = await process.webhook(second, seconds=SECONDS)

    assert outcome.status is Status.TRIAGED


@pytest.mark.parametrize(("mode", "status"), [("shadow", Status.SHADOW), ("off", Status.OFF)])
async def test_modes_that_write_nothing(
    monkeypatch: pytest.MonkeyPatch, mode: str, status: Status
) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", "simulated-api-key")
    async with connected_account(OTAI_MODE=mode) as account:
        ticket_id = account.add()
        before = account.ticket(ticket_id)

        outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

        assert outcome.status is status
        assert account.ticket(ticket_id) == before


async def test_the_record_of_an_outcome_holds_no_text(account: Account) -> None:
    ticket_id = account.add("A subject nobody may see", requester=None)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert "nobody may see" not in json.dumps(outcome.as_record())
    assert "nobody may see" not in repr(outcome)
