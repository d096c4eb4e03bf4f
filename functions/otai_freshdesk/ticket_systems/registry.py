"""Ticket systems by name: ours built in, others through an entry point of their package.

A package makes its adapter known under the group `otai_freshdesk.ticket_systems`:

    [project.entry-points."otai_freshdesk.ticket_systems"]
    AcmeDeskAdapter = "acme_desk.adapter:AcmeDeskAdapter"

after which `provider_key: AcmeDeskAdapter` in `config.yml` selects it. The built-in names need no
package metadata (a Lambda function has none) and cannot be taken over by another package.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from otai_freshdesk.ticket_systems.base import TicketSystemAdapter, TicketSystemError

__all__ = [
    "ENTRY_POINT_GROUP",
    "InvalidProviderError",
    "RegistryError",
    "UnknownProviderError",
    "adapter_class",
    "known_provider_keys",
]

ENTRY_POINT_GROUP = "otai_freshdesk.ticket_systems"

# Named by path, so that asking for one adapter does not import the others.
_BUILT_IN = {"FreshdeskAdapter": "otai_freshdesk.ticket_systems.freshdesk.adapter:FreshdeskAdapter"}

type AnyAdapterClass = type[TicketSystemAdapter[Any]]
type EntryPointSource = Callable[[], Iterable[EntryPoint]]


class RegistryError(TicketSystemError):
    """No adapter can be had under a provider key.

    Attributes:
        provider_key: The key asked for.
    """

    def __init__(self, provider_key: str, message: str) -> None:
        super().__init__(message)
        self.provider_key = provider_key


class UnknownProviderError(RegistryError):
    """Nothing is registered under the provider key.

    Attributes:
        known: The keys that are registered, sorted.
    """

    def __init__(self, provider_key: str, known: tuple[str, ...]) -> None:
        self.known = known
        super().__init__(
            provider_key,
            f"No ticket system is registered as provider_key {provider_key!r}. "
            f"Known: {', '.join(known)}. Correct system.provider_key in config.yml, or install "
            f"the package that registers it in the entry-point group {ENTRY_POINT_GROUP!r}.",
        )


class InvalidProviderError(RegistryError):
    """Something is registered under the provider key, but it is not one usable adapter."""


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=ENTRY_POINT_GROUP)


def known_provider_keys(installed: EntryPointSource = _installed) -> tuple[str, ...]:
    """Return every provider key that can be asked for, sorted.

    Args:
        installed: Where to look for other packages' entry points.
    """
    return tuple(sorted({*_BUILT_IN, *(entry.name for entry in installed())}))


def adapter_class(provider_key: str, installed: EntryPointSource = _installed) -> AnyAdapterClass:
    """Return the adapter class registered as `provider_key`.

    Args:
        provider_key: The name in `config.yml`, compared exactly.
        installed: Where to look for other packages' entry points.

    Raises:
        UnknownProviderError: When nothing is registered under the name.
        InvalidProviderError: When it cannot be imported, is no `TicketSystemAdapter`, leaves
            methods out, or several packages claim the name.
    """
    if provider_key in _BUILT_IN:
        module, _, name = _BUILT_IN[provider_key].partition(":")
        return _checked(provider_key, getattr(import_module(module), name))
    found = [entry for entry in installed() if entry.name == provider_key]
    if not found:
        raise UnknownProviderError(provider_key, known_provider_keys(installed))
    if len({entry.value for entry in found}) > 1:
        raise InvalidProviderError(
            provider_key,
            f"Several packages register provider_key {provider_key!r}: "
            f"{', '.join(sorted(entry.value for entry in found))}. Uninstall all but one.",
        )
    return _checked(provider_key, _load(provider_key, found[0]))


def _load(provider_key: str, entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # a foreign package may raise anything while it is imported
        raise InvalidProviderError(
            provider_key,
            f"The adapter {entry.value!r} of provider_key {provider_key!r} cannot be imported "
            f"({type(error).__name__}). Reinstall or repair its package.",
        ) from error


def _checked(provider_key: str, candidate: object) -> AnyAdapterClass:
    if not (isinstance(candidate, type) and issubclass(candidate, TicketSystemAdapter)):
        raise InvalidProviderError(
            provider_key,
            f"What is registered as provider_key {provider_key!r} is not a subclass of "
            "TicketSystemAdapter. Ask the author of its package.",
        )
    missing = sorted(candidate.__abstractmethods__)
    if missing:
        raise InvalidProviderError(
            provider_key,
            f"The adapter registered as provider_key {provider_key!r} does not implement "
            f"{', '.join(missing)}. Ask the author of its package.",
        )
    return candidate
