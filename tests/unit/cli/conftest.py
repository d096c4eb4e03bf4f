"""Commands are run as an administrator runs them: arguments in, text and an exit code out."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from freshdesk_simulator import BOT_KEY, Knobs, Simulator, SystemClock, english_account
from otai_freshdesk.cli.app import app
from unit.cli.tiny_bundle import build

type Run = Callable[..., Result]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that knows a few words."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    build(folder)
    return folder


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start in an empty folder, without the variables that a command reads."""
    for name in [name for name in os.environ if name.startswith("OTAI_")]:
        monkeypatch.delenv(name)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def run(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the tiny bundle as the configured one."""
    monkeypatch.setenv("OTAI_BUNDLE", str(bundle))

    def invoke(*arguments: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke


CONFIG = """
open_ticket_ai:
  system:
    params:
      freshdesk_domain: acme
      freshdesk_url: {url}
      freshdesk_api_key: env:OTAI_TEST_API_KEY
      rate_limit_share: 0.0
  webhook: {{secret: "env:OTAI_TEST_SECRET"}}
  triage:
    mode: live
    from: 2026-01-01T00:00:00Z
    fields:
      group:
        target: queue
        labels:
          billing_payments: Billing
          technical_support: Technical Support
          automated_mail: null
      type: {{target: type}}
      priority: {{target: priority, undecided: [Low]}}
  sweep: {{cursor: "file:{state}"}}
"""
SECRET = "a-webhook-secret-of-more-than-32-characters"


@dataclass(frozen=True)
class Desk:
    """A served account and the configuration that points to it."""

    simulator: Simulator
    config: Path
    state: Path

    def add(self, subject: str, body: str = "", **properties: object) -> int:
        """Add a ticket and return its number."""
        made = self.simulator.account.add_ticket(subject, f"<p>{body}</p>", **properties)  # type: ignore[arg-type]
        return made.id

    def group_of(self, ticket_id: int) -> str | None:
        """Return the name of a ticket's group."""
        group_id = self.simulator.account.ticket(ticket_id).group_id
        return self.simulator.account.groups[group_id].name if group_id else None

    def configure(self, old: str, new: str) -> None:
        """Change the configuration."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), encoding="utf-8")

    @property
    def writes(self) -> int:
        """How often the account was written through the API."""
        return sum(call.method not in {"GET", "HEAD"} for call in self.simulator.journal.calls)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An English account behind a real port, with a configuration for it in `OTAI_CONFIG`."""
    monkeypatch.setenv("OTAI_TEST_API_KEY", BOT_KEY)
    monkeypatch.setenv("OTAI_TEST_SECRET", SECRET)
    with Simulator(english_account(SystemClock()), knobs=Knobs.calm()) as simulator:
        config, state = tmp_path / "config.yml", tmp_path / "state.json"
        config.write_text(CONFIG.format(url=simulator.url, state=state), encoding="utf-8")
        monkeypatch.setenv("OTAI_CONFIG", str(config))
        yield Desk(simulator, config, state)


@contextmanager
def full_disk(longest_file: int) -> Iterator[None]:
    """Let no file grow beyond some bytes, as on a disk that is all but full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
