"""The learning rate of the fine-tuning, in one run or in several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier_training.encoder.schedule import rate_share

CYCLES = st.floats(0, 40)
LENGTHS = st.floats(0.5, 20)
SHARES = st.floats(0, 1)


@given(cycle=CYCLES, length=LENGTHS, way=SHARES, warm_up=st.floats(0.01, 0.5))
def test_it_rises_to_the_peak_and_falls_to_nothing(
    cycle: float, length: float, way: float, warm_up: float
) -> None:
    def share(of_the_way: float) -> float:
        epoch = cycle + of_the_way * length
        return rate_share(epoch, cycle=cycle, epochs=cycle + length, warm_up=warm_up)

    assert share(0) == pytest.approx(0)
    assert share(warm_up) == pytest.approx(1)
    assert share(1) == pytest.approx(0, abs=1e-6)
    assert 0 <= share(way) <= 1 + 1e-9


@given(cycle=CYCLES, length=LENGTHS, way=SHARES)
def test_a_run_that_goes_on_starts_as_high_as_a_new_one(
    cycle: float, length: float, way: float
) -> None:
    anew = rate_share(way * length, cycle=0, epochs=length, warm_up=0.1)
    goes_on = rate_share(cycle + way * length, cycle=cycle, epochs=cycle + length, warm_up=0.1)
    assert goes_on == pytest.approx(anew, abs=1e-6)


def test_it_stays_at_nothing_after_the_end() -> None:
    assert rate_share(7.5, cycle=0, epochs=7, warm_up=0.1) == 0
