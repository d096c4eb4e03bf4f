"""What all commands share: help, quick starts, one sentence for every error."""

import importlib
import logging
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from otai_freshdesk import cli
from otai_freshdesk.cli.app import Commands, app
from otai_freshdesk.cli.errors import CODES, CommandError, ExitCode
from unit.cli.conftest import Desk, Run

COMMANDS = sorted(
    command.callback.__name__.strip("_") for command in app.registered_commands if command.callback
)
FAR_TOO_HEAVY = ("numpy", "onnxruntime", "httpx", "boto3", "pydantic", "sklearn", "uvicorn")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_with_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == ExitCode.DONE
    assert f"Example:\n    otai-freshdesk {command}" in result.stdout
    assert "--json" in result.stdout


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from otai_freshdesk.cli import app; "
        f"print(sorted(set(sys.modules) & set({FAR_TOO_HEAVY})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_wrong_command_line_is_a_matter_of_usage(run: Run) -> None:
    assert run("classify").exit_code == ExitCode.USAGE
    assert run("no-such-command").exit_code == ExitCode.USAGE


def test_the_table_of_exit_codes_names_each_of_them() -> None:
    documented = dict(re.findall(r"^(\d+) +([A-Z]+) ", cli.__doc__ or "", re.MULTILINE))

    assert documented == {str(code.value): code.name for code in ExitCode}


@pytest.mark.parametrize("name", CODES)
def test_errors_are_recognised_by_names_that_exist(name: str) -> None:
    module, _, kind = name.rpartition(".")

    assert issubclass(getattr(importlib.import_module(module), kind), Exception)


def test_each_of_our_own_errors_has_a_code() -> None:
    kinds = CommandError.__subclasses__()

    assert kinds
    assert all(isinstance(kind.code, ExitCode) for kind in kinds)


def failing_app(error: BaseException) -> typer.Typer:
    """Return an app like ours with one command, `fail`, that raises `error`."""
    made = typer.Typer(cls=Commands)

    @made.callback()
    def options(debug: bool = False) -> None:
        """Take the options all commands share."""

    @made.command()
    def fail() -> None:
        raise error

    return made


class TestUnexpected:
    def test_the_message_is_kept_back_since_it_may_quote_a_ticket(self) -> None:
        result = CliRunner().invoke(failing_app(ValueError("my ticket's text")), ["fail"])

        assert result.exit_code == ExitCode.UNEXPECTED
        assert "unexpected ValueError" in result.stderr
        assert "my ticket's text" not in result.output
        assert "Traceback" not in result.output

    def test_debug_lets_it_through(self) -> None:
        error = ValueError("any")

        result = CliRunner().invoke(failing_app(error), ["--debug", "fail"])

        assert result.exception is error

    def test_debug_switches_on_no_log_but_our_own(self, run: Run, desk: Desk) -> None:
        before = logging.getLogger().level

        result = run("--debug", "triage", str(desk.add("invoice")))

        assert "GET /tickets/{id}" in result.stderr
        assert desk.simulator.api_key not in result.output
        assert logging.getLogger().level == before
        assert not logging.getLogger("botocore").isEnabledFor(logging.DEBUG)

    def test_an_interruption_is_one_word(self) -> None:
        result = CliRunner().invoke(failing_app(KeyboardInterrupt()), ["fail"])

        assert (result.exit_code, result.stderr) == (ExitCode.INTERRUPTED, "interrupted\n")

    def test_a_closed_pipe_is_no_error_of_ours(self) -> None:
        result = CliRunner().invoke(failing_app(BrokenPipeError(32, "Broken pipe")), ["fail"])

        assert "error" not in result.stderr
