"""One ticket's way, from the first look to the single write."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from freshdesk_simulator.builders import BOT_KEY
from freshdesk_simulator.models import Status as TicketStatus
from otai_freshdesk.application.errors import TicketRejectedError
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.domain.policy import Decision, FieldDecision, Ineligible, Verdict
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, Changes
from support.account import Account, connected_account

SECONDS = 8.0
SWITCHED_ON = datetime(2026, 1, 1, tzinfo=UTC)


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


def decided(field: str, before: str | None) -> Outcome:
    verdict = FieldDecision(
        field=field,
        before=before,
        label="other",
        value="Other",
        probability=0.9,
        threshold=0.5,
        verdict=Verdict.DECIDED,
    )
    return Outcome(ticket_id=1, status=Status.TRIAGED, decision=Decision((verdict,), Changes()))


def recorded(outcome: Outcome) -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = outcome.as_record()["fields"]  # type: ignore[assignment]
    [record] = fields.values()
    return record


def test_what_a_customer_wrote_into_a_field_of_ones_own_is_in_no_record() -> None:
    outcome = decided("cf_note", "Erika Mustermann, Heidestrasse 17, Koeln")

    shown = json.dumps(outcome.as_record()) + repr(outcome)

    assert not [word for word in ("Erika", "Heidestrasse", "Koeln") if word in shown]
    assert recorded(outcome)["was_empty"] is False


def test_of_a_field_of_ones_own_the_record_says_whether_it_was_empty() -> None:
    record = recorded(decided("cf_note", None))

    assert record["was_empty"] is True
    assert "before" not in record


@pytest.mark.parametrize("field", [GROUP, TYPE, PRIORITY])
@pytest.mark.parametrize("before", [None, "Chosen"])
def test_of_group_type_and_priority_the_record_shows_the_value_before(
    field: str, before: str | None
) -> None:
    record = recorded(decided(field, before))

    assert record["before"] == before
    assert "was_empty" not in record


async def test_a_note_in_the_account_is_in_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    fields = {"cf_order_number": {"target": "type"}}
    async with connected_account({"fields": fields}) as account:
        ticket_id = account.add(custom_fields={"cf_order_number": "Erika, Heidestrasse 17"})

        outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.decision is not None
    assert outcome.decision.fields[0].before == "Erika, Heidestrasse 17"
    assert "Heidestrasse" not in json.dumps(outcome.as_record()) + repr(outcome)


def out_of_sight(account: Account) -> int:
    """Add a ticket that the agent whose key we use may not see."""
    ours = account.simulator.api_key
    bot = next(one for one in account.simulator.account.agents.values() if one.api_key == ours)
    account.simulator.account.change_agent(bot.id, ticket_scope=3)
    return account.add()


async def test_a_ticket_we_may_not_see_is_an_error_of_its_own(account: Account) -> None:
    ticket_id = out_of_sight(account)
    application = account.application
    triage = application.triage(application.help_desk(), SWITCHED_ON, application.settings)

    with pytest.raises(TicketRejectedError):
        await triage.ticket(ticket_id)

    assert account.writes(ticket_id) == 0


async def test_a_webhook_for_a_ticket_we_may_not_see_is_left_to_the_sweep(
    account: Account,
) -> None:
    ticket_id = out_of_sight(account)

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.status is Status.DEFERRED
    assert "ticket scope" in str(outcome.reason)
    assert account.writes(ticket_id) == 0
