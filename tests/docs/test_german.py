"""The German guide for administrators says what the English one says, as far as a test can tell."""

import re
from pathlib import Path

import pytest

from docs.test_documentation import CODE_SPAN, FENCE, LINK, commands_of

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH, GERMAN = DOCS / "administrator.md", DOCS / "administrator.de.md"
NAMES = re.compile(r"^(--[a-z-]+|OTAI_\w+|otai-[\w-]+|make \w+|[a-z]+(_[a-z]+)+|[a-z]+\.[a-z_.]+)$")


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "pattern",
    [r"^(#+) ", r"^(\|)", r"^(- )", r"^(\d\. )", r"^```(\w*)", r"^\*\*"],
    ids=["headings", "rows", "items", "steps", "blocks", "paragraphs with a title"],
)
def test_both_are_built_alike(pattern: str) -> None:
    english, german = (re.findall(pattern, text_of(one), re.MULTILINE) for one in (ENGLISH, GERMAN))

    assert english == german
    assert english


def test_both_have_the_same_commands_in_the_same_order() -> None:
    assert list(commands_of(ENGLISH)) == list(commands_of(GERMAN))


def test_both_show_the_same_configuration_and_logs() -> None:
    def meaning(document: Path, language: str) -> list[str]:
        blocks = [block for kind, block in FENCE.findall(text_of(document)) if kind == language]
        return [re.sub(r" +#.*", "", block) for block in blocks]

    for language in ("json", "yaml"):
        assert meaning(ENGLISH, language) == meaning(GERMAN, language)


def test_both_name_the_same_options_keys_tags_and_variables() -> None:
    def names(document: Path) -> set[str]:
        spans = CODE_SPAN.findall(FENCE.sub("", text_of(document)))
        return {span for span in spans if NAMES.match(span)}

    assert names(ENGLISH) == names(GERMAN)
    assert "--store-secrets" in names(GERMAN)


def test_both_lead_to_the_same_documents() -> None:
    def targets(document: Path) -> list[str]:
        links = [link for link in LINK.findall(text_of(document)) if not link.startswith("#")]
        return [link for link in links if not link.startswith("administrator")]

    assert targets(ENGLISH) == targets(GERMAN)


def test_both_have_as_many_links_within() -> None:
    within = [
        sum(link.startswith("#") for link in LINK.findall(text_of(one)))
        for one in (ENGLISH, GERMAN)
    ]

    assert within[0] == within[1]


def test_each_explains_every_option_of_setup() -> None:
    from typer.testing import CliRunner

    from otai_freshdesk.cli.app import app

    shown = CliRunner().invoke(app, ["setup", "--help"]).stdout
    options = set(re.findall(r"(--[a-z][a-z-]+)", shown)) - {"--help", "--config", "--bundle"}
    for document in (ENGLISH, GERMAN):
        text = text_of(document)
        assert {option for option in options if option not in text} == set()


def test_german_is_not_left_in_english() -> None:
    prose = CODE_SPAN.sub("", FENCE.sub("", text_of(GERMAN)))
    prose = re.sub(r"\]\([^)]*\)", "]", prose)

    assert re.findall(r"\b(?:the|and|which|with|your)\b", prose) == []
