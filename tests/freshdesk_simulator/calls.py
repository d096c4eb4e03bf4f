"""What one API call looks like to the operations, and what they answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.datastructures import URL

from freshdesk_simulator.account import Account
from freshdesk_simulator.desk import Desk
from freshdesk_simulator.errors import UNEXPECTED, FieldProblem, ValidationFailedError, invalid
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import Bucket
from freshdesk_simulator.models import Actor, Agent


class Jobs(Protocol):
    """What the bulk operations need of the job board."""

    def submit(self, call: "ApiCall", ids: list[int], values: Mapping[str, object]) -> str:
        """Start a job that sets values on tickets, and return its id."""

    def submit_deletion(self, call: "ApiCall", ids: list[int]) -> str:
        """Start a job that deletes tickets, and return its id."""

    def poll(self, job_id: str) -> dict[str, object]:
        """Return the job's JSON shape."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One authenticated call within its limits."""

    number: int
    agent: Agent
    desk: Desk
    knobs: Knobs
    jobs: Jobs
    url: URL
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, object]

    @property
    def account(self) -> Account:
        """The account called."""
        return self.desk.account

    @property
    def actor(self) -> Actor:
        """The key's agent, acting through the API."""
        return Actor.agent(self.agent.id, through_api=True)

    def allow_query(self, *names: str) -> None:
        """Refuse query parameters that this endpoint does not know (assumed).

        Raises:
            ValidationFailedError: Naming each unknown one.
        """
        unknown = [name for name in self.query if name not in names]
        if unknown:
            raise ValidationFailedError(
                [FieldProblem(name, UNEXPECTED, "invalid_field") for name in unknown]
            )

    def number_in_query(self, name: str, default: int) -> int:
        """Return a positive integer parameter.

        Raises:
            ValidationFailedError: When it is none.
        """
        text = self.query.get(name)
        if text is None:
            return default
        number = positive_integer(text)
        if number is None:
            raise invalid(name, "It should be a/an Positive Integer")
        return number

    def includes(self, *allowed: str) -> frozenset[str]:
        """Return what `include` asks for.

        Raises:
            ValidationFailedError: When something else is asked for.
        """
        asked = include_names(self.query)
        if not asked <= frozenset(allowed):
            listed = ",".join(allowed)
            raise invalid("include", f"It should be one of these values: '{listed}'")
        return asked

    def per_page(self) -> int:
        """Return the page size, 30 unless asked for up to 100.

        Raises:
            ValidationFailedError: Above 100, unless the knob clamps it.
        """
        per_page = self.number_in_query("per_page", 30)
        if per_page > 100:
            if self.knobs.per_page_over_100 == "clamp":
                return 100
            raise invalid("per_page", "It should be less than or equal to 100")
        return per_page


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What goes back; a body of None is an empty one."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tickets_read: tuple[int, ...] = ()


type Operation = Callable[[ApiCall], ApiReply]
type Price = Callable[[Mapping[str, str], Mapping[str, object], Knobs], int]


def one_credit(
    query: Mapping[str, str],
    body: Mapping[str, object],
    knobs: Knobs,
) -> int:
    """Return the price of a plain call."""
    return 1


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: verb, path template below `/api/v2`, operation, bucket and price."""

    method: str
    template: str
    operation: Operation
    bucket: Bucket = Bucket.OTHER
    price: Price = one_credit


def positive_integer(text: str) -> int | None:
    """Return a positive 64-bit integer written in digits, else None."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return int(text) or None


def include_names(query: Mapping[str, str]) -> frozenset[str]:
    """Return the names in `include`, which come separated by commas."""
    return frozenset(filter(None, (part.strip() for part in query.get("include", "").split(","))))


def paged(call: ApiCall, rows: list[object]) -> ApiReply:
    """Return one page of a short list, with a `Link` to the next."""
    page, per_page = call.number_in_query("page", 1), call.per_page()
    start = (page - 1) * per_page
    more = len(rows) > start + per_page
    return ApiReply(200, rows[start : start + per_page], next_link(call, page) if more else {})


def next_link(call: ApiCall, page: int) -> dict[str, str]:
    """Return the `Link` header that points at the next page."""
    url = call.url.include_query_params(page=page + 1)
    return {"Link": f'<{url}>; rel="next"'}
