import base64
import gzip
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from freshdesk_simulator import VirtualClock
from otai_freshdesk.ticket_systems.freshdesk import errors
from otai_freshdesk.ticket_systems.freshdesk.budget import Budget, CallKind
from otai_freshdesk.ticket_systems.freshdesk.client import Call, Limits
from otai_freshdesk.ticket_systems.freshdesk.retry import AT_ONCE, RetryPolicy

KEY = "fdk-key-never-to-be-seen"
READ = Call("GET", "/tickets/{id}", id="7")
WRITE = Call("PUT", "/tickets/{id}", id="7", body={"priority": 2}, kind=CallKind.UPDATE)


def ok(body: object = None, **headers: str) -> httpx.Response:
    return httpx.Response(200, json={} if body is None else body, headers=headers)


# What is sent


async def test_a_read(make_client: Any, script: Any) -> None:
    script.then(ok({"id": 7}, **{"X-Request-Id": "abc"}))
    reply = await make_client().call(
        Call("GET", "/tickets/{id}", id="7/..", params=(("email", "a+b@x.de"),))
    )
    (request,) = script.requests
    assert str(request.url) == (
        "https://acme.freshdesk.com/api/v2/tickets/7%2F..?email=a%2Bb%40x.de"
    )
    expected = base64.b64encode(f"{KEY}:X".encode()).decode()
    assert request.headers["authorization"] == f"Basic {expected}"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip"
    assert (reply.status, reply.json, reply.request_id) == (200, {"id": 7}, "abc")


async def test_a_write_is_json(make_client: Any, script: Any) -> None:
    script.then(ok())
    await make_client().call(WRITE)
    (request,) = script.requests
    assert (request.method, request.content) == ("PUT", b'{"priority":2}')
    assert request.headers["content-type"] == "application/json"


async def test_cookies_are_not_kept(make_client: Any, script: Any) -> None:
    script.then(ok(**{"Set-Cookie": "_session=1; Path=/"}))
    client = make_client()
    await client.call(READ)
    await client.call(READ)
    assert "cookie" not in script.requests[1].headers


async def test_links_to_further_pages(make_client: Any, script: Any) -> None:
    script.then(ok([], Link='<https://acme.freshdesk.com/x?page=2>; rel="next"'), ok([]))
    client = make_client()
    first, last = await client.call(READ), await client.call(READ)
    assert (first.has_link, first.has_next) == (True, True)
    assert (last.has_link, last.has_next) == (False, False)


async def test_an_empty_reply_is_none(make_client: Any, script: Any) -> None:
    script.then(httpx.Response(204))
    assert (await make_client().call(WRITE)).json is None


# What goes wrong


async def test_server_errors_of_reads_are_retried(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(502, html="<h1>"), httpx.Response(503), ok({"id": 7}))
    assert (await make_client().call(READ)).json == {"id": 7}
    assert clock.monotonic() == pytest.approx(0.25 + 0.5)


async def test_attempts_end(make_client: Any, script: Any) -> None:
    script.then(httpx.Response(500))
    with pytest.raises(errors.ServerError):
        await make_client(retry=RetryPolicy(attempts=3)).call(READ)
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409])
async def test_refusals_are_not_repeated(make_client: Any, script: Any, status: int) -> None:
    script.then(httpx.Response(status))
    with pytest.raises(errors.ApiError) as caught:
        await make_client().call(READ)
    assert (caught.value.status, len(script.requests)) == (status, 1)


async def test_retry_after_is_waited_out_by_every_call(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(429, headers={"Retry-After": "9"}), ok(), ok())
    client = make_client()
    await client.call(READ)
    assert clock.monotonic() == pytest.approx(10.5)
    await client.call(READ)
    assert clock.monotonic() == pytest.approx(10.5)


async def test_a_rate_limited_write_is_sent_again(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(429, text="slow down"), ok())
    await make_client().call(WRITE)
    assert clock.monotonic() == pytest.approx(61.5)
    assert len(script.requests) == 2


