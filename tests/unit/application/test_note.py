"""The private note: off by default, at most one a ticket, and never in the way of triage."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from freshdesk_simulator.builders import BOT_KEY
from otai_freshdesk.application.note import note_lines
from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.domain.policy import Decision, FieldDecision, Verdict
from otai_freshdesk.domain.ticket import Changes
from support.account import Account, connected_account

SECONDS = 8.0
LONG = 840.0
HOUR = 3600


@pytest.fixture
async def noting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
    """An account whose tickets get a note."""
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    async with connected_account({"note": True}) as connected:
        connected.simulator.turn(server_error_rate=0.0)
        yield connected


async def test_no_note_is_the_default(account: Account) -> None:
    ticket_id = account.add()

    outcome = await account.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.status is Status.TRIAGED
    assert outcome.noted is None
    assert account.notes(ticket_id) == []


async def test_one_private_note_says_labels_and_probabilities(noting: Account) -> None:
    ticket_id = noting.add(json.dumps({"type": "Incident", "sure": 0.95}))

    first = await noting.application.webhook(ticket_id, seconds=SECONDS)
    await noting.application.webhook(ticket_id, seconds=SECONDS)

    [note] = noting.notes(ticket_id)
    assert first.noted is True
    assert first.as_record()["noted"] is True
    assert (note.private, note.incoming) == (True, False)
    assert noting.application.settings.marker(noting.classifier.bundle_id) in note.body
    assert "group: Billing; billing_payments is 95.0 % likely" in note.body
    assert "type: Incident; Incident is 95.0 % likely" in note.body


async def test_a_note_whose_reply_is_lost_is_not_doubled(noting: Account) -> None:
    ticket_id = noting.add()
    noting.simulator.faults.next("reply_lost", method="POST")

    outcome = await noting.application.webhook(ticket_id, seconds=SECONDS)

    assert outcome.noted is True
    assert len(noting.notes(ticket_id)) == 1


async def test_a_note_that_fails_leaves_the_ticket_triaged(noting: Account) -> None:
    ticket_id = noting.add()
    noting.simulator.faults.next("server_error", calls=99, path="/conversations", applied=False)

    outcome = await noting.application.webhook(ticket_id, seconds=SECONDS)

    assert (outcome.status, outcome.noted) == (Status.TRIAGED, False)
    assert noting.is_marked(ticket_id)
    assert noting.notes(ticket_id) == []


async def test_a_note_that_hangs_leaves_the_ticket_triaged(noting: Account) -> None:
    ticket_id = noting.add()
    noting.simulator.faults.next("hang", path="/conversations", seconds=5)

    outcome = await noting.application.webhook(ticket_id, seconds=2)

    assert outcome.status is Status.TRIAGED
    assert noting.writes(ticket_id) == 1


async def test_the_sweep_notes_each_ticket_once_and_writes_singly(noting: Account) -> None:
    now = int(noting.simulator.clock.time())
    ids = [noting.add(created_at=now - 24 * HOUR + 60 * n) for n in range(25)]

    for _ in range(3):
        await noting.application.sweep(seconds=LONG)
        noting.simulator.clock.advance(300)  # type: ignore[attr-defined]

    assert all(noting.writes(ticket_id) == 1 for ticket_id in ids)
    assert all(len(noting.notes(ticket_id)) == 1 for ticket_id in ids)
    assert not any("bulk" in call.path for call in noting.simulator.journal.calls)


async def test_a_write_that_proves_to_have_arrived_gets_its_note(noting: Account) -> None:
    ticket_id = noting.add()
    noting.simulator.faults.next("reply_lost", method="PUT")

    await noting.application.sweep(seconds=LONG)

    assert noting.writes(ticket_id) == 1
    assert len(noting.notes(ticket_id)) == 1


async def test_deliveries_at_the_same_instant_note_once_in_one_process(noting: Account) -> None:
    ticket_id = noting.add()

    await asyncio.gather(
        *(noting.application.webhook(ticket_id, seconds=SECONDS) for _ in range(5))
    )

    assert len(noting.notes(ticket_id)) == 1


async def test_shadow_mode_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    async with connected_account({"note": True, "shadow_tag": "rehearsed"}) as account:
        process = account.process(OTAI_MODE="shadow")
        ticket_id = account.add()

        await process.webhook(ticket_id, seconds=SECONDS)

        assert account.ticket(ticket_id).tags == ("rehearsed",)
        assert account.notes(ticket_id) == []


@pytest.mark.parametrize(
    ("verdict", "probability", "line"),
    [
        (Verdict.WRITE, 0.97, "group: Billing; billing is 97.0 % likely"),
        (Verdict.WRITE, 1.0, "group: Billing; billing is 99.9 % likely"),
        (Verdict.UNCHANGED, 0.97, "group: Billing already; billing is 97.0 % likely"),
        (Verdict.DECIDED, 0.97, "group: decided already; billing is 97.0 % likely"),
        (Verdict.UNMAPPED, 0.97, "group: left alone, as configured; billing is 97.0 % likely"),
        (Verdict.AUTOMATED, 0.97, "group: left alone; this is automated mail"),
        (Verdict.ABSTAIN, 0.5, "group: left to you; billing is 50.0 % likely, 90.0 % are needed"),
        (Verdict.ABSTAIN, 0.97, "group: left to you; the text is unlike those the model knows"),
    ],
)
def test_every_verdict_has_its_line(verdict: Verdict, probability: float, line: str) -> None:
    values = {"group": "Billing"} if verdict is Verdict.WRITE else {}
    outcome = noted(verdict, probability, Changes(values))

    assert note_lines(outcome, "otai-3f9a2c") == ("Triaged by otai-freshdesk (otai-3f9a2c)", line)


def test_what_was_not_written_after_all_is_said() -> None:
    meanwhile = note_lines(noted(Verdict.WRITE, 0.97, Changes()), "otai-3f9a2c")
    refused = note_lines(
        noted(Verdict.WRITE, 0.97, Changes(), refused=frozenset({"group"})), "otai-3f9a2c"
    )

    assert meanwhile[1].startswith("group: changed meanwhile and left as it is")
    assert refused[1] == "group: Billing is not known to Freshdesk and was left out"


def test_what_a_field_held_before_is_not_repeated() -> None:
    lines = note_lines(noted(Verdict.DECIDED, 0.97, Changes()), "otai-3f9a2c")

    assert "Mrs Miller" not in " ".join(lines)


def noted(
    verdict: Verdict, probability: float, written: Changes, refused: frozenset[str] = frozenset()
) -> Outcome:
    field = FieldDecision(
        field="group",
        before="Mrs Miller",
        label="billing",
        value="Billing",
        probability=probability,
        threshold=0.9,
        verdict=verdict,
    )
    return Outcome(
        ticket_id=1,
        status=Status.TRIAGED,
        decision=Decision((field,), written),
        written=written,
        refused=refused,
    )
