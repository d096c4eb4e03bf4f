import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.ticket_systems.freshdesk.errors import ConfigurationError
from otai_freshdesk.ticket_systems.freshdesk.host import ApiHost, account_host, override_host

ACME = ApiHost("https://acme.freshdesk.com/api/v2")


@pytest.mark.parametrize(
    "domain",
    [
        "acme",
        "ACME",
        " acme ",
        "acme.freshdesk.com",
        "Acme.Freshdesk.com/",
        "https://acme.freshdesk.com",
        "https://acme.freshdesk.com//",
    ],
)
def test_ways_to_name_an_account(domain: str) -> None:
    assert account_host(domain) == ACME


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "-acme",
        "acme-",
        "support.acme.com",
        "acme.freshdesk.com.evil.example",
        "evil.example/acme.freshdesk.com",
        "http://acme.freshdesk.com",
        "https://user:pw@acme.freshdesk.com",
        "https://acme.freshdesk.com:8443",
        "https://acme.freshdesk.com/a/tickets",
        "acme.freshdesk.com@evil.example",
        "acme\n.freshdesk.com",
        "a" * 64,
        "äcme",
        "127.0.0.1",
    ],
)
def test_anything_else_is_refused(domain: str) -> None:
    with pytest.raises(ConfigurationError, match="subdomain"):
        account_host(domain)


@given(st.text())
def test_no_text_leads_away_from_freshdesk(text: str) -> None:
    try:
        host = account_host(text)
    except ConfigurationError:
        return
    assert host.host_header is None
    account = host.root.removeprefix("https://").removesuffix(".freshdesk.com/api/v2")
    assert account.replace("-", "").isalnum()
    assert account.isascii()


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v2"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v2"),
        ("http://[::1]:8080", "http://[::1]:8080/api/v2"),
        ("https://10.1.2.3", "https://10.1.2.3/api/v2"),
        ("http://172.17.0.1:9", "http://172.17.0.1:9/api/v2"),
        ("http://192.168.1.4", "http://192.168.1.4/api/v2"),
    ],
)
def test_an_override_by_address(url: str, root: str) -> None:
    assert override_host(url) == ApiHost(root)


def test_an_override_by_name_is_pinned_to_what_it_resolved_to() -> None:
    host = override_host("http://simulator:8080", lambda *_: ["172.18.0.5", "172.18.0.6"])
    assert host == ApiHost("http://172.18.0.5:8080/api/v2", host_header="simulator:8080")
    six = override_host("http://simulator", lambda *_: ["fd00::5"])
    assert six == ApiHost("http://[fd00::5]:80/api/v2", host_header="simulator:80")


def test_localhost_is_resolved_by_the_system() -> None:
    assert override_host("http://localhost:8080").host_header == "localhost:8080"


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.216.34"],
        ["10.0.0.1", "93.184.216.34"],
        ["169.254.169.254"],
        ["fe80::1%eth0"],
        ["::ffff:93.184.216.34"],
        [],
    ],
)
def test_a_name_that_may_lead_to_the_public_is_refused(addresses: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="loopback or private"):
        override_host("http://simulator:8080", lambda *_: addresses)


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34",
        "http://169.254.169.254",
        "http://0.0.0.0:80",
        "http://[2606:4700::1]",
        "http://224.0.0.1",
    ],
)
def test_a_public_or_odd_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback or private"):
        override_host(url)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "ftp://127.0.0.1",
        "http://",
        "http://user:pw@127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1?x=1",
        "http://127.0.0.1#x",
        "http://127.0.0.1:99999",
        "http://[::1",
    ],
)
def test_an_override_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must look like"):
        override_host(url)


def test_https_by_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must use http"):
        override_host("https://simulator", lambda *_: ["10.0.0.1"])


def test_a_name_that_does_not_resolve_is_an_error_for_administrators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ConfigurationError, match="cannot be resolved"):
        override_host("http://nowhere.invalid")
