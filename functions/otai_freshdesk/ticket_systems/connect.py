"""From the configuration to an account's tickets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from otai_freshdesk.application.ports import HelpDesk
from otai_freshdesk.clock import Clock
from otai_freshdesk.config.errors import ConfigFileError, NotFreshdeskError
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.config.settings import SystemSettings
from otai_freshdesk.ticket_systems.base import TicketSystemError
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.gateway import FreshdeskHelpDesks
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy
from otai_freshdesk.ticket_systems.registry import adapter_class


@runtime_checkable
class HelpDeskProvider(Protocol):
    """What an adapter of another package must offer besides the documented methods."""

    def help_desk(self, deadline: float | None) -> HelpDesk:
        """Return the account's tickets as triage needs them.

        Args:
            deadline: monotonic time up to which calls may wait and repeat; None: never wait.
        """
        ...

    def budget_left(self) -> int | None:
        """Return what is left of the account's rate limit, None when nobody knows."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


def freshdesk_adapter(
    system: SystemSettings, clock: Clock, retry: RetryPolicy | None = None
) -> FreshdeskAdapter:
    """Make the adapter that `system.provider_key` names, which must be one for Freshdesk.

    Args:
        system: the configuration; nothing is sent yet, and no secret fetched.
        clock: time.
        retry: how patient to be; the adapter's own patience by default.

    Raises:
        NotFreshdeskError: it is one for another ticket system.
        ConfigFileError: the name is unknown, or a parameter is wrong or missing.
    """
    with _configured():
        adapter_type = adapter_class(system.provider_key)
        if not issubclass(adapter_type, FreshdeskAdapter):
            raise NotFreshdeskError(system.provider_key)
        params = AdapterParams(system.params)
        api_key = params.secret("freshdesk_api_key")
        return adapter_type(params, api_key=api_key, clock=clock, retry=retry)


def connect(system: SystemSettings, clock: Clock) -> HelpDeskProvider:
    """Make the adapter that `system.provider_key` names; nothing is sent yet.

    Raises:
        ConfigFileError: the name is unknown, a parameter is wrong or missing, or the adapter
            cannot drive triage.
    """
    with _configured():
        adapter_type = adapter_class(system.provider_key)
        if issubclass(adapter_type, FreshdeskAdapter):
            return FreshdeskHelpDesks(freshdesk_adapter(system, clock), clock)
        adapter = adapter_type(AdapterParams(system.params))
    if not isinstance(adapter, HelpDeskProvider):
        raise ConfigFileError(
            f"config.yml: system.provider_key: {system.provider_key} has no method "
            "help_desk(deadline), so it cannot drive triage; ask the author of its package"
        )
    return adapter


@contextmanager
def _configured() -> Iterator[None]:
    """Tell of an adapter that cannot be made as of a mistake in config.yml."""
    try:
        yield
    except (TicketSystemError, AttributeError) as error:
        raise ConfigFileError(f"config.yml: system: {error}") from error
