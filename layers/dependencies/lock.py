"""Take the versions and hashes of the layer's packages from the project's own hashed list.

    python layers/dependencies/lock.py      writes requirements.txt beside packages.txt

The layer thus holds exactly what the tests ran with. `packages.txt` says which packages go in:
one that a new version starts to need is not there, and the layer's check fails.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "packages.txt"
LOCKED = HERE / "requirements.txt"
PROJECT = HERE.parent.parent / "requirements" / "dev.txt"

HEADER = "# Made by lock.py from packages.txt and the project's hashed list; see `make lock`.\n"
_REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==.*(?:\n .*)*\n?", re.MULTILINE)


def packages(text: str) -> tuple[str, ...]:
    """Return the package names of a `packages.txt`, without comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def selection(names: tuple[str, ...], project: str) -> str:
    """Return the requirements of `names` with their hashes.

    Args:
        names: The packages wanted.
        project: A requirements file with hashes.

    Raises:
        KeyError: The project's list has no such package.
    """
    entries = {found["name"]: found[0].rstrip("\n") for found in _REQUIREMENT.finditer(project)}
    return HEADER + "".join(f"{entries[name]}\n" for name in names)


def main() -> int:
    """Write the layer's list; return the exit status."""
    names = packages(PACKAGES.read_text(encoding="utf-8"))
    try:
        text = selection(names, PROJECT.read_text(encoding="utf-8"))
    except KeyError as missing:
        sys.stderr.write(f"{PACKAGES}: {missing} is not in {PROJECT}; run make lock\n")
        return 1
    LOCKED.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
