"""`doctor`: finds what is wrong, says what to do, writes nothing."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from freshdesk_simulator import BOT_KEY
from otai_freshdesk.cli.check import Check, Status
from otai_freshdesk.cli.checks import clock_check, secret_check
from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.label_checks import AccountValues, check_labels
from otai_freshdesk.cli.server_clock import DateUnknownError, server_date
from otai_freshdesk.config.secrets import _ssm
from otai_freshdesk.config.settings import FieldSettings
from otai_freshdesk.ticket_systems.freshdesk.host import ApiHost, override_host
from unit.cli.conftest import SECRET, Desk, Run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def findings(run: Run) -> dict[str, dict[str, str]]:
    """Return the checks by name; of several, the one that matters most."""
    result = run("doctor", "--json")
    report = json.loads(result.stdout)
    assert report["ok"] == (result.exit_code == ExitCode.DONE)
    worst = sorted(report["checks"], key=lambda check: check["status"] == "problem")
    return {check["name"]: check for check in worst}


def bot(desk: Desk) -> int:
    agents = desk.simulator.account.agents.values()
    return next(agent.id for agent in agents if agent.api_key == BOT_KEY)


def leave_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away all that AWS needs on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    _ssm.cache_clear()


def test_a_good_setup_has_nothing_to_be_mended_and_is_only_read(run: Run, desk: Desk) -> None:
    result = run("doctor")

    assert result.exit_code == ExitCode.DONE, result.stdout
    assert "Nothing has to be mended" in result.stdout
    assert desk.writes == 0
    assert not desk.state.exists()


def test_the_account_is_asked_in_the_order_in_which_one_answer_needs_the_other(
    run: Run, desk: Desk
) -> None:
    run("doctor")

    calls = [call for call in desk.simulator.journal.calls if call.method == "GET"]
    paths = [call.path.removeprefix("/api/v2") for call in calls]
    assert paths == ["/agents/me", "/ticket_fields", "/groups", "/tickets", "/account"]


def test_what_is_learnt_is_told(run: Run, desk: Desk) -> None:
    desk.add("Hello")

    found = findings(run)

    assert str(bot(desk)) in found["agent"]["found"]
    assert "cf_root_cause" in found["ticket fields"]["found"]
    assert "200 calls a minute, of which 20 lists and 80 updates" in found["tickets"]["found"]
    assert "none in the last" not in found["tickets"]["found"]


def test_no_name_address_or_secret_is_told(run: Run, desk: Desk) -> None:
    output = run("doctor").output

    assert "@" not in output
    assert BOT_KEY not in output
    assert SECRET not in output


class TestTheAccount:
    def test_wrong_key(self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTAI_TEST_API_KEY", "a-wrong-key-nobody-should-see")

        result = run("doctor")

        assert result.exit_code == ExitCode.FINDINGS
        assert "The API key is not accepted" in result.stdout
        assert "nobody-should-see" not in result.output
        assert len(desk.simulator.journal.calls) <= 2, "nothing else can work, so nothing is tried"

    def test_wrong_subdomain(self, run: Run, desk: Desk) -> None:
        desk.simulator.faults.next("server_error", calls=5, status=404, body="empty")

        agent = findings(run)["agent"]

        assert agent["status"] == "problem"
        assert "freshdesk_domain" in agent["remedy"]

    def test_no_network(self, run: Run, desk: Desk) -> None:
        desk.simulator.stop()

        found = findings(run)

        assert found["agent"]["status"] == "problem"
        assert "subdomain" in found["agent"]["found"]
        assert found["clock"]["status"] == "skipped"
        assert found["labels"]["status"] == "skipped"

    def test_an_agent_that_sees_not_all_tickets(self, run: Run, desk: Desk) -> None:
        desk.simulator.account.change_agent(bot(desk), ticket_scope=2)

        agent = findings(run)["agent"]

        assert agent["status"] == "problem"
        assert "only the tickets of its groups" in agent["found"]

    def test_an_agent_without_the_right_to_read_the_account_is_enough(
        self, run: Run, desk: Desk
    ) -> None:
        desk.simulator.account.change_agent(bot(desk), admin=False)

        result = run("doctor")

        assert result.exit_code == ExitCode.DONE, result.stdout
        assert findings(run)["account"]["status"] in {"skipped", "ok"}

    def test_an_account_without_groups(self, run: Run, desk: Desk) -> None:
        with desk.simulator.account.lock:
            desk.simulator.account.groups.clear()

        found = findings(run)

        assert found["groups"]["status"] == "problem"
        assert found["labels of group"]["status"] == "problem"

    def test_an_empty_account_is_no_problem(self, run: Run, desk: Desk) -> None:
        assert "none in the last 30 days" in findings(run)["tickets"]["found"]


class TestLabels:
    def test_a_group_that_does_not_exist(self, run: Run, desk: Desk) -> None:
        desk.configure("billing_payments: Billing", "billing_payments: Biling")

        check = findings(run)["labels of group"]

        assert check["status"] == "problem"
        assert "the account has no group Biling" in check["found"]
        assert "Billing" in check["remedy"]

    @pytest.mark.parametrize(
        ("old", "new", "name", "problem"),
        [
            ("type: {target: type}", "type: {target: kind}", "type", "no target kind"),
            ("type: {target: type}", "cf_no: {target: type}", "cf_no", "no field cf_no"),
            (
                "type: {target: type}",
                "cf_root_cause: {target: type}",
                "cf_root_cause",
                "no cf_root_cause Incident, Question",
            ),
            (
                "{target: type}",
                "{target: type, labels: {Question: Frage}}",
                "type",
                "no type Frage",
            ),
        ],
    )
    def test_what_cannot_be_written(
        self, run: Run, desk: Desk, old: str, new: str, name: str, problem: str
    ) -> None:
        desk.configure(old, new)

        check = findings(run)[f"labels of {name}"]

        assert check["status"] == "problem"
        assert problem in check["found"]

    def test_advice_for_what_may_be_meant(self) -> None:
        rule = FieldSettings(
            target="queue", labels={"a": "Sales", "typo": "Sales"}, undecided=(None, "Gone")
        )
        values = AccountValues({"group": ("sales",)})

        checks = list(check_labels("group", rule, {"queue": ("a", "b")}, values))

        assert [check.status for check in checks] == [Status.ADVICE] * 3 + [Status.OK]
        assert "no entry for b" in checks[0].found
        assert "typo fits no label" in checks[1].found
        assert "undecided names Gone" in checks[2].found
        assert "1 of 2 labels" in checks[3].found

    def test_null_and_wildcards_are_meant(self) -> None:
        rule = FieldSettings(target="queue", labels={"tech*": "Sales", "b": None})
        values = AccountValues({"group": ("Sales",)})

        checks = list(check_labels("group", rule, {"queue": ("technical", "b")}, values))

        assert [check.status for check in checks] == [Status.OK]


class TestWhatIsHere:
    def test_broken_yaml_is_the_one_finding(self, run: Run, desk: Desk) -> None:
        desk.configure("mode: live", "mode: [")

        found = findings(run)

        assert list(found) == ["configuration"]
        assert "not valid YAML" in found["configuration"]["found"]

    def test_a_bundle_that_is_not_whole(self, run: Run, desk: Desk) -> None:
        found = json.loads(run("doctor", "--json", "--bundle", str(desk.state)).stdout)["checks"]

        assert {check["name"]: check["status"] for check in found}["bundle"] == "problem"

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ("", "not set or empty"),
            ("too-short", "at least 32 characters"),
            ("ab" * 20, "repeats few characters"),
        ],
    )
    def test_a_weak_webhook_secret(
        self,
        run: Run,
        desk: Desk,
        monkeypatch: pytest.MonkeyPatch,
        value: str,
        problem: str,
    ) -> None:
        monkeypatch.setenv("OTAI_TEST_SECRET", value)

        check = findings(run)["webhook secret"]

        assert check["status"] == "problem"
        assert problem in check["found"]

    def test_the_api_key_is_no_webhook_secret(self) -> None:
        assert secret_check((SECRET.encode(),), SECRET).status is Status.PROBLEM

    def test_two_secrets_are_advised_on(self) -> None:
        assert secret_check((SECRET.encode(), SECRET.encode()), "key").status is Status.ADVICE

    def test_a_missing_api_key(self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OTAI_TEST_API_KEY")

        assert "OTAI_TEST_API_KEY is not set" in findings(run)["API key"]["found"]

    def test_a_damaged_sweep_state(self, run: Run, desk: Desk) -> None:
        desk.state.write_text("{", encoding="utf-8")

        check = findings(run)["sweep state"]

        assert check["status"] == "problem"
        assert "starts from the look-back" in check["found"]

    def test_the_state_of_a_sweep_that_ended(self, run: Run, desk: Desk) -> None:
        run("sweep")

        assert "all done up to" in findings(run)["sweep state"]["found"]

    @pytest.mark.parametrize("region", ["", "eu-central-1"])
    def test_what_is_kept_in_aws_is_no_problem_on_a_machine_outside(
        self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch, region: str
    ) -> None:
        leave_aws(monkeypatch)
        if region:
            monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        desk.configure(f'"file:{desk.state}"', "ssm:/otai-freshdesk/sweep-state")
        desk.configure("env:OTAI_TEST_SECRET", "ssm:/otai-freshdesk/webhook-secret")

        found = findings(run)

        assert found["sweep state"]["status"] == "skipped"
        assert found["webhook secret"]["status"] == "skipped"
        assert found["labels of group"]["status"] != "skipped"

    def test_a_key_that_cannot_be_read_from_aws_is_one(
        self, run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leave_aws(monkeypatch)
        desk.configure("env:OTAI_TEST_API_KEY", "ssm:/otai-freshdesk/api-key")

        check = findings(run)["API key"]

        assert check["status"] == "problem"
        assert "OTAI_API_KEY=env:NAME" in check["remedy"]


class TestClock:
    @pytest.mark.parametrize(
        ("seconds", "status"),
        [
            (0, Status.OK),
            (-29, Status.OK),
            (31, Status.ADVICE),
            (-119, Status.ADVICE),
            (121, Status.PROBLEM),
        ],
    )
    def test_the_further_off_the_worse(self, seconds: int, status: Status) -> None:
        assert clock_check(NOW + timedelta(seconds=seconds), NOW).status is status

    def test_the_direction_is_told(self) -> None:
        assert "60 s behind" in clock_check(NOW - timedelta(minutes=1), NOW).found

    @pytest.fixture
    def dated(self, request: pytest.FixtureRequest) -> Iterator[ApiHost]:
        """Serve the `Date` that the test names, or none."""

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response_only(302)
                if request.param:
                    self.send_header("Date", request.param)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay calm."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield override_host(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
        server.server_close()

    @pytest.mark.parametrize("dated", ["Sun, 22 Nov 2026 12:00:00 GMT"], indirect=True)
    def test_the_hosts_date_is_read(self, dated: ApiHost) -> None:
        assert server_date(dated) == NOW

    @pytest.mark.parametrize("dated", ["", "yesterday"], indirect=True)
    def test_a_host_that_does_not_tell(self, dated: ApiHost) -> None:
        with pytest.raises(DateUnknownError, match="date"):
            server_date(dated)


def test_a_check_is_a_row_with_its_remedy() -> None:
    assert Check("a", Status.PROBLEM, "b", "c").as_row() == ("problem", "a", "b: c")
    assert Check("a", Status.OK, "b").as_row() == ("ok", "a", "b")
