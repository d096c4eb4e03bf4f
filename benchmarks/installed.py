"""Bytes that packages and all they require take in this environment: `python -m ... NAME ...`.

Byte code is left out: installers differ in whether they write it, interpreters write it later.
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def closure(names: list[str]) -> set[str]:
    """Return the packages and what they require, as far as it is installed, without extras."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = _normalised(open_names.pop())
        if name in found:
            continue
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # wanted on other systems or by an extra only
        found.add(name)
        open_names += [_required(line) for line in requirements if "extra ==" not in line]
    return found


def installed_bytes(name: str) -> int:
    """Return the bytes of one installed package's files."""
    total = 0
    for file in distribution(name).files or []:
        path = file.locate()
        if file.suffix != ".pyc" and path.is_file():  # type: ignore[attr-defined]
            total += path.stat().st_size  # type: ignore[attr-defined]
    return total


def _required(line: str) -> str:
    match = _NAME.match(line)
    return match[0] if match else ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(names: list[str]) -> None:
    """Print the bytes of each package as one JSON object."""
    sizes = {name: installed_bytes(name) for name in sorted(closure(names))}
    sys.stdout.write(json.dumps(sizes) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
