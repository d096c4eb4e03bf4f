"""House rules, held against the template as CloudFormation gets it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.template import ROOT, TEMPLATE, Resource, Template, of_type, translated

FUNCTIONS = ("WebhookFunction", "SweepFunction")
OBSERVABILITY = ROOT / "functions" / "otai_freshdesk" / "observability.py"
LAYERS = ("DependenciesLayer", "ClassifierLayer", "ModelLayer")
SECRET_VARIABLES = ("FRESHDESK_API_KEY", "FRESHDESK_WEBHOOK_SECRET")


@pytest.fixture(scope="module")
def template() -> Template:
    return translated()


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def statements(role: Resource) -> Iterator[dict[str, Any]]:
    """Yield a role's statements; of one under a condition, the one when it holds."""
    for policy in role["Properties"].get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def published_versions(template: Template) -> set[str]:
    return set(of_type(template, "AWS::Lambda::Version"))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class TestDeployment:
    @pytest.mark.parametrize("layer", LAYERS)
    def test_a_changed_layer_gives_both_functions_a_new_version(
        self, template: Template, layer: str
    ) -> None:
        changed = translated(changed=[layer])
        assert not published_versions(template) & published_versions(changed)

    def test_the_same_input_gives_the_same_versions(self, template: Template) -> None:
        again = translated({"AlarmEmail": "admin@customer.example"})
        assert published_versions(template) == published_versions(again)

    def test_the_alias_is_what_the_api_and_the_schedule_call(self, template: Template) -> None:
        [schedule] = of_type(template, "AWS::Scheduler::Schedule").values()
        assert schedule["Properties"]["Target"]["Arn"] == {"Ref": "SweepFunctionAliaslive"}
        [api] = of_type(template, "AWS::ApiGateway::RestApi").values()
        [(path, methods)] = api["Properties"]["Body"]["paths"].items()
        assert (path, list(methods)) == ("/freshdesk/webhook", ["post"])
        uri = methods["post"]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        assert "${WebhookFunctionAliaslive}" in uri

    def test_a_gradual_deployment_watches_the_alarms(self, template: Template) -> None:
        assert not of_type(template, "AWS::CodeDeploy::DeploymentGroup")
        gradual = translated({"GradualDeployment": "true"})
        [group] = of_type(gradual, "AWS::CodeDeploy::DeploymentGroup").values()
        alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
        assert {alarm["Name"]["Ref"] for alarm in alarms} == {
            "WebhookErrorsAlarm",
            "WebhookSlowAlarm",
        }
        name = group["Properties"]["DeploymentConfigName"]
        assert "Canary10Percent5Minutes" in json.dumps(name)

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_a_customers_model_lies_over_ours(self, template: Template, function: str) -> None:
        *ours, own = properties(template, function)["Layers"]
        assert [re.sub(r"[0-9a-f]{10}$", "", layer["Ref"]) for layer in ours] == list(LAYERS)
        assert own["Fn::If"][:2] == ["HasModelLayer", {"Ref": "ModelLayerArn"}]


class TestPermissions:
    def test_no_role_of_ours_has_a_wildcard(self, template: Template) -> None:
        roles = of_type(template, "AWS::IAM::Role")
        assert {"WebhookRole", "SweepRole", "SchedulerRole"} <= set(roles)
        for name, role in roles.items():
            for statement in statements(role):
                assert "*" not in json.dumps(statement), f"{name}: {statement.get('Sid')}"

    def test_only_the_sweep_writes_the_state(self, template: Template) -> None:
        writers = {
            name
            for name, role in of_type(template, "AWS::IAM::Role").items()
            for statement in statements(role)
            if "ssm:PutParameter" in as_list(statement["Action"])
        }
        assert writers == {"SweepRole"}

    def test_the_sweep_cannot_read_the_webhooks_secret(self, template: Template) -> None:
        assert "WebhookSecretParameter" not in json.dumps(properties(template, "SweepRole"))

    def test_the_key_of_the_secrets_is_used_through_ssm_only(self, template: Template) -> None:
        decrypts = [
            statement
            for role in of_type(template, "AWS::IAM::Role").values()
            for statement in statements(role)
            if statement["Action"] == "kms:Decrypt"
        ]
        assert len(decrypts) == 2
        for statement in decrypts:
            assert "kms:ViaService" in statement["Condition"]["StringEquals"]

    def test_the_api_takes_requests_from_the_allowed_networks_only(self) -> None:
        template = translated({"AllowedCidrs": "192.0.2.0/24,198.51.100.0/24"})
        [api] = of_type(template, "AWS::ApiGateway::RestApi").values()
        [statement] = api["Properties"]["Body"]["x-amazon-apigateway-policy"]["Statement"]
        networks = statement["Condition"]["IpAddress"]["aws:SourceIp"]
        # The transform may put in the text itself, which CloudFormation then splits.
        assert networks["Fn::Split"][0] == ","
        assert networks["Fn::Split"][1] in ({"Ref": "AllowedCidrs"}, "192.0.2.0/24,198.51.100.0/24")


