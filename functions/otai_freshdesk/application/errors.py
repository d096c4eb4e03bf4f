"""What can go wrong between triage and a help desk.

    HelpDeskError
    |-- HelpDeskUnavailableError      try again later: network, 5xx, rate limit, no budget left
    |   `-- TicketUnreadableError     what it says of this ticket is not what it documents
    |-- HelpDeskAuthenticationError   the key is wrong or may not do this: stop at once
    |-- TicketRejectedError           this ticket cannot be seen or written now: go on
    |   `-- TicketGoneError           it is deleted, spam, or not there any more
    |-- UnforeseenError               a defect of ours that this ticket meets: go on
    `-- WriteUncertainError           the reply was lost: read the ticket again, then decide

Adapters translate their own errors into these. The messages hold no ticket text.
"""


class HelpDeskError(Exception):
    """Base of everything a help desk may answer with; the message is for administrators."""


class HelpDeskUnavailableError(HelpDeskError):
    """The help desk cannot answer now; the sweep will come back to the ticket."""


class TicketUnreadableError(HelpDeskUnavailableError):
    """The help desk shows a ticket in another form than it documents, so nothing is written.

    Attributes:
        ticket_id: The ticket's number, None when not even that can be read.
        key: The key that is missing or holds a value of a wrong type.
    """

    def __init__(self, ticket_id: int | None, key: str, problem: str) -> None:
        self.ticket_id = ticket_id
        self.key = key
        name = "a ticket" if ticket_id is None else f"ticket {ticket_id}"
        super().__init__(f"{name} as the help desk shows it cannot be read: {key} {problem}")


class HelpDeskAuthenticationError(HelpDeskError):
    """The help desk refuses our key; nothing will work until somebody mends it."""


class TicketRejectedError(HelpDeskError):
    """The help desk refuses to show or change this one ticket, for a reason of its own."""


class TicketGoneError(TicketRejectedError):
    """The ticket was deleted, marked as spam or archived since it was read: nothing to be done."""


class UnforeseenError(HelpDeskError):
    """A defect of ours, met by one ticket; the message says where, and holds nothing of it."""


class WriteUncertainError(HelpDeskError):
    """A write was sent and its reply lost: it may or may not have been applied."""
