"""The control interface over HTTP, for tests in another process: everything under `/_control`."""

import json
from collections.abc import Callable, Mapping

from freshdesk_simulator import shapes
from freshdesk_simulator.account import Account
from freshdesk_simulator.api import RawReply, RawRequest, encode
from freshdesk_simulator.bulk import JobBoard
from freshdesk_simulator.calls import ApiReply
from freshdesk_simulator.clock import VirtualClock, format_timestamp
from freshdesk_simulator.delivery import Deliveries
from freshdesk_simulator.errors import SimulatorError, UsageError
from freshdesk_simulator.faults import Faults
from freshdesk_simulator.humans import Humans
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.knobs import Knobs

PREFIX = "/_control"

type Command = Callable[[Mapping[str, object]], object]


class Control:
    """Commands by method and path; a wrong one is answered with 400 and a sentence.

    Args:
        account: The account under test.
        humans: For tickets that are to fire rules.
        journal: What `journal` shows.
        faults: What `faults` changes.
        deliveries: What `deliver` runs.
        jobs: Applied before the state is shown.
        knobs: Reads the settings.
        turn: Changes the settings.
        reset: Empties everything but people, groups and fields.
    """

    def __init__(
        self,
        account: Account,
        humans: Humans,
        journal: Journal,
        faults: Faults,
        deliveries: Deliveries,
        jobs: JobBoard,
        knobs: Callable[[], Knobs],
        turn: Callable[..., None],
        reset: Callable[[], None],
    ) -> None:
        """Take the parts that are steered."""
        self._account = account
        self._humans = humans
        self._journal = journal
        self._faults = faults
        self._deliveries = deliveries
        self._jobs = jobs
        self._knobs = knobs
        self._turn = turn
        self._reset = reset
        self._commands: Mapping[tuple[str, str], Command] = {
            ("GET", "state"): self._state,
            ("GET", "journal"): self._show_journal,
            ("POST", "tickets"): self._add_tickets,
            ("POST", "update"): self._update,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "knobs"): self._turn_knobs,
            ("POST", "advance"): self._advance,
            ("POST", "reset"): self._empty,
        }

    async def answer(self, request: RawRequest) -> RawReply:
        """Run one command."""
        name = request.url.path.removeprefix(PREFIX).strip("/")
        try:
            given = json.loads(request.body) if request.body else {}
            if not isinstance(given, dict):
                message = "the body is a JSON object"
                raise UsageError(message)
            if (request.method, name) == ("POST", "deliver"):
                return encode(ApiReply(200, {"attempts": await self._deliveries.run_due()}))
            return encode(self._run(request.method, name, given))
        except (SimulatorError, ValueError, TypeError, AttributeError, KeyError) as error:
            return encode(ApiReply(400, {"error": str(error)}))

    def _run(self, method: str, name: str, given: Mapping[str, object]) -> ApiReply:
        with self._account.lock:
            self._jobs.apply_due()
            if method == "GET" and name.startswith("tickets/"):
                return ApiReply(200, self._ticket(int(name.removeprefix("tickets/"))))
            command = self._commands.get((method, name))
            if command is None:
                return ApiReply(404, {"error": f"no command {method} {name}"})
            return ApiReply(200, command(given))

    def _state(self, given: Mapping[str, object]) -> object:
        return {
            "time": format_timestamp(self._account.now()),
            "domain": self._account.domain,
            "plan": self._account.plan,
            "tickets": len(self._account.tickets),
            "calls": len(self._journal.calls),
            "writes": len(self._journal.writes),
            "credits": self._journal.credits_spent,
            "webhooks_waiting": self._deliveries.waiting,
            "webhook_outcomes": dict(self._deliveries.outcomes()),
            "faults_felt": {kind.value: count for kind, count in self._faults.felt.items()},
            "knobs": self._knobs().model_dump(),
        }

    def _show_journal(self, given: Mapping[str, object]) -> object:
        return list(self._journal.as_rows())

    def _ticket(self, ticket_id: int) -> object:
        ticket = self._account.ticket(ticket_id)
        notes = [shapes.note(note) for note in self._account.conversations.get(ticket_id, [])]
        writes = len(self._journal.writes_to(ticket_id))
        return shapes.full_ticket(self._account, ticket) | {
            "conversations": notes,
            "writes": writes,
            "api_writes": len(self._journal.api_writes_to(ticket_id)),
        }

    def _add_tickets(self, given: Mapping[str, object]) -> object:
        """Add tickets: `{"tickets": [...]}` silently, with `"fire_rules": true` as a customer."""
        rows = given["tickets"]
        if not isinstance(rows, list):
            message = "`tickets` is a list of objects"
            raise UsageError(message)
        add = self._humans.submit_ticket if given.get("fire_rules") else self._account.add_ticket
        return {"ids": [add(**_ticket_arguments(row)).id for row in rows]}  # type: ignore[arg-type]

    def _update(self, given: Mapping[str, object]) -> object:
        """Edit a ticket as an agent: `{"id": 1, "status": 5, ...}`."""
        changes = dict(given)
        ticket_id = changes.pop("id")
        ticket = self._humans.update(ticket_id, **changes)  # type: ignore[arg-type]
        return shapes.full_ticket(self._account, ticket)

    def _add_fault(self, given: Mapping[str, object]) -> object:
        """Add a fault: the arguments of `Faults.next`, or of `Faults.sometimes`."""
        add = self._faults.sometimes if "probability" in given else self._faults.next
        add(**given)  # type: ignore[arg-type]
        return {}

    def _clear_faults(self, given: Mapping[str, object]) -> object:
        self._faults.clear()
        return {}

    def _turn_knobs(self, given: Mapping[str, object]) -> object:
        self._turn(**given)
        return self._knobs().model_dump()

    def _advance(self, given: Mapping[str, object]) -> object:
        clock = self._account.clock
        seconds = given["seconds"]
        if not isinstance(clock, VirtualClock) or not isinstance(seconds, int | float):
            message = "only a virtual clock can be advanced, by a number of seconds"
            raise UsageError(message)
        clock.advance(seconds)
        return {"time": format_timestamp(self._account.now())}

    def _empty(self, given: Mapping[str, object]) -> object:
        self._reset()
        return {}


def _ticket_arguments(row: object) -> dict[str, object]:
    """Return the arguments of `add_ticket` for a JSON object with `subject` and `description`."""
    if not isinstance(row, dict) or not isinstance(row.get("subject"), str):
        message = "a ticket is an object with a `subject`"
        raise UsageError(message)
    arguments = dict(row)
    arguments["description_html"] = arguments.pop("description", "")
    if "tags" in arguments:
        arguments["tags"] = tuple(arguments["tags"])
    return arguments
