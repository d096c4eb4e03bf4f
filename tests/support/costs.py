"""What AWS takes a month for triage: `make costs`.

Prices are US dollars of the public price list for eu-central-1 in 2025, without the free tier, as
far as it is known to us; `Prices` holds them, to be replaced by those of another region. What is
used follows from `Usage`: how often, how long and how much is logged. `make cold` measures the
durations of the functions themselves; the rest of a request is Freshdesk's time to answer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

MINUTES_A_MONTH = 30 * 24 * 60
WARM_MINUTES = 10
"""How long Lambda keeps an idle function; not promised by AWS, seen by many to be 5 to 15."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars. `*_million` are for a million calls, the others for one unit a month."""

    gb_second: float = 0.0000166667
    invocations_million: float = 0.20
    api_million: float = 3.70
    schedule_million: float = 1.15
    kms_million: float = 3.00
    log_gb: float = 0.63
    log_gb_month: float = 0.0324
    metric: float = 0.30
    alarm: float = 0.10


@dataclass(frozen=True, slots=True)
class Usage:
    """What one deployment uses, with the template's defaults.

    Attributes:
        tickets: New tickets a month; each is one webhook.
        sweep_minutes: Parameter `SweepMinutes`.
        memory_gb: Parameter `MemorySize`.
        webhook_seconds: A warm request, most of it two calls to Freshdesk.
        cold_seconds: What a start adds; it is billed.
        sweep_seconds: A sweep that finds little to do.
        log_bytes: Lines of one invocation, those of the platform and the metrics included.
        metrics: Metrics of our own in a month in which each occurs.
        alarms: Alarms of the template.
    """

    tickets: int
    sweep_minutes: int = 5
    memory_gb: float = 1769 / 1024
    webhook_seconds: float = 0.4
    cold_seconds: float = 1.3
    sweep_seconds: float = 1.5
    log_bytes: int = 3_000
    metrics: int = 16
    alarms: int = 10

    @property
    def sweeps(self) -> float:
        """Sweeps a month."""
        return MINUTES_A_MONTH / self.sweep_minutes

    @property
    def cold_starts(self) -> float:
        """Webhooks that find no warm function: gaps between tickets are taken as exponential."""
        return self.tickets * math.exp(-self.tickets * WARM_MINUTES / MINUTES_A_MONTH)

    @property
    def gb_seconds(self) -> float:
        """Billed time of both functions times their memory."""
        webhook = self.tickets * self.webhook_seconds + self.cold_starts * self.cold_seconds
        return (webhook + self.sweeps * self.sweep_seconds) * self.memory_gb


def costs(usage: Usage, prices: Prices = Prices()) -> dict[str, float]:
    """Return US dollars a month by part."""
    invocations = usage.tickets + usage.sweeps
    secrets_read = 2 * (usage.cold_starts + usage.sweeps)
    logged_gb = invocations * usage.log_bytes / 1e9
    return {
        "Lambda": usage.gb_seconds * prices.gb_second
        + invocations * prices.invocations_million / 1e6,
        "API Gateway": usage.tickets * prices.api_million / 1e6,
        "Logs": logged_gb * (prices.log_gb + prices.log_gb_month),
        "Metrics and alarms": usage.metrics * prices.metric + usage.alarms * prices.alarm,
        "Schedule, keys": usage.sweeps * prices.schedule_million / 1e6
        + secrets_read * prices.kms_million / 1e6,
    }


def table(volumes: tuple[int, ...] = (1_000, 10_000, 100_000)) -> str:
    """Return the Markdown table of the deployer's guide."""
    return "\n".join(_lines(volumes))


def _lines(volumes: tuple[int, ...]) -> Iterator[str]:
    monthly = [costs(Usage(tickets)) for tickets in volumes]
    yield "| US dollars a month | " + " | ".join(f"{count:,} tickets" for count in volumes) + " |"
    yield "|---|" + "---:|" * len(volumes)
    for part in monthly[0]:
        yield f"| {part} | " + " | ".join(f"{month[part]:.2f}" for month in monthly) + " |"
    sums = [sum(month.values()) for month in monthly]
    yield "| **together** | " + " | ".join(f"**{total:.2f}**" for total in sums) + " |"


if __name__ == "__main__":
    print(table())
