"""What unit tests of several folders share."""

from collections.abc import Iterator
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
