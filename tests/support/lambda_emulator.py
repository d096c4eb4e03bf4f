"""Built functions in the Lambda runtime: AWS's interface emulator and runtime client, no container.

What runs is what would be deployed, with what Lambda would have there: the function's folder, the
layers, and the few packages of the managed runtime. Nothing else of the project's environment is
importable, so a package that is missing from a layer is missing here.
"""

import compileall
import functools
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from support.template import ROOT, declared_environment, translated

BUILD = ROOT / ".aws-sam" / "build"
LAYERS = ("DependenciesLayer", "ClassifierLayer", "ModelLayer")
# The path differs with the SAM CLI's Python only.
EMULATORS = ".tools/sam/lib/python3*/site-packages/samcli/local/rapid"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
INVOCATION = "/2015-03-31/functions/function/invocations"
# What AWS documents the managed Python runtime to hold: the runtime client and the SDK.
RUNTIME_PACKAGES = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
START_TIMEOUT = 30.0

_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
_INVOKE = re.compile(r"INVOKE RTDONE\(.*duration: ([0-9.]+)ms\)")


class EmulatorError(RuntimeError):
    """The function cannot be run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a function's process holds: bytes of memory at its peak and now, and handles."""

    peak: int
    resident: int
    descriptors: int
    threads: int


class LambdaEmulator:
    """One execution environment of a built function; a context manager.

    The first invocation initialises the function, as in Lambda.

    Args:
        function: Logical id in the template, `WebhookFunction` or `SweepFunction`.
        environment: Values for variables that the template declares, as for `sam local`.
        extra: Variables of the emulated machine that no template declares.
        build: The folder `sam build` wrote.
    """

    def __init__(
        self,
        function: str,
        environment: Mapping[str, str],
        *,
        extra: Mapping[str, str] | None = None,
        build: Path = BUILD,
    ) -> None:
        """Check that the function is built; nothing runs yet.

        Raises:
            EmulatorError: It is not built, or a variable is not declared in the template.
        """
        self._task = build / function
        if not (self._task / "otai_freshdesk").is_dir():
            raise EmulatorError(f"{self._task} is not built: run make build")
        declared = declared_environment(function)
        if undeclared := environment.keys() - declared.keys():
            raise EmulatorError(f"template.yaml declares no variable {', '.join(undeclared)}")
        self._properties = translated()["Resources"][function]["Properties"]
        self._variables = {
            **declared,
            "OTAI_BUNDLE": str(build / "ModelLayer" / "model" / "bundle"),
            **environment,
            **(extra or {}),
        }
        self._path = [self._task, *(build / layer / "python" for layer in LAYERS)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the emulator; the function initialises with its first invocation."""
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._log = Path(self._folder.name) / "log"
        host, runtime = _free_port(), _free_port()
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{host}", timeout=60, trust_env=False
        )
        command = [
            str(_emulator()),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{host}",
            "--runtime-api-address",
            f"127.0.0.1:{runtime}",
            sys.executable,
            "-S",
            "-m",
            "awslambdaric",
            self._properties["Handler"],
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._task,
                env=dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait_for_port(host)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the emulator and the function with it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._client.close()
        self._folder.cleanup()

    @property
    def log(self) -> str:
        """Everything the function and the emulator have written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def init_seconds(self) -> float:
        """How long initialisation took; known after the first invocation."""
        found = _INIT.search(self.log)
        if not found:
            raise EmulatorError(f"the function did not initialise:\n{self.log}")
        return float(found[1]) / 1000

    @property
    def invoke_seconds(self) -> list[float]:
        """How long each invocation took, without initialisation."""
        return [float(milliseconds) / 1000 for milliseconds in _INVOKE.findall(self.log)]

    def invoke(self, event: object) -> Any:
        """Return the function's result, or `errorType` and `errorMessage` when it failed."""
        answer = self._client.post(INVOCATION, content=json.dumps(event))
        try:
            return answer.json()
        except ValueError:
            # The emulator's own words, such as "Task timed out after 12.00 seconds".
            return {"errorType": "Emulator", "errorMessage": answer.text}

    def usage(self) -> Usage:
        """Return what the function's process holds now."""
        process = Path("/proc") / str(self._function_pid())
        fields = dict(
            line.split(":", 1) for line in (process / "status").read_text("ascii").splitlines()
        )
        return Usage(
            peak=_kilobytes(fields["VmHWM"]),
            resident=_kilobytes(fields["VmRSS"]),
            descriptors=len(list((process / "fd").iterdir())),
            threads=int(fields["Threads"]),
        )

    @property
    def module(self) -> str:
        """The module of the handler."""
        handler: str = self._properties["Handler"]
        return handler.rpartition(".")[0]

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the function's process, those of the runtime included."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": self._folder.name,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONDONTWRITEBYTECODE": "1",  # in Lambda the folders are read-only
            "PYTHONPATH": os.pathsep.join(map(str, [*self._path, _runtime_folder()])),
            "LAMBDA_TASK_ROOT": str(self._task),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": self._task.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._properties["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            **self._variables,
        }

    def _function_pid(self) -> int:
        if self._process is None:
            raise EmulatorError("the emulator is not started")
        tasks = Path("/proc") / str(self._process.pid) / "task"
        children = [
            pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()
        ]
        if not children:
            raise EmulatorError("the function is not running: invoke it first")
        return int(children[0])


def _emulator() -> Path:
    name = f"aws-lambda-rie-{MACHINES.get(platform.machine(), platform.machine())}"
    found = sorted(ROOT.glob(f"{EMULATORS}/{name}"))
    if not found:
        raise EmulatorError(f"{name} of the SAM CLI is not there: run make build")
    return found[0]


@functools.cache
def _runtime_folder() -> Path:
    """Return a folder with links to what the managed runtime holds, and to nothing else."""
    folder = BUILD.parent / "runtime"
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_PACKAGES:
        found = distribution(name)
        for top in _top_levels(found):
            link = folder / top
            if not link.exists():
                link.unlink(missing_ok=True)
                link.symlink_to(Path(str(found.locate_file(top))))
                compileall.compile_dir(link, quiet=2)  # as they are in the managed runtime
    return folder


def _top_levels(found: Distribution) -> set[str]:
    tops = {file.parts[0] for file in found.files or () if ".." not in file.parts}
    return {top for top in tops if top not in {"__pycache__", "bin"}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise EmulatorError("the emulator did not start")


def _kilobytes(field: str) -> int:
    return int(field.split(maxsplit=1)[0]) * 1024