async def test_no_wait_reaches_beyond_the_deadline(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(429, headers={"Retry-After": "9"}))
    with pytest.raises(errors.RateLimitedError):
        await make_client().call(READ, deadline=clock.monotonic() + 10)
    assert clock.monotonic() == 0.0
    assert len(script.requests) == 1


async def test_a_deadline_in_the_past_sends_nothing(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    budget = Budget(clock)
    clock.advance(5)
    with pytest.raises(errors.DeadlineExceededError):
        await make_client(budget=budget).call(READ, deadline=clock.monotonic())
    assert script.requests == []
    assert budget.state().spent == 0


async def test_the_webhook_s_client_never_sleeps(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(429, headers={"Retry-After": "9"}))
    client = make_client(retry=AT_ONCE)
    with pytest.raises(errors.RateLimitedError):
        await client.call(READ)
    # Until the time named has passed, it does not even ask.
    with pytest.raises(errors.BudgetExhaustedError):
        await client.call(READ)
    assert (clock.monotonic(), len(script.requests)) == (0.0, 1)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("closed"),
        TimeoutError(),
        httpx.Response(500),
        httpx.Response(502, html="<h1>"),
        httpx.Response(200, html="<h1>login</h1>"),
        httpx.Response(200, content=b'{"id": ', headers={"Content-Type": "application/json"}),
    ],
)
async def test_a_write_in_doubt_is_not_repeated(
    make_client: Any, script: Any, trouble: Any
) -> None:
    script.then(trouble, ok())
    with pytest.raises(errors.AmbiguousWriteError) as caught:
        await make_client().call(WRITE)
    assert len(script.requests) == 1
    assert isinstance(caught.value.__cause__, errors.FreshdeskError)


@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")],
)
async def test_a_write_that_was_never_sent_is_repeated(
    make_client: Any, script: Any, clock: VirtualClock, trouble: Any
) -> None:
    budget = Budget(clock)
    script.then(trouble, ok())
    await make_client(budget=budget).call(WRITE)
    assert len(script.requests) == 2
    assert budget.state().spent == 1


async def test_a_lost_reply_to_a_read_is_asked_for_again(make_client: Any, script: Any) -> None:
    script.then(httpx.RemoteProtocolError("closed"), ok({"id": 7}))
    assert (await make_client(retry=AT_ONCE).call(READ)).json == {"id": 7}


async def test_a_redirect_is_not_followed(make_client: Any, script: Any) -> None:
    script.then(httpx.Response(302, headers={"Location": "https://evil.example/?secret"}))
    with pytest.raises(errors.RedirectError, match="subdomain") as caught:
        await make_client().call(WRITE)
    assert "evil" not in str(caught.value)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, text="{}"),
        httpx.Response(200, html="<h1>"),
        httpx.Response(200, content=b"{", headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b"\xff", headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b"[" * 200_000, headers={"Content-Type": "application/json"}),
    ],
)
async def test_only_json_is_read(make_client: Any, script: Any, reply: httpx.Response) -> None:
    script.then(reply)
    with pytest.raises(errors.MalformedReplyError, match="not JSON") as caught:
        await make_client(retry=RetryPolicy(attempts=1)).call(READ)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_json_with_a_charset_is_read(make_client: Any, script: Any) -> None:
    script.then(
        httpx.Response(200, content=b"[]", headers={"Content-Type": "Application/JSON; charset=x"})
    )
    assert (await make_client().call(READ)).json == []


async def test_a_reply_that_was_read_already_is_bounded_too(make_client: Any, script: Any) -> None:
    script.then(ok({"x": "y" * 1000}))
    with pytest.raises(errors.ReplyTooLargeError, match="per_page"):
        await make_client(limits=Limits(reply_bytes=1000)).call(READ)


