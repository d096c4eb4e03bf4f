"""Every behaviour of Freshdesk that no public source settles, as a setting with a default.

The defaults are the values that force a client to be careful. `Knobs.calm()` switches off what is
random (server errors, lost, doubled and shuffled webhooks), for tests that are not about it.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]


class Knobs(BaseModel):
    """Settings of one simulated account; frozen, change them with `simulator.turn(name=value)`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Rate limits
    rate_limit_body: Literal["json", "text", "empty"] = "json"
    retry_after_header: bool = True
    rate_window: Literal["fixed", "sliding"] = "fixed"
    sub_limit_unit: Literal["calls", "credits"] = "calls"
    bulk_credits_per_id: Annotated[int, Field(ge=0)] = 0
    search_credits: Annotated[int, Field(ge=1)] = 1

    # Lists and search
    updated_since: Literal["inclusive", "exclusive"] = "inclusive"
    sort_ties: Literal["id", "unstable"] = "id"
    per_page_over_100: Literal["error", "clamp"] = "error"
    last_list_page: Annotated[int, Field(ge=1)] = 300
    last_search_page: Annotated[int, Field(ge=1)] = 10
    search_index_lag: Seconds = 120.0
    created_within_days: Annotated[int, Field(ge=1)] = 30
    list_tags: Literal["shown", "omitted"] = "shown"

    # Tickets in special states
    deleted_by_id: Literal[200, 403, 404] = 200
    put_on_deleted: Literal[405, 404, 200] = 405
    put_on_merged: Literal[200, 405] = 200

    # Writes
    closure_required: Literal["enforce", "ignore"] = "enforce"
    unknown_reference: Literal[400, 404] = 400
    long_tag: Literal["error", "truncate"] = "error"
    duplicate_tags: Literal["collapse", "keep"] = "collapse"
    same_value_put: Literal["unchanged", "bump"] = "unchanged"
    api_writes_fire_rules: bool = True
    note_bumps_updated_at: bool = True

    # Bulk update and jobs
    bulk_tags: Literal["replace", "add"] = "replace"
    bulk_applies: Literal["on_completion", "at_once"] = "on_completion"
    bulk_seconds: Seconds = 5.0
    bulk_max_ids: Annotated[int, Field(ge=1)] | None = 100
    bulk_bad_id: Literal["apply_others", "fail_job"] = "apply_others"
    job_life: Literal["completes", "never_ends", "not_found"] = "completes"
    job_polls_in_progress: Annotated[int, Field(ge=0)] = 2

    # Webhooks
    webhook_timeout: Seconds = 10.0
    webhook_failure: Literal["not_2xx", "only_5xx"] = "not_2xx"
    webhook_retry_minutes: tuple[Seconds, ...] = (5.0, 30.0, 60.0)
    webhook_delay: tuple[Seconds, Seconds] = (1.0, 5.0)
    webhook_shuffle_window: Seconds = 20.0
    webhook_loss: Share = 0.01
    webhook_duplicates: Share = 0.02
    webhook_escaping: Literal["escaped", "raw", "trailing_comma", "form"] = "escaped"
    webhook_throttle: bool = True
    webhook_max_age_hours: Annotated[float, Field(gt=0.0)] = 24.0
    webhook_concurrency: Annotated[int, Field(ge=1)] = 20

    # Time
    call_seconds: Seconds = 0.0  # that pass on a virtual clock with every call

    # Server errors
    server_error_rate: Share = 0.005
    server_error_body: Literal["html", "json", "empty"] = "html"
    server_error_after_write: Share = 0.5

    @classmethod
    def calm(cls, **changes: object) -> Self:
        """Return the defaults without anything random: no server errors, every webhook once."""
        quiet: dict[str, object] = {
            "server_error_rate": 0.0,
            "webhook_loss": 0.0,
            "webhook_duplicates": 0.0,
            "webhook_shuffle_window": 0.0,
            "webhook_delay": (0.0, 0.0),
        }
        return cls.model_validate(quiet | changes)

    def turned(self, **changes: object) -> Self:
        """Return a validated copy with some settings changed."""
        return type(self).model_validate(self.model_dump() | changes)
