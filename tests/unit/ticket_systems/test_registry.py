from importlib.metadata import EntryPoint
from typing import Any

import pytest

from otai_freshdesk.ticket_systems import (
    InvalidProviderError,
    TicketSystemAdapter,
    UnknownProviderError,
    adapter_class,
    known_provider_keys,
)
from otai_freshdesk.ticket_systems.freshdesk.adapter import FreshdeskAdapter
from otai_freshdesk.ticket_systems.registry import ENTRY_POINT_GROUP


class MemoryAdapter(TicketSystemAdapter[object]):
    """An adapter of another package's."""

    async def update_ticket(self, ticket_id: str, data: dict[str, Any]) -> dict[str, Any] | None:
        return {"id": ticket_id, **data}

    async def find_tickets(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        return []

    async def find_first_ticket(self, query: dict[str, Any]) -> dict[str, Any] | None:
        return None


class HalfAnAdapter(TicketSystemAdapter[object]):
    """Lacks two methods."""

    async def update_ticket(self, ticket_id: str, data: dict[str, Any]) -> dict[str, Any] | None:
        return None


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINT_GROUP)


class Loaded(EntryPoint):
    """An entry point that hands out what it is told to, in place of an import."""

    def load(self) -> Any:
        result = {
            "desk:Good": MemoryAdapter,
            "desk:Half": HalfAnAdapter,
            "desk:Text": "text",
        }.get(self.value)
        if result is None:
            raise RuntimeError("secret detail")
        return result


def loaded(name: str, value: str) -> EntryPoint:
    return Loaded(name, value, ENTRY_POINT_GROUP)


def test_ours_is_known_without_any_package_metadata() -> None:
    assert adapter_class("FreshdeskAdapter", list) is FreshdeskAdapter


def test_ours_cannot_be_taken_over() -> None:
    usurper = loaded("FreshdeskAdapter", "desk:Good")
    assert adapter_class("FreshdeskAdapter", lambda: [usurper]) is FreshdeskAdapter


def test_another_package_s_adapter_is_found_by_its_name() -> None:
    installed = [loaded("MemoryAdapter", "desk:Good")]
    assert adapter_class("MemoryAdapter", lambda: installed) is MemoryAdapter
    assert known_provider_keys(lambda: installed) == ("FreshdeskAdapter", "MemoryAdapter")


def test_an_unknown_name_lists_those_known() -> None:
    installed = [loaded("MemoryAdapter", "desk:Good")]
    with pytest.raises(UnknownProviderError) as caught:
        adapter_class("Freshdesk", lambda: installed)
    assert caught.value.known == ("FreshdeskAdapter", "MemoryAdapter")
    assert "'Freshdesk'" in str(caught.value)
    assert "Known: FreshdeskAdapter, MemoryAdapter." in str(caught.value)
    assert not caught.value.retryable


def test_the_same_entry_point_twice_is_one() -> None:
    twice = [loaded("MemoryAdapter", "desk:Good"), loaded("MemoryAdapter", "desk:Good")]
    assert adapter_class("MemoryAdapter", lambda: twice) is MemoryAdapter


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ([loaded("X", "desk:Good"), loaded("X", "desk:Half")], "Several packages"),
        ([loaded("X", "desk:Missing")], "cannot be imported"),
        ([entry("X", "no_such_module_anywhere:Y")], "cannot be imported"),
        ([loaded("X", "desk:Text")], "not a subclass"),
        ([loaded("X", "desk:Half")], "does not implement find_first_ticket, find_tickets"),
    ],
)
def test_an_unusable_registration_is_explained(installed: list[EntryPoint], message: str) -> None:
    with pytest.raises(InvalidProviderError, match=message) as caught:
        adapter_class("X", lambda: installed)
    assert caught.value.provider_key == "X"
    assert "secret detail" not in str(caught.value)


def test_the_installed_packages_are_asked_by_default() -> None:
    assert "FreshdeskAdapter" in known_provider_keys()
    with pytest.raises(UnknownProviderError):
        adapter_class("NobodyRegistersThis")


async def test_the_interface_keeps_its_config_and_closes_quietly() -> None:
    config = object()
    adapter = MemoryAdapter(config)
    assert adapter.config is config
    assert await adapter.find_first_ticket({}) is None
    await adapter.aclose()


def test_the_interface_cannot_be_made_alone() -> None:
    with pytest.raises(TypeError, match="abstract"):
        TicketSystemAdapter(object())  # type: ignore[abstract]
