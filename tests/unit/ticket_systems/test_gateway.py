"""Freshdesk's dictionaries, ids and errors as the domain sees them."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.application.errors import (
    HelpDeskAuthenticationError,
    HelpDeskUnavailableError,
    TicketRejectedError,
    TicketUnreadableError,
    WriteUncertainError,
)
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, Changes, Ticket
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget
from otai_freshdesk.ticket_systems.freshdesk.client import FreshdeskClient, Limits, StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.gateway import (
    FreshdeskHelpDesk,
    FreshdeskHelpDesks,
    GroupNames,
)
from otai_freshdesk.ticket_systems.freshdesk.host import override_host

BEGIN = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(english_account(VirtualClock(BEGIN.timestamp())), knobs=Knobs.calm())


@pytest.fixture
async def desk(simulator: Simulator) -> AsyncIterator[FreshdeskHelpDesk]:
    with simulator:
        params = AdapterParams({"freshdesk_domain": "acme", "freshdesk_url": simulator.url})
        key = StaticApiKey(simulator.api_key)
        adapter = FreshdeskAdapter(params, api_key=key, clock=simulator.clock)
        desks = FreshdeskHelpDesks(adapter, simulator.clock)
        yield desks.help_desk(simulator.clock.monotonic() + 3600)
        await desks.aclose()


def listed(simulator: Simulator) -> list[str]:
    return [call.query for call in simulator.journal.calls if call.path.endswith("/tickets")]


async def walk(desk: FreshdeskHelpDesk, *wanted: int) -> list[Ticket]:
    since, until = BEGIN - timedelta(days=2), BEGIN + timedelta(hours=1)
    return [
        ticket async for ticket in desk.updated_between(since, until, lambda one: one.id in wanted)
    ]


async def test_a_ticket_speaks_in_names(simulator: Simulator, desk: FreshdeskHelpDesk) -> None:
    billing = simulator.account.group("Billing").id
    added = simulator.account.add_ticket(
        "Subject",
        "<p>Body</p>",
        group_id=billing,
        priority=4,
        type="Incident",
        tags=["vip"],
        custom_fields={"cf_product_area": "Hardware", "cf_items": 3},
    )

    ticket = await desk.ticket(added.id)

    assert ticket is not None
    assert ticket.values[GROUP] == "Billing"
    assert ticket.values[TYPE] == "Incident"
    assert ticket.values[PRIORITY] == "Urgent"
    assert ticket.values["cf_product_area"] == "Hardware"
    assert ticket.values["cf_items"] == "3"
    assert (ticket.subject, ticket.body, ticket.tags) == ("Subject", "<p>Body</p>", ("vip",))
    assert ticket.is_open


async def test_a_group_nobody_knows_counts_as_decided(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    added = simulator.account.add_ticket("Subject", group_id=4711)

    ticket = await desk.ticket(added.id)

    assert ticket is not None
    assert ticket.values[GROUP] == "#4711"


async def test_writing_sends_ids_and_merges_tags(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    added = simulator.account.add_ticket("Subject", tags=["vip"])
    ticket = await desk.ticket(added.id)
    assert ticket is not None
    values = {GROUP: "billing", TYPE: "Incident", PRIORITY: "High", "cf_product_area": "Software"}

    written = await desk.write(ticket, Changes(values, ("otai-3f9a2c",)))

    after = simulator.account.ticket(added.id)
    assert written.refused == frozenset()
    assert after.group_id == simulator.account.group("Billing").id
    assert (after.type, after.priority, after.tags) == ("Incident", 3, ("vip", "otai-3f9a2c"))
    assert after.custom_fields["cf_product_area"] == "Software"
    assert simulator.journal.count(method="PUT") == 1


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({GROUP: "No such group", TYPE: "Incident"}, {GROUP}),
        ({TYPE: "No such type", PRIORITY: "High"}, {TYPE}),
        ({PRIORITY: "Catastrophic", TYPE: "Incident"}, {PRIORITY}),
        ({"cf_product_area": "No such option", TYPE: "Incident"}, {"cf_product_area"}),
        ({"cf_unheard_of": "x", TYPE: "No such type", PRIORITY: "High"}, {"cf_unheard_of", TYPE}),
    ],
)
async def test_a_value_freshdesk_refuses_is_left_out(
    simulator: Simulator, desk: FreshdeskHelpDesk, values: dict[str, str], refused: set[str]
) -> None:
    added = simulator.account.add_ticket("Subject")
    ticket = await desk.ticket(added.id)
    assert ticket is not None

    written = await desk.write(ticket, Changes(values, ("otai-3f9a2c",)))

    assert written.refused == refused
    assert set(written.changes.values) == set(values) - refused
    assert "otai-3f9a2c" in simulator.account.ticket(added.id).tags


async def test_a_quiet_walk_costs_one_credit_and_fetches_no_text(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    for _ in range(20):
        simulator.account.add_ticket("Subject", "<p>Body</p>")

    tickets = await walk(desk)

    assert len(tickets) == 20
    assert simulator.journal.credits_spent == 1
    assert not any(ticket.body for ticket in tickets)


async def test_a_few_texts_are_fetched_one_by_one(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    for _ in range(20):
        simulator.account.add_ticket("Subject", "<p>Body</p>")

    tickets = await walk(desk, 3, 17)

    assert [ticket.id for ticket in tickets if ticket.body] == [3, 17]
    assert simulator.journal.credits_spent == 3


async def test_many_texts_come_with_the_page_and_every_ticket_once(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    for number in range(350):
        created = int(BEGIN.timestamp()) - 3600 + number
        simulator.account.add_ticket("Subject", "<p>Body</p>", created_at=created)

    tickets = await walk(desk, *range(1, 351))

    assert [ticket.id for ticket in tickets] == list(range(1, 351))
    assert all(ticket.body for ticket in tickets)
    assert sum("description" in query for query in listed(simulator)) <= 6


async def test_texts_for_thousands_of_one_second(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    for _ in range(450):
        simulator.account.add_ticket("Subject", "<p>Body</p>")

    tickets = await walk(desk, *range(1, 451))

    assert sorted(ticket.id for ticket in tickets) == list(range(1, 451))
    assert all(ticket.body for ticket in tickets)


@pytest.fixture
async def narrow_desk(simulator: Simulator) -> AsyncIterator[FreshdeskHelpDesk]:
    """Yield a help desk that reads replies of 200 kB at most."""
    with simulator:
        client = FreshdeskClient(
            override_host(simulator.url),
            StaticApiKey(simulator.api_key),
            clock=simulator.clock,
            budget=Budget(simulator.clock),
            limits=Limits(reply_bytes=200_000),
        )
        params = AdapterParams({"freshdesk_domain": "acme"})
        desks = FreshdeskHelpDesks(FreshdeskAdapter(params, client=client), simulator.clock)
        yield desks.help_desk(simulator.clock.monotonic() + 3600)
        await desks.aclose()


def long_tickets(simulator: Simulator, count: int, length: int, later: int = 0) -> list[int]:
    text = f"<p>{'x' * length}</p>"
    start = BEGIN.timestamp() - 600 + later
    add = simulator.account.add_ticket
    return [add("Long", text, created_at=start + n, updated_at=start + n).id for n in range(count)]


async def test_a_page_whose_texts_are_too_long_is_read_ticket_by_ticket(
    simulator: Simulator, narrow_desk: FreshdeskHelpDesk
) -> None:
    ids = long_tickets(simulator, 15, 20_000)

    tickets = await walk(narrow_desk, *ids)

    assert [ticket.id for ticket in tickets] == ids
    assert all(len(ticket.body) > 20_000 for ticket in tickets)
    assert sum("include" in query for query in listed(simulator)) == 1


async def test_a_walk_with_text_that_meets_long_ones_goes_on_ticket_by_ticket(
    simulator: Simulator, narrow_desk: FreshdeskHelpDesk
) -> None:
    page = long_tickets(simulator, 100, 10)
    ids = page[:10] + long_tickets(simulator, 15, 20_000, later=200)
    since, until = BEGIN - timedelta(days=2), BEGIN + timedelta(hours=1)

    tickets = [one async for one in narrow_desk.updated_between(since, until, wanted_of(ids))]

    assert {ticket.id for ticket in tickets if ticket.id in ids and ticket.body} == set(ids)


def wanted_of(ids: list[int]) -> Callable[[Ticket], bool]:
    return lambda ticket: ticket.id in ids


async def test_a_ticket_that_is_too_long_by_itself_is_listed_as_unreadable(
    simulator: Simulator, narrow_desk: FreshdeskHelpDesk
) -> None:
    [long], [short] = long_tickets(simulator, 1, 250_000), long_tickets(simulator, 1, 10)

    tickets = await walk(narrow_desk, long, short)

    assert {ticket.id: ticket.is_readable for ticket in tickets} == {long: False, short: True}
    with pytest.raises(TicketUnreadableError):
        await narrow_desk.ticket(long)


async def test_a_ticket_that_is_too_long_to_ask_for_its_tags_is_listed_as_unreadable(
    simulator: Simulator, narrow_desk: FreshdeskHelpDesk
) -> None:
    simulator.turn(list_tags="omitted")
    [long] = long_tickets(simulator, 1, 250_000)

    [listed_one] = await narrow_desk.changed_since(BEGIN - timedelta(days=1))

    assert (listed_one.id, listed_one.is_readable) == (long, False)


async def test_a_group_made_a_moment_ago_is_known(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    first, second = (simulator.account.add_ticket("Subject").id for _ in range(2))
    before = await desk.write(await seen(desk, first), Changes({GROUP: "Night Shift"}, ("otai",)))
    group = simulator.account.add_group("Night Shift")
    simulator.clock.advance(120)  # type: ignore[attr-defined]

    after = await desk.write(await seen(desk, second), Changes({GROUP: "Night Shift"}, ("otai",)))

    assert before.refused == {GROUP}
    assert after.refused == frozenset()
    assert simulator.account.ticket(second).group_id == group.id


async def test_groups_are_not_asked_for_again_and_again(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    for _ in range(5):
        ticket = simulator.account.add_ticket("Subject").id
        await desk.write(await seen(desk, ticket), Changes({GROUP: "Night Shift"}, ("otai",)))

    assert sum(call.path.endswith("/groups") for call in simulator.journal.calls) == 1


async def test_a_group_spelt_exactly_so_goes_before_one_in_other_letters(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    other, exact = simulator.account.add_group("It"), simulator.account.add_group("IT")
    ids = [simulator.account.add_ticket("Subject").id for _ in range(2)]

    for ticket_id, name in zip(ids, ("IT", "It"), strict=True):
        await desk.write(await seen(desk, ticket_id), Changes({GROUP: name}, ("otai",)))

    assert [simulator.account.ticket(one).group_id for one in ids] == [exact.id, other.id]


async def seen(desk: FreshdeskHelpDesk, ticket_id: int) -> Ticket:
    ticket = await desk.ticket(ticket_id)
    assert ticket is not None
    return ticket


async def test_the_time_is_freshdesks(simulator: Simulator, desk: FreshdeskHelpDesk) -> None:
    simulator.clock.advance(90)  # type: ignore[attr-defined]

    assert await desk.now() == BEGIN + timedelta(seconds=90)


@pytest.mark.parametrize("status", [404, 403])
async def test_a_ticket_that_vanishes_before_its_text_is_read_is_deleted(
    simulator: Simulator, desk: FreshdeskHelpDesk, status: int
) -> None:
    added = simulator.account.add_ticket("Subject", "<p>Body</p>")
    other = simulator.account.add_ticket("Subject", "<p>Body</p>")
    simulator.turn(deleted_by_id=status)
    seen: list[Ticket] = []

    def wanted(ticket: Ticket) -> bool:
        simulator.humans.delete(added.id) if not seen else None
        seen.append(ticket)
        return True

    since, until = BEGIN - timedelta(days=2), BEGIN + timedelta(hours=1)
    tickets = [ticket async for ticket in desk.updated_between(since, until, wanted)]

    assert {ticket.id: ticket.is_deleted for ticket in tickets} == {added.id: True, other.id: False}


async def test_tags_that_a_list_omits_are_read_by_id(
    simulator: Simulator, desk: FreshdeskHelpDesk
) -> None:
    simulator.account.add_ticket("Subject", "<p>Body</p>", tags=["vip"])
    simulator.turn(list_tags="omitted")

    assert [ticket.tags for ticket in await walk(desk)] == [("vip",)]
    assert [ticket.tags for ticket in await desk.changed_since(BEGIN - timedelta(days=2))] == [
        ("vip",)
    ]


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        ("server_error", {"applied": False}, WriteUncertainError),
        ("reply_lost", {}, WriteUncertainError),
        ("redirect", {}, HelpDeskUnavailableError),
    ],
)
async def test_errors_of_a_write_are_translated(
    simulator: Simulator,
    desk: FreshdeskHelpDesk,
    fault: str,
    options: dict[str, bool],
    error: type[Exception],
) -> None:
    ticket = await desk.ticket(simulator.account.add_ticket("Subject").id)
    assert ticket is not None
    simulator.faults.next(fault, method="PUT", **options)  # type: ignore[arg-type]

    with pytest.raises(error):
        await desk.write(ticket, Changes({TYPE: "Incident"}, ("otai-3f9a2c",)))


async def test_a_deleted_ticket_is_rejected(simulator: Simulator, desk: FreshdeskHelpDesk) -> None:
    ticket = await desk.ticket(simulator.account.add_ticket("Subject").id)
    assert ticket is not None
    simulator.humans.delete(ticket.id)

    with pytest.raises(TicketRejectedError):
        await desk.write(ticket, Changes({TYPE: "Incident"}, ("otai-3f9a2c",)))


async def test_a_refused_key_is_an_error_of_its_own(simulator: Simulator) -> None:
    with simulator:
        params = AdapterParams({"freshdesk_domain": "acme", "freshdesk_url": simulator.url})
        adapter = FreshdeskAdapter(params, api_key=StaticApiKey("no"), clock=simulator.clock)
        desks = FreshdeskHelpDesks(adapter, simulator.clock)

        with pytest.raises(HelpDeskAuthenticationError):
            await desks.help_desk(None).ticket(1)
        await desks.aclose()


ROW: dict[str, Any] = {
    "id": 7,
    "subject": "Hello",
    "description": "<p>Body</p>",
    "created_at": "2026-11-22T08:00:00Z",
    "updated_at": "2026-11-22T08:00:00Z",
    "tags": ["vip"],
    "group_id": None,
    "priority": 1,
    "status": 2,
}


@pytest.fixture
def scripted(adapter: FreshdeskAdapter, clock: VirtualClock) -> FreshdeskHelpDesk:
    return FreshdeskHelpDesk(adapter, GroupNames(clock))


async def test_the_row_by_which_others_are_measured_is_a_ticket(
    scripted: FreshdeskHelpDesk, script: Any
) -> None:
    script.then(httpx.Response(200, json=ROW))

    ticket = await scripted.ticket(7)

    assert ticket is not None
    assert (ticket.subject, ticket.tags) == ("Hello", ("vip",))


@pytest.mark.parametrize("name", ["cf_area", "custom_fields.cf_area"])
async def test_a_field_of_ones_own_that_is_refused_is_left_out(
    scripted: FreshdeskHelpDesk, script: Any, name: str
) -> None:
    refusal = {"errors": [{"field": name, "code": "invalid_value", "message": "no"}]}
    script.then(
        httpx.Response(200, json=ROW),
        httpx.Response(400, json=refusal),
        httpx.Response(200, json=ROW),
    )

    changes = Changes({"cf_area": "Hardware", PRIORITY: "High"}, ("otai",))
    written = await scripted.write(await seen(scripted, 7), changes)

    assert written.refused == {"cf_area"}
    assert json.loads(script.requests[-1].content) == {"priority": 3, "tags": ["vip", "otai"]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tags", "secret words"),
        ("tags", [None]),
        ("tags", {"secret": 1}),
        ("subject", ["secret words"]),
        ("description", {"text": "secret words"}),
        ("type", ["secret words"]),
        ("priority", "secret words"),
        ("priority", [1]),
        ("group_id", "secret words"),
        ("group_id", True),
        ("custom_fields", ["secret words"]),
        ("created_at", "secret words"),
        ("created_at", None),
    ],
)
async def test_a_value_of_a_wrong_type_is_an_error_that_names_ticket_and_key(
    scripted: FreshdeskHelpDesk, script: Any, key: str, value: object
) -> None:
    row = ROW | {key: value}
    script.then(httpx.Response(200, json=row), httpx.Response(200, json=[row]))

    with pytest.raises(TicketUnreadableError) as caught:
        await scripted.ticket(7)
    [listed] = await scripted.changed_since(BEGIN)

    assert (listed.id, listed.is_readable) == (7, False)
    assert (caught.value.ticket_id, caught.value.key) == (7, key)
    assert "ticket 7" in str(caught.value)
    assert key in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_ticket_that_itself_omits_its_tags_is_listed_as_unreadable(
    scripted: FreshdeskHelpDesk, script: Any
) -> None:
    row = {key: value for key, value in ROW.items() if key != "tags"}
    script.then(httpx.Response(200, json=[row]), httpx.Response(200, json=row))

    [listed] = await scripted.changed_since(BEGIN)

    assert (listed.id, listed.is_readable) == (7, False)
    assert [request.url.path.rpartition("/")[2] for request in script.requests] == ["tickets", "7"]


async def test_a_ticket_without_a_number_is_an_error(
    scripted: FreshdeskHelpDesk, script: Any
) -> None:
    script.then(httpx.Response(200, json={"subject": "secret words"}))

    with pytest.raises(TicketUnreadableError) as caught:
        await scripted.ticket(7)

    assert (caught.value.ticket_id, caught.value.key) == (None, "id")


async def test_null_says_that_there_are_no_tags(scripted: FreshdeskHelpDesk, script: Any) -> None:
    script.then(httpx.Response(200, json=ROW | {"tags": None}))

    ticket = await scripted.ticket(7)

    assert ticket is not None
    assert ticket.tags == ()


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Mon, 02 Mar 2026 10:00:00 GMT", 10),
        ("Mon, 02 Mar 2026 10:00:00 -0000", 10),
        ("Mon, 02 Mar 2026 10:00:00 +0300", 7),
        (None, 8),
        ("", 8),
        ("soon", 8),
        ("Mon, 99 Mar 2026 10:00:00 GMT", 8),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 8),
        ("Thu, 01 Jan 1970 10:00:00 GMT", 8),
        ("Thu, 05 Mar 2026 10:00:00 GMT", 8),
        ("Mon, 02 Mar 2099 10:00:00 GMT", 8),
    ],
)
async def test_a_date_that_cannot_be_read_or_be_right_leaves_our_own_clock(
    scripted: FreshdeskHelpDesk, script: Any, date: str | None, hour: int
) -> None:
    headers = {} if date is None else {"Date": date}
    script.then(httpx.Response(200, json={"id": 1}, headers=headers))

    assert await scripted.now() == datetime(2026, 3, 2, hour, tzinfo=UTC)
