"""The proofs of `make prove-sweep`, small: that each can pass, and that it counts what it says."""

from functools import partial

from freshdesk_simulator import Knobs
from proofs.account_process import account_process
from proofs.prove_sweep import START, backlog, fill, naive_walk, verdict, webhook_storm


def test_a_backlog_is_swept_to_rest() -> None:
    result = backlog(400, "bulk")

    assert (result["missing"], result["doubled"], result["overwritten"]) == (0, 0, 0)
    assert result["credits_at_1_an_id"] > result["credits_per_ticket"] + 0.5
    assert 0 <= result["growth_mb"] <= result["peak_mb"]


def test_a_storm_is_weathered() -> None:
    result = webhook_storm(150)

    assert (result["missing"], result["doubled"], result["too_early"]) == (0, 0, 0)


def test_the_walk_by_page_number_loses_tickets() -> None:
    assert naive_walk(250)["lost"] > 0


def test_what_nobody_has_triaged_is_missing() -> None:
    with account_process("growth", Knobs.calm(), START, partial(fill, 10, 0.0)) as remote:
        result = remote.ask(partial(verdict, "otai-3f9a2c", 10))

    assert (result["missing"], result["ok"]) == (10, False)
