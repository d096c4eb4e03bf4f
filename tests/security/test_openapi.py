"""What is served is what docs/openapi.json says, and no input of any kind ends in a 5xx."""

import json
from importlib.util import find_spec
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from docs.openapi import FILE, text
from otai_freshdesk.web.request import SECRET_HEADER
from otai_freshdesk.web.routes import PATH
from security.conftest import SECRET
from support.served import Served

DESCRIPTION: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OPERATION = schemathesis.openapi.from_dict(
    {name: part for name, part in DESCRIPTION.items() if name != "servers"}
)[PATH]["POST"]
# What breaks the description may be understood all the same: bodies are read leniently.
LENIENT: list[Any] = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in ("negative_data_rejection", "unsupported_method")
]
# The same examples each time: a gate that fails by chance is no gate.
BOUNDED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def send(webhook: Served, case: Case[Any], **headers: str) -> int:
    """Send a case, hold the answer to the description, and return its status."""
    webhook.account.application.clock.advance(60)  # type: ignore[attr-defined]  # a fresh minute
    response = case.call_and_validate(
        base_url=webhook.url,
        headers=headers,
        excluded_checks=LENIENT,
        timeout=20,
    )
    return int(response.status_code)


def test_the_description_is_that_of_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), (
        "write it anew: .venv/bin/python tests/docs/openapi.py"
    )


def test_the_description_costs_a_function_nothing() -> None:
    assert find_spec("otai_freshdesk.web.openapi") is None


@BOUNDED
@given(case=OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE))
def test_what_the_description_allows_is_taken(webhook: Served, case: Case[Any]) -> None:
    assert send(webhook, case, **{SECRET_HEADER: SECRET}) in {200, 202}


@BOUNDED
@given(
    case=OPERATION.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    secret=st.sampled_from([SECRET, "x" * 40]),
)
def test_what_it_forbids_ends_in_no_5xx(webhook: Served, case: Case[Any], secret: str) -> None:
    status = send(webhook, case, **{SECRET_HEADER: secret})

    assert status in {200, 202, 415, 422} if secret == SECRET else status in {401, 415}
