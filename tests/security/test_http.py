"""Bytes on a socket: what no HTTP client would send."""

import contextlib
import gzip
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from otai_freshdesk.web.routes import PATH
from security.conftest import SECRET
from support.served import Served

PATIENCE = 10.0
BODY = b'{"ticket_id": 1}'


def exchange(webhook: Served, head: str | bytes, body: bytes = b"") -> bytes:
    """Send a request as it is and return all that comes back before the connection ends."""
    address = urlsplit(webhook.url)
    raw = head.encode("latin-1") if isinstance(head, str) else head
    answer = b""
    with socket.create_connection((address.hostname, address.port), PATIENCE) as caller:
        # It may not want to hear more; what it said may still be there.
        with contextlib.suppress(OSError):
            caller.sendall(raw + b"Connection: close\r\n\r\n" + body)
        with contextlib.suppress(ConnectionError):
            while piece := caller.recv(65536):
                answer += piece
    return answer


def head(*lines: str, body: bytes = BODY, secret: str = SECRET) -> str:
    """Return the head of a good request, with `lines` added."""
    usual = (
        f"POST {PATH} HTTP/1.1",
        "Content-Type: application/json",
        f"X-OTAI-Secret: {secret}",
        f"Content-Length: {len(body)}",
    )
    return "".join(f"{line}\r\n" for line in (*usual, *lines))


def status(answer: bytes) -> int:
    """Return an answer's status; 0 where the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


HOST = "Host: otai.example"


def test_a_good_request_is_taken(webhook: Served) -> None:
    assert status(exchange(webhook, head(HOST), BODY)) == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: evil.example"],
        ["Host: evil.example:99999"],
        ["Host: 169.254.169.254"],
        [HOST, "X-Forwarded-Host: evil.example", "X-Forwarded-For: 127.0.0.1"],
        [HOST, "Forwarded: host=evil.example;for=127.0.0.1"],
        [HOST, "X-Original-URL: /evil.example", "X-Rewrite-URL: /evil.example"],
        [HOST, "X-HTTP-Method-Override: DELETE"],
        [HOST, "Origin: https://evil.example", "Referer: https://evil.example"],
    ],
    ids=str,
)
def test_no_header_leads_elsewhere(webhook: Served, lines: list[str]) -> None:
    calls = len(webhook.account.simulator.journal.calls)

    answer = exchange(webhook, head(*lines), BODY)

    assert status(answer) == 200
    assert b"evil" not in answer
    assert len(webhook.account.simulator.journal.calls) > calls, "Freshdesk was asked, nobody else"


@pytest.mark.parametrize(
    "lines",
    [
        [HOST, "X-Evil: a\rSet-Cookie: a=b"],
        [HOST, "X Evil: a"],
        [HOST, "X-Evil\x00: a"],
        [HOST, ": a"],
        [HOST, "Content-Length: 99"],
        [HOST, "Content-Length: +16"],
        [HOST, "Transfer-Encoding: identity, chunked"],
        [HOST, "Host: evil.example"],
    ],
    ids=repr,
)
def test_a_head_that_could_be_read_in_two_ways(webhook: Served, lines: list[str]) -> None:
    answer = exchange(webhook, head(*lines), BODY)

    assert status(answer) in {0, 200, 400, 401, 422}
    assert b"Set-Cookie" not in answer
    assert answer.count(b"HTTP/1.1 ") <= 1, "one request, one answer"


def test_two_lengths_are_refused(webhook: Served) -> None:
    for line in ("Content-Length: 99", "Transfer-Encoding: identity, chunked"):
        assert status(exchange(webhook, head(HOST, line), BODY)) in {0, 400}


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 40, "x" * 15_000, "\xff" * 40, "\xc3\xbc" * 20, f"{SECRET}x", SECRET[:-1]],
    ids=["none", "wrong", "long", "no utf-8", "umlauts", "one more", "one less"],
)
def test_a_strangers_secret(webhook: Served, secret: str) -> None:
    calls = len(webhook.account.simulator.journal.calls)

    assert status(exchange(webhook, head(HOST, secret=secret), BODY)) == 401
    assert len(webhook.account.simulator.journal.calls) == calls


def test_a_secret_of_a_megabyte_is_not_even_read(webhook: Served) -> None:
    started = time.monotonic()

    assert status(exchange(webhook, head(HOST, secret="x" * 1_000_000), BODY)) in {0, 400, 431}
    assert time.monotonic() - started < PATIENCE
    assert status(exchange(webhook, head(HOST), BODY)) == 200, "and the next one is served"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":' * 12_000, 422),
        (b"[" * 65_000, 422),
        (b'{"freshdesk_webhook":' * 2500 + b"1" + b"}" * 2500, 422),
        (b" " * 65_537, 413),
        (b"9" * 60_000, 422),
        (b'{"ticket_id": ' + b"9" * 60_000 + b"}", 422),
        (gzip.compress(b" " * 30_000_000), 422),
        (gzip.compress(BODY), 422),
    ],
    ids=["deep", "open", "wrapped", "large", "digits", "a long id", "gzip bomb", "gzip"],
)
def test_bodies_that_cost_more_than_they_say(webhook: Served, body: bytes, expected: int) -> None:
    encoding = ["Content-Encoding: gzip"] if body[:2] == b"\x1f\x8b" else []
    started = time.monotonic()

    answer = exchange(webhook, head(HOST, *encoding, body=body), body)

    assert status(answer) == expected
    assert time.monotonic() - started < PATIENCE


def test_a_body_in_endless_pieces_ends_at_the_limit(webhook: Served) -> None:
    lines = head(HOST).replace(f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")
    piece = b"1000\r\n" + b" " * 0x1000 + b"\r\n"

    answer = exchange(webhook, lines, piece * 4000)

    assert status(answer) == 413


def test_an_answer_says_nothing_of_what_serves_it(webhook: Served) -> None:
    answer = exchange(webhook, head(HOST), BODY)

    names = {
        line.partition(b":")[0].lower()
        for line in answer.partition(b"\r\n\r\n")[0].splitlines()[1:]
    }
    assert names <= {
        b"cache-control",
        b"connection",
        b"content-length",
        b"content-type",
        b"date",
        b"x-content-type-options",
    }
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["ticket_id"] == 1
