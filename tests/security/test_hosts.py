"""No address that can be configured leads the key, or us, to where it must not."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from freshdesk_simulator import VirtualClock
from otai_freshdesk.config.errors import ConfigError, ConfigFileError
from otai_freshdesk.config.settings import OVERRIDES, parse_settings
from otai_freshdesk.ssm import ssm_client
from otai_freshdesk.ticket_systems.connect import connect
from ticket_classifier import BundleMissingError, load

ROOT = Path(__file__).parents[2]
CONFIG = """
open_ticket_ai:
  system:
    params: {{freshdesk_domain: acme, freshdesk_api_key: "env:KEY", {more}}}
  triage: {{from: "2026-11-01T00:00:00Z"}}
"""

HOSTILE_DOMAINS = [
    "evil.example",
    "acme.freshdesk.com.evil.example",
    "acme.freshdesk.com@evil.example",
    "evil.example/acme.freshdesk.com",
    "evil.example#.freshdesk.com",
    "evil.example?.freshdesk.com",
    "evil.example\\.freshdesk.com",
    "acme.freshdesk.com:8443",
    "acme%2eevil",
    "acme\r\nHost: evil.example",
    "acme\u3002evil\u3002example",
    "\uff41cme",
    "169.254.169.254",
    "..",
    "file:///etc/passwd",
]
# Numbers that resolvers take for addresses: 93.184.216.34 and the clouds' metadata service.
HOSTILE_URLS = [
    "http://1572395042",
    "http://0x5db8d822",
    "http://0135.0270.0330.042",
    "http://2852039166",
    "http://169.254.169.254",
    "http://[::ffff:169.254.169.254]",
    "http://[fe80::1]",
    "http://0.0.0.0",
    "http://[::]",
    "http://93.184.216.34:80",
    "http://127.0.0.1@93.184.216.34",
    "http://93.184.216.34#@127.0.0.1",
    "http://127.0.0.1\\@93.184.216.34",
    "http://127.0.0.1/..//93.184.216.34",
    "http://127.0.0.1:80:80",
    "file:///nowhere/at/all",
    "gopher://127.0.0.1",
    "//127.0.0.1",
]


def connected(more: str = "", **environment: str) -> None:
    settings = parse_settings(CONFIG.format(more=more).encode(), environment)
    connect(settings.system, VirtualClock())


def test_what_is_meant_is_taken() -> None:
    connected()
    connected(OTAI_FRESHDESK_DOMAIN="https://other.freshdesk.com/")
    connected('freshdesk_url: "http://127.0.0.1:8080"')


@pytest.mark.parametrize("domain", HOSTILE_DOMAINS)
def test_no_domain_leads_away(domain: str) -> None:
    with pytest.raises(ConfigFileError, match="freshdesk_domain"):
        connected(OTAI_FRESHDESK_DOMAIN=domain)


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_no_override_leads_to_the_public(url: str) -> None:
    # What looks like a reference (file:///...) is read as one, and is no address either.
    with pytest.raises(ConfigError, match=r"override|cannot be read"):
        connected(OTAI_FRESHDESK_URL=url)
    with pytest.raises(ConfigError, match=r"override|cannot be read"):
        connected(f"freshdesk_url: {json.dumps(url)}")


class TestAws:
    """Where secrets are fetched is for AWS's own variables to say, not for our configuration."""

    def test_no_key_and_no_variable_of_ours_is_an_endpoint(self) -> None:
        """The template only declares the variable, so that `sam local` can hand one in."""
        assert not [name for name in OVERRIDES if "ENDPOINT" in name or "AWS" in name]
        template = (ROOT / "template.yaml").read_text(encoding="utf-8")
        assert set(re.findall(r"AWS_ENDPOINT\w*: *(.*)", template)) <= {'""'}

    @pytest.mark.parametrize("region", ["evil.example/", "evil.example#", "a@b", "a b", "../x"])
    def test_a_region_cannot_smuggle_in_a_host(
        self, region: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        monkeypatch.setenv("AWS_REGION", region)
        ssm_client.cache_clear()
        try:
            with pytest.raises(BotoCoreError):
                ssm_client()
        finally:
            ssm_client.cache_clear()

    @pytest.mark.parametrize("reference", ["ssm:evil", "ssm:/a b", "ssm:/a?x", "ssm:/a@b"])
    def test_a_reference_names_a_parameter_and_no_host(self, reference: str) -> None:
        text = CONFIG.format(more="").replace("env:KEY", reference)
        with pytest.raises(ConfigFileError, match="must be a reference"):
            parse_settings(text.encode(), {})


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setblocking(False)
        yield bound


@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{port}/b", "//127.0.0.1:{port}/b", "file://{port}"]
)
def test_a_bundle_is_a_folder_and_never_fetched(listener: Any, form: str) -> None:
    path = form.format(port=listener.getsockname()[1])

    with pytest.raises(BundleMissingError):
        load(Path(path))
    with pytest.raises(BlockingIOError):
        listener.accept()
