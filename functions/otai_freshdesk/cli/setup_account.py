"""What `setup` reads of the account: the agent, groups, types and drop-down fields. Only reads."""

import os
from contextlib import aclosing
from dataclasses import dataclass

from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.clock import SystemClock
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.config.secrets import Secret, is_reference
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.freshdesk.client import StaticApiKey
from otai_freshdesk.ticket_systems.freshdesk.host import account_host
from otai_freshdesk.ticket_systems.freshdesk.models import Agent, Group, TicketField
from otai_freshdesk.ticket_systems.freshdesk.retry import RetryPolicy

__all__ = [
    "KEY_VARIABLE",
    "AccountFacts",
    "KeyMissingError",
    "api_key",
    "read_account",
    "subdomain",
]

KEY_VARIABLE = "OTAI_API_KEY"
_URL_VARIABLE = "OTAI_FRESHDESK_URL"
_PATIENCE = RetryPolicy(attempts=2, total=30.0)
_TYPE_FIELD = "ticket_type"
_DROPDOWN = "custom_dropdown"


class KeyMissingError(CommandError):
    """Nobody said which API key to use, and nobody can be asked."""

    code = ExitCode.CONFIG

    def __init__(self) -> None:
        super().__init__(
            "the agent's API key is needed: export it as FRESHDESK_API_KEY, and "
            f"{KEY_VARIABLE}=env:FRESHDESK_API_KEY, which says where it is"
        )


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What was read.

    Attributes:
        agent: Whose key it is.
        groups: All groups.
        fields: All ticket fields.
    """

    agent: Agent
    groups: tuple[Group, ...]
    fields: tuple[TicketField, ...]

    @property
    def group_descriptions(self) -> dict[str, str]:
        """Descriptions of the groups by name."""
        return {group.name: group.description or "" for group in self.groups}

    @property
    def types(self) -> tuple[str, ...]:
        """The ticket types."""
        return self._labels(_TYPE_FIELD)

    @property
    def own_fields(self) -> tuple[str, ...]:
        """Names of the account's own drop-down fields."""
        return tuple(field.name for field in self.fields if field.type == _DROPDOWN)

    def _labels(self, name: str) -> tuple[str, ...]:
        found = next((field for field in self.fields if field.name == name), None)
        return tuple(choice.label for choice in found.choices) if found else ()


def subdomain(domain: str) -> str:
    """Return the account's subdomain.

    Raises:
        ConfigurationError: `domain` is neither one nor the address of an account.
    """
    return account_host(domain).root.removeprefix("https://").partition(".")[0]


def api_key(configured: str | None) -> str:
    """Return the agent's key: from where the environment or the configuration says.

    Args:
        configured: The reference in the configuration that is there.

    Raises:
        KeyMissingError: Neither says anything.
        SecretError: It cannot be had from there.
    """
    reference = os.environ.get(KEY_VARIABLE) or configured
    if not reference or not is_reference(reference):
        raise KeyMissingError
    return Secret(reference).get()


async def read_account(domain: str, key: str, url: str | None = None) -> AccountFacts:
    """Read the account.

    Args:
        domain: Its subdomain.
        key: The agent's key.
        url: A simulator's address that the configuration names.

    Raises:
        FreshdeskError: It cannot be read.
    """
    override = os.environ.get(_URL_VARIABLE) or url
    params = AdapterParams({"freshdesk_domain": domain, "freshdesk_url": override})
    adapter = FreshdeskAdapter(
        params, api_key=StaticApiKey(key), clock=SystemClock(), retry=_PATIENCE
    )
    async with aclosing(adapter):
        # In this order: where the key is refused, nothing else is asked.
        agent = await adapter.me()
        fields = await adapter.ticket_fields()
        return AccountFacts(agent, await adapter.groups(), fields)
