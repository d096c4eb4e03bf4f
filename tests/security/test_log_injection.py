"""What a customer, an agent or a broken server writes forges no line and steers no terminal."""

import io
import json
import logging
import unicodedata

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.application.outcome import Outcome, Status
from otai_freshdesk.cli.output import note, print_json, print_line, printable, warn
from otai_freshdesk.cli.serving import PlainFormatter
from otai_freshdesk.domain.policy import Decision, FieldDecision, Verdict
from otai_freshdesk.domain.ticket import Changes
from otai_freshdesk.jsontext import dumps
from otai_freshdesk.observability import log_outcome, logger
from otai_freshdesk.ticket_systems.freshdesk.errors import api_error
from otai_freshdesk.web.routes import PATH
from security.conftest import SECRET
from support.served import Served

HOSTILE = 'ok"\r\n{"level":"INFO","message":"forged"}\x1b[2J\x9b31m\u2028end\x7f\x00\x85\ud800'
FIELD = FieldDecision(
    field="group",
    before=HOSTILE,
    label="billing",
    value=HOSTILE,
    probability=0.9,
    threshold=0.8,
    verdict=Verdict.WRITE,
)
OUTCOME = Outcome(
    ticket_id=7,
    status=Status.DEFERRED,
    reason=HOSTILE,
    decision=Decision((FIELD,), Changes()),
    written=Changes({"group": HOSTILE}, (HOSTILE,)),
    refused=frozenset({HOSTILE}),
)


def is_harmless(text: str) -> bool:
    """Tell whether `text` is one line that prints as it reads."""
    return text.isprintable()


def test_the_json_log_has_one_line_an_event() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    quiet = logging.getLogger(logger.name)
    quiet.addHandler(handler)
    try:
        log_outcome(OUTCOME)
    finally:
        quiet.removeHandler(handler)

    [line] = stream.getvalue().splitlines()
    assert is_harmless(line)
    assert json.loads(line)["message"] == "ticket"
    assert json.loads(line)["ticket"]["reason"] == HOSTILE


def test_the_plain_log_has_one_line_an_event() -> None:
    record = logging.makeLogRecord(
        {"msg": "ticket", "reason": HOSTILE, "ticket": OUTCOME.as_record()}
    )

    line = PlainFormatter("%(levelname)s %(message)s").format(record)

    assert is_harmless(line)


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False) | st.text() | st.characters(categories=["Cs"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_any_document_is_one_encodable_line_and_itself_again(document: object) -> None:
    line = dumps(document)

    line.encode()
    assert len(line.splitlines()) == 1
    assert not any(unicodedata.category(character) == "Cc" for character in line)
    assert json.loads(line) == document


def test_nothing_on_the_terminal_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for show in (note, warn, print_line):
        show(HOSTILE)
    print_json({HOSTILE: HOSTILE})

    written = capsys.readouterr()
    for line in (written.out + written.err).split("\n"):
        assert is_harmless(line), ascii(line)


def test_printable_is_one_line() -> None:
    assert is_harmless(printable(HOSTILE))


@pytest.mark.parametrize(
    "body",
    [
        {"code": HOSTILE, "message": HOSTILE},
        {"description": HOSTILE, "errors": [{"field": HOSTILE, "code": HOSTILE}]},
        {"errors": [{"field": HOSTILE}, HOSTILE, None]},
    ],
)
@pytest.mark.parametrize("status", [400, 403, 409, 500])
def test_an_error_of_freshdesks_is_one_line(body: object, status: int) -> None:
    error = api_error(
        status, json.dumps(body).encode(), endpoint="GET /x", request_id=None, retry_after=None
    )

    assert is_harmless(str(error))


def test_a_group_with_such_a_name_is_answered_as_json(webhook: Served) -> None:
    account = webhook.account
    group = account.simulator.account.add_group(HOSTILE)
    ticket_id = account.add("Hello", group_id=group.id)

    answer = httpx.post(
        webhook.url + PATH, json={"ticket_id": ticket_id}, headers={"X-OTAI-Secret": SECRET}
    )

    assert answer.status_code == 200
    assert answer.json()["ticket_id"] == ticket_id
    assert is_harmless(answer.text)
