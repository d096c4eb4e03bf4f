"""The interface every ticket system implements: find tickets, find one, update one.

Names and meanings are those that Open Ticket AI documents, so that an adapter written for it
needs no new shape: a config object goes in, and tickets are the plain dictionaries of the ticket
system's own API.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

__all__ = ["AdapterConfig", "TicketSystemAdapter", "TicketSystemError"]


class TicketSystemError(Exception):
    """Base of every error an adapter or the registry raises; written for administrators.

    Attributes:
        retryable: Whether the same request may succeed later. A property of the type.
    """

    retryable: ClassVar[bool] = False


class AdapterConfig(Protocol):
    """What an adapter needs of its config object.

    Attribute access gives the text itself (`config.freshdesk_api_key` is the key); a config's own
    `repr` is expected to hide secrets. An adapter for another ticket system reads attributes of
    its own instead.
    """

    @property
    def freshdesk_domain(self) -> str:
        """Return the account: `acme`, `acme.freshdesk.com` or `https://acme.freshdesk.com`."""
        ...

    @property
    def freshdesk_api_key(self) -> str:
        """Return the API key as text."""
        ...


class TicketSystemAdapter[ConfigT](ABC):
    """Reads and updates the tickets of one account of one ticket system.

    Implementations are built from a config object, may be used by several tasks of one event loop
    at once, and raise only subclasses of `TicketSystemError`. Tickets and queries are plain
    dictionaries with the keys of the ticket system's API; each adapter documents its own.

    Attributes:
        config: The object handed to the constructor, unchanged.
    """

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    async def update_ticket(self, ticket_id: str, data: dict[str, Any]) -> dict[str, Any] | None:
        """Change the given keys of a ticket and leave all others as they are.

        Args:
            ticket_id: The ticket's id in the ticket system.
            data: New values by key. Lists (such as tags) replace the whole list.

        Returns:
            The ticket as it is after the update, or None when there is no such ticket.

        Raises:
            TicketSystemError: When the ticket was not updated, or nobody knows whether it was.
        """

    @abstractmethod
    async def find_tickets(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Return every ticket that matches, or [] when none does.

        The list is whole: an implementation that cannot return all matches raises instead.

        Args:
            query: What to look for, in keys the adapter documents.

        Raises:
            TicketSystemError: When the tickets cannot be read completely.
        """

    @abstractmethod
    async def find_first_ticket(self, query: dict[str, Any]) -> dict[str, Any] | None:
        """Return the first ticket that `find_tickets` would return, or None when none matches.

        Fetches no more than the ticket system's smallest page.

        Args:
            query: As in `find_tickets`.

        Raises:
            TicketSystemError: When the ticket system cannot be read.
        """

    async def aclose(self) -> None:  # noqa: B027  (optional: most adapters hold nothing open)
        """Release what the adapter holds open; it is not usable afterwards."""
