"""What triage saves, under assumptions that the reader can replace."""

from dataclasses import dataclass

from otai_freshdesk.evaluation.measures import Score

__all__ = ["Assumption", "Savings", "savings"]


@dataclass(frozen=True, slots=True)
class Assumption:
    """What a report cannot measure; the defaults are assumed, and meant to be replaced.

    Attributes:
        tickets_a_month: How many tickets arrive.
        minutes_to_sort: An agent's time to read a new ticket and choose its group.
        reassigned_by_hand: Share of the tickets sorted by hand that somebody has to move on.
        minutes_to_reassign: Time lost each time a ticket has to be moved on.
    """

    tickets_a_month: int = 1000
    minutes_to_sort: float = 1.0
    reassigned_by_hand: float = 0.10
    minutes_to_reassign: float = 10.0


@dataclass(frozen=True, slots=True)
class Savings:
    """What a month with triage saves against one without; below zero it costs.

    Attributes:
        hours: Of agents' time.
        reassignments: Tickets that need not be moved on.
    """

    hours: float
    reassignments: float


def savings(score: Score, assumption: Assumption) -> Savings:
    """Return what the score of the routed field is worth.

    A ticket that triage writes needs no sorting. A share of these would have been moved on after
    sorting by hand; now those are moved on which triage got wrong.
    """
    if not score.decided:
        return Savings(0.0, 0.0)
    routed = assumption.tickets_a_month * score.routed / score.decided
    wrong = assumption.tickets_a_month * score.wrong / score.decided
    reassignments = routed * assumption.reassigned_by_hand - wrong
    minutes = routed * assumption.minutes_to_sort + reassignments * assumption.minutes_to_reassign
    return Savings(minutes / 60, reassignments)
