"""Sample events and environment files are what the template and the functions expect."""

import json
from pathlib import Path

import pytest

from otai_freshdesk.config.secrets import MIN_WEBHOOK_SECRET
from otai_freshdesk.config.settings import parse_settings
from otai_freshdesk.web.body import ticket_id
from support.deployment import EVENTS, SAMPLE_SECRET, event
from support.template import ROOT, declared_environment

ENVIRONMENTS = sorted(EVENTS.glob("env.*.json"))
CONFIG = (ROOT / "functions" / "config.yml").read_bytes()


def variables(path: Path) -> dict[str, str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    # Under "Parameters" they are for every function; `sam local` takes no list of functions then.
    assert list(document) == ["Parameters"]
    found: dict[str, str] = document["Parameters"]
    return found


def test_every_file_is_checked_here() -> None:
    names = {path.name for path in EVENTS.iterdir()}
    assert names == {"webhook_created.json", "sweep.json", *(path.name for path in ENVIRONMENTS)}


def test_the_webhook_is_one_of_freshdesks() -> None:
    sample = event("webhook_created")
    assert (sample["httpMethod"], sample["path"]) == ("POST", "/freshdesk/webhook")
    assert ticket_id(sample["body"].encode()) == 1
    assert sample["headers"]["X-OTAI-Secret"] == SAMPLE_SECRET
    assert len(SAMPLE_SECRET) >= MIN_WEBHOOK_SECRET
    assert sample["multiValueHeaders"] == {
        name: [value] for name, value in sample["headers"].items()
    }


def test_the_sweep_asks_for_nothing_special() -> None:
    assert event("sweep") == {}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
class TestEnvironments:
    def test_the_template_declares_every_variable(self, path: Path) -> None:
        # `sam local` silently leaves out what the template does not declare.
        declared = declared_environment("WebhookFunction") | declared_environment("SweepFunction")
        assert set(variables(path)) <= set(declared)

    def test_it_makes_a_valid_configuration(self, path: Path) -> None:
        settings = parse_settings(CONFIG, variables(path))
        references = [settings.webhook.secret, settings.system.params["freshdesk_api_key"]]
        for reference in references:
            scheme, _, name = reference.partition(":")
            assert scheme == "env"
            assert variables(path)[name]

    def test_nothing_is_kept_in_aws(self, path: Path) -> None:
        # The template's defaults are, so each has to be set.
        settings = parse_settings(CONFIG, variables(path))
        assert (settings.sweep.cursor, settings.overlay) == ("memory", "memory")

    def test_telemetry_stays_off(self, path: Path) -> None:
        assert variables(path)["ORT_DISABLE_TELEMETRY"] == "1"
