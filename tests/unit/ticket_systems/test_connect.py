"""From `system` in config.yml to an adapter, in one way for everybody."""

from contextlib import suppress

import pytest

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from otai_freshdesk.config.errors import ConfigFileError, NotFreshdeskError
from otai_freshdesk.config.settings import SystemSettings
from otai_freshdesk.ticket_systems.connect import connect, freshdesk_adapter
from otai_freshdesk.ticket_systems.freshdesk.errors import ServerError
from otai_freshdesk.ticket_systems.freshdesk.gateway import FreshdeskHelpDesks
from otai_freshdesk.ticket_systems.freshdesk.retry import AT_ONCE, RetryPolicy

PARAMS = {"freshdesk_domain": "acme", "freshdesk_api_key": "env:KEY"}


@pytest.mark.parametrize(("retry", "calls"), [(AT_ONCE, 1), (None, 2)])
async def test_an_adapter_of_the_patience_asked_for(
    monkeypatch: pytest.MonkeyPatch, clock: VirtualClock, retry: RetryPolicy | None, calls: int
) -> None:
    with Simulator(english_account(clock), knobs=Knobs.calm()) as simulator:
        monkeypatch.setenv("KEY", simulator.api_key)
        system = SystemSettings(params=PARAMS | {"freshdesk_url": simulator.url})
        adapter = freshdesk_adapter(system, clock, retry)
        simulator.faults.next("server_error", path="/agents/me")

        with suppress(ServerError):
            await adapter.me()

        assert simulator.journal.count(method="GET") == calls
        await adapter.aclose()


async def test_the_functions_connect_in_the_same_way(clock: VirtualClock) -> None:
    help_desks = connect(SystemSettings(params=PARAMS), clock)

    assert isinstance(help_desks, FreshdeskHelpDesks)
    await help_desks.aclose()


@pytest.mark.parametrize("make", [connect, freshdesk_adapter])
@pytest.mark.parametrize(
    ("system", "words"),
    [
        (SystemSettings(provider_key="NobodyRegistersThis"), "NobodyRegistersThis"),
        (SystemSettings(params={"freshdesk_api_key": "env:KEY"}), "freshdesk_domain"),
        (SystemSettings(params={"freshdesk_domain": "acme"}), "freshdesk_api_key"),
        (SystemSettings(params=PARAMS | {"freshdesk_domain": "support.acme.com"}), "system"),
    ],
)
def test_a_system_that_cannot_be_used_is_a_mistake_in_the_file(
    make: type, system: SystemSettings, words: str, clock: VirtualClock
) -> None:
    with pytest.raises(ConfigFileError, match=r"^(config\.yml: )?system") as caught:
        make(system, clock)
    assert words in str(caught.value)


@pytest.mark.usefixtures("acme_desk")
def test_another_ticket_system_is_told_apart(clock: VirtualClock) -> None:
    system = SystemSettings(provider_key="AcmeDesk", params={"shape": "round"})

    with pytest.raises(NotFreshdeskError) as caught:
        freshdesk_adapter(system, clock)
    assert caught.value.provider_key == "AcmeDesk"

    with pytest.raises(ConfigFileError, match="cannot drive triage"):
        connect(system, clock)
