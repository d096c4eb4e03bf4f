"""Rules: performer, events, conditions, loops, bodies."""

import json
from urllib.parse import parse_qs

import pytest

from freshdesk_simulator import (
    Condition,
    DeliveryRequest,
    Knobs,
    Performer,
    Rule,
    SetFields,
    Simulator,
    UpdateFilter,
    VirtualClock,
    english_account,
)

URL = "http://127.0.0.1:9/hook"


class Receiver:
    """Takes webhooks and keeps them."""

    def __init__(self) -> None:
        self.requests: list[DeliveryRequest] = []

    async def __call__(self, request: DeliveryRequest) -> int:
        self.requests.append(request)
        return 204

    @property
    def events(self) -> list[str]:
        bodies = [json.loads(request.body)["freshdesk_webhook"] for request in self.requests]
        return [body["triggered_event"] for body in bodies]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def desk(virtual_clock: VirtualClock, receiver: Receiver) -> Simulator:
    return Simulator(english_account(virtual_clock), knobs=Knobs.calm(), deliver=receiver)


def update_rule(performer: Performer, *events: UpdateFilter, **options: object) -> Rule:
    wanted = events or (UpdateFilter("any"),)
    return Rule("on update", "update", (), wanted, performer, **options)  # type: ignore[arg-type]


async def test_creation_rule_sends_the_simple_body(desk: Simulator, receiver: Receiver) -> None:
    desk.add_webhook(URL, headers={"X-Secret": "s"}, basic=("u", "p"))
    desk.account.add_ticket("silent")
    ticket = desk.humans.submit_ticket("Loud", "<div>hi</div>", tags=("a", "b"))
    await desk.deliveries.drain()
    [request] = receiver.requests
    assert request.headers["X-Secret"] == "s"
    assert request.headers["Authorization"] == "Basic dTpw"
    body = json.loads(request.body)["freshdesk_webhook"]
    assert body["ticket_id"] == ticket.id
    assert body["ticket_status"] == "Open"
    assert body["ticket_description"] == "<div>hi</div>\n\n"
    assert body["ticket_tags"] == "a, b"
    assert body["ticket_group_name"] == ""
    assert body["triggered_event"] == "{ticket_action:created}"


async def test_performer_decides_and_api_writes_count_as_the_agents(
    desk: Simulator, receiver: Receiver
) -> None:
    ticket = desk.account.add_ticket("s", status=4)
    desk.add_webhook(URL, rule=update_rule(Performer.REQUESTER, UpdateFilter("reply")))
    agents = update_rule(Performer.AGENT, UpdateFilter("priority"))
    desk.add_webhook(URL, rule=Rule("agents", "update", (), agents.events, Performer.AGENT))
    desk.humans.reply(ticket.id, "by an agent")
    desk.humans.customer_replies(ticket.id, "by the requester")
    async with desk.client() as client:
        await client.put(f"/tickets/{ticket.id}", json={"priority": 4})
        desk.turn(api_writes_fire_rules=False)
        await client.put(f"/tickets/{ticket.id}", json={"priority": 3})
    await desk.deliveries.drain()
    assert receiver.events == ["{reply_sent:sent}", "{priority:{from:1,to:4}}"]


async def test_agent_list_spares_the_bot(desk: Simulator, receiver: Receiver) -> None:
    alice, *_, bot = desk.account.agents
    desk.add_webhook(URL, rule=update_rule(Performer.AGENT, agents=frozenset({alice})))
    ticket = desk.account.add_ticket("s")
    async with desk.client() as client:
        await client.put(f"/tickets/{ticket.id}", json={"status": 3})
    desk.humans.update(ticket.id, by=bot, priority=2)
    desk.humans.update(ticket.id, by=alice, priority=3)
    await desk.deliveries.drain()
    assert receiver.events == ["{priority:{from:2,to:3}}"]


async def test_first_matching_change_is_named(desk: Simulator, receiver: Receiver) -> None:
    rule = update_rule(
        Performer.AGENT, UpdateFilter("status", new=6), UpdateFilter("note", private=True)
    )
    desk.add_webhook(URL, rule=rule)
    ticket = desk.account.add_ticket("s")
    desk.humans.update(ticket.id, priority=2, status=3)
    desk.humans.update(ticket.id, priority=3, status=6)
    desk.humans.note(ticket.id, "public", private=False)
    desk.humans.note(ticket.id, "private")
    await desk.deliveries.drain()
    assert receiver.events == ["{status:{from:3,to:6}}", "{note_type:private}"]


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        (Condition("source", "is", 1), True),
        (Condition("source", "is_not", 1), False),
        (Condition("subject", "contains", "ea"), True),
        (Condition("tags", "contains", "vip"), True),
        (Condition("priority", "greater", 2), False),
        (Condition("priority", "less", 2), True),
        (Condition("custom_fields.cf_items", "is", None), True),
    ],
)
async def test_conditions(
    desk: Simulator, receiver: Receiver, condition: Condition, *, fires: bool
) -> None:
    desk.add_webhook(URL, rule=Rule("r", "creation", (), conditions=(condition,)))
    desk.humans.submit_ticket("Beans", tags=("vip",))
    await desk.deliveries.drain()
    assert bool(receiver.requests) == fires


