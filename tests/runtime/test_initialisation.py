"""Initialisation makes nothing that a snapshot must not hold, and loads no more than it uses."""

import json
import random
import subprocess
import sys

import pytest
import snapshot_restore_py

import otai_freshdesk.runtime  # noqa: F401 - registers the hook
from support.deployment import Deployment

# Any connection, name lookup or read of a secret would end the process.
WATCH = """
import json, os, sys
def audit(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        sys.exit(f"initialisation did {event}")
sys.addaudithook(audit)
import %s
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("name", ["WebhookFunction", "SweepFunction"])
class TestInitialisation:
    def test_it_connects_to_nothing(self, deployed: Deployment, name: str) -> None:
        assert self.modules(deployed, name)
        assert not deployed.simulator.journal.calls

    def test_it_loads_nothing_of_other_trades(self, deployed: Deployment, name: str) -> None:
        loaded = {module.partition(".")[0] for module in self.modules(deployed, name)}
        assert {"onnxruntime", "boto3", "httpx"} <= loaded
        unused = {"typer", "rich", "uvicorn", "sklearn", "scipy", "torch", "huggingface_hub"}
        assert not loaded & unused

    @staticmethod
    def modules(deployed: Deployment, name: str) -> list[str]:
        with deployed.function(name) as function:
            done = subprocess.run(
                [sys.executable, "-S", "-c", WATCH % function.module],
                env=dict(function.environment),
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        found: list[str] = json.loads(done.stdout.splitlines()[-1])
        return found


def test_processes_restored_from_one_snapshot_draw_different_numbers() -> None:
    drawn = set()
    for _ in range(3):
        random.seed(1)
        for hook, arguments, keywords in snapshot_restore_py.get_after_restore():
            hook(*arguments, **keywords)
        drawn.add(random.random())
    assert len(drawn) == 3