class TestFunctions:
    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_each_logs_json_to_a_group_that_forgets(
        self, template: Template, function: str
    ) -> None:
        logging = properties(template, function)["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        group = properties(template, logging["LogGroup"]["Ref"])
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_telemetry_of_the_runtime_is_off(self, template: Template, function: str) -> None:
        variables = properties(template, function)["Environment"]["Variables"]
        assert variables["ORT_DISABLE_TELEMETRY"] == "1"

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_no_secret_is_a_variable(self, template: Template, function: str) -> None:
        variables = properties(template, function)["Environment"]["Variables"]
        assert all(variables.get(name, "") == "" for name in SECRET_VARIABLES)

    def test_sweeps_do_not_overlap(self, template: Template) -> None:
        least = template["Parameters"]["SweepMinutes"]["MinValue"] * 60
        assert properties(template, "SweepFunction")["Timeout"] < least

    def test_the_webhook_answers_before_the_gateway_gives_up(self, template: Template) -> None:
        assert properties(template, "WebhookFunction")["Timeout"] < 29

    def test_no_concurrency_is_reserved_by_default(self, template: Template) -> None:
        assert template["Parameters"]["WebhookConcurrency"]["Default"] == 0
        assert template["Parameters"]["SweepConcurrency"]["Default"] == 0


class TestSweep:
    def test_a_failed_sweep_is_not_repeated_but_reported(self, template: Template) -> None:
        [invoke] = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
        assert invoke["Properties"]["MaximumRetryAttempts"] == 0
        target = invoke["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert target == {"Fn::GetAtt": ["FailureQueue", "Arn"]}

    def test_the_schedules_retries_are_bounded(self, template: Template) -> None:
        [schedule] = of_type(template, "AWS::Scheduler::Schedule").values()
        target = schedule["Properties"]["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] <= 2
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 300
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["FailureQueue", "Arn"]}

    @pytest.mark.parametrize("name", ["SweepState", "Switch"])
    def test_state_and_switch_can_be_read_from_the_start(
        self, template: Template, name: str
    ) -> None:
        made = properties(template, name)
        assert (made["Type"], made["Value"]) == ("String", "{}")


class TestObservation:
    @pytest.mark.parametrize("pause", [5, 15, 60])
    @pytest.mark.parametrize("allowed", [15, 60, 4320])
    def test_lag_is_seen_however_seldom_the_sweep_runs(
        self, template: Template, pause: int, allowed: int
    ) -> None:
        chosen = {"SweepMinutes": pause, "SweepLagMinutes": allowed}
        alarm = properties(template, "SweepLagAlarm")
        behind, lag = alarm["Metrics"]
        window = lag["MetricStat"]["Period"]
        # Each window holds a sweep; where one comes late, the alarm stays as it is.
        assert window >= pause * 60
        assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "ignore")
        assert lag["MetricStat"]["Stat"] == "Minimum"

        expression = re.sub(
            r"\$\{(\w+)\}",
            lambda found: str(chosen[found[1]]),
            behind["Expression"]["Fn::Sub"],
        )
        bounds = re.fullmatch(r"lag / 60 - (\d+) - (\d+)", expression)
        assert bounds
        limit = sum(map(int, bounds.groups())) + alarm["Threshold"]
        # A ticket that came right after one sweep is found by the next: that is no lag.
        assert limit > pause + 1
        assert limit == pause + allowed

    def test_lag_is_looked_for_in_every_pause_the_parameters_allow(
        self, template: Template
    ) -> None:
        lag = properties(template, "SweepLagAlarm")["Metrics"][1]
        longest = template["Parameters"]["SweepMinutes"]["MaxValue"]
        assert lag["MetricStat"]["Period"] >= longest * 60

    def test_every_alarm_reaches_the_administrator(self, template: Template) -> None:
        alarms = of_type(template, "AWS::CloudWatch::Alarm")
        assert len(alarms) >= 8
        for name, alarm in alarms.items():
            assert "AlarmTopic" in json.dumps(alarm["Properties"]["AlarmActions"]), name
            assert len(alarm["Properties"]["AlarmDescription"]) > 20, name

    @pytest.mark.parametrize(
        ("alarm", "metric"),
        [
            ("TicketsRejectedAlarm", "TicketsRejected"),
            ("TicketsParkedAlarm", "TicketsParked"),
            ("FieldsRefusedAlarm", "FieldsRefused"),
        ],
    )
    def test_what_a_human_should_mend_has_an_alarm(
        self, template: Template, alarm: str, metric: str
    ) -> None:
        watched = properties(template, alarm)
        assert (watched["MetricName"], watched["Threshold"]) == (metric, 0)

    def test_the_failure_queue_has_an_alarm(self, template: Template) -> None:
        alarm = properties(template, "FailureQueueAlarm")
        assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["FailureQueue", "QueueName"]}

    def test_every_metric_that_is_shown_or_watched_is_emitted(self, template: Template) -> None:
        emitted = set(re.findall(r'"([A-Z][A-Za-z]+)"', OBSERVABILITY.read_text(encoding="utf-8")))
        body = json.loads(
            re.sub(
                r"\$\{[^}]+\}", "x", properties(template, "Dashboard")["DashboardBody"]["Fn::Sub"]
            )
        )
        shown: set[str] = set()
        for widget in body["widgets"]:
            namespace = ""
            for metric in widget["properties"]["metrics"]:
                namespace = metric[0] if metric[0] not in {".", "..."} else namespace
                if namespace == "OtaiFreshdesk" and metric[0] != "...":
                    shown.add(metric[1])
        watched = {
            alarm["Properties"]["MetricName"]
            for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
            if alarm["Properties"].get("Namespace") == "OtaiFreshdesk"
        }
        assert {"TicketsTriaged", "TicketsAbstained", "TicketsDeferred", "SweepRecovered"} <= shown
        assert shown | watched <= emitted

    def test_the_access_log_holds_neither_headers_nor_bodies(self) -> None:
        [stage] = of_type(translated(), "AWS::ApiGateway::Stage").values()
        setting = stage["Properties"]["AccessLogSetting"]["Fn::If"][1]
        entry = json.loads(setting["Format"])
        allowed = re.compile(
            r"\$context\.(requestId|requestTimeEpoch|httpMethod|resourcePath|status"
            r"|responseLatency|responseLength|error\.responseType)"
        )
        assert all(allowed.fullmatch(value) for value in entry.values())

    def test_requests_are_throttled_and_not_traced(self) -> None:
        [stage] = of_type(translated(), "AWS::ApiGateway::Stage").values()
        [setting] = stage["Properties"]["MethodSettings"]
        assert setting["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
        assert setting["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
        assert (setting["LoggingLevel"], setting["DataTraceEnabled"]) == ("OFF", False)


class TestParameters:
    def test_each_is_described_and_bounded(self, template: Template) -> None:
        for name, parameter in template["Parameters"].items():
            assert len(parameter["Description"]) > 15, name
            bounds = {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
            assert bounds, name
            if "AllowedPattern" in bounds:
                assert parameter["ConstraintDescription"].startswith("must be"), name

    def test_each_default_is_allowed(self, template: Template) -> None:
        for name, parameter in template["Parameters"].items():
            default = parameter["Default"]
            if pattern := parameter.get("AllowedPattern"):
                assert re.fullmatch(pattern, default), name
            if allowed := parameter.get("AllowedValues"):
                assert default in allowed, name

    def test_each_stands_in_the_console_and_is_used(self, template: Template) -> None:
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        shown = [name for group in groups for name in group["Parameters"]]
        assert sorted(shown) == sorted(template["Parameters"])
        # In the source, since the transform puts values in place of some references.
        source = TEMPLATE.read_text(encoding="utf-8")
        for name in shown:
            assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", source), name
