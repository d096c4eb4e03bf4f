"""The parameters of a deployment, against a simulated Parameter Store."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from otai_freshdesk.application.triage import Mode
from otai_freshdesk.cli.parameters import put_secrets, put_switch
from otai_freshdesk.config.overlay import OverlayDocument

PREFIX = "/otai-test"


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("ssm", region_name="eu-central-1")


def stored(ssm: Any, name: str) -> tuple[str, str]:
    parameter = ssm.get_parameter(Name=f"{PREFIX}/{name}", WithDecryption=True)["Parameter"]
    return parameter["Value"], parameter["Type"]


def answers(*given: str) -> Any:
    replies = iter(given)
    return lambda _prompt: next(replies)


def test_secrets_are_stored_encrypted(ssm: Any) -> None:
    assert put_secrets(ssm, PREFIX, answers(" key \n", "s" * 32)) is None
    assert stored(ssm, "api-key") == ("key", "SecureString")
    assert stored(ssm, "webhook-secret") == ("s" * 32, "SecureString")


def test_the_first_secret_is_made_when_none_is_given(ssm: Any) -> None:
    made = put_secrets(ssm, PREFIX, answers("key", ""))
    assert made is not None
    assert len(made) == 64
    assert stored(ssm, "webhook-secret")[0] == made


def test_empty_answers_leave_what_is_there(ssm: Any) -> None:
    put_secrets(ssm, PREFIX, answers("key", "s" * 32))
    assert put_secrets(ssm, PREFIX, answers("", "")) is None
    assert stored(ssm, "webhook-secret")[0] == "s" * 32
    assert stored(ssm, "api-key")[0] == "key"


def test_a_new_secret_keeps_the_present_one_valid_beside_it(ssm: Any) -> None:
    put_secrets(ssm, PREFIX, answers("key", "s" * 32))
    first = put_secrets(ssm, PREFIX, answers("", "new"))
    assert stored(ssm, "webhook-secret")[0] == f"{first}\n{'s' * 32}"
    second = put_secrets(ssm, PREFIX, answers("", "new"))
    assert stored(ssm, "webhook-secret")[0] == f"{second}\n{first}"


def test_nothing_is_stored_when_the_secret_is_too_short(ssm: Any) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        put_secrets(ssm, PREFIX, answers("key", "short"))
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        stored(ssm, "api-key")


@pytest.mark.parametrize("mode", list(Mode))
def test_the_functions_understand_the_switch(ssm: Any, mode: Mode) -> None:
    put_switch(ssm, PREFIX, mode)
    text, kind = stored(ssm, "switch")
    assert kind == "String"
    assert OverlayDocument.model_validate_json(text).mode is mode


def test_switching_keeps_the_thresholds(ssm: Any) -> None:
    ssm.put_parameter(
        Name=f"{PREFIX}/switch", Type="String", Value='{"min_confidence": {"group": 0.95}}'
    )
    put_switch(ssm, PREFIX, Mode.OFF)
    assert json.loads(stored(ssm, "switch")[0]) == {
        "mode": "off",
        "min_confidence": {"group": 0.95},
    }


@pytest.mark.parametrize("broken", ["{", "[]", "3"])
def test_a_switch_that_cannot_be_read_is_replaced(ssm: Any, broken: str) -> None:
    ssm.put_parameter(Name=f"{PREFIX}/switch", Type="String", Value=broken)
    put_switch(ssm, PREFIX, Mode.SHADOW)
    assert json.loads(stored(ssm, "switch")[0]) == {"mode": "shadow"}
