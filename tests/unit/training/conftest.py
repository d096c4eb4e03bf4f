from __future__ import annotations

from pathlib import Path

import pytest

from unit.classifier.tiny import write_encoder


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "encoder")
