"""Errors of the simulator.

SimulatorError
├── ApiError                    an error reply of the simulated Freshdesk
│   ├── ValidationFailedError   400, `description` and `errors[]`
│   ├── InvalidJsonError        400, flat
│   ├── UnauthenticatedError    401
│   ├── ForbiddenError          403
│   ├── NotFoundError           404
│   ├── MethodNotAllowedError   405
│   ├── NotAcceptableError      406
│   ├── UnsupportedMediaTypeError 415
│   └── RateLimitedError        429
├── SearchSyntaxError           a search expression that cannot be read
├── WireFaultError              a broken connection, for callers in process
├── UnsafeTargetError           an address that a simulator must not reach or bind
└── UsageError                  the test asked the simulator for something that cannot be
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

MANDATORY = "It should not be blank as this is a mandatory field"
UNEXPECTED = "Unexpected/invalid field in request"


class SimulatorError(Exception):
    """Base of every error of this package."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One entry of `errors[]` in a 400."""

    field: str
    message: str
    code: str = "invalid_value"


@dataclass(eq=False)
class ApiError(SimulatorError):
    """An error reply: status, body (None for an empty one) and extra headers."""

    status: int
    body: dict[str, object] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the status; the body may quote the request."""
        return f"HTTP {self.status}"


class ValidationFailedError(ApiError):
    """400 that names the fields at fault."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        """Take the problems, at least one."""
        self.problems = tuple(problems)
        errors = [{"field": p.field, "message": p.message, "code": p.code} for p in problems]
        super().__init__(400, {"description": "Validation failed", "errors": errors})


class InvalidJsonError(ApiError):
    """400 for a body that is not a JSON object (flat form, assumed)."""

    def __init__(self) -> None:
        """Make the fixed reply."""
        message = "Request body has invalid json format"
        super().__init__(400, {"code": "invalid_json", "message": message})


class UnauthenticatedError(ApiError):
    """401: no key, or an unknown one."""

    def __init__(self) -> None:
        """Make the fixed reply."""
        message = "You have to be logged in to perform this action."
        super().__init__(401, {"code": "invalid_credentials", "message": message})


class ForbiddenError(ApiError):
    """403: outside the key's scope, or not in the plan."""

    def __init__(
        self,
        message: str = "You are not authorized to perform this action.",
        code: str = "access_denied",
    ) -> None:
        """Take another message and code for a missing feature."""
        super().__init__(403, {"code": code, "message": message})


class NotFoundError(ApiError):
    """404 with an empty body, as Freshdesk mostly sends it."""

    def __init__(self) -> None:
        """Make the fixed reply."""
        super().__init__(404)


class MethodNotAllowedError(ApiError):
    """405: the verb is not allowed here, or not in the state the resource is in."""

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        """Take the verb tried and those that would do."""
        listed = ", ".join(allowed)
        message = f"{method} method is not allowed. It should be one of these method(s): {listed}"
        super().__init__(405, {"message": message}, {"Allow": listed})


class NotAcceptableError(ApiError):
    """406: `Accept` names neither JSON nor anything (body unknown, assumed empty)."""

    def __init__(self) -> None:
        """Make the fixed reply."""
        super().__init__(406)


class UnsupportedMediaTypeError(ApiError):
    """415: the body is not JSON or multipart (body unknown, assumed empty)."""

    def __init__(self) -> None:
        """Make the fixed reply."""
        super().__init__(415)


class RateLimitedError(ApiError):
    """429; body and `Retry-After` depend on the knobs."""

    def __init__(self, body: dict[str, object] | str | None, retry_after: int | None) -> None:
        """Take the whole seconds until the next window, or None to leave the header out."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(429, body, headers)


@dataclass(eq=False)
class SearchSyntaxError(SimulatorError):
    """A search expression that cannot be read, with the place where reading stopped."""

    reason: str
    position: int

    def __str__(self) -> str:
        """Return reason and place, never the expression."""
        return f"{self.reason} at character {self.position}"


@dataclass(eq=False)
class WireFaultError(SimulatorError):
    """A connection fault for a caller in process, where no real connection can break."""

    kind: str

    def __str__(self) -> str:
        """Return the kind of the fault."""
        return f"simulated connection fault: {self.kind}"


class UnsafeTargetError(SimulatorError):
    """An address outside loopback (or, for binding, outside the private ranges)."""


class UsageError(SimulatorError):
    """The caller asked for something that does not exist in this account."""


def invalid(field_name: str, message: str, code: str = "invalid_value") -> ValidationFailedError:
    """Return a 400 about one field."""
    return ValidationFailedError([FieldProblem(field_name, message, code)])
