"""What surrounds deployed functions: a simulated Freshdesk and SSM, both on real loopback ports."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from freshdesk_simulator import BOT_KEY, Knobs, Simulator, SystemClock, english_account
from freshdesk_simulator.models import Ticket
from support.lambda_emulator import BUILD, LambdaEmulator
from support.template import ROOT

EVENTS = ROOT / "events"
API_KEY = "/otai-freshdesk/api-key"
WEBHOOK_SECRET = "/otai-freshdesk/webhook-secret"
SWEEP_STATE = "/otai-freshdesk/sweep-state"
SWITCH = "/otai-freshdesk/switch"
SAMPLE_SECRET = "sample-secret-of-at-least-32-characters"


def event(name: str) -> dict[str, Any]:
    """Return a sample event by the name of its file."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def webhook_event(ticket_id: int, **headers: str) -> dict[str, Any]:
    """Return the sample webhook for another ticket, with other headers."""
    sample = event("webhook_created")
    sample["body"] = json.dumps({"freshdesk_webhook": {"ticket_id": ticket_id}})
    sample["headers"] |= headers
    sample["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return sample


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of the built functions, as the template with its defaults makes it.

    Attributes:
        simulator: The Freshdesk account.
        ssm: A client of the Parameter Store.
        environment: The variables of the functions.
        bundle: The bundle to use in place of the built layer's.
        build: The folder `sam build` wrote.
    """

    simulator: Simulator
    ssm: Any
    environment: Mapping[str, str]
    bundle: Path | None = None
    build: Path = BUILD

    def of(self, build: Path) -> "Deployment":
        """Return the same surroundings for functions built elsewhere."""
        return replace(self, build=build)

    def function(self, name: str, **environment: str) -> LambdaEmulator:
        """Return a fresh execution environment of `WebhookFunction` or `SweepFunction`."""
        variables = {**self.environment, **environment}
        if name == "WebhookFunction":
            variables.setdefault("OTAI_WEBHOOK_SECRET", f"ssm:{WEBHOOK_SECRET}")
        if self.bundle:
            variables["OTAI_BUNDLE"] = str(self.bundle)
        return LambdaEmulator(name, variables, build=self.build)

    def add_ticket(self, subject: str, description: str) -> Ticket:
        """Add a ticket without a webhook."""
        return self.simulator.account.add_ticket(subject, description)

    def sweep_state(self) -> dict[str, Any]:
        """Return what the sweep remembers."""
        text = self.ssm.get_parameter(Name=SWEEP_STATE)["Parameter"]["Value"]
        state: dict[str, Any] = json.loads(text)
        return state

    def put_secret(self, name: str, value: str) -> None:
        """Set a SecureString."""
        self.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


@contextmanager
def deployment(bundle: Path | None = None) -> Iterator[Deployment]:
    """Start Freshdesk and SSM, fill in the parameters, and stop both at the end."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        # moto keeps its state in the process, beyond the server's life.
        httpx.post(f"{endpoint}/moto-api/reset", trust_env=False).raise_for_status()
        account = english_account(SystemClock())
        with Simulator(account, knobs=Knobs.calm()) as simulator:
            ssm = boto3.client(
                "ssm",
                endpoint_url=endpoint,
                region_name="eu-central-1",
                aws_access_key_id="emulated",
                aws_secret_access_key="emulated",
            )
            environment = {
                "AWS_ENDPOINT_URL_SSM": endpoint,
                "OTAI_FRESHDESK_URL": simulator.url,
                "OTAI_API_KEY": f"ssm:{API_KEY}",
                "OTAI_CURSOR": f"ssm:{SWEEP_STATE}",
                "OTAI_OVERLAY": f"ssm:{SWITCH}",
                "OTAI_MODE": "live",
                "OTAI_TRIAGE_FROM": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
            }
            made = Deployment(simulator, ssm, environment, bundle)
            made.put_secret(API_KEY, BOT_KEY)
            made.put_secret(WEBHOOK_SECRET, SAMPLE_SECRET)
            for name in (SWEEP_STATE, SWITCH):
                ssm.put_parameter(Name=name, Value="{}", Type="String")
            yield made
    finally:
        server.stop()
