"""From the configuration to an account's tickets."""

from typing import Protocol, runtime_checkable

from otai_freshdesk.application.ports import HelpDesk
from otai_freshdesk.clock import Clock
from otai_freshdesk.config.errors import ConfigFileError
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.config.settings import SystemSettings
from otai_freshdesk.ticket_systems.base import TicketSystemError
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.gateway import FreshdeskHelpDesks
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


def connect(system: SystemSettings, clock: Clock) -> HelpDeskProvider:
    """Make the adapter that `system.provider_key` names; nothing is sent yet.

    Raises:
        ConfigFileError: the name is unknown, a parameter is wrong or missing, or the adapter
            cannot drive triage.
    """
    params = AdapterParams(system.params)
    try:
        adapter_type = adapter_class(system.provider_key)
        if issubclass(adapter_type, FreshdeskAdapter):
            api_key = params.secret("freshdesk_api_key")
            return FreshdeskHelpDesks(adapter_type(params, api_key=api_key, clock=clock), clock)
        adapter = adapter_type(params)
    except (TicketSystemError, AttributeError) as error:
        raise ConfigFileError(f"config.yml: system: {error}") from error
    if not isinstance(adapter, HelpDeskProvider):
        raise ConfigFileError(
            f"config.yml: system.provider_key: {system.provider_key} has no method "
            "help_desk(deadline), so it cannot drive triage; ask the author of its package"
        )
    return adapter
