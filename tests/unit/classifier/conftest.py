from __future__ import annotations

from pathlib import Path

import pytest

from ticket_classifier import Classifier, load
from unit.classifier.tiny import write_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("classifier") / "bundle")


@pytest.fixture(scope="session")
def tiny_classifier(tiny_bundle: Path) -> Classifier:
    return load(tiny_bundle)
