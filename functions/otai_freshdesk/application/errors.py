"""What can go wrong between triage and a help desk.

    HelpDeskError
    |-- HelpDeskUnavailableError      try again later: network, 5xx, rate limit, no budget left
    |-- HelpDeskAuthenticationError   the key is wrong or may not do this: stop at once
    |-- TicketRejectedError           this ticket cannot be written now: park it, go on
    `-- WriteUncertainError           the reply was lost: read the ticket again, then decide

Adapters translate their own errors into these. The messages hold no ticket text.
"""


class HelpDeskError(Exception):
    """Base of everything a help desk may answer with; the message is for administrators."""


class HelpDeskUnavailableError(HelpDeskError):
    """The help desk cannot answer now; the sweep will come back to the ticket."""


class HelpDeskAuthenticationError(HelpDeskError):
    """The help desk refuses our key; nothing will work until somebody mends it."""


class TicketRejectedError(HelpDeskError):
    """The help desk refuses to change this one ticket, for a reason of the ticket's own."""


class WriteUncertainError(HelpDeskError):
    """A write was sent and its reply lost: it may or may not have been applied."""
