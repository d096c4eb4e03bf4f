"""`setup`: from an account to a config.yml, asked for or in a script."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from freshdesk_simulator import BOT_KEY, Knobs, Simulator, SystemClock, german_account
from freshdesk_simulator.account import Account
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.config.settings import Settings, load_settings
from unit.cli.conftest import Run
from unit.cli.tiny_bundle import WORDS, build

SHIPPED = Path(__file__).parents[3] / "model" / "bundle"
EXAMPLE = Path(__file__).parents[3] / "functions" / "config.yml"


@dataclass(frozen=True)
class Office:
    """A served German account that nobody has set up yet; commands run beside its config.yml."""

    simulator: Simulator
    config: Path

    @property
    def account(self) -> Account:
        return self.simulator.account

    def settings(self) -> Settings:
        return load_settings(self.config, {})

    def text(self) -> str:
        return self.config.read_text(encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        assert old in self.text()
        self.config.write_text(self.text().replace(old, new), encoding="utf-8")

    def files(self) -> set[str]:
        return {path.name for path in self.config.parent.iterdir()}


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("THE_KEY", BOT_KEY)
    monkeypatch.setenv("OTAI_API_KEY", "env:THE_KEY")
    with Simulator(german_account(SystemClock()), knobs=Knobs.calm()) as simulator:
        simulator.account.add_group("Technical Support")  # the tiny bundle knows names alone
        monkeypatch.setenv("OTAI_FRESHDESK_URL", simulator.url)
        yield Office(simulator, Path.cwd() / "config.yml")


SETUP = ("setup", "--domain", "musterwerk")


class TestInAScript:
    def test_it_writes_a_config_that_doctor_accepts(
        self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = run(*SETUP)

        assert result.exit_code == ExitCode.DONE, result.output
        monkeypatch.setenv("SECRET", "a-webhook-secret-of-more-than-32-characters")
        monkeypatch.setenv("OTAI_WEBHOOK_SECRET", "env:SECRET")
        monkeypatch.setenv("OTAI_CURSOR", "file:state.json")
        assert run("doctor").exit_code == ExitCode.DONE, run("doctor").output

    def test_a_bundle_that_learnt_the_accounts_groups_fills_them_by_its_own_target(
        self, run: Run, office: Office, tmp_path: Path
    ) -> None:
        office.account.add_group("Escalations")
        team = {"Escalations": "angry", "technical support": "crash", "other": "else"}
        build(tmp_path / "own", known={**WORDS, "team": team})

        result = run(*SETUP, "--bundle", str(tmp_path / "own"))

        assert result.exit_code == ExitCode.DONE, result.output
        group = office.settings().triage.fields["group"]
        assert group.target == "team"
        assert group.labels["Escalations"] == "Escalations"
        assert group.labels["technical support"] == "Technical Support"
        assert group.labels["other"] is None

    def test_what_is_not_sure_is_said_and_left_alone(self, run: Run, office: Office) -> None:
        result = run(*SETUP)

        labels = office.settings().triage.fields["group"].labels
        assert labels["technical_support"] == "Technical Support"
        assert labels["billing_payments"] is None
        assert re.search(r"billing_payments +- +0\.\d\d, not sure; nearest: \w+", result.stdout)
        assert re.search(r"automated_mail +- +tagged only", result.stdout)

    def test_the_account_is_only_read_and_no_secret_told(self, run: Run, office: Office) -> None:
        result = run(*SETUP)

        calls = office.simulator.journal.calls
        assert {call.method for call in calls} == {"GET"}
        assert BOT_KEY not in result.output + office.text()

    def test_the_rule_can_be_pasted(self, run: Run, office: Office) -> None:
        url = "https://abc.execute-api.eu-central-1.amazonaws.com/live/freshdesk/webhook"

        result = run(*SETUP, "--webhook-url", url)

        for part in (
            "Ticket creation",
            "POST",
            url,
            "X-OTAI-Secret",
            "user otai, password the webhook secret",
            "JSON",
            '\n{"freshdesk_webhook": {"ticket_id": "{{ticket.id}}"}}\n',
        ):
            assert part in result.stdout

    def test_the_rule_is_that_of_the_guide(self, run: Run, office: Office) -> None:
        guide = (EXAMPLE.parents[1] / "docs" / "administrator.md").read_text(encoding="utf-8")

        rule = json.loads(run(*SETUP, "--json").stdout)["rule"]

        assert rule["body"] in guide
        assert f"`{rule['secret_header']}`" in guide
        assert f"user `{rule['or_basic_user']}`" in guide
        assert rule["path"] in guide

    def test_json_is_all_there_is_on_standard_output(self, run: Run, office: Office) -> None:
        result = run(*SETUP, "--json", "--undecided", "versand")

        record = json.loads(result.stdout)
        assert record["ok"]
        assert record["written"]
        assert record["domain"] == "musterwerk"
        group = record["fields"]["group"]
        assert group["undecided"] == [None, "Versand"]
        assert group["labels"]["technical_support"] == {
            "value": "Technical Support",
            "proposed": "Technical Support",
            "confidence": 1.0,
            "nearest": "Technical Support",
        }
        assert office.settings().triage.fields["group"].undecided == (None, "Versand")

    def test_a_server_keeps_its_secrets_in_files(self, run: Run, office: Office) -> None:
        run(*SETUP, "--for", "server")

        settings = office.settings()
        assert settings.system.params["freshdesk_api_key"].startswith("file:")
        assert settings.sweep.cursor.startswith("file:")

    @pytest.mark.parametrize("domain", ["https://Musterwerk.freshdesk.com/", "musterwerk"])
    def test_the_account_is_named_in_any_way(self, run: Run, office: Office, domain: str) -> None:
        run("setup", "--domain", domain)

        assert office.settings().system.params["freshdesk_domain"] == "musterwerk"

    def test_the_address_of_a_simulator_is_not_written(self, run: Run, office: Office) -> None:
        run(*SETUP)

        assert "freshdesk_url" not in office.text()
        assert "127.0.0.1" not in office.text()

    def test_german_comments(self, run: Run, office: Office) -> None:
        result = run(*SETUP, "--language", "de")

        assert "Geschrieben: config.yml" in result.stdout
        assert "# Vorschlag: Technical Support (1.00)" in office.text()
        assert "wo sich der Sweep merkt" in office.text()

    def test_without_a_terminal_nothing_is_coloured(self, run: Run, office: Office) -> None:
        assert "\x1b" not in run(*SETUP).output


class TestWithTheShippedBundle:
    def test_the_german_account(
        self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTAI_BUNDLE", str(SHIPPED))
        office.account.remove_group(
            next(
                one.id for one in office.account.groups.values() if one.name == "Technical Support"
            )
        )

        result = run(*SETUP, "--json")

        labels = json.loads(result.stdout)["fields"]["group"]["labels"]
        placed = [label for label, line in labels.items() if line["value"] is not None]
        assert len(placed) >= 10
        assert labels["automated_mail"]["value"] is None
        assert office.settings().triage.fields["type"].labels["Refund"] == "Refund"


class TestAgain:
    def test_nothing_new_writes_nothing(self, run: Run, office: Office) -> None:
        run(*SETUP)
        before = office.config.stat()

        result = run("setup")

        assert result.exit_code == ExitCode.DONE
        assert "nothing was written" in result.stdout
        assert office.config.stat().st_mtime_ns == before.st_mtime_ns
        assert office.files() == {"config.yml"}

    def test_what_a_human_changed_stays_and_is_named(self, run: Run, office: Office) -> None:
        run(*SETUP)
        office.edit("billing_payments: null", "billing_payments: Buchhaltung")
        office.edit("mode: shadow # off", "mode: live # since Monday; off")
        before = office.text()

        result = run("setup", "--undecided", "Versand")

        assert result.exit_code == ExitCode.DONE, result.output
        assert re.search(r"billing_payments +Buchhaltung +yours, kept", result.stdout)
        assert office.text() == before.replace("undecided: [null]", "undecided: [null, Versand]", 1)

    def test_a_group_that_came_is_proposed(self, run: Run, office: Office) -> None:
        run(*SETUP)
        office.account.add_group("Billing Payments")

        run("setup")

        assert (
            "billing_payments: Billing Payments # proposed: Billing Payments (1.00)"
            in office.text()
        )

    def test_a_group_that_is_gone_wants_attention(self, run: Run, office: Office) -> None:
        run(*SETUP)
        office.edit("billing_payments: null", "billing_payments: Finanzen")

        result = run("setup")

        assert result.exit_code == ExitCode.FINDINGS
        assert "no group Finanzen" in result.stderr

    def test_the_file_as_it_was_is_kept_and_never_overwritten(
        self, run: Run, office: Office
    ) -> None:
        run(*SETUP)
        office.config.chmod(0o640)
        first = office.text()
        run("setup", "--undecided", "Versand")
        second = office.text()

        result = run("setup", "--undecided", "Retouren")

        folder = office.config.parent
        assert (folder / "config.yml.1.bak").read_text("utf-8") == first
        assert (folder / "config.yml.2.bak").read_text("utf-8") == second
        assert "config.yml.2.bak" in result.stdout
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o640}

    def test_the_example_of_the_project_is_no_humans(self, run: Run, office: Office) -> None:
        office.config.write_bytes(EXAMPLE.read_bytes())

        result = run(*SETUP)

        assert result.exit_code == ExitCode.DONE
        assert "Billing" not in office.text()
        assert "config.yml.1.bak" in office.files()

    def test_variables_of_the_environment_lie_over_the_file(
        self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(*SETUP)
        cursor = "    cursor: ssm:/otai-freshdesk/sweep-state # where"
        office.edit(cursor, "    # cursor: memory, on this machine")
        before = office.text()
        monkeypatch.setenv("OTAI_TRIAGE_FROM", "2026-11-01T00:00:00Z")
        monkeypatch.setenv("OTAI_FRESHDESK_DOMAIN", "another")

        result = run("setup")

        assert result.exit_code == ExitCode.DONE, result.output
        assert office.text() == before, "what a variable says is not written into the file"

    def test_a_link_stays_one(self, run: Run, office: Office, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere.yml"
        target.write_bytes(EXAMPLE.read_bytes())
        office.config.symlink_to(target)

        run(*SETUP)

        assert office.config.is_symlink()
        assert "musterwerk" in target.read_text(encoding="utf-8")


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--undecided", "Posteingang"), "no group 'Posteingang'; it has: Buchhaltung"),
            (("--webhook-url", "http://x/freshdesk/webhook"), "https://"),
            (("--webhook-url", "https://x"), "/freshdesk/webhook"),
            (("--prefix", "no slash"), "--prefix"),
            (("--for", "cloud"), "--for"),
            (("--language", "fr"), "--language"),
        ],
    )
    def test_a_wrong_option(
        self, run: Run, office: Office, arguments: Sequence[str], said: str
    ) -> None:
        result = run(*SETUP, *arguments)

        assert result.exit_code == ExitCode.USAGE
        assert said in result.stderr
        assert office.files() == set()

    def test_no_account_is_named(self, run: Run, office: Office) -> None:
        result = run("setup")

        assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
        assert "--domain" in result.stderr

    def test_no_key(self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OTAI_API_KEY")

        result = run(*SETUP)

        assert result.exit_code == ExitCode.CONFIG
        assert "OTAI_API_KEY=env:FRESHDESK_API_KEY" in result.stderr

    def test_a_key_in_clear_is_not_told(
        self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTAI_API_KEY", BOT_KEY)

        result = run(*SETUP)

        assert result.exit_code == ExitCode.CONFIG
        assert BOT_KEY not in result.output

    def test_an_agent_that_sees_not_all_wants_attention(self, run: Run, office: Office) -> None:
        bot = next(one.id for one in office.account.agents.values() if one.api_key == BOT_KEY)
        office.account.change_agent(bot, ticket_scope=3)

        result = run(*SETUP)

        assert result.exit_code == ExitCode.FINDINGS
        assert "only its own tickets" in result.stderr
        assert office.config.exists()

    def test_an_account_without_groups_or_types(self, run: Run, office: Office) -> None:
        with office.account.lock:
            office.account.groups.clear()
            office.account.fields.pop("ticket_type")

        result = run(*SETUP)

        assert result.exit_code == ExitCode.FINDINGS
        assert "no groups" in result.stderr
        assert set(office.settings().triage.fields) == {"priority"}

    def test_a_file_that_is_not_text(self, run: Run, office: Office) -> None:
        office.config.write_bytes(b"\xff\xfe\x00")

        result = run(*SETUP)

        assert result.exit_code == ExitCode.CONFIG
        assert "config.yml" in result.stderr
        assert office.config.read_bytes() == b"\xff\xfe\x00"


class TestSecrets:
    def test_they_are_stored_when_asked_for(self, run: Run, office: Office, ssm: Any) -> None:
        result = run(*SETUP, "--store-secrets", "--prefix", "/help/desk")

        assert result.exit_code == ExitCode.DONE, result.output
        key, secret = (
            ssm.get_parameter(Name=f"/help/desk/{name}", WithDecryption=True)["Parameter"]
            for name in ("api-key", "webhook-secret")
        )
        assert (key["Value"], key["Type"]) == (BOT_KEY, "SecureString")
        assert result.stdout.count(secret["Value"]) == 1
        assert office.settings().webhook.secret == "ssm:/help/desk/webhook-secret"

    def test_a_webhook_secret_that_is_there_stays(self, run: Run, office: Office, ssm: Any) -> None:
        ssm.put_parameter(
            Name="/otai-freshdesk/webhook-secret", Value="s" * 32, Type="SecureString"
        )

        result = run(*SETUP, "--store-secrets", "--json")

        assert "s" * 32 not in result.output
        assert len(json.loads(result.stdout)["stored"]) == 2

    def test_where_aws_cannot_be_reached_nothing_is_written(
        self, run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from otai_freshdesk.ssm import ssm_client

        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nowhere")
        ssm_client.cache_clear()

        result = run(*SETUP, "--store-secrets")

        assert result.exit_code == ExitCode.CONFIG
        assert "region" in result.stderr
        assert office.files() == set()


class Terminal:
    """A command at a terminal: what it shows, and what is typed."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.shown = ""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from otai_freshdesk.cli import main; main()", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - no threads of ours in the child
        )
        os.close(slave)

    def answer(self, question: str, answer: str) -> None:
        """Wait for a question and type an answer."""
        start = len(self.shown)
        deadline = time.monotonic() + 60
        while question not in self.shown[start:]:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown
        os.write(self._master, answer.encode())

    def end(self) -> int:
        """Read the rest and return the exit code."""
        while self._read():
            pass
        os.close(self._master)
        return self._process.wait(30)

    def _read(self) -> bool:
        try:
            ready, _, _ = select.select([self._master], [], [], 60)
            piece = os.read(self._master, 65536) if ready else b""
        except OSError:  # the other end is closed
            return False
        self.shown += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    made = Terminal(arguments, {**os.environ, "TERM": "dumb", **environment})
    yield made
    if made._process.poll() is None:
        made._process.kill()
        made._process.wait()


