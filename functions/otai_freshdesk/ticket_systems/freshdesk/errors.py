"""What can go wrong between us and Freshdesk.

    TicketSystemError
    `-- FreshdeskError
        |-- ConfigurationError          host, key or limits cannot be used; nothing was sent
        |-- InvalidRequestError         refused by us before it was sent
        |   |-- InvalidQueryError       a query key, value or search expression
        |   `-- InvalidUpdateError      a value or tag of an update
        |-- ResultLimitError            Freshdesk cannot return the whole list
        |-- BudgetExhaustedError        (R) no room in the rate limit; nothing was sent
        |-- DeadlineExceededError       (R) no time left; nothing was sent
        |-- TransportError              (R) no usable reply
        |   |-- ConnectionFailedError   (R) nothing was sent
        |   |-- ReplyLostError          (R) sent, and the reply did not arrive whole
        |   `-- MalformedReplyError     (R) the reply is not the JSON that was expected
        |-- ReplyTooLargeError          the reply is longer than we read
        |-- RedirectError               the host answers with a redirect
        |-- AmbiguousWriteError         (R) a write was sent; nobody knows if it was applied
        `-- ApiError                    Freshdesk answered with an error status
            |-- ValidationFailedError   400
            |-- AuthenticationError     401
            |-- AccessDeniedError       403
            |-- NotFoundError           404
            |-- NotWritableError        405
            |-- ConflictError           409
            |-- RateLimitedError        (R) 429
            |-- ServerError             (R) 5xx
            `-- UnexpectedStatusError   any other

(R) is `retryable`: asking again later may help. After an `AmbiguousWriteError` the ticket has to
be read first. The narrower `repeatable` says that the client may send the very same request again
by itself, which it does only where nothing can be applied twice.

Messages are for administrators and hold no ticket text, no key and no mail address: what Freshdesk
wrote stays in `server_message` and `FieldError.message`, which neither `str` nor `repr` shows.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from otai_freshdesk.ticket_systems.base import TicketSystemError

__all__ = [
    "AccessDeniedError",
    "AmbiguousWriteError",
    "ApiError",
    "AuthenticationError",
    "BudgetExhaustedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "DeadlineExceededError",
    "ErrorBody",
    "FieldError",
    "FreshdeskError",
    "InvalidQueryError",
    "InvalidRequestError",
    "InvalidUpdateError",
    "MalformedReplyError",
    "NotFoundError",
    "NotWritableError",
    "RateLimitedError",
    "RedirectError",
    "ReplyLostError",
    "ReplyTooLargeError",
    "ResultLimitError",
    "ServerError",
    "TransportError",
    "UnexpectedStatusError",
    "ValidationFailedError",
    "api_error",
    "parse_error_body",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that Freshdesk refuses, as listed in `errors[]` of a 400.

    Attributes:
        field: The API's name of the field.
        code: Freshdesk's code, such as `invalid_value`; "" when it gave none.
        message: Freshdesk's sentence. Kept out of `repr`: it may quote what was sent.
    """

    field: str
    code: str
    message: str = dataclasses.field(repr=False)


class FreshdeskError(TicketSystemError):
    """Base of every error of the Freshdesk adapter.

    Attributes:
        status: HTTP status of the reply, None when there was none.
        code: Freshdesk's code for the error, when it gave one.
        request_id: Freshdesk's id of the request, to be quoted to its support.
        field_errors: The fields Freshdesk refused.
        repeatable: Whether the client may repeat the request without asking.
    """

    repeatable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        field_errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.field_errors = field_errors

    def __str__(self) -> str:
        """Return the message, with Freshdesk's request id for its support."""
        message = str(self.args[0])
        return f"{message} [request id {self.request_id}]" if self.request_id else message


class ConfigurationError(FreshdeskError):
    """The host, the key or a limit in the configuration cannot be used."""


class InvalidRequestError(FreshdeskError):
    """The request breaks a rule of Freshdesk's that we check, so it was not sent."""


class InvalidQueryError(InvalidRequestError):
    """A query has an unknown key, a wrong value or a search expression that cannot be sent."""


class InvalidUpdateError(InvalidRequestError):
    """An update has a value of the wrong type or a tag that Freshdesk would not take."""


class ResultLimitError(FreshdeskError):
    """More tickets match than Freshdesk lets anybody read in one query: narrow the query."""


class BudgetExhaustedError(FreshdeskError):
    """The share of the rate limit that is ours is used up; nothing was sent.

    Attributes:
        retry_after: Seconds until there may be room, as far as known.
    """

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceededError(FreshdeskError):
    """The caller's deadline passed before anything was sent."""

    retryable: ClassVar[bool] = True


class TransportError(FreshdeskError):
    """No usable reply arrived."""

    retryable: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True


class ConnectionFailedError(TransportError):
    """No connection could be made or had from the pool; nothing was sent."""


