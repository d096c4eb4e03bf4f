"""Bulk update and bulk delete: jobs that are done some seconds after they were asked for."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from freshdesk_simulator.calls import ApiCall, ApiReply, Route
from freshdesk_simulator.clock import format_timestamp
from freshdesk_simulator.desk import Desk, KnobSource
from freshdesk_simulator.errors import NotFoundError, invalid
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.limits import Bucket
from freshdesk_simulator.models import Actor, Ticket
from freshdesk_simulator.validation import BULK_PROPERTIES, Checker


@dataclass(frozen=True, slots=True)
class Job:
    """One bulk job. `due` is when its changes are applied."""

    id: str
    name: str
    ids: tuple[int, ...]
    values: Mapping[str, object]
    actor: Actor
    call: int
    created_at: int
    due: float
    polls: int = 0
    applied: bool = False
    failed: bool = False


class JobBoard:
    """The jobs of an account.

    Changes are applied when the clock has passed `due`: whoever looks at the account next calls
    `apply_due()`, and the changes carry the time at which they were due.
    """

    def __init__(self, desk: Desk, knobs: KnobSource) -> None:
        """Start without jobs."""
        self._desk = desk
        self._knobs = knobs
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, float] = {}

    def clear(self) -> None:
        """Forget all jobs, done or not."""
        self._jobs.clear()
        self._waiting.clear()

    def submit(self, call: ApiCall, ids: list[int], values: Mapping[str, object]) -> str:
        """Start a job that sets values on tickets, and return its id."""
        return self._start(call, "bulk_update", ids, values)

    def submit_deletion(self, call: ApiCall, ids: list[int]) -> str:
        """Start a job that deletes tickets, and return its id."""
        return self._start(call, "bulk_delete", ids, {"deleted": True})

    def poll(self, job_id: str) -> dict[str, object]:
        """Return the job's JSON shape; the second poll is the last that finds it in progress.

        Raises:
            NotFoundError: For an unknown job, or when the knob says jobs cannot be read.
        """
        knobs = self._knobs()
        job = self._jobs.get(job_id)
        if job is None or knobs.job_life == "not_found":
            raise NotFoundError
        job = self._jobs[job_id] = replace(job, polls=job.polls + 1)
        done = knobs.job_life == "completes" and job.polls > knobs.job_polls_in_progress
        if done and not job.applied:
            self._apply(job, self._desk.account.clock.time())
            job = self._jobs[job_id]
        status = ("failed" if job.failed else "completed") if done else "in_progress"
        moment = format_timestamp(job.created_at)
        return {
            "id": job.id,
            "name": job.name,
            "status": status,
            "progress": 100 if done else min(99, 30 * job.polls),
            "download_url": None,
            "created_at": moment,
            "updated_at": moment,
            "status_updated_at": moment,
        }

    def apply_due(self) -> None:
        """Apply the jobs whose time has come, in that order."""
        if not self._waiting:
            return
        now = self._desk.account.clock.time()
        for job_id, due in sorted(self._waiting.items(), key=lambda item: item[1]):
            if due <= now:
                self._apply(self._jobs[job_id], due)

    def _start(self, call: ApiCall, name: str, ids: list[int], values: Mapping[str, object]) -> str:
        clock = self._desk.account.clock
        delay = 0.0 if call.knobs.bulk_applies == "at_once" else call.knobs.bulk_seconds
        job = Job(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {call.number}").hex,
            name=name,
            ids=tuple(dict.fromkeys(ids)),
            values=values,
            actor=call.actor,
            call=call.number,
            created_at=int(clock.time()),
            due=clock.time() + delay,
        )
        self._jobs[job.id] = job
        self._waiting[job.id] = job.due
        self.apply_due()
        return job.id

    def _apply(self, job: Job, moment: float) -> None:
        self._waiting.pop(job.id, None)
        knobs = self._knobs()
        tickets = [self._desk.account.tickets.get(ticket_id) for ticket_id in job.ids]
        writable = [ticket for ticket in tickets if ticket is not None and ticket.listed]
        failed = knobs.bulk_bad_id == "fail_job" and len(writable) < len(tickets)
        self._jobs[job.id] = replace(self._jobs[job.id], applied=True, failed=failed)
        if failed:
            return
        for ticket in writable:
            values = _values_for(ticket, job.values, knobs)
            self._desk.change(ticket.id, values, job.actor, call=job.call, time=moment)


def bulk_update(call: ApiCall) -> ApiReply:
    """`POST /tickets/bulk_update`: 202 with a job id; the same values for all ids."""
    action, ids = _action(call)
    properties = action.get("properties", {})
    if not isinstance(properties, dict):
        raise invalid("properties", "It should be a/an key/value pair", "datatype_mismatch")
    if not properties and "reply" not in action:
        raise invalid("properties", "Mandatory attribute missing", "missing_field")
    checker = Checker(call.account, call.knobs)
    values = checker.properties(properties, BULK_PROPERTIES)
    checker.finish()
    return ApiReply(202, {"job_id": call.jobs.submit(call, ids, values)})


def bulk_delete(call: ApiCall) -> ApiReply:
    """`POST /tickets/bulk_delete`: 202 with a job id."""
    _, ids = _action(call)
    return ApiReply(202, {"job_id": call.jobs.submit_deletion(call, ids)})


def get_job(call: ApiCall) -> ApiReply:
    """`GET /jobs/{id}`."""
    return ApiReply(200, call.jobs.poll(call.path["id"]))


def bulk_price(query: Mapping[str, str], body: Mapping[str, object], knobs: Knobs) -> int:
    """One credit, and what the knob asks for each id."""
    action = body.get("bulk_action")
    ids = action.get("ids") if isinstance(action, dict) else None
    return 1 + knobs.bulk_credits_per_id * (len(ids) if isinstance(ids, list) else 0)


def _action(call: ApiCall) -> tuple[dict[str, object], list[int]]:
    action = call.body.get("bulk_action")
    if not isinstance(action, dict):
        raise invalid("bulk_action", "Mandatory attribute missing", "missing_field")
    ids = action.get("ids")
    if not isinstance(ids, list) or not ids:
        raise invalid("ids", "Mandatory attribute missing", "missing_field")
    if not all(isinstance(entry, int) and not isinstance(entry, bool) for entry in ids):
        raise invalid("ids", "It should contain elements of type Integer", "datatype_mismatch")
    most = call.knobs.bulk_max_ids
    if most is not None and len(ids) > most:
        raise invalid("ids", f"It should not have more than {most} elements")
    return action, ids


def _values_for(ticket: Ticket, values: Mapping[str, object], knobs: Knobs) -> Mapping[str, object]:
    tags = values.get("tags")
    if knobs.bulk_tags == "replace" or not isinstance(tags, tuple):
        return values
    return {**values, "tags": tuple(dict.fromkeys((*ticket.tags, *tags)))}


ROUTES = (
    Route("POST", "/tickets/bulk_update", bulk_update, Bucket.UPDATE, bulk_price),
    Route("POST", "/tickets/bulk_delete", bulk_delete, Bucket.UPDATE, bulk_price),
    Route("GET", "/jobs/{id}", get_job),
)
