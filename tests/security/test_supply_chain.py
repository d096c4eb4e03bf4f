"""What is installed is what was locked, and the list of it is the same each time."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = (
    *sorted((ROOT / "requirements").glob("*.txt")),
    ROOT / "layers/dependencies/requirements.txt",
)
CYCLONEDX = ROOT / ".tools" / "security" / "bin" / "cyclonedx-py"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_package_has_one_version_and_its_hashes(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert packages
    for line in packages:
        assert re.match(r"[\w.-]+(\[[\w,.-]+\])?==[\w.!+-]+", line), line
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line), line
    assert "://" not in text


@pytest.mark.skipif(not CYCLONEDX.exists(), reason="make sbom makes its tools")
def test_the_bill_of_materials_is_the_same_each_time() -> None:
    def bill() -> bytes:
        options = ("--output-reproducible", "--short-PURLs", "--no-validate")
        return subprocess.run(
            [CYCLONEDX, "requirements", *options, LOCKS[-1]], check=True, capture_output=True
        ).stdout

    first = bill()

    assert first == bill()
    assert b'"purl": "pkg:pypi/onnxruntime@' in first