class ReplyLostError(TransportError):
    """The request was sent, at least in part, and its reply did not arrive whole.

    Attributes:
        timed_out: Whether time ran out; otherwise the connection broke.
    """

    def __init__(self, message: str, *, timed_out: bool, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.timed_out = timed_out


class MalformedReplyError(TransportError):
    """The reply is not JSON, or not of the documented shape."""


class ReplyTooLargeError(FreshdeskError):
    """The reply is longer than the client reads; ask for fewer rows or includes."""


class RedirectError(FreshdeskError):
    """The host redirects. Only `https://<account>.freshdesk.com` serves the API directly."""


class AmbiguousWriteError(FreshdeskError):
    """A write was sent and no clear reply came: read the ticket before anything is sent again.

    The error that hid the outcome is the `__cause__`.
    """

    retryable: ClassVar[bool] = True


class ApiError(FreshdeskError):
    """Freshdesk answered with an error status.

    Attributes:
        server_message: Freshdesk's own sentence, kept out of `str` and `repr`.
    """

    advice: ClassVar[str] = "Check the request."

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        field_errors: tuple[FieldError, ...] = (),
        server_message: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            message, status=status, code=code, request_id=request_id, field_errors=field_errors
        )
        self.server_message = server_message
        self.retry_after = retry_after


class ValidationFailedError(ApiError):
    """400: Freshdesk refuses the request, mostly naming the fields."""

    advice = "Compare the fields named with Admin > Ticket Fields of the account."


class AuthenticationError(ApiError):
    """401: the API key is missing, wrong or withdrawn."""

    advice = (
        "The API key is not accepted. Copy it from the agent's profile settings and update the "
        "secret that the configuration refers to."
    )


class AccessDeniedError(ApiError):
    """403: the key's agent may not do this, or the plan lacks the feature."""

    advice = (
        "The agent whose key is used may not do this. Check the agent's role and ticket scope, "
        "whether the plan includes the feature, and whether the account is locked or suspended."
    )


class NotFoundError(ApiError):
    """404: no such ticket, path or account."""

    advice = "There is no such object. If everything is missing, check the account's subdomain."


class NotWritableError(ApiError):
    """405: not allowed in the state the object is in, such as a deleted or spam ticket."""

    advice = (
        "The object does not allow this in its present state, for instance because the ticket is "
        "deleted, spam or archived. Nothing to repair."
    )


class ConflictError(ApiError):
    """409: the request conflicts with the object's present state."""

    advice = "The object has changed meanwhile. Read it again."


class RateLimitedError(ApiError):
    """429: the account's rate limit is reached.

    Attributes:
        retry_after: Seconds to wait, from `Retry-After`; None when Freshdesk sent none.
    """

    retryable: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True  # refused before anything was done
    advice = (
        "The account's API rate limit is reached, by us or by other apps. If this happens often, "
        "leave us a smaller share or ask Freshdesk for a higher limit."
    )


class ServerError(ApiError):
    """5xx: Freshdesk failed."""

    retryable: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    advice = "Freshdesk failed. If it lasts, look at its status page and quote the request id."


class UnexpectedStatusError(ApiError):
    """A status that the API does not use here, such as 406 or 415."""

    advice = "Check that the host is a Freshdesk account and that no proxy stands in between."


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: ValidationFailedError,
    401: AuthenticationError,
    403: AccessDeniedError,
    404: NotFoundError,
    405: NotWritableError,
    409: ConflictError,
    429: RateLimitedError,
}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What could be read from the body of an error reply; all empty when it says nothing."""

    code: str | None = None
    message: str | None = dataclasses.field(default=None, repr=False)
    field_errors: tuple[FieldError, ...] = ()


def parse_error_body(body: bytes) -> ErrorBody:
    """Read any of the four bodies Freshdesk is known to send with an error status.

    They are: `description` with `errors[]`; `code` with `message`; `message` alone; and nothing
    that can be read (empty, plain text or HTML). Never raises.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorBody()
    if not isinstance(parsed, dict):
        return ErrorBody()
    errors = parsed.get("errors")
    field_errors = tuple(
        FieldError(_text(row.get("field")), _text(row.get("code")), _text(row.get("message")))
        for row in (errors if isinstance(errors, list) else [])
        if isinstance(row, dict)
    )
    code = _text(parsed.get("code")) or (field_errors[0].code if field_errors else "")
    message = _text(parsed.get("message")) or _text(parsed.get("description"))
    return ErrorBody(code or None, message or None, field_errors)


def api_error(
    status: int,
    body: bytes,
    *,
    endpoint: str,
    request_id: str | None,
    retry_after: float | None = None,
) -> ApiError:
    """Make the error for a reply with an error status.

    Args:
        status: HTTP status, 400 or more.
        body: The reply's body, of any kind.
        endpoint: Method and path template, for the message.
        request_id: Freshdesk's id of the request.
        retry_after: Seconds from `Retry-After`, if sent.
    """
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else UnexpectedStatusError)
    parsed = parse_error_body(body)
    return kind(
        _message(kind, status, parsed, endpoint),
        status=status,
        code=parsed.code,
        request_id=request_id,
        field_errors=parsed.field_errors,
        server_message=parsed.message,
        retry_after=retry_after,
    )


def _message(kind: type[ApiError], status: int, body: ErrorBody, endpoint: str) -> str:
    code = f" ({body.code})" if body.code else ""
    named = ", ".join(
        f"{error.field}: {error.code}" if error.code else error.field for error in body.field_errors
    )
    fields = f" Fields: {named}." if named else ""
    return f"Freshdesk answered {status}{code} to {endpoint}.{fields} {kind.advice}"


def _text(value: Any) -> str:
    # Only what cannot break a line of the log or steer a terminal.
    return "".join(c for c in value[:500] if c.isprintable()) if isinstance(value, str) else ""
