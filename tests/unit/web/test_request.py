"""What a webhook request must look like, in the order in which it is checked."""

import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.config.errors import SecretError
from otai_freshdesk.config.secrets import Secret, WebhookSecrets
from otai_freshdesk.web.body import ticket_id
from otai_freshdesk.web.errors import (
    NotReadyError,
    RequestError,
    TooLargeError,
    UnauthorisedError,
    UnprocessableError,
    UnsupportedTypeError,
)
from otai_freshdesk.web.request import RequestGuard, WebhookRequest

SECRET = "correct-horse-battery-staple-0123456789"
OLD_SECRET = "an-older-secret-that-is-still-in-rotation"
JSON = {"content-type": "application/json"}
GOOD = b'{"freshdesk_webhook": {"ticket_id": 11}}'


class Vault:
    """A place where secrets are kept, and how often it was asked."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.broken = False
        self.fetched: list[bool] = []

    def fetch(self, _name: str, refresh: bool) -> str:
        self.fetched.append(refresh)
        if self.broken:
            raise SecretError("the vault does not answer")
        return self.value


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vault() -> Vault:
    return Vault(SECRET)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def guard(vault: Vault, watch: Watch) -> RequestGuard:
    secret = Secret("ssm:/webhook", {"ssm": vault.fetch})
    return RequestGuard(WebhookSecrets(secret, watch), max_body_bytes=1024)


def request(body: bytes = GOOD, **headers: str) -> WebhookRequest:
    shown = {"x-otai-secret": SECRET} | JSON
    return WebhookRequest(shown | {k.replace("_", "-"): v for k, v in headers.items()}, body)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"otai:{password}".encode()).decode()


def test_a_good_request_gives_the_ticket_id(guard: RequestGuard) -> None:
    assert guard.ticket_id(request()) == 11


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (request(b"x" * 1025, content_type="text/xml", x_otai_secret=""), TooLargeError),
        (request(b"x", content_type="text/xml", x_otai_secret=""), UnsupportedTypeError),
        (request(b"x", content_type=""), UnsupportedTypeError),
        (request(b"x", x_otai_secret=""), UnauthorisedError),
        (request(b"x", x_otai_secret="wrong"), UnauthorisedError),
        (request(b"x", x_otai_secret="ünïcode-sécret-of-thirty-two-characters"), UnauthorisedError),
        (request(b"x", x_otai_secret="s" * 1_000_000), UnauthorisedError),
        (request(b"x", x_otai_secret="\ud800" * 40), UnauthorisedError),
        (request(b"x"), UnprocessableError),
        (request(b""), UnprocessableError),
    ],
)
def test_the_first_check_that_fails_answers(
    guard: RequestGuard, wrong: WebhookRequest, error: type[RequestError]
) -> None:
    with pytest.raises(error):
        guard.ticket_id(wrong)


def test_the_secret_may_come_as_basic_password(guard: RequestGuard) -> None:
    assert guard.ticket_id(request(x_otai_secret="", authorization=basic(SECRET))) == 11


def test_a_form_is_taken_and_its_type_may_name_a_charset(guard: RequestGuard) -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"

    assert guard.ticket_id(request(b"payload=x&ticket_id=11", content_type=form)) == 11
    assert guard.ticket_id(request(b'{"a": "&ticket_id=9", "id": 11}')) == 11


def test_json_by_its_other_name_is_taken(guard: RequestGuard) -> None:
    assert guard.ticket_id(request(content_type="Text/JSON")) == 11


def test_a_body_of_just_the_limit_is_taken(guard: RequestGuard) -> None:
    assert guard.ticket_id(request(GOOD.ljust(1024))) == 11


def test_credentials_with_anything_else_in_them_are_refused(guard: RequestGuard) -> None:
    shown = basic(SECRET).replace("Basic ", "Basic !")
    with pytest.raises(UnauthorisedError):
        guard.ticket_id(request(x_otai_secret="", authorization=shown))


@pytest.mark.parametrize("header", [basic("wrong"), "Basic !!!", "Basic", "Bearer x", SECRET])
def test_a_wrong_authorization_header_is_refused(guard: RequestGuard, header: str) -> None:
    with pytest.raises(UnauthorisedError):
        guard.ticket_id(request(x_otai_secret="", authorization=header))


def test_two_secrets_are_valid_during_a_rotation(guard: RequestGuard, vault: Vault) -> None:
    vault.value = f"{SECRET}\n{OLD_SECRET}\n"

    assert guard.ticket_id(request(x_otai_secret=OLD_SECRET)) == 11
    assert guard.ticket_id(request(x_otai_secret=SECRET)) == 11


def test_a_rotated_secret_is_found_without_a_deployment(guard: RequestGuard, vault: Vault) -> None:
    guard.ticket_id(request())
    vault.value = "a-brand-new-secret-of-thirty-two-characters"

    assert guard.ticket_id(request(x_otai_secret=vault.value)) == 11
    with pytest.raises(UnauthorisedError):
        guard.ticket_id(request(x_otai_secret=SECRET))


def test_a_stranger_cannot_make_us_fetch_all_the_time(
    guard: RequestGuard, vault: Vault, watch: Watch
) -> None:
    for _ in range(20):
        with pytest.raises(UnauthorisedError):
            guard.ticket_id(request(x_otai_secret="wrong"))
    assert vault.fetched.count(True) == 1

    watch.now += 31
    with pytest.raises(UnauthorisedError):
        guard.ticket_id(request(x_otai_secret="wrong"))
    assert vault.fetched.count(True) == 2


def test_an_old_secret_ends_with_the_cache_and_not_with_the_process(
    guard: RequestGuard, vault: Vault
) -> None:
    guard.ticket_id(request())
    vault.value = "a-brand-new-secret-of-thirty-two-characters"

    with pytest.raises(UnauthorisedError):
        guard.ticket_id(request(x_otai_secret=SECRET))


def test_while_secrets_cannot_be_fetched_the_last_known_ones_hold(
    guard: RequestGuard, vault: Vault
) -> None:
    guard.ticket_id(request())
    vault.broken = True

    assert guard.ticket_id(request()) == 11


@pytest.mark.parametrize("value", ["short", "", f"{SECRET}\n{OLD_SECRET}\n{SECRET}"])
def test_unusable_secrets_are_our_own_fault(guard: RequestGuard, vault: Vault, value: str) -> None:
    vault.value = value

    with pytest.raises(NotReadyError):
        guard.ticket_id(request())


@pytest.mark.parametrize(
    "body",
    [
        {"freshdesk_webhook": {"ticket_id": 11}},
        {"freshdesk_webhook": {"ticket_id": "11", "triggered_event": "{ticket_action:created}"}},
        {"ticket_id": 11},
        {"ticket_id": 11.0},
        {"ticket_id": " 11 "},
        {"freshdesk_webhook": {"id": 11, "ticket_subject": "My ticket_id: 99"}},
        {"id": "11"},
    ],
)
def test_ids_in_json(body: Mapping[str, object]) -> None:
    assert ticket_id(json.dumps(body).encode()) == 11


@pytest.mark.parametrize(
    "body",
    [
        b'{"freshdesk_webhook":{"ticket_id":"11","ticket_subject":"He said "no"",}}',
        b'{"freshdesk_webhook":{"ticket_id":11,"ticket_description":"<div>a\nb</div>\n\n"}}',
        b'{"freshdesk_webhook":{"ticket_id":11,},}',
        b"{'freshdesk_webhook':{'ticket_id':'11'}}",
        b"{freshdesk_webhook:{ticket_id:11}}",
        b'\xff\xfe{"ticket_id": 11, "ticket_subject": "\xe4"}',
        b'{"ticket_id" : "11", "ticket_subject": "ticket_id: 99',
        b'{"ticket_id": 11, "ticket_subject": "Hi", "ticket_id": 99, "x": ""}',
        b'{"freshdesk_webhook": {"ticket_id": 11}, "freshdesk_webhook": {"ticket_id": 99}}',
        b'\xef\xbb\xbf{"id": 11}',
    ],
)
def test_ids_in_broken_json(body: bytes) -> None:
    assert ticket_id(body) == 11


@pytest.mark.parametrize(
    "body",
    [
        b"ticket_id=11",
        b"freshdesk_webhook%5Bticket_id%5D=11&freshdesk_webhook%5Bticket_subject%5D=x",
        b"payload=%7B%22ticket_id%22%3A11%7D",
    ],
)
def test_ids_in_forms(body: bytes) -> None:
    assert ticket_id(body, form=True) == 11


@pytest.mark.parametrize(
    "found",
    [
        "INC-12",
        "SR-12",
        "",
        "0",
        0,
        -1,
        1.5,
        1e300,
        float("inf"),
        True,
        None,
        [],
        {},
        "12a",
        10**400,
        2**63,
        "٣",
    ],
    ids=repr,
)
def test_what_is_no_freshdesk_id_is_refused(found: object) -> None:
    body = json.dumps({"freshdesk_webhook": {"ticket_id": found}}).encode()

    with pytest.raises(UnprocessableError):
        ticket_id(body)


junk = st.one_of(
    st.binary(max_size=2000),
    st.text(max_size=2000).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["freshdesk_webhook", "ticket_id", "id", "x"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
)


@given(body=junk, form=st.booleans())
def test_any_body_gives_an_id_or_is_refused(body: bytes, form: bool) -> None:
    try:
        found = ticket_id(body, form=form)
    except UnprocessableError:
        return
    assert 0 < found < 2**63


@given(
    number=st.integers(1, 2**63 - 1),
    subject=st.text(max_size=60),
    comma=st.booleans(),
)
def test_the_id_is_found_whatever_text_is_pasted_behind_it(
    number: int, subject: str, comma: bool
) -> None:
    pasted = f'"ticket_id":"{number}","ticket_subject":"{subject}"{"," * comma}'
    body = f'{{"freshdesk_webhook":{{{pasted}}}}}'

    try:
        expected = json.loads(body)["freshdesk_webhook"]["ticket_id"]
    except ValueError:
        expected = number  # the paste broke the JSON
    assert ticket_id(body.encode("utf-8", "surrogatepass")) == int(expected)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(UnprocessableError):
        ticket_id(b"[" * 60_000)
