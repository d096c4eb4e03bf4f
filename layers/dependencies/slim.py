"""Delete from a folder of installed packages what no function needs; the rest is kept by list.

    python layers/dependencies/slim.py FOLDER

Kept are: modules, the libraries they link, certificates, licences, and the metadata by which
scanners know which versions they look at. `PARTS` says which parts of the large packages stay.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

# Of these packages only the parts named stay (suffixes aside, which KEPT_SUFFIXES rules).
# libonnxruntime.so is for C programs: the Python module has the runtime linked in.
PARTS: Mapping[str, frozenset[str]] = {
    "onnxruntime": frozenset({"__init__.py", "capi", "LICENSE", "ThirdPartyNotices.txt"}),
    "numpy": frozenset(
        {
            "__config__.py",
            "__init__.py",
            "_array_api_info.py",
            "_core",
            "_distributor_init.py",
            "_expired_attrs_2_0.py",
            "_globals.py",
            "_pytesttester.py",
            "_typing",
            "_utils",
            "char",
            "core",
            "ctypeslib",
            "dtypes.py",
            "exceptions.py",
            "fft",
            "lib",
            "linalg",
            "ma",
            "matrixlib",
            "polynomial",
            "random",
            "rec",
            "strings",
            "typing",
            "version.py",
        }
    ),
}
DROPPED_FOLDERS = frozenset({"bin", "tests", "__pycache__", "include", "sboms"})
DROPPED_FILES = ("libonnxruntime.so*", ".lock")
KEPT_SUFFIXES = frozenset({".py", ".so", ".pem"})
KEPT_METADATA = frozenset({"METADATA"})
LICENCES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "ThirdPartyNotices*")


def is_kept(path: Path) -> bool:
    """Tell whether a file (relative to the folder) stays."""
    package, *rest = path.parts
    if any(path.match(pattern) for pattern in DROPPED_FILES):
        return False
    if DROPPED_FOLDERS.intersection(path.parts[:-1]):
        return False
    if package in PARTS and rest and rest[0] not in PARTS[package]:
        return False
    return (
        path.suffix in KEPT_SUFFIXES
        or ".so." in path.name
        or path.name in KEPT_METADATA
        or any(path.match(pattern) for pattern in LICENCES)
    )


def slim(folder: Path) -> None:
    """Delete every file of `folder` that is not kept, and the folders left empty."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif not is_kept(path.relative_to(folder)):
            path.unlink()
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
