"""How much is measured: all of it, or just enough to see that it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """Counts of everything that is repeated.

    Attributes:
        rounds: Turns of each contestant in a comparison.
        starts: Fresh processes of each contestant, and cold starts of the function.
        tickets: Of the many tickets.
        backlogs: Sizes of the backlogs on the way through Freshdesk.
        warm_requests: To the warm function.
        clients: Numbers of clients under load.
        requests: Of one number of clients; at most what the budget of a minute lets through.
        beyond: Requests of the run beyond saturation.
    """

    rounds: int = 15
    starts: int = 3
    tickets: int = 500
    backlogs: tuple[int, ...] = (1, 100, 3_000, 35_000)
    warm_requests: int = 100
    clients: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    requests: int = 128
    beyond: int = 1_000


FULL = Effort()
QUICK = Effort(
    rounds=2,
    starts=1,
    tickets=24,
    backlogs=(1, 100),
    warm_requests=5,
    clients=(1, 4),
    requests=12,
    beyond=260,
)
"""Shows that everything runs; its figures mean nothing and are written nowhere."""
