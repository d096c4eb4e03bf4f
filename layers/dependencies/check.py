"""Check the layer that was built: it imports on its own, and holds nothing it should not.

    python -S layers/dependencies/check.py FOLDER ARCHITECTURE

Run without site-packages (-S), so that nothing installed on the builder can stand in for
something the layer lacks. A layer for another processor than the builder's is only inspected.
"""

import importlib
import platform
import sys
from pathlib import Path

# The modules our code imports; each draws in what it needs itself.
IMPORTED = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.typing",
    "httpx",
    "numpy",
    "onnxruntime",
    "pydantic",
    "tokenizers",
    "yaml",
)
FORBIDDEN = (
    "boto3",
    "hf_xet",
    "huggingface_hub",
    "libonnxruntime.so*",
    "protobuf",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "typer",
    "uvicorn",
)
MAX_BYTES = 125_000_000
# e_machine of an ELF header, bytes 18 and 19, little-endian.
MACHINES = {"x86_64": 62, "arm64": 183}
HOST = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def problems(folder: Path, architecture: str) -> list[str]:
    """Return what is wrong with the layer in `folder`, empty when nothing is."""
    found = [f"{name} is in the layer" for name in FORBIDDEN if list(folder.rglob(name))]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        found.append(f"{size:,} bytes are more than {MAX_BYTES:,}")
    for library in sorted(folder.rglob("*.so*")):
        machine = int.from_bytes(library.read_bytes()[18:20], "little")
        if machine != MACHINES[architecture]:
            found.append(f"{library.relative_to(folder)} is not for {architecture}")
    found += [
        f"{path.relative_to(folder)} has no byte code"
        for path in sorted(folder.rglob("*.py"))
        if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
    ]
    if not found and HOST.get(platform.machine()) == architecture:
        found += _imports(folder)
    return found


def _imports(folder: Path) -> list[str]:
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    failed = []
    for name in IMPORTED:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the layer does not work
            failed.append(f"import {name}: {type(error).__name__}: {error}")
    return failed


def main() -> int:
    """Print the problems; return 1 when there are any."""
    found = problems(Path(sys.argv[1]), sys.argv[2])
    sys.stderr.write("".join(f"dependencies layer: {problem}\n" for problem in found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
