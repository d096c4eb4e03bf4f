"""The built functions in the Lambda runtime, against a simulated Freshdesk and SSM."""

import json
import re

import pytest

from freshdesk_simulator import BOT_KEY
from freshdesk_simulator.models import Ticket
from support.deployment import (
    API_KEY,
    SAMPLE_SECRET,
    SWITCH,
    WEBHOOK_SECRET,
    Deployment,
    event,
    webhook_event,
)
from support.lambda_emulator import LambdaEmulator

SUBJECT = "Charged twice for invoice 4711"
DESCRIPTION = (
    "<div>Hello, our card was charged twice for invoice 4711 of 12 March. Please refund the "
    "second payment and send us a corrected invoice for our accounting.</div>"
)
MARKER = re.compile(r"otai-[0-9a-f]{6}")


def add_ticket(deployed: Deployment) -> Ticket:
    return deployed.add_ticket(SUBJECT, DESCRIPTION)


def is_marked(deployed: Deployment, ticket: Ticket) -> bool:
    now = deployed.simulator.account.tickets.get(ticket.id)
    return now is not None and any(MARKER.fullmatch(tag) for tag in now.tags)


class TestWebhook:
    def test_the_sample_event_changes_the_ticket(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        ticket = add_ticket(deployed)
        assert ticket.id == 1, "the ticket that events/webhook_created.json names"
        answer = webhook.invoke(event("webhook_created"))
        assert answer["statusCode"] == 200, webhook.log
        assert json.loads(answer["body"])["outcome"] == "triaged"
        [write] = deployed.simulator.journal.api_writes_to(ticket.id)
        assert write.change_of("tags")
        assert write.change_of("group_id")
        assert is_marked(deployed, ticket)

    def test_three_warm_deliveries_write_three_tickets(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        tickets = [add_ticket(deployed) for _ in range(3)]
        for ticket in tickets:
            answer = webhook.invoke(webhook_event(ticket.id))
            assert answer["statusCode"] == 200, webhook.log
        assert [len(deployed.simulator.journal.api_writes_to(t.id)) for t in tickets] == [1, 1, 1]

    def test_a_second_delivery_writes_nothing(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        ticket = add_ticket(deployed)
        for _ in range(3):
            assert webhook.invoke(event("webhook_created"))["statusCode"] == 200
        assert len(deployed.simulator.journal.api_writes_to(ticket.id)) == 1

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"X-OTAI-Secret": "x" * 40}, 401),
            ({"X-OTAI-Secret": ""}, 401),
            ({"Content-Type": "text/plain"}, 415),
        ],
    )
    def test_a_strangers_request_costs_freshdesk_nothing(
        self, deployed: Deployment, webhook: LambdaEmulator, headers: dict[str, str], status: int
    ) -> None:
        ticket = add_ticket(deployed)
        assert webhook.invoke(webhook_event(ticket.id, **headers))["statusCode"] == status
        assert not deployed.simulator.journal.calls

    def test_bodies_that_name_no_ticket_are_refused(self, webhook: LambdaEmulator) -> None:
        empty, huge = event("webhook_created"), event("webhook_created")
        empty["body"] = None
        huge["body"] = "x" * 70_000
        assert webhook.invoke(empty)["statusCode"] == 422
        assert webhook.invoke(huge)["statusCode"] == 413
        assert webhook.invoke(webhook_event(0))["statusCode"] == 422

    def test_a_new_secret_is_taken_without_a_deployment(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        ticket, later = add_ticket(deployed), add_ticket(deployed)
        assert webhook.invoke(webhook_event(ticket.id))["statusCode"] == 200
        new = "another-secret-of-at-least-32-characters"
        deployed.put_secret(WEBHOOK_SECRET, f"{new}\n{SAMPLE_SECRET}")
        assert (
            webhook.invoke(webhook_event(later.id, **{"X-OTAI-Secret": new}))["statusCode"] == 200
        )
        assert webhook.invoke(webhook_event(later.id))["statusCode"] == 200

    def test_the_switch_turns_it_off_without_a_deployment(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        ticket = add_ticket(deployed)
        deployed.ssm.put_parameter(Name=SWITCH, Value='{"mode": "off"}', Overwrite=True)
        assert webhook.invoke(webhook_event(ticket.id))["statusCode"] == 200
        assert not deployed.simulator.journal.writes

    def test_a_hanging_freshdesk_is_left_to_the_sweep_before_the_deadline(
        self, deployed: Deployment, webhook: LambdaEmulator
    ) -> None:
        ticket = add_ticket(deployed)
        deployed.simulator.faults.next("hang", calls=20, seconds=30)
        answer = webhook.invoke(webhook_event(ticket.id))
        assert answer["statusCode"] == 202, webhook.log
        assert json.loads(answer["body"])["outcome"] == "deferred"
        deployed.simulator.faults.clear()
        assert webhook.invoke(webhook_event(ticket.id))["statusCode"] == 200
        assert is_marked(deployed, ticket)


class TestSweep:
    def test_the_sample_event_triages_what_the_webhook_missed(
        self, deployed: Deployment, webhook: LambdaEmulator, sweep: LambdaEmulator
    ) -> None:
        delivered, missed = add_ticket(deployed), add_ticket(deployed)
        webhook.invoke(webhook_event(delivered.id))
        report = sweep.invoke(event("sweep"))
        assert "errorType" not in report, sweep.log
        assert is_marked(deployed, missed)
        journal = deployed.simulator.journal
        assert [len(journal.api_writes_to(t.id)) for t in (delivered, missed)] == [1, 1]
        assert deployed.sweep_state()["cursor"]

    def test_three_warm_sweeps_each_take_what_is_new(
        self, deployed: Deployment, sweep: LambdaEmulator
    ) -> None:
        for _ in range(3):
            ticket = add_ticket(deployed)
            assert "errorType" not in sweep.invoke(event("sweep")), sweep.log
            assert is_marked(deployed, ticket)
        writes = [write.ticket_id for write in deployed.simulator.journal.writes]
        assert sorted(writes) == [1, 2, 3]

    def test_what_a_human_should_mend_is_counted(
        self, deployed: Deployment, webhook: LambdaEmulator, sweep: LambdaEmulator
    ) -> None:
        groups = deployed.simulator.account.groups
        for group_id in list(groups):
            deployed.simulator.account.remove_group(group_id)
        add_ticket(deployed)
        sweep.invoke(event("sweep"))
        webhook.invoke(webhook_event(add_ticket(deployed).id))
        assert '"FieldsRefused":[1.0]' in sweep.log
        assert '"FieldsRefused":[1.0]' in webhook.log

    def test_a_refused_key_fails_the_sweep(
        self, deployed: Deployment, sweep: LambdaEmulator
    ) -> None:
        deployed.put_secret(API_KEY, "unknownkey0123456789")
        add_ticket(deployed)
        assert sweep.invoke(event("sweep"))["errorType"] == "HelpDeskAuthenticationError"

    def test_a_replaced_key_is_taken_without_a_deployment(
        self, deployed: Deployment, sweep: LambdaEmulator
    ) -> None:
        assert "errorType" not in sweep.invoke(event("sweep")), sweep.log
        account = deployed.simulator.account
        [bot] = [agent for agent in account.agents.values() if agent.api_key == BOT_KEY]
        account.change_agent(bot.id, api_key="replaced-api-key")
        deployed.put_secret(API_KEY, "replaced-api-key")
        ticket = add_ticket(deployed)
        assert "errorType" not in sweep.invoke(event("sweep")), sweep.log
        assert is_marked(deployed, ticket)


class TestDiscretion:
    def test_nothing_a_function_writes_holds_text_keys_or_addresses(
        self, deployed: Deployment, webhook: LambdaEmulator, sweep: LambdaEmulator
    ) -> None:
        planted = ("XYZZYSUBJECT", "XYZZYBODY", "xyzzy@customer.example", "Xyzzy Requester")
        requester = deployed.simulator.account.add_contact(planted[3], planted[2])
        for number in range(2):
            deployed.simulator.account.add_ticket(
                f"{planted[0]} refund for invoice {number}",
                f"<div>{planted[1]} write to {planted[2]}, we were charged twice</div>",
                requester=requester,
            )
        webhook.invoke(webhook_event(1))
        webhook.invoke(
            webhook_event(1, **{"X-OTAI-Secret": "wrong-secret-planted-here-0123456789"})
        )
        deployed.simulator.faults.next("server_error", calls=1)
        sweep.invoke(event("sweep"))
        written = webhook.log + sweep.log
        assert '"ticket"' in written, "the outcome itself is logged"
        secrets = (deployed.simulator.api_key, SAMPLE_SECRET, "wrong-secret-planted-here")
        for secret in (*planted, *secrets):
            assert secret.lower() not in written.lower()
