"""The shapes and errors that the API answers with."""

import base64

import httpx
import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account

LIST_KEYS = {
    "id", "subject", "status", "priority", "source", "type", "requester_id", "responder_id",
    "group_id", "company_id", "product_id", "email_config_id", "spam", "is_escalated",
    "fr_escalated", "due_by", "fr_due_by", "cc_emails", "fwd_emails", "reply_cc_emails",
    "to_emails", "custom_fields", "created_at", "updated_at", "tags",
}  # fmt: skip
SINGLE_KEYS = LIST_KEYS | {
    "description", "description_text", "support_email", "ticket_cc_emails", "ticket_bcc_emails",
    "nr_escalated", "nr_due_by", "attachments", "association_type", "form_id",
}  # fmt: skip


async def test_list_is_a_bare_array_of_the_documented_keys(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("Printer", "<div>It is <b>jammed</b> &amp; hot</div>")
    rows = (await freshdesk_client.get("/tickets")).json()
    assert [set(row) for row in rows] == [LIST_KEYS]
    assert rows[0]["created_at"] == "2026-03-02T08:00:00Z"


async def test_includes_bring_their_parts_and_their_price(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    freshdesk.account.add_ticket("Printer", "<div>It is <b>jammed</b> &amp; hot</div>")
    reply = await freshdesk_client.get("/tickets?include=description,stats,requester,company")
    row = reply.json()[0]
    added = {"description", "description_text", "stats", "requester", "company"}
    assert set(row) == LIST_KEYS | added
    assert row["description_text"] == "It is jammed & hot"
    assert set(row["requester"]) == {"id", "name", "email", "mobile", "phone"}
    assert reply.headers["X-RateLimit-Used-CurrentRequest"] == "9"
    single = await freshdesk_client.get("/tickets/1?include=conversations")
    assert set(single.json()) == SINGLE_KEYS | {"conversations"}
    assert single.headers["X-RateLimit-Used-CurrentRequest"] == "2"


async def test_single_ticket_has_the_recorded_keys(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    ticket = freshdesk.account.add_ticket("Printer", "<div>x</div>", tags=["vip"])
    reply = await freshdesk_client.get(f"/tickets/{ticket.id}")
    assert set(reply.json()) == SINGLE_KEYS
    assert reply.json()["tags"] == ["vip"]
    assert reply.json()["custom_fields"]["cf_order_number"] is None


async def test_every_reply_carries_the_rate_headers(freshdesk_client: httpx.AsyncClient) -> None:
    for path in ("/agents/me", "/tickets/404", "/nothing"):
        headers = (await freshdesk_client.get(path)).headers
        assert headers["X-RateLimit-Total"] == "200"
        assert headers["X-RateLimit-Used-CurrentRequest"] == "1"
        assert headers["X-Request-Id"]
        assert "X-Freshdesk-API-Version" in headers
    assert headers["X-RateLimit-Remaining"] == "197"


async def test_choices_come_in_five_shapes(freshdesk_client: httpx.AsyncClient) -> None:
    fields = {
        field["name"]: field for field in (await freshdesk_client.get("/ticket_fields")).json()
    }
    assert fields["ticket_type"]["choices"][0] == "Question"
    assert fields["status"]["choices"]["2"] == ["Open", "Being Processed"]
    assert fields["priority"]["choices"] == {"Low": 1, "Medium": 2, "High": 3, "Urgent": 4}
    assert fields["group"]["choices"]["Billing"] > 2**32
    assert fields["cf_category"]["choices"]["Device"]["Printer"] == ["Paper", "Toner"]
    levels = [level["level"] for level in fields["cf_category"]["nested_ticket_fields"]]
    assert levels == [2, 3]
    assert "choices" not in fields["subject"]


async def test_admin_fields_have_a_shape_of_their_own(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient
) -> None:
    fields = (await freshdesk_client.get("/admin/ticket_fields")).json()
    category = next(field for field in fields if field["name"] == "cf_category")
    device = category["choices"][0]
    printer = device["choices"][0]
    assert (device["value"], printer["value"]) == ("Device", "Printer")
    assert printer["parent_choice_id"] == device["id"]
    one = await freshdesk_client.get(f"/admin/ticket_fields/{category['id']}")
    assert one.json() == category
    agent = freshdesk.account.add_agent("Plain", "plain@acme.example")
    async with freshdesk.client(api_key=agent.api_key) as plain:
        assert (await plain.get("/admin/ticket_fields")).status_code == 403
        assert (await plain.get("/account")).status_code == 403


async def test_german_account_speaks_german(german_freshdesk: Simulator) -> None:
    async with german_freshdesk.client() as client:
        groups = {group["name"]: group for group in (await client.get("/groups")).json()}
        fields = (await client.get("/ticket_fields")).json()
    assert {"Buchhaltung", "Technik 1st Level", "Versand", "Vertrieb", "Personal"} <= set(groups)
    assert "Rechnungen" in groups["Buchhaltung"]["description"]
    status = next(field for field in fields if field["name"] == "status")
    assert status["choices"]["2"] == ["Offen", "In Bearbeitung"]


async def test_agents_and_account(freshdesk_client: httpx.AsyncClient) -> None:
    me = (await freshdesk_client.get("/agents/me")).json()
    assert me["contact"]["name"] == "Integration"
    assert me["ticket_scope"] == 1
    found = (await freshdesk_client.get("/agents", params={"email": "bea@acme.example"})).json()
    assert [agent["contact"]["name"] for agent in found] == ["Bea Books"]
    account = (await freshdesk_client.get("/account")).json()
    assert account["account_domain"] == "acme.freshdesk.com"
    assert account["tier_type"] == "Growth"


async def test_wrong_key_wrong_form_wrong_path(freshdesk: Simulator) -> None:
    async with freshdesk.client(api_key="wrong") as stranger:
        reply = await stranger.get("/agents/me")
    assert reply.status_code == 401
    assert reply.json()["code"] == "invalid_credentials"
    async with freshdesk.client() as client:
        assert (await client.get("/tickets/77")).content == b""
        unknown = await client.get("/tickets", headers={"Accept": "text/html"})
        assert unknown.status_code == 406
        xml = {"Content-Type": "application/xml"}
        assert (await client.post("/tickets", content=b"<x/>", headers=xml)).status_code == 415
        broken = {"Content-Type": "application/json"}
        reply = await client.post("/tickets", content=b'{"a":', headers=broken)
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_json")
        wrong_verb = await client.patch("/tickets/1", json={})
        assert wrong_verb.status_code == 405
        assert "It should be one of these method(s): " in wrong_verb.json()["message"]
        doubled = await client.get(f"{freshdesk.url}//api/v2/tickets")
        assert doubled.json()["errors"][0]["field"] == "ticket"


async def test_password_of_an_agent_works_too_and_a_locked_one_does_not(
    freshdesk: Simulator,
) -> None:
    agent = next(iter(freshdesk.account.agents.values()))
    token = base64.b64encode(f"{agent.email}:{agent.password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    async with httpx.AsyncClient(transport=freshdesk.transport(), headers=headers) as client:
        url = f"{freshdesk.url}/api/v2/agents/me"
        assert (await client.get(url)).json()["id"] == agent.id
        freshdesk.account.change_agent(agent.id, locked=True)
        assert (await client.get(url)).json()["code"] == "access_denied"


async def test_ticket_scope_hides_tickets(freshdesk: Simulator) -> None:
    billing = freshdesk.account.group("Billing")
    agent = freshdesk.account.add_agent(
        "Group only", "group@acme.example", groups=[billing], ticket_scope=2
    )
    hidden = freshdesk.account.add_ticket("hidden")
    shown = freshdesk.account.add_ticket("shown", group_id=billing.id)
    async with freshdesk.client(api_key=agent.api_key) as client:
        assert [row["id"] for row in (await client.get("/tickets")).json()] == [shown.id]
        assert (await client.get(f"/tickets/{hidden.id}")).status_code == 403


@pytest.mark.parametrize(("form", "start"), [("html", "<html"), ("json", "{"), ("empty", "")])
async def test_server_errors_come_in_three_forms(
    virtual_clock: VirtualClock, form: str, start: str
) -> None:
    knobs = Knobs.calm(server_error_rate=1.0, server_error_body=form)
    async with Simulator(english_account(virtual_clock), knobs=knobs).client() as client:
        reply = await client.get("/agents/me")
    assert reply.status_code == 502
    assert reply.text.startswith(start)
    assert bool(reply.text) == bool(start)


@pytest.mark.parametrize(("share", "priority"), [(0.0, 1), (1.0, 3)])
async def test_server_error_before_or_after_the_write(
    freshdesk: Simulator, freshdesk_client: httpx.AsyncClient, share: float, priority: int
) -> None:
    freshdesk.account.add_ticket("s")
    freshdesk.turn(server_error_rate=1.0, server_error_after_write=share)
    assert (await freshdesk_client.put("/tickets/1", json={"priority": 3})).status_code == 502
    assert freshdesk.account.ticket(1).priority == priority


async def test_free_plan_has_no_api(virtual_clock: VirtualClock) -> None:
    simulator = Simulator(english_account(virtual_clock, plan="free"), knobs=Knobs.calm())
    async with simulator.client() as client:
        reply = await client.get("/agents/me")
    assert (reply.status_code, reply.json()["code"]) == (403, "require_feature")
