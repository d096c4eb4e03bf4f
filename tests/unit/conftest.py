"""What unit tests of several folders share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from otai_freshdesk.config import secrets
from otai_freshdesk.ssm import ssm_client


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A simulated Parameter Store, and a process that has not talked to any before."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    caches = (ssm_client, secrets._ssm)
    with mock_aws():
        for cached in caches:
            cached.cache_clear()
        yield boto3.client("ssm")
        for cached in caches:
            cached.cache_clear()


@pytest.fixture
def acme_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with an adapter for another ticket system, `AcmeDesk`."""
    packages = tmp_path / "packages"
    info = packages / "acme_desk-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-desk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[otai_freshdesk.ticket_systems]\nAcmeDesk = acme_desk:AcmeDesk\n"
    )
    (packages / "acme_desk.py").write_text(
        "from otai_freshdesk.ticket_systems.base import TicketSystemAdapter\n\n"
        "class AcmeDesk(TicketSystemAdapter):\n"
        "    async def update_ticket(self, ticket_id, data): ...\n"
        "    async def find_tickets(self, query): ...\n"
        "    async def find_first_ticket(self, query): ...\n"
    )
    monkeypatch.syspath_prepend(packages)
