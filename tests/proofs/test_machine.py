"""Hostile worlds: a few here, five hundred in `.ci/run`, by the same dice each time.

`make prove-worlds` throws other dice each time, for as many worlds as somebody has patience for.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from proofs.machine import World

EXAMPLES = int(os.environ.get("OTAI_WORLDS", "40"))


@pytest.fixture
def world() -> Iterator[type[World]]:
    World.start()
    yield World
    World.stop()


def test_nothing_is_lost_doubled_or_overwritten(world: type[World]) -> None:
    run_state_machine_as_test(
        world,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.generate],  # a failure is found again, smaller, by prove-worlds
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