async def test_a_bot_that_answers_its_own_echo_loops(virtual_clock: VirtualClock) -> None:
    desk = Simulator(english_account(virtual_clock), knobs=Knobs.calm())
    client = desk.client()

    async def careless(request: DeliveryRequest) -> int:
        priority = 1 + (desk.account.ticket(request.ticket_id).priority % 4)
        reply = await client.put(f"/tickets/{request.ticket_id}", json={"priority": priority})
        return reply.status_code

    desk.deliveries.transport = careless
    desk.turn(webhook_delay=(10, 10))
    desk.add_webhook(URL, rule=update_rule(Performer.AGENT))
    ticket = desk.account.add_ticket("s")
    desk.humans.update(ticket.id, priority=2)
    await desk.deliveries.drain(seconds=600)
    await client.aclose()
    assert len(desk.journal.api_writes_to(ticket.id)) == 60


def test_rules_set_each_other_off_but_not_for_ever(desk: Simulator) -> None:
    for old, new in ((1, 2), (2, 1)):
        event = UpdateFilter("priority", old=old, new=new)
        by_system = Rule(f"{old}", "update", (), (event,), Performer.SYSTEM)
        desk.automation.add(by_system.with_actions(SetFields({"priority": old})))
    start = Rule("start", "creation", (SetFields({"priority": 2}),))
    desk.automation.add(start)
    ticket = desk.humans.submit_ticket("s")
    writes = desk.journal.writes_to(ticket.id)
    assert 5 < len(writes) <= 11
    assert {write.actor.kind for write in writes[1:]} == {"system"}


TEMPLATE = '{"freshdesk_webhook":{"ticket_id":"{{ticket.id}}","subject":"{{ ticket.subject }}"}}'
SUBJECT = 'He said "no"\nand left'


async def sent(desk: Simulator, receiver: Receiver, escaping: str, template: str) -> bytes:
    desk.turn(webhook_escaping=escaping)
    desk.add_webhook(URL, template=template)
    desk.humans.submit_ticket(SUBJECT)
    await desk.deliveries.drain()
    return receiver.requests[-1].body


@pytest.mark.parametrize("template", ["", TEMPLATE])
async def test_escaped_bodies_are_json(desk: Simulator, receiver: Receiver, template: str) -> None:
    body = json.loads(await sent(desk, receiver, "escaped", template))["freshdesk_webhook"]
    assert SUBJECT in body.values()
    assert body["ticket_id"] == ("1" if template else 1)


@pytest.mark.parametrize("template", ["", TEMPLATE])
async def test_raw_bodies_break_on_quotes(
    desk: Simulator, receiver: Receiver, template: str
) -> None:
    body = await sent(desk, receiver, "raw", template)
    assert b'said "no"\nand' in body
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(body)


@pytest.mark.parametrize("template", ["", TEMPLATE])
async def test_trailing_comma(desk: Simulator, receiver: Receiver, template: str) -> None:
    body = await sent(desk, receiver, "trailing_comma", template)
    with pytest.raises(ValueError, match=r"trailing comma|Expecting property name"):
        json.loads(body)
    assert json.loads(body.replace(b",}", b"}"))["freshdesk_webhook"]


@pytest.mark.parametrize("template", ["", TEMPLATE])
async def test_form_bodies(desk: Simulator, receiver: Receiver, template: str) -> None:
    body = await sent(desk, receiver, "form", template)
    assert parse_qs(body.decode())["ticket_id"] == ["1"]
    assert receiver.requests[-1].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_api_creation_fires_creation_rules(desk: Simulator, receiver: Receiver) -> None:
    desk.add_webhook(URL)
    body = {
        "subject": "s",
        "description": "d",
        "email": "a@example.com",
        "status": 2,
        "priority": 1,
    }
    async with desk.client() as client:
        await client.post("/tickets", json=body)
    await desk.deliveries.drain()
    assert len(receiver.requests) == 1
