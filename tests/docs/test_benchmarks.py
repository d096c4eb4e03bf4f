"""docs/benchmarks.md and the README say what docs/benchmarks.json holds, and nothing else."""

import re
from typing import Any

import pytest

from benchmarks.paths import DOCS, REPORT, ROOT
from benchmarks.render import plots, readme_figures, report
from benchmarks.run import read

READMES = {"README.md": (",", "."), "README.de.md": (".", ",")}
"""Each with its separators of thousands and decimals."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found = read()
    if found is None:
        pytest.skip("nothing measured yet: run make bench")
    return found


def numbers(text: str, thousands: str, decimal: str) -> set[float]:
    """Return the numbers in a sentence, whatever its language."""
    found = re.findall(rf"\d+(?:\{thousands}\d{{3}})*(?:\{decimal}\d+)?", text)
    return {float(one.replace(thousands, "").replace(decimal, ".")) for one in found}


def test_numbers_are_read_in_both_languages() -> None:
    assert numbers("1,000 in 17.5 ms", ",", ".") == numbers("1.000 in 17,5 ms", ".", ",")
    assert numbers("64 clients, 99 %", ",", ".") == {64, 99}


def test_report_and_plots_are_those_of_the_figures(document: dict[str, Any]) -> None:
    anew = "write them anew: .venv/bin/python -m benchmarks.run --render"
    assert REPORT.read_text(encoding="utf-8") == report(document), anew
    drawn = plots(document)
    assert {path.name for path in DOCS.glob("benchmarks-*.svg")} == set(drawn), anew
    for name, plot in drawn.items():
        assert (DOCS / name).read_text(encoding="utf-8") == plot, anew


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_names_no_other_figures(readme: str, document: dict[str, Any]) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    expected = readme_figures(document)
    rows = {command: figure for command, figure in _rows(text) if command in expected}
    assert rows.keys() == expected.keys(), f"{readme} lacks a row of: {', '.join(expected)}"
    for command, figure in rows.items():
        said = numbers(figure, *READMES[readme])
        assert said <= numbers(expected[command], ",", "."), f"{command}: {expected[command]}"
        assert said, command


def _rows(readme: str) -> list[tuple[str, str]]:
    [table] = re.findall(r"<!-- measured -->\n(.*?)<!-- /measured -->", readme, re.DOTALL)
    return re.findall(r"^\|[^|]+\| `(make [\w-]+)` \| ([^|]+) \|$", table, re.MULTILINE)
