"""The deployer's guide states the costs that the script computes from its prices."""

from pathlib import Path

import pytest

from support.costs import Prices, Usage, costs, table

ROOT = Path(__file__).parents[2]


def test_the_guide_has_the_computed_table() -> None:
    assert table() in (ROOT / "docs" / "deployer.md").read_text(encoding="utf-8")


def test_the_template_has_as_many_alarms_as_are_counted() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert template.count("Type: AWS::CloudWatch::Alarm") == Usage(1).alarms


def test_a_bill_by_hand() -> None:
    usage = Usage(10_000_000, sweep_minutes=60, memory_gb=1, webhook_seconds=1, sweep_seconds=0)
    only_requests = Prices(gb_second=1e-5, invocations_million=0)
    # With four tickets a second every function is warm: ten million seconds at 1 GB.
    assert costs(usage, only_requests)["Lambda"] == pytest.approx(100)


@pytest.mark.parametrize("tickets", [1_000, 10_000, 100_000])
def test_a_longer_interval_never_costs_more(tickets: int) -> None:
    bills = [sum(costs(Usage(tickets, sweep_minutes=minutes)).values()) for minutes in (5, 15, 60)]
    assert bills == sorted(bills, reverse=True)