class Streamed(httpx.AsyncBaseTransport):
    """Sends a raw body in pieces, as the network does."""

    def __init__(self, *pieces: bytes, encoding: str = "gzip") -> None:
        self.pieces = pieces
        self.encoding = encoding
        self.sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Content-Encoding": self.encoding}
        return httpx.Response(200, headers=headers, content=self._stream())

    async def _stream(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.sent += 1
            yield piece


async def test_gzip_in_pieces(make_client: Any) -> None:
    packed = gzip.compress(b'{"id": 7}')
    transport = Streamed(*(packed[i : i + 1] for i in range(len(packed))))
    assert (await make_client(transport=transport).call(READ)).json == {"id": 7}


async def test_a_gzip_bomb_is_not_unpacked(make_client: Any) -> None:
    bomb = gzip.compress(b'"' + b"0" * 50_000_000 + b'"')
    transport = Streamed(bomb[:20_000], *[bomb[20_000:]] * 50)
    with pytest.raises(errors.ReplyTooLargeError):
        await make_client(transport=transport, limits=Limits(reply_bytes=1_000_000)).call(READ)
    assert transport.sent == 1


@pytest.mark.parametrize(
    "pieces",
    [
        (b"no gzip at all",),
        (gzip.compress(b'{"id": 7}')[:-9],),
        (gzip.compress(b"{}" * 500)[:20], b"\x00" * 500),
    ],
)
async def test_damaged_gzip_is_a_lost_reply(make_client: Any, pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(errors.ReplyLostError):
        await make_client(transport=Streamed(*pieces), retry=RetryPolicy(attempts=1)).call(READ)


async def test_an_encoding_not_asked_for_is_refused(make_client: Any) -> None:
    transport = Streamed(b"{}", encoding="br")
    with pytest.raises(errors.MalformedReplyError, match="encoding"):
        await make_client(transport=transport, retry=RetryPolicy(attempts=1)).call(READ)


# The key


class Vault:
    """A secret store whose key may be renewed; counts how often it is asked."""

    def __init__(self, *keys: str | Exception) -> None:
        self.keys = list(keys)
        self.asked: list[bool] = []

    def get(self, refresh: bool) -> str:
        self.asked.append(refresh)
        if refresh and len(self.keys) > 1:
            self.keys.pop(0)
        if isinstance(self.keys[0], Exception):
            raise self.keys[0]
        return self.keys[0]


def accepting(key: str) -> Callable[[httpx.Request], httpx.Response]:
    good = base64.b64encode(f"{key}:X".encode()).decode()

    def answer(request: httpx.Request) -> httpx.Response:
        return ok() if request.headers["authorization"] == f"Basic {good}" else httpx.Response(401)

    return answer


async def test_a_renewed_key_is_fetched_once_after_a_401(make_client: Any, script: Any) -> None:
    script.then(accepting("new-key"))
    vault = Vault("old-key", "new-key\n")
    client = make_client(api_key=vault)
    await client.call(WRITE)
    await client.call(WRITE)
    assert vault.asked == [False, True]
    assert len(script.requests) == 3


async def test_a_wrong_key_is_fetched_again_at_most_every_30_s(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    script.then(httpx.Response(401))
    vault = Vault("wrong-key")
    client = make_client(api_key=vault)
    for _ in range(3):
        with pytest.raises(errors.AuthenticationError):
            await client.call(READ)
    assert vault.asked == [False, True]
    assert len(script.requests) == 3  # the same key is not tried twice
    clock.advance(30)
    with pytest.raises(errors.AuthenticationError):
        await client.call(READ)
    assert vault.asked == [False, True, True]


async def test_two_wrong_keys_are_tried_once_each(make_client: Any, script: Any) -> None:
    script.then(httpx.Response(401))
    with pytest.raises(errors.AuthenticationError):
        await make_client(api_key=Vault("old-key", "new-key")).call(READ)
    assert len(script.requests) == 2


@pytest.mark.parametrize("key", ["", "  ", "two words", "kéy", "key:X", "a\nb"])
async def test_an_impossible_key_is_not_sent(make_client: Any, script: Any, key: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="Copy it again") as caught:
        await make_client(api_key=Vault(key)).call(READ)
    assert script.requests == []
    assert not key.strip() or key not in str(caught.value)


async def test_an_unreadable_key_is_explained(make_client: Any) -> None:
    vault = Vault(PermissionError("arn:aws:secret"))
    with pytest.raises(errors.ConfigurationError, match="PermissionError") as caught:
        await make_client(api_key=vault).call(READ)
    assert "arn" not in str(caught.value)


async def test_a_slow_secret_store_does_not_outlast_the_deadline(
    make_client: Any, script: Any, clock: VirtualClock
) -> None:
    release = threading.Event()

    class SlowVault(Vault):
        def get(self, refresh: bool) -> str:
            release.wait(5)
            return super().get(refresh)

    client = make_client(api_key=SlowVault("key"))
    with pytest.raises(errors.DeadlineExceededError, match="secret store"):
        await client.call(READ, deadline=clock.monotonic() + 0.05)
    release.set()
    script.then(ok({"id": 7}))
    assert (await client.call(READ)).json == {"id": 7}


async def test_our_own_error_of_the_secret_store_is_passed_on(make_client: Any) -> None:
    trouble = errors.ConfigurationError("the secret has no value")
    with pytest.raises(errors.ConfigurationError, match="has no value"):
        await make_client(api_key=Vault(trouble)).call(READ)


# What is seen


async def test_logs_tell_what_happened_and_nothing_of_the_customer(
    make_client: Any, script: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="otai_freshdesk")
    secrets = (KEY, "ann@example.com", "Kaputt", base64.b64encode(f"{KEY}:X".encode()).decode())
    script.then(
        ok([{"subject": "Kaputt"}], **{"X-Request-Id": "r\n1"}),
        httpx.Response(400, json={"message": "ann@example.com", "code": "invalid_value"}),
        httpx.ConnectError("ann@example.com refused"),
        httpx.Response(404),
    )
    client = make_client(retry=RetryPolicy(attempts=1))
    await client.call(Call("GET", "/tickets", params=(("email", "ann@example.com"),)))
    for call in (Call("PUT", "/tickets/{id}", id="7", body={"subject": "Kaputt"}), READ, READ):
        with pytest.raises(errors.FreshdeskError) as caught:
            await client.call(call)
        assert not [secret for secret in secrets if secret in f"{caught.value!s}{caught.value!r}"]
        assert "Kaputt" not in repr(call)
    ours = [record for record in caplog.records if record.name.startswith("otai_freshdesk")]
    assert [(record.levelname, record.getMessage()) for record in ours] == [
        ("DEBUG", "Freshdesk GET /tickets -> 200"),
        ("WARNING", "Freshdesk PUT /tickets/{id} -> 400"),
        ("WARNING", "Freshdesk GET /tickets/{id} -> no reply"),
        ("DEBUG", "Freshdesk GET /tickets/{id} -> 404"),
    ]
    assert ours[0].__dict__["request_id"] == "r1"
    assert not [secret for secret in secrets if secret in caplog.text]
    assert not [record for record in caplog.records if record.name in {"httpx", "httpcore"}]


async def test_repr_shows_the_host_alone(make_client: Any) -> None:
    client = make_client()
    assert repr(client) == "FreshdeskClient(https://acme.freshdesk.com/api/v2)"


async def test_a_twin_of_another_patience_shares_budget_and_pool(
    make_client: Any, script: Any
) -> None:
    script.then(httpx.Response(429, headers={"Retry-After": "9"}))
    client = make_client()
    with pytest.raises(errors.RateLimitedError):
        await client.with_retry(AT_ONCE).call(READ)
    assert client.budget.state().spent == 1
    with pytest.raises(errors.BudgetExhaustedError):
        await client.call(READ, deadline=client.clock.monotonic() + 5)


def test_the_clock_is_the_one_given(make_client: Any, clock: VirtualClock) -> None:
    assert make_client().clock is clock
