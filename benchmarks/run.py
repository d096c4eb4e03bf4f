"""Measures and writes docs/benchmarks.md: `python -m benchmarks.run [--only PART,...] [--quick]`.

Parts, each of which can be run alone: classify, limit, many, way, start, load. Without `--only` all
but load are run. What was not measured this time stays as it stands in docs/benchmarks.json, as
long as that comes from this machine and this bundle. `--quick` measures next to nothing, only to
see that everything runs, and writes no file.

The last line is a JSON object with every claim that was checked; the exit code is 1 when one does
not hold.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import classify, limit, load, machine, many, start, way
from benchmarks.checks import Check, checks
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.errors import BenchmarkError
from benchmarks.paths import DOCS, REPORT, RESULTS
from benchmarks.render import plots, readme_figures, report

type Document = dict[str, Any]

PARTS: Mapping[str, Callable[[Effort], Any]] = {
    "classify": classify.measure,
    "limit": limit.measure,
    "many": many.measure,
    "way": way.measure,
    "start": start.measure,
    "load": load.measure,
}
ALONE = {"load"}
"""Parts that run only when asked for by name."""


def measured(name: str, effort: Effort) -> Document:
    """Measure a part and return it with what it was measured on.

    Raises:
        BenchmarkError: It cannot be measured.
    """
    print(f"{name} ...", file=sys.stderr, flush=True)
    begin = time.monotonic()
    figures = PARTS[name](effort)
    seconds = round(time.monotonic() - begin)
    print(f"{name} took {seconds} s", file=sys.stderr, flush=True)
    return {
        "machine": machine.machine(),
        "versions": machine.versions(),
        "parts": {name: {"taken": machine.now(), "seconds": seconds, "figures": figures}},
    }


def merged(before: Document | None, found: Document) -> Document:
    """Keep the parts of an earlier run that were not measured anew, where both are comparable."""
    comparable = (
        before is not None
        and before["machine"] == found["machine"]
        and before["versions"] == found["versions"]
    )
    kept = before["parts"] if before is not None and comparable else {}
    parts = {**kept, **found["parts"]}
    return {**found, "parts": {name: parts[name] for name in PARTS if name in parts}}


def read(path: Path = RESULTS) -> Document | None:
    """Return the results of earlier runs, None where there are none."""
    if not path.exists():
        return None
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def write(document: Document) -> None:
    """Write results, report and plots."""
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    REPORT.write_text(report(document), encoding="utf-8")
    for name, plot in plots(document).items():
        (DOCS / name).write_text(plot, encoding="utf-8")


def figures_of(document: Document) -> dict[str, Any]:
    """Return the figures of each part, without when they were taken."""
    return {name: part["figures"] for name, part in document["parts"].items()}


def _names(only: str) -> list[str]:
    names = [name for name in only.split(",") if name]
    if unknown := [name for name in names if name not in PARTS]:
        raise BenchmarkError(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names or [name for name in PARTS if name not in ALONE]


def _say(found: Sequence[Check], document: Document) -> None:
    for command, figure in readme_figures(document).items():
        print(f"README, {command}: {figure}", file=sys.stderr)
    for one in found:
        verdict = "pass" if one.holds else "FAIL"
        print(f"{verdict}  {one.claim}: {one.figures}", file=sys.stderr)
    print(json.dumps({"ok": all(one.holds for one in found), "checks": [*map(asdict, found)]}))


def _again() -> Document:
    document = read()
    if document is None:
        raise BenchmarkError(f"{RESULTS} is not there: run make bench")
    return document


def _anew(only: str, *, quick: bool) -> Document:
    """Measure part by part; what is measured is written at once, whatever the next part does."""
    document = None if quick else read()
    for name in _names(only):
        document = merged(document, measured(name, QUICK if quick else FULL))
        if not quick:
            write(document)
    if document is None:
        raise BenchmarkError("there is nothing to measure")
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, check; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--only", default="", help="parts, separated by commas")
    parser.add_argument("--quick", action="store_true", help="see that it runs; write nothing")
    parser.add_argument("--render", action="store_true", help="write the report anew from the JSON")
    options = parser.parse_args(arguments)
    try:
        document = _again() if options.render else _anew(options.only, quick=options.quick)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.quick:
        print(json.dumps(document))
    elif options.render:
        write(document)
    verdicts = checks(figures_of(document))
    _say(verdicts, document)
    return 0 if options.quick or all(one.holds for one in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
