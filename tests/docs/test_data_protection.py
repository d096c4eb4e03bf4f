"""What docs/data-protection.md says of the engine, held against the kernel.

A Python hook would not see what native code does. So the kernel itself is told, in the process
that judges, to kill it at the first internet socket (seccomp, by system call number).
"""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TRAP = """
import ctypes, platform, struct
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW = 0x80000000, 0x7FFF0000
steps = [
    (LOAD, 0, 0, 0),            # the system call's number
    (EQUAL, 0, 3, SOCKET),
    (LOAD, 0, 0, 16),           # its first argument, the family
    (EQUAL, 2, 0, 2),           # AF_INET
    (EQUAL, 1, 0, 10),          # AF_INET6
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, KILL),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    raise SystemExit("this kernel sets no traps")
"""
OPEN = "import socket; socket.socket(socket.AF_INET)"
JUDGE = """
from pathlib import Path
from ticket_classifier import load
classifier = load(Path("model/bundle"))
assert classifier.classify("Rechnung", "Warum wurde zweimal abgebucht?").targets["queue"].label
print("judged")
"""

pytestmark = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"}, reason="the trap knows two processors"
)


def run(source: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `source` as a customer's machine would: nothing says that this is a test."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TMPDIR": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )


@pytest.fixture
def trap(tmp_path: Path) -> str:
    if "no traps" in run(TRAP, tmp_path).stderr:
        pytest.skip("this kernel sets no traps")
    return TRAP


def test_the_trap_kills_whoever_opens_an_internet_socket(trap: str, tmp_path: Path) -> None:
    assert run(OPEN, tmp_path).returncode == 0
    assert run(trap + OPEN, tmp_path).returncode == -signal.SIGSYS


def test_judging_opens_no_connection_and_leaves_no_file(trap: str, tmp_path: Path) -> None:
    result = run(trap + JUDGE, tmp_path)
    assert (result.returncode, result.stdout.strip()) == (0, "judged"), result.stderr
    assert not list(tmp_path.iterdir())
