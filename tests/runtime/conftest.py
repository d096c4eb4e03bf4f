"""Fixtures of the runtime tests: a deployment for each test, nothing shared."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import Deployment, deployment
from support.lambda_emulator import BUILD, LambdaEmulator


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    if not (BUILD / "template.yaml").exists():
        pytest.fail("the functions are not built: run make build (make test does)")


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    # Another bundle than the built layer's can be tried out with OTAI_BUNDLE.
    bundle = os.environ.get("OTAI_BUNDLE")
    with deployment(Path(bundle) if bundle else None) as made:
        yield made


@pytest.fixture
def webhook(deployed: Deployment) -> Iterator[LambdaEmulator]:
    with deployed.function("WebhookFunction") as function:
        yield function


@pytest.fixture
def sweep(deployed: Deployment) -> Iterator[LambdaEmulator]:
    with deployed.function("SweepFunction") as function:
        yield function
