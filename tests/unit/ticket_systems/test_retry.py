import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.ticket_systems.freshdesk import errors
from otai_freshdesk.ticket_systems.freshdesk.retry import (
    AT_ONCE,
    RetryPolicy,
    parse_retry_after,
)

NOW = 1_772_438_400.0  # Mon, 02 Mar 2026 08:00:00 GMT


def api(status: int, retry_after: float | None = None) -> errors.ApiError:
    return errors.api_error(
        status, b"", endpoint="GET /tickets", request_id=None, retry_after=retry_after
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("9", 9.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Mon, 02 Mar 2026 08:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 08:00:30 -0000", 30.0),
        ("Mon, 02 Mar 2026 10:00:30 +0200", 30.0),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0.0),
        ("1000000000", 3600.0),
        ("Mon, 02 Mar 2036 08:00:30 GMT", 3600.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 99 Mar 2026 08:00:30 GMT", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_the_parser(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_a_rate_limit_is_waited_out_with_a_second_and_jitter() -> None:
    policy = RetryPolicy(random=lambda: 0.25)
    assert policy.delay(api(429, 9.0), 1) == 10.25
    assert policy.delay(api(429), 1) == 61.25


def test_a_request_is_sent_five_times_in_two_minutes_at_most() -> None:
    policy = RetryPolicy(random=lambda: 1.0)
    assert [policy.delay(api(500), n) for n in range(1, 6)] == [0.5, 1.0, 2.0, 4.0, None]
    assert RetryPolicy(attempts=20, random=lambda: 1.0).delay(api(500), 19) == 20.0
    assert policy.total == 120.0


def test_server_errors_double_with_full_jitter_up_to_a_bound() -> None:
    policy = RetryPolicy(attempts=9, first_delay=0.5, longest_delay=3.0, random=lambda: 1.0)
    assert [policy.delay(api(500), n) for n in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert RetryPolicy(random=lambda: 0.0).delay(api(500), 1) == 0.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409])
def test_what_will_not_change_is_never_sent_again(status: int) -> None:
    assert RetryPolicy().delay(api(status), 1) is None


def test_neither_a_write_in_doubt_nor_our_own_limits_are_repeated() -> None:
    policy = RetryPolicy()
    assert policy.delay(errors.AmbiguousWriteError("in doubt"), 1) is None
    assert policy.delay(errors.BudgetExhaustedError("full", retry_after=1.0), 1) is None
    assert policy.delay(errors.DeadlineExceededError("late"), 1) is None
    assert policy.delay(errors.ReplyTooLargeError("long"), 1) is None


@given(st.integers(1, 8), st.integers(1, 20))
def test_attempts_are_bounded(attempts: int, attempt: int) -> None:
    policy = RetryPolicy(attempts=attempts)
    assert (policy.delay(api(503), attempt) is None) == (attempt >= attempts)


@pytest.mark.parametrize(
    "error",
    [
        api(429, 0.0),
        api(500),
        errors.ReplyLostError("slow", timed_out=True),
        errors.ConnectionFailedError("down"),
    ],
)
def test_at_once_never_waits(error: errors.FreshdeskError) -> None:
    assert AT_ONCE.delay(error, 1) is None


def test_at_once_tries_a_stale_connection_once_more_without_waiting() -> None:
    broken = errors.ReplyLostError("broken", timed_out=False)
    assert AT_ONCE.delay(broken, 1) == 0.0
    assert AT_ONCE.delay(broken, 2) is None


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"first_delay": 0.0}, {"longest_delay": -1.0}, {"total": 0.0}]
)
def test_a_policy_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(errors.ConfigurationError):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
