"""The documentation is true: its commands work or exist, its links and paths lead somewhere."""

import configparser
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from docs.schema import schema

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"
READMES = (ROOT / "README.md", ROOT / "README.de.md")
DOCUMENTS = (
    *READMES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)

RUNS = "runs"

LANGUAGES = {"sh", "crontab", "ini", "json", "nginx", "python", "text", "toml", "yaml"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
TEST_ID = re.compile(r"tests/[\w/]+\.py(?:::\w+)*")
SYNOPSIS = re.compile(r"(make|otai-freshdesk) [a-z]")

# Names in the documentation that look like a path of the project's and are somebody else's.
FOREIGN_FILES = {
    "api-key.txt",
    "both.txt",
    "config.yml",
    "encoder.onnx",
    "env.onprem.json",
    "heads.npz",
    "journald.conf",
    "labels.yml",
    "manifest.json",
    "new-secret.txt",
    "predictions.jsonl",
    "report.json",
    "tickets.jsonl",
    "tokenizer.json",
    "webhook-secret.txt",
}
SHORT_NAMES = {
    "config.yml": "functions/config.yml",
    "errors.py": "functions/otai_freshdesk/cli/errors.py",
}


def listed() -> dict[str, str]:
    """Return how each command is held to the truth: `RUNS`, or why it does not run here.

    `RUNS` runs it and wants exit code 0. What any other command names of the project (target,
    subcommand, option, parameter, file) must exist all the same.
    """
    found: dict[str, str] = {}
    reason = ""
    for line in (Path(__file__).parent / "commands.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            reason = line.removeprefix("# ")
        elif line:
            assert line not in found, f"listed twice: {line}"
            found[line] = reason
    return found


def commands_of(document: Path) -> Iterator[str]:
    """Yield the commands of a document's blocks for a shell and for cron."""
    for language, block in FENCE.findall(document.read_text(encoding="utf-8")):
        for line in block.splitlines():
            text = line.strip()
            if language == "crontab":
                text = text.split(maxsplit=5)[5]
            elif language != "sh":
                continue
            if text and not text.startswith("#"):
                yield text


def starts_of(unit: Path) -> Iterator[str]:
    """Yield the command that a systemd unit starts, if it is a service."""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("ExecStart="):
            yield line.removeprefix("ExecStart=")


COMMANDS = listed()
UNITS = sorted((ROOT / "docs" / "systemd").iterdir())
DOCUMENTED = list(
    dict.fromkeys(
        [
            *(text for document in DOCUMENTS for text in commands_of(document)),
            *(start for unit in UNITS for start in starts_of(unit)),
        ]
    )
)


@cache
def targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([\w-]+):.*##", makefile, re.MULTILINE))


@cache
def help_of(subcommand: str) -> str:
    found = subprocess.run(
        [BIN / "otai-freshdesk", subcommand, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=30,
    )
    return found.stdout if found.returncode == 0 else ""


def problems(command: str) -> Iterator[str]:
    """Yield what a command names that is not there: targets, subcommands, options, files."""
    for part in re.split(r"\s*(?:&&|\|\||\||;)\s*", command):
        words = shlex.split(part)
        if words and words[0] == "flock":
            words = words[3:]
        yield from _problems(words)


def _problems(words: list[str]) -> Iterator[str]:
    if not words:
        return
    program = Path(words[0])
    if program.name == "make":
        named = [word for word in words[1:] if "=" not in word]
        yield from (f"no make target {name}" for name in named if name not in targets())
    elif program.name == "otai-freshdesk":
        text = help_of(words[1])
        if not text:
            yield f"otai-freshdesk has no {words[1]}"
        options = [word for word in words[2:] if word.startswith("--")]
        yield from (f"{words[1]} has no option {name}" for name in options if name not in text)
    elif program.name == "sam":
        yield from _problems_of_sam(words[1:])
    for word in words:
        path = word.partition(">")[0]
        if _is_of_the_project(path) and not (ROOT / path).exists():
            yield f"no such path: {path}"


def _problems_of_sam(words: list[str]) -> Iterator[str]:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    if "--parameter-overrides" in words:
        for word in words[words.index("--parameter-overrides") + 1 :]:
            name = word.partition("=")[0]
            if f"\n  {name}:\n    Type:" not in template:
                yield f"the template has no parameter {name}"
    samconfig = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    if "--config-env" in words:
        name = words[words.index("--config-env") + 1]
        if f"[{name}." not in samconfig:
            yield f"samconfig.toml has no environment {name}"
    for word in words:
        if word.endswith("Function") and f"\n  {word}:\n" not in template:
            yield f"the template has no function {word}"


def _is_of_the_project(text: str) -> bool:
    """Tell whether a word is meant as a path of the project's (not of what a build makes)."""
    if not re.fullmatch(r"[\w.-]+(/[\w.*-]+)*/?", text) or text.startswith((".venv", ".tools")):
        return False
    first, slash, _ = text.partition("/")
    if slash:
        return (ROOT / first).is_dir() and first != "build" and not first.startswith(".")
    return text not in FOREIGN_FILES and bool(re.search(r"\.(py|md|ya?ml|json|txt|toml)$", text))


@pytest.mark.parametrize("command", DOCUMENTED)
def test_each_documented_command_runs_or_exists(command: str) -> None:
    assert command in COMMANDS, "list it in commands.txt: it runs, or why not"
    assert not list(problems(command))
    if COMMANDS[command] == RUNS:
        subprocess.run(  # noqa: S602 - a line of our own documents
            command, shell=True, check=True, capture_output=True, cwd=ROOT, timeout=60
        )


def test_no_command_is_listed_that_is_documented_nowhere() -> None:
    assert set(COMMANDS) == set(DOCUMENTED)


def test_some_commands_run_here() -> None:
    assert sum(reason == RUNS for reason in COMMANDS.values()) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        "make no-such-target",
        ".venv/bin/otai-freshdesk no-such-command",
        ".venv/bin/otai-freshdesk classify --no-such-option",
        "cat functions/no_such_file.py",
        ".tools/sam/bin/sam deploy --parameter-overrides NoSuchParameter=1",
        ".tools/sam/bin/sam local invoke NoSuchFunction",
        ".tools/sam/bin/sam local start-api --config-env no-such-environment",
    ],
)
def test_what_does_not_exist_is_found(wrong: str) -> None:
    assert list(problems(wrong))


def test_the_two_readmes_have_the_same_commands() -> None:
    english, german = (list(commands_of(readme)) for readme in READMES)
    assert english == german
    assert english[:2] == ["make demo", "make test"]


def test_the_two_readmes_say_the_same_things() -> None:
    english, german = (readme.read_text(encoding="utf-8") for readme in READMES)
    for pattern in (r"^#+ ", r"^\|", r"^```"):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(
            re.findall(pattern, german, re.MULTILINE)
        ), pattern
    one, other = (
        {target for target in LINK.findall(text) if not target.startswith("README")}
        for text in (english, german)
    )
    assert one == other
    keys = re.compile(r"^\| `((?:system|webhook|triage|sweep|overlay)[.\w]*)", re.MULTILINE)
    assert keys.findall(english) == keys.findall(german)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
class TestDocument:
    def test_each_block_names_its_language(self, document: Path) -> None:
        languages = {language for language, _ in FENCE.findall(document.read_text("utf-8"))}
        assert languages <= LANGUAGES

    def test_each_relative_link_leads_somewhere(self, document: Path) -> None:
        for link in LINK.findall(document.read_text(encoding="utf-8")):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            assert target.exists(), link
            assert target.is_relative_to(ROOT), link
            if anchor:
                assert anchor in _anchors(target), link

    def test_each_path_exists(self, document: Path) -> None:
        for span in _spans(document):
            path = SHORT_NAMES.get(span, span)
            if not _is_of_the_project(path) or TEST_ID.fullmatch(span):
                continue
            assert (ROOT / path).exists() or list(ROOT.glob(path)), span

    def test_each_test_exists(self, document: Path) -> None:
        for span in TEST_ID.findall(_prose(document)):
            path, *names = span.split("::")
            source = (ROOT / path).read_text(encoding="utf-8")
            for name in names:
                assert re.search(rf"(def|class) {name}\b", source), span

    def test_each_command_in_a_sentence_exists(self, document: Path) -> None:
        for span in _spans(document):
            if SYNOPSIS.match(span):
                assert not list(problems(span)), span


def _prose(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def _spans(document: Path) -> list[str]:
    """Return what stands in backticks, also where a line ends within."""
    return CODE_SPAN.findall(re.sub(r"(?<=\S)\n *(?=\S)", " ", _prose(document)))


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(document), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_each_parameter_of_the_template_is_explained() -> None:
    source = (ROOT / "template.yaml").read_text(encoding="utf-8")
    section = source[source.index("\nParameters:") : source.index("\nConditions:")]
    parameters = re.findall(r"^  (\w+):$", section, re.MULTILINE)
    guide = (ROOT / "docs" / "deployer.md").read_text(encoding="utf-8")
    table = guide[guide.index("### Parameters") : guide.index("### Alarms")]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(parameters)


def test_each_alarm_of_the_template_is_explained() -> None:
    source = (ROOT / "template.yaml").read_text(encoding="utf-8")
    alarms = re.findall(r"^  (\w+Alarm):$", source, re.MULTILINE)
    guide = (ROOT / "docs" / "deployer.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+Alarm)`", guide, re.MULTILINE)) == sorted(alarms)


def test_each_variable_that_overrides_the_file_is_explained() -> None:
    from otai_freshdesk.config.settings import OVERRIDES

    guide = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(OTAI_\w+)` \|", guide, re.MULTILINE))
    assert listed == {*OVERRIDES, "OTAI_CONFIG"}


def test_each_exit_code_is_explained() -> None:
    from otai_freshdesk.cli.errors import ExitCode

    guide = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")
    table = guide[guide.index("### Exit codes") :]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [*ExitCode]


def test_each_queue_of_the_guide_is_explained() -> None:
    labels = (ROOT / "model" / "tickets" / "LABELS.md").read_text(encoding="utf-8")
    section = labels[labels.index("## queue") : labels.index("## type")]
    queues = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    guide = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")
    table = guide[guide.index("## 2. ") : guide.index("## 3. ")]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == queues


@pytest.mark.parametrize("document", ["administrator.md", "on-premise.md"])
def test_configurations_in_the_documentation_are_valid(document: str) -> None:
    from otai_freshdesk.config.settings import parse_settings

    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(text) if language == "yaml"]
    configurations = [block for block in blocks if "open_ticket_ai" in yaml.safe_load(block)]
    assert configurations
    for block in configurations:
        parse_settings(block.encode(), {}, name=document)


def test_the_schema_for_editors_is_that_of_the_configuration() -> None:
    written = (ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8")
    assert written == schema(), "write it anew: .venv/bin/python tests/docs/schema.py"


def test_figures_stand_only_beside_the_command_that_prints_them() -> None:
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        [table] = re.findall(r"<!-- measured -->\n(.*?)<!-- /measured -->", text, re.DOTALL)
        for row in table.splitlines()[2:]:
            _, _, command, _, _ = row.split("|")
            assert re.fullmatch(r" `make [\w-]+` ", command), row


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_systemd_unit_is_whole_and_not_for_root(unit: Path) -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.optionxform = str  # type: ignore[assignment,method-assign]
    settings.read(unit, encoding="utf-8")
    if unit.suffix == ".timer":
        assert (unit.with_suffix(".service")).exists()
        assert settings["Install"]["WantedBy"] == "timers.target"
    else:
        assert settings["Service"]["User"] == "otai-freshdesk"
        assert settings["Service"]["ExecStart"] in COMMANDS
