"""samconfig.toml speaks of parameters and files that exist."""

import tomllib
from typing import Any

import pytest

from support.deployment import EVENTS
from support.template import ROOT, translated

CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
ENVIRONMENTS = sorted(set(CONFIG) - {"version"})


def test_there_is_one_for_each_place() -> None:
    assert ENVIRONMENTS == ["default", "dev", "onprem", "prod", "simulator"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_overridden_parameters_exist_and_their_values_are_allowed(environment: str) -> None:
    deploy = CONFIG[environment].get("deploy", {}).get("parameters", {})
    parameters = translated()["Parameters"]
    for override in deploy.get("parameter_overrides", []):
        name, _, value = override.partition("=")
        allowed = parameters[name].get("AllowedValues")
        assert allowed is None or value in [str(one) for one in allowed], override


def test_the_tests_environment_points_at_the_simulator() -> None:
    for command in ("local_invoke", "local_start_api"):
        parameters = CONFIG["simulator"][command]["parameters"]
        assert (ROOT / parameters["env_vars"]).parent == EVENTS
        assert (ROOT / parameters["env_vars"]).exists()
        assert parameters["add_host"] == ["freshdesk-simulator:172.17.0.1"]


def test_no_environment_deploys_to_live_without_watching() -> None:
    for name in ENVIRONMENTS:
        overrides = CONFIG[name].get("deploy", {}).get("parameters", {})
        values = overrides.get("parameter_overrides", [])
        assert "Mode=live" not in values or "GradualDeployment=true" in values, name