class TestAtATerminal:
    def test_everything_is_asked_for(
        self, office: Office, bundle: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OTAI_API_KEY")
        names = [group.name for group in office.account.groups.values()]
        number = {name: str(names.index(name) + 1) for name in names}

        with terminal("setup", OTAI_BUNDLE=str(bundle)) as screen:
            screen.answer("Subdomain of your account", "musterwerk\n")
            screen.answer("API key of the agent", f"{BOT_KEY}\n")
            screen.answer("that have none?", "y\n")
            screen.answer("Group for billing_payments (invoices", "99\n")
            screen.answer("not one of the answers", f"{number['Buchhaltung']}\n")
            screen.answer("Which groups do tickets get", "x\n")
            screen.answer("not one of the answers", f"{number['Versand']}, 1\n")
            screen.answer("aws or server [aws]", "server\n")
            code = screen.end()

        assert code == ExitCode.DONE, screen.shown
        assert BOT_KEY not in screen.shown
        group = office.settings().triage.fields["group"]
        assert group.labels["billing_payments"] == "Buchhaltung"
        assert group.undecided == (None, "Versand", names[0])
        assert office.settings().sweep.cursor.startswith("file:")

    def test_in_german_with_nothing_but_defaults(self, office: Office, bundle: Path) -> None:
        command = ("setup", "--domain", "musterwerk", "--language", "de")
        with terminal(*command, OTAI_BUNDLE=str(bundle)) as screen:
            screen.answer("selbst eine wählen?", "\n")
            screen.answer("bevor jemand sie angesehen hat", "\n")
            screen.answer("aws oder server", "\n")
            screen.answer("Parameter Store ablegen?", "\n")
            code = screen.end()

        assert code == ExitCode.DONE, screen.shown
        assert office.settings().triage.fields["group"].undecided == (None,)

    def test_ctrl_c_leaves_nothing(self, office: Office, bundle: Path) -> None:
        with terminal(*SETUP, OTAI_BUNDLE=str(bundle)) as screen:
            screen.answer("that have none?", "\x03")
            code = screen.end()

        assert code == ExitCode.INTERRUPTED
        assert "interrupted" in screen.shown
        assert "Traceback" not in screen.shown
        assert office.files() == set()

    def test_a_closed_terminal_leaves_nothing(self, office: Office, bundle: Path) -> None:
        with terminal(*SETUP, OTAI_BUNDLE=str(bundle)) as screen:
            screen.answer("that have none?", "\x04")
            code = screen.end()

        assert code == ExitCode.USAGE
        assert "nothing was written" in screen.shown
        assert office.files() == set()

    def test_yes_asks_nothing(self, office: Office, bundle: Path) -> None:
        with terminal(*SETUP, "--yes", OTAI_BUNDLE=str(bundle)) as screen:
            assert screen.end() == ExitCode.DONE, screen.shown

        assert yaml.safe_load(office.text())
