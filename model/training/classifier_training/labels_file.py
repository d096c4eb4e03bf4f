"""Reads ``labels.yml``: targets, their labels, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from classifier_training.errors import DataError, TooFewTicketsError

__all__ = ["Example", "LabelDescription", "LabelsFile", "read_labels"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Model):
    """One example ticket of a label."""

    subject: str = ""
    body: str


class LabelDescription(_Model):
    """What is known of a label besides its name."""

    description: str = ""
    keywords: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    @field_validator("examples", mode="before")
    @classmethod
    def _plain_text_is_a_body(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        return [{"body": entry} if isinstance(entry, str) else entry for entry in value]


class LabelsFile(_Model):
    """A whole ``labels.yml``: labels by target."""

    targets: dict[str, dict[str, LabelDescription]] = Field(min_length=1)

    @field_validator("targets", mode="before")
    @classmethod
    def _a_bare_name_is_a_label(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            _name(target, "a target"): _with_descriptions(target, labels)
            for target, labels in value.items()
        }


def _with_descriptions(target: str, labels: object) -> object:
    """Accept a list of names, and names without anything behind the colon."""
    if isinstance(labels, list):
        entries: list[tuple[object, object]] = [(label, {}) for label in labels]
    elif isinstance(labels, dict):
        entries = [(label, entry or {}) for label, entry in labels.items()]
    else:
        return labels
    described: dict[str, object] = {}
    seen: dict[str, str] = {}
    for label, entry in entries:
        name = _name(label, f"a label of {target}")
        other = seen.setdefault(name.casefold(), name)
        if name in described or other != name:
            raise ValueError(f"labels {other!r} and {name!r} of {target} are alike but for case")
        described[name] = entry
    return described


def _name(given: object, what: str) -> str:
    """The name without surplus space."""
    if not isinstance(given, str) or not given.strip():
        raise ValueError(f"{what} has no name")
    name = " ".join(given.split())
    if not name.isprintable():
        raise ValueError(f"the name of {what} holds control characters")
    return name


_PROBLEMS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; a label has description, keywords and examples",
    "dict_type": "must be names with a colon behind each",
    "model_type": "must be names with a colon behind each",
    "model_attributes_type": "must be names with a colon behind each",
    "string_type": "must be text",
    "tuple_type": "must be a list, each entry behind a dash",
    "too_short": "must name something",
}


class _TwiceError(yaml.MarkedYAMLError):
    """A name stands twice where it may stand once; YAML's reader would drop the first."""


class _Loader(yaml.SafeLoader):
    """YAML in which every scalar but an empty one is text: no label ``No`` turns into False."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as its base declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping of names as they are written."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem_mark=key.start_mark)
            if key.value in seen:
                raise _TwiceError(problem_mark=key.start_mark)
            seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


def read_labels(file: Path) -> LabelsFile:
    """Read a ``labels.yml``.

    Raises:
        DataError: It is not of that form; the message names the place, never an example's text.
        OSError: It cannot be read.
        TooFewTicketsError: A target has fewer than two labels.
    """
    content = _validated(_parsed(file), file)
    for name, labels in content.targets.items():
        if len(labels) < 2:
            raise TooFewTicketsError(name, found=len(labels), needed=2, what="labels")
    return content


def _parsed(file: Path) -> object:
    try:
        return yaml.load(file.read_text(encoding="utf-8-sig"), _Loader)  # noqa: S506 - it is safe
    except _TwiceError as error:
        raise DataError(file, "this name stands here twice", line=_line(error)) from error
    except yaml.MarkedYAMLError as error:
        raise DataError(file, "is not YAML", line=_line(error)) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise DataError(file, "is not YAML in UTF-8") from None


def _line(error: yaml.MarkedYAMLError) -> int | None:
    return error.problem_mark.line + 1 if error.problem_mark else None


def _validated(content: object, file: Path) -> LabelsFile:
    try:
        return LabelsFile.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        if first["type"] == "value_error":
            problem = str(first["ctx"]["error"])
        else:
            problem = _PROBLEMS.get(first["type"], first["msg"])
        # Without the cause: it would carry the text of examples.
        raise DataError(file, f"{place}: {problem}") from None
