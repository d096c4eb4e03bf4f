"""Writes config.yml: a new one with comments, or into one that is there what it lacks.

In a file that is there only those lines of a label map are renewed that still have the value
behind `proposed`, which is what setup wrote last. All else is a human's and stays as it is,
comments, quotes and order included.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import yaml

from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.cli.setup_edit import NotEditableError, YamlText, flow_text, scalar_text
from otai_freshdesk.cli.setup_meanings import MEANINGS
from otai_freshdesk.cli.setup_options import Language
from otai_freshdesk.cli.setup_plan import FieldPlan, Line, Plan, noted_value
from otai_freshdesk.cli.setup_texts import TEXTS, Texts
from otai_freshdesk.config.settings import ROOT
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, same_value

__all__ = ["EditError", "Kept", "Renewal", "covers", "new_config", "renewed"]

_FIELDS = (ROOT, "triage", "fields")


class EditError(CommandError):
    """A config.yml is written in a way that setup would damage; it was left as it is."""

    code = ExitCode.CONFIG

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name} is written in a way that setup cannot change without harm: put it aside, run "
            "setup for a new one, and carry your values over"
        )


def covers(label: str, language: Language) -> str:
    """Return what a label covers, "" for a label of a bundle of one's own."""
    return MEANINGS[label][language].covers if label in MEANINGS else ""


# --- a new file -----------------------------------------------------------------------------


def new_config(plan: Plan, language: Language) -> str:
    """Return a commented config.yml."""
    texts = TEXTS[language]
    place = plan.place
    account = texts.domain.format(domain=plan.domain)
    lines = [
        *_comment(texts.header.format(domain=plan.domain)),
        f"{ROOT}:",
        "  system:",
        f"    provider_key: FreshdeskAdapter # {texts.provider}",
        "    params:",
        f"      freshdesk_domain: {scalar_text(plan.domain)} # {account}",
        f"      freshdesk_api_key: {place.api_key} # {texts.key_kept_at}",
        f"      # rate_limit_share: 0.4 # {texts.share}",
        "",
        "  webhook:",
        f"    secret: {place.webhook_secret} # {texts.webhook_kept_at}",
        "",
        "  triage:",
        f"    mode: shadow # {texts.mode}",
        f"    # from: 2026-12-01T00:00:00Z # {texts.start}",
        f"    fields: # {texts.fields}",
        *(f"      {line}".rstrip() for line in _fields_block(plan, language)),
        "",
        "  sweep:",
        f"    cursor: {place.cursor} # {texts.cursor}",
        f"    look_back: 72h # {texts.look_back}",
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in text.splitlines())


def _fields_block(plan: Plan, language: Language) -> Iterator[str]:
    for field in plan.fields.values():
        yield f"{field.field}:"
        yield from (f"  {line}" for line in _field_block(field, language))
    if plan.own_fields:
        text = TEXTS[language].own_fields
        yield from _comment(text.format(fields=", ".join(plan.own_fields)))


def _field_block(field: FieldPlan, language: Language) -> Iterator[str]:
    texts = TEXTS[language]
    yield f"target: {field.target} # {texts.target}"
    if field.field == PRIORITY:
        yield f"undecided: {_listed(field)} # {texts.priority_undecided}"
    else:
        yield from _comment(texts.undecided)
        yield f"undecided: {_listed(field)}"
    yield f"# min_confidence: 0.9 # {texts.min_confidence}"
    if field.lines:
        yield from _comment(texts.labels if field.field == GROUP else texts.values)
        yield "labels:"
        yield from (f"  {line}" for line in _labels_block(field, language))


def _labels_block(field: FieldPlan, language: Language) -> Iterator[str]:
    texts = TEXTS[language]
    for line in field.lines:
        if explained := line.proposal and covers(line.label, language):
            yield f"# {explained}"
        yield f"{scalar_text(line.label)}: {scalar_text(line.value)} # {line.note(texts)}"


def _listed(field: FieldPlan) -> str:
    return f"[{', '.join(flow_text(value) for value in field.undecided)}]"


# --- a file that is there -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A line that a human wrote or changed."""

    field: str
    label: str
    value: str | None
    line: Line


@dataclass(frozen=True, slots=True)
class Renewal:
    """A config.yml with what it lacked.

    Attributes:
        text: The file's new text.
        plan: The plan with the values that the file now has.
        kept: Lines of a human's that differ from what would have been proposed.
        remarks: What could not be done, or is wrong with what was kept.
    """

    text: str
    plan: Plan
    kept: tuple[Kept, ...]
    remarks: tuple[str, ...]


def renewed(text: str, name: str, plan: Plan, language: Language) -> Renewal:
    """Put a plan into the text of a config.yml that has been read before.

    Args:
        text: What the file holds.
        name: What errors call it.
        plan: What setup would write into a new file; its domain is written where it differs, its
            undecided values where they do.
        language: Of new comments.

    Raises:
        EditError: The file cannot be changed safely.
    """
    work = _Renewing(text, language)
    work.set_domain(plan.domain)
    fields = {}
    for field in plan.fields.values():
        if (done := work.field(field, plan)) is not None:
            fields[field.field] = done
    new = work.text()
    if yaml.safe_load(new) != work.document:
        raise EditError(name)
    return Renewal(new, replace(plan, fields=fields), tuple(work.kept), tuple(work.remarks))


class _Renewing:
    """Makes each change twice: in the text, and in the document that the text must then mean."""

    def __init__(self, text: str, language: Language) -> None:
        self._yaml = YamlText(text)
        self._language = language
        self._texts: Texts = TEXTS[language]
        self.document: dict[str, Any] = copy.deepcopy(yaml.safe_load(text))
        self.kept: list[Kept] = []
        self.remarks: list[str] = []
        self._has_all_fields = False

    def text(self) -> str:
        return self._yaml.changed()

    def set_domain(self, domain: str) -> None:
        params = self._at((ROOT, "system", "params"))
        if isinstance(params, dict) and params.get("freshdesk_domain") not in {None, domain}:
            self._replace((ROOT, "system", "params", "freshdesk_domain"), domain)

    def field(self, field: FieldPlan, plan: Plan) -> FieldPlan | None:
        """Return the field as it is afterwards, None where it is not in the file."""
        if self._at(_FIELDS) is None and not self._has_all_fields:
            self._add_all_fields(plan)
        if self._has_all_fields:
            return field
        section = self._at((*_FIELDS, field.field))
        if not isinstance(section, dict) or section.get("target") != field.target:
            self.remarks.append(self._texts.no_such_field.format(field=field.field))
            return None
        undecided = self._undecided(field, section)
        lines = tuple(self._lines(field, section))
        return replace(field, lines=lines, undecided=undecided)

    def _add_all_fields(self, plan: Plan) -> None:
        block = "\n".join(_fields_block(plan, self._language)) + "\n"
        path: tuple[str, ...] = _FIELDS
        if self._at((ROOT, "triage")) is None:
            path = (ROOT, "triage")
            indented = "\n".join(f"  {line}".rstrip() for line in block.splitlines())
            block = f"fields:\n{indented}\n"
        self._insert(path, block, yaml.safe_load(block))
        self._has_all_fields = True

    def _undecided(self, field: FieldPlan, section: Mapping[str, Any]) -> tuple[str | None, ...]:
        path = (*_FIELDS, field.field, "undecided")
        before = section.get("undecided", [None])
        if set(before) != set(field.undecided) and field.field == GROUP:
            self._set(path, list(field.undecided), _listed(field))
            return field.undecided
        return tuple(before)

    def _lines(self, field: FieldPlan, section: Mapping[str, Any]) -> Iterator[Line]:
        path = (*_FIELDS, field.field, "labels")
        labels = section.get("labels")
        if not labels:
            differs = any(line.value != line.label for line in field.lines)
            if differs and "labels" not in section:
                block = "\n".join(_labels_block(field, self._language)) + "\n"
                self._set(path, {line.label: line.value for line in field.lines}, block)
            yield from field.lines
            return
        for line in field.lines:
            yield self._line(field, line, dict(labels))

    def _line(self, field: FieldPlan, line: Line, labels: Mapping[str, str | None]) -> Line:
        path = (*_FIELDS, field.field, "labels", line.label)
        note = line.note(self._texts)
        if line.label not in labels:
            pattern = next((key for key in labels if fnmatchcase(line.label, key)), None)
            if pattern is not None and not line.chosen:
                return self._keep(field, line, labels[pattern])
            self._insert(path, scalar_text(line.value), line.value, note)
            return line
        value = labels[line.label]
        is_ours = noted_value(self._yaml.comment_of(path)) == (value,)
        if line.chosen or (is_ours and line.value != value):
            self._replace(path, line.value, note)
            return line
        return line if is_ours else self._keep(field, line, value)

    def _keep(self, field: FieldPlan, line: Line, value: str | None) -> Line:
        if line.value != value:
            self.kept.append(Kept(field.field, line.label, value, line))
        if value is not None and not _is_known(value, field):
            remark = self._texts.gone
            self.remarks.append(
                remark.format(label=line.label, field=field.field, value=scalar_text(value))
            )
        return replace(line, value=value)

    # each change twice

    def _at(self, path: tuple[str, ...]) -> Any:
        found: Any = self.document
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def _set(self, path: tuple[str, ...], value: object, text: str) -> None:
        parent = self._at(path[:-1])
        if path[-1] in parent and "\n" not in text:
            self._attempt(path, value, lambda: self._yaml.replace(path, text))
        else:
            self._insert(path, text, value)

    def _replace(
        self, path: tuple[str, ...], value: str | None, comment: str | None = None
    ) -> None:
        text = scalar_text(value)
        self._attempt(path, value, lambda: self._yaml.replace(path, text, comment))

    def _insert(
        self, path: tuple[str, ...], text: str, value: object, comment: str | None = None
    ) -> None:
        self._attempt(path, value, lambda: self._yaml.insert(path, text, comment))

    def _attempt(self, path: tuple[str, ...], value: object, change: Any) -> None:
        try:
            change()
        except NotEditableError:
            key = ".".join(path[len(_FIELDS) :]) or path[-1]
            self.remarks.append(self._texts.not_editable.format(key=key, value=value))
            return
        self._at(path[:-1])[path[-1]] = value


def _is_known(value: str, field: FieldPlan) -> bool:
    takes_any_text = not field.values and field.field != GROUP
    return takes_any_text or any(same_value(field.field, value, one) for one in field.values)
