import inspect
import re

import pytest

from otai_freshdesk.ticket_systems.base import TicketSystemError
from otai_freshdesk.ticket_systems.freshdesk import errors

REQUEST_ID = "req-1"


def make(status: int, body: bytes) -> errors.ApiError:
    return errors.api_error(
        status, body, endpoint="PUT /tickets/{id}", request_id=REQUEST_ID, retry_after=9.0
    )


def all_kinds() -> set[type[errors.FreshdeskError]]:
    found = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.FreshdeskError)
    }
    assert errors.ServerError in found
    return found


def test_the_module_draws_every_error_at_its_place_with_its_retryability() -> None:
    drawing = inspect.getdoc(errors) or ""
    depth_of: dict[str, int] = {}
    parents: dict[str, str] = {}
    marked: set[str] = set()
    path: list[tuple[int, str]] = []
    for line in drawing.splitlines():
        found = re.match(r"^([ |`-]*)(\w+Error)\b(.*)", line)
        if not found:
            continue
        depth, name = len(found[1]), found[2]
        depth_of[name] = depth
        path = [step for step in path if step[0] < depth]
        if path:
            parents[name] = path[-1][1]
        path.append((depth, name))
        if "(R)" in found[3]:
            marked.add(name)
    kinds = all_kinds()
    assert set(depth_of) == {kind.__name__ for kind in kinds} | {"TicketSystemError"}
    assert parents == {kind.__name__: kind.__bases__[0].__name__ for kind in kinds}
    assert marked == {kind.__name__ for kind in kinds if kind.retryable}


def test_whatever_may_be_repeated_may_be_retried() -> None:
    for kind in all_kinds():
        assert kind.retryable or not kind.repeatable
        assert kind.__name__.endswith("Error")
        assert issubclass(kind, TicketSystemError)


def test_an_ambiguous_write_is_retried_by_the_caller_only() -> None:
    assert errors.AmbiguousWriteError.retryable
    assert not errors.AmbiguousWriteError.repeatable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, errors.ValidationFailedError, False),
        (401, errors.AuthenticationError, False),
        (403, errors.AccessDeniedError, False),
        (404, errors.NotFoundError, False),
        (405, errors.NotWritableError, False),
        (406, errors.UnexpectedStatusError, False),
        (409, errors.ConflictError, False),
        (415, errors.UnexpectedStatusError, False),
        (429, errors.RateLimitedError, True),
        (500, errors.ServerError, True),
        (503, errors.ServerError, True),
    ],
)
def test_each_status_has_its_error(
    status: int, kind: type[errors.ApiError], *, retryable: bool
) -> None:
    error = make(status, b"")
    assert type(error) is kind
    assert error.status == status
    assert error.retryable is retryable
    assert error.request_id == REQUEST_ID
    assert f"Freshdesk answered {status} to PUT /tickets/{{id}}. {kind.advice}" in str(error)
    assert str(error).endswith("[request id req-1]")


def test_body_with_field_errors() -> None:
    error = make(
        400,
        b'{"description":"Validation failed","errors":[{"field":"status","message":"Value set is '
        b'of type String.It should be one of these values: \'2,3\'","code":"datatype_mismatch"},'
        b'{"field":"type","message":"It should not be blank as this is a mandatory field"},17]}',
    )
    assert [(one.field, one.code) for one in error.field_errors] == [
        ("status", "datatype_mismatch"),
        ("type", ""),
    ]
    assert error.code == "datatype_mismatch"
    assert error.server_message == "Validation failed"
    assert "Fields: status: datatype_mismatch, type." in str(error)


def test_body_with_code_and_message() -> None:
    error = make(401, b'{"code":"invalid_credentials","message":"You have to be logged in."}')
    assert error.code == "invalid_credentials"
    assert error.server_message == "You have to be logged in."
    assert error.field_errors == ()
    assert "answered 401 (invalid_credentials)" in str(error)


def test_body_with_a_message_alone() -> None:
    error = make(405, b'{"message":"PUT method is not allowed."}')
    assert error.code is None
    assert error.server_message == "PUT method is not allowed."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>502 Bad Gateway</h1></html>",
        b"slow down",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe",
        b'{"errors": "no list", "code": 7, "message": null}',
        b"[" * 200_000,
    ],
)
def test_bodies_that_say_nothing(body: bytes) -> None:
    error = make(500, body)
    assert (error.code, error.server_message, error.field_errors) == (None, None, ())


def test_what_freshdesk_quotes_is_in_neither_str_nor_repr() -> None:
    body = (
        b'{"description":"ann@example.com","errors":[{"field":"email","code":"invalid_value",'
        b'"message":"no contact with ann@example.com"}]}'
    )
    error = make(400, body)
    for text in (str(error), repr(error), repr(error.field_errors), repr(error.args)):
        assert "ann@example.com" not in text
    assert "ann@example.com" in error.field_errors[0].message
    assert "ann" not in repr(errors.parse_error_body(body))


def test_rate_limit_carries_the_time_to_wait() -> None:
    assert make(429, b"slow down").retry_after == 9.0
