"""Commands are run as an administrator runs them: arguments in, text and an exit code out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otai_freshdesk.cli.app import app
from unit.cli.tiny_bundle import build

type Run = Callable[..., Result]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that knows a few words."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    build(folder)
    return folder


@pytest.fixture
def run(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the tiny bundle as the configured one."""
    monkeypatch.setenv("OTAI_BUNDLE", str(bundle))
    monkeypatch.delenv("OTAI_CONFIG", raising=False)

    def invoke(*arguments: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke
