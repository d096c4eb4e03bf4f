"""How long the comparison of the webhook secret takes tells nothing of the secret."""

import contextlib
import hmac
import statistics
import time
from collections.abc import Callable

import pytest

from otai_freshdesk.config.secrets import Secret, WebhookSecrets
from otai_freshdesk.web.errors import UnauthorisedError
from otai_freshdesk.web.request import RequestGuard, WebhookRequest, shown_secret

FIRST, SECOND = "correct-horse-battery-staple-0123456789", "an-older-secret-that-is-still-valid-now"
ROUNDS = 600


@pytest.fixture
def guard() -> RequestGuard:
    kept = Secret("env:ANY", {"env": lambda *_: f"{FIRST}\n{SECOND}"})
    return RequestGuard(WebhookSecrets(kept, lambda: 0.0), max_body_bytes=1024)


def show(secret: str) -> WebhookRequest:
    headers = {"content-type": "application/json", "x-otai-secret": secret}
    return WebhookRequest(headers, b'{"ticket_id": 1}')


@pytest.mark.parametrize(
    ("secret", "comparisons"), [(FIRST, 2), (SECOND, 2), ("x" * 40, 2), ("", 2), ("x" * 999, 2)]
)
def test_each_secret_is_compared_whichever_fits(
    guard: RequestGuard, monkeypatch: pytest.MonkeyPatch, secret: str, comparisons: int
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    constant_time = hmac.compare_digest

    def watch(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return constant_time(one, other)

    with pytest.raises(UnauthorisedError):
        guard.ticket_id(show("w" * 40))  # the one refetch of the minute is spent
    monkeypatch.setattr(hmac, "compare_digest", watch)
    with contextlib.suppress(UnauthorisedError):
        guard.ticket_id(show(secret))

    assert len(compared) == comparisons
    assert [other for _, other in compared] == [FIRST.encode(), SECOND.encode()]


def test_a_secret_wrong_at_its_end_takes_as_long_as_one_wrong_at_its_start(
    guard: RequestGuard,
) -> None:
    early, late = show("x" + FIRST[1:]), show(FIRST[:-1] + "x")

    def seconds(request: WebhookRequest) -> float:
        started = time.perf_counter()
        with pytest.raises(UnauthorisedError):
            guard.ticket_id(request)
        return time.perf_counter() - started

    pairs = [(seconds(early), seconds(late)) for _ in range(ROUNDS)]

    one, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    # A comparison that stops at the first difference is some nanoseconds apart, far below what
    # this machine's noise allows; the bound finds what works letter by letter in Python.
    assert 0.5 < one / other < 2.0


@pytest.mark.parametrize(("size", "shown"), [(512, 512), (513, 0)])
def test_a_longer_secret_than_any_is_none(size: int, shown: int) -> None:
    assert len(shown_secret({"x-otai-secret": "x" * size})) == shown


def test_the_comparison_is_not_in_the_interpreters_hands() -> None:
    """`==` on bytes stops at the first difference; compare_digest of C does not."""
    compare: Callable[[bytes, bytes], bool] = hmac.compare_digest
    assert type(compare).__name__ == "builtin_function_or_method"
