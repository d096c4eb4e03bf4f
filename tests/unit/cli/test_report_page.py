"""The page: whatever a ticket says stays text, and the file asks nobody for anything."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.cli.report.document import Document, Kind, Subjects, shortened
from otai_freshdesk.cli.report.language import Language, default_language
from otai_freshdesk.cli.report.page import render
from otai_freshdesk.evaluation import Case, EvaluatedField, Judgement, evaluate

ASSETS = files("otai_freshdesk.cli.report") / "assets"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>--><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "$style ${data} $$ %s {0} {{x}}",
    "\u2028\u2029\u202etxt.exe\x00\x1b[31m",
    "\ud800 half a pair",
    "&lt;b&gt; &amp; &#39;",
)


def document(*subjects: str, label: str = "Billing", kind: Kind = Kind.BACKTEST) -> Document:
    cases = [
        Case(
            number,
            date(2026, 11, 1),
            "de",
            label,
            (Judgement(label, "Sales", 0.9 - number / 1000, acts=True),),
        )
        for number in range(1, len(subjects) + 1)
    ]
    kept = Subjects()
    for case, subject in zip(cases, subjects, strict=True):
        kept.note(case, subject)
    return Document(
        kind=kind,
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        bundle_id="0123456789ab",
        marker=None,
        source={"account": label},
        ticket_url=None,
        skipped={"open": 1},
        evaluation=evaluate(cases, [EvaluatedField("group", "queue", 150)]),
        subjects=kept.by_ticket(),
    )


class Outline(HTMLParser):
    """What a browser would make of the page: elements, attributes, and the text of two of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.inner: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.inner:
            self._inside = tag
            self.inner[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inner[self._inside][-1] += data

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.inner["script"][0])
        return found


PLAIN = Outline(render(document("Hello"), Language.EN))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_ticket_becomes_markup(text: str) -> None:
    page = render(document(text, label=text.replace("\ud800", "?")), Language.EN)
    page.encode()
    found = Outline(page)
    assert found.elements == PLAIN.elements
    assert found.inner["script"][1:] == PLAIN.inner["script"][1:]
    [one] = found.data["report"]["fields"][0]["disagreements"]
    assert one["subject"] == shortened(text)


@given(st.text(max_size=80))
def test_neither_does_any_other_text(text: str) -> None:
    found = Outline(render(document(text), Language.DE))
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in PLAIN.elements]
    assert found.data["report"]["fields"][0]["disagreements"][0]["subject"] == shortened(text)


@given(st.text(max_size=300))
def test_a_shortened_subject_is_one_short_line(text: str) -> None:
    short = shortened(text)
    assert len(short) <= 60
    assert short.isprintable()
    short.encode()


def test_the_page_forbids_every_connection_and_runs_its_own_script_only() -> None:
    [policy] = [
        attributes["content"]
        for tag, attributes in PLAIN.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict((policy or "").split(" ", 1) for policy in (policy or "").split("; "))
    assert rules == {
        "default-src": "'none'",
        "style-src": hash_of(PLAIN.inner["style"][0]),
        "script-src": hash_of(PLAIN.inner["script"][1]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert len(PLAIN.inner["script"]) == 2
    assert len(PLAIN.inner["style"]) == 1


def hash_of(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def test_the_page_names_no_address_and_no_inline_handler() -> None:
    for _, attributes in PLAIN.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not {"src", "srcset", "action"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    source = PLAIN.inner["script"][1] + PLAIN.inner["style"][0]
    addresses = set(re.findall(r"https?://[^\"' ]+", source))
    assert addresses == {"http://www.w3.org/2000/svg"}, "the name of SVG, which nobody fetches"
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "fetch(", "import(", "url("):
        assert word not in source


def test_both_languages_say_the_same_things() -> None:
    english, german = (texts(language) for language in Language)
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", german[key])), (
            key
        )
        assert german[key].strip()


def test_every_text_the_page_asks_for_is_there() -> None:
    known = texts(Language.EN)
    source = (ASSETS / "page.js").read_text("utf-8") + (ASSETS / "page.html").read_text("utf-8")
    asked = set(re.findall(r'(?:texts\[|say\(|parts\(|data-text=)"([\w.]+)"', source))
    asked |= set(re.findall(r'\["(column\.\w+)"', source))
    assert len(asked) > 40
    assert asked <= known.keys()


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def texts(language: Language) -> dict[str, str]:
    found: dict[str, str] = json.loads((ASSETS / f"{language}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "de"}, "de"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], language: str) -> None:
    assert default_language(environment) == language


def test_the_kind_gives_the_title() -> None:
    page = render(document("Hello", kind=Kind.REVIEW), Language.DE)
    assert "<title>Was stehen geblieben ist</title>" in page


def test_subjects_are_kept_for_the_surest_disagreements_only() -> None:
    many = document(*(f"ticket {number}" for number in range(1, 60)))
    kept = many.subjects
    assert kept is not None
    assert sorted(kept) == list(range(1, 21))
    assert kept[1] == "ticket 1"
