"""How large what is deployed is: `make size`.

Prints a table and, as its last line, a JSON object. The tests hold the figures to the limits.
"""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from support.lambda_emulator import BUILD, LAYERS

FUNCTIONS = ("WebhookFunction", "SweepFunction")
MEGABYTE = 1_000_000
MAX_UNZIPPED = 165 * MEGABYTE
MAX_ZIPPED_LAYERS = 80 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one part, as files and zipped, and how much of the files is byte code."""

    unzipped: int
    zipped: int
    byte_code: int


def measure(folder: Path) -> Size:
    """Return the size of one built function or layer."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for path in files:
            writer.write(path, path.relative_to(folder))
    return Size(
        unzipped=sum(path.stat().st_size for path in files),
        zipped=archive.getbuffer().nbytes,
        byte_code=sum(path.stat().st_size for path in files if path.suffix == ".pyc"),
    )


def report(build: Path = BUILD) -> dict[str, Size]:
    """Return the sizes of all that is deployed."""
    return {name: measure(build / name) for name in (*FUNCTIONS, *LAYERS)}


def totals(sizes: dict[str, Size]) -> dict[str, int]:
    """Return the figures that have limits: all files, and the zipped layers, in bytes."""
    return {
        "unzipped": sum(size.unzipped for size in sizes.values()),
        "zipped_layers": sum(sizes[name].zipped for name in LAYERS),
    }


def main() -> None:
    """Print the report."""
    sizes = report()
    print(f"{'':20}{'unzipped':>10}{'zipped':>10}{'byte code':>12}  MB")
    for name, size in sizes.items():
        figures = (size.unzipped, size.zipped, size.byte_code)
        columns = [f"{figure / MEGABYTE:.1f}" for figure in figures]
        print(f"{name:20}{columns[0]:>10}{columns[1]:>10}{columns[2]:>12}")
    parts = {name: asdict(size) for name, size in sizes.items()}
    print(json.dumps({**totals(sizes), "parts": parts}))


if __name__ == "__main__":
    main()
