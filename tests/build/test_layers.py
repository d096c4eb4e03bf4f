"""What `sam build` made: complete, slim, compiled, and the same each time."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.lambda_emulator import BUILD, LAYERS
from support.size import FUNCTIONS, MAX_UNZIPPED, MAX_ZIPPED_LAYERS, report, totals
from support.template import ROOT

FORBIDDEN = ("boto3", "hf_xet", "rich", "scipy", "sklearn", "torch", "typer", "uvicorn")
DEPENDENCIES = ROOT / "layers" / "dependencies"


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    if not (BUILD / "template.yaml").exists():
        pytest.fail("nothing is built: run make build (make test does)")


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def recipe(target: str, artefacts: Path) -> None:
    subprocess.run(
        ["make", "-f", "layers/Makefile", f"build-{target}"],
        cwd=ROOT,
        env={**os.environ, "ARTIFACTS_DIR": str(artefacts), "MAKEFLAGS": ""},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("part", [*FUNCTIONS, *LAYERS])
def test_what_is_not_deployed_is_not_there(part: str) -> None:
    for name in FORBIDDEN:
        assert not list((BUILD / part).rglob(name)), name


@pytest.mark.parametrize("part", [*FUNCTIONS, "DependenciesLayer", "ClassifierLayer"])
def test_every_module_has_byte_code_that_is_never_checked(part: str) -> None:
    modules = list((BUILD / part).rglob("*.py"))
    assert modules
    for module in modules:
        [compiled] = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, f"{compiled} is not an unchecked hash"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_its_own_handler_and_no_command_line(function: str) -> None:
    name = function.removesuffix("Function").lower()
    content = {path.name for path in (BUILD / function).iterdir()}
    assert content == {"config.yml", "otai_freshdesk", name}
    assert not (BUILD / function / "otai_freshdesk" / "cli").exists()


def test_the_sizes_stay_within_the_limits() -> None:
    found = totals(report())
    assert found["unzipped"] <= MAX_UNZIPPED
    assert found["zipped_layers"] <= MAX_ZIPPED_LAYERS


@pytest.mark.parametrize("part", ["ClassifierLayer", "ModelLayer", "WebhookFunction"])
def test_the_same_input_gives_the_same_files(part: str, tmp_path: Path) -> None:
    recipe(part, tmp_path / "one")
    recipe(part, tmp_path / "two")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the files that make the list of the dependencies layer."""
    shutil.copytree(DEPENDENCIES, tmp_path / "layers" / "dependencies")
    (tmp_path / "requirements").mkdir()
    shutil.copy(ROOT / "requirements" / "dev.txt", tmp_path / "requirements")
    return tmp_path


def lock(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "layers" / "dependencies" / "lock.py")],
        capture_output=True,
        text=True,
        check=False,
    )


class TestList:
    def test_it_is_in_step_with_the_projects(self, project: Path) -> None:
        assert lock(project).returncode == 0
        made = (project / "layers" / "dependencies" / "requirements.txt").read_text()
        assert made == (DEPENDENCIES / "requirements.txt").read_text()

    def test_every_package_is_pinned_with_hashes(self, project: Path) -> None:
        names = [
            line
            for line in (DEPENDENCIES / "packages.txt").read_text().splitlines()
            if line and not line.startswith("#")
        ]
        lines = (DEPENDENCIES / "requirements.txt").read_text().splitlines()
        assert [line.partition("==")[0] for line in lines if "==" in line] == names
        for before, after in itertools.pairwise(lines):
            if "==" in before:
                assert after.strip().startswith("--hash=sha256:")

    def test_a_package_that_the_project_lacks_is_named(self, project: Path) -> None:
        packages = project / "layers" / "dependencies" / "packages.txt"
        packages.write_text("left-pad\n")
        done = lock(project)
        assert done.returncode == 1
        assert "left-pad" in done.stderr


class TestCheck:
    """The check at the end of the layer's build finds what is wrong with a layer."""

    @staticmethod
    def check(folder: Path, architecture: str = "x86_64") -> str:
        script = DEPENDENCIES / "check.py"
        done = subprocess.run(
            [sys.executable, "-S", str(script), str(folder), architecture],
            capture_output=True,
            text=True,
            check=False,
            env={"ORT_DISABLE_TELEMETRY": "1"},
        )
        assert bool(done.returncode) == bool(done.stderr)
        return done.stderr

    def test_an_empty_layer_lacks_what_we_import(self, tmp_path: Path) -> None:
        assert "import numpy" in self.check(tmp_path) or "not for" in self.check(tmp_path)

    def test_a_library_for_another_processor_is_found(self) -> None:
        built = BUILD / "DependenciesLayer" / "python"
        library = next(built.rglob("_pydantic_core*.so"))
        other = "arm64" if library.read_bytes()[18] == 62 else "x86_64"
        assert f"is not for {other}" in self.check(built, other)

    def test_forbidden_and_uncompiled_modules_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "__init__.py").write_text("")
        found = self.check(tmp_path)
        assert "torch is in the layer" in found
        assert "has no byte code" in found
