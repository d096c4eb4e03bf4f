"""config.yml as frozen models; unknown keys are errors, secrets are references."""

import hashlib
import json
import os
import re
from collections.abc import Hashable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from otai_freshdesk.application.sweep import SweepSettings
from otai_freshdesk.application.triage import Mode
from otai_freshdesk.config.errors import ConfigFileError
from otai_freshdesk.config.params import check_freshdesk_params, check_params
from otai_freshdesk.config.secrets import SecretReference
from otai_freshdesk.domain.policy import (
    MAX_TAG_LENGTH,
    AutomatedMail,
    FieldRule,
    LabelMap,
    Policy,
    looks_like_marker,
)
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE

MAX_CONFIG_BYTES = 256 * 1024
ROOT = "open_ticket_ai"
FRESHDESK = "FreshdeskAdapter"
_LONGEST_VALUE = 4096
_LONGEST_KEY = 60
_DEEPEST = 20
_IN_OTHER_WORDS = {
    "extra_forbidden": "no such setting; check its spelling and how far in it stands",
    "string_type": "must be text; Yes, No and numbers are text in quotes only",
}
PLACE = r"^(memory|ssm:/[\w./-]+|file:.+)$"
LONGEST_DURATION = timedelta(days=3650)
_DURATION = re.compile(r"[0-9]+[smhd]")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> object:
    """Read "90s", "10m", "72h" or "3d"; a bare number could mean any of them."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError(f"a duration is a whole number and its unit ({', '.join(_UNITS)}): 72h")
    try:
        return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})
    except OverflowError:
        return timedelta.max


def _moment(value: object) -> object:
    """Read a date and time; bare digits, of which a date may consist, are no seconds since 1970."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if value is None or (isinstance(value, datetime) and value.tzinfo):
        return value
    raise ValueError("must be a date and time with zone, such as 2026-12-01T08:00:00Z")


def _value(value: str) -> str:
    if not value.strip():
        raise ValueError("a value must not be empty; null stands for none")
    return value


def _sensible(value: timedelta) -> timedelta:
    """Refuse what nobody means, and what no date could be reckoned with."""
    if not timedelta() <= value <= LONGEST_DURATION:
        raise ValueError(f"a duration must not be negative, and at most {LONGEST_DURATION.days}d")
    return value


def _above_zero(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("a duration above 0")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    AfterValidator(_sensible),
]
Share = Annotated[float, Field(ge=0, le=1)]
Value = Annotated[str, AfterValidator(_value)]
_INNER = r"[^,\x00-\x1f\x7f-\x9f]"  # of a tag: blanks, but neither commas nor control characters
_OUTER = _INNER.replace("]", r"\s]")
Tag = Annotated[
    str,
    Field(max_length=MAX_TAG_LENGTH, pattern=rf"^{_OUTER}({_INNER}*{_OUTER})?$"),
]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )


class SystemSettings(_Model):
    """The ticket system: which adapter, and what it needs."""

    id: str = "freshdesk"
    provider_key: str = Field(FRESHDESK, description="Name of the adapter")
    params: Annotated[Mapping[str, Any], AfterValidator(check_params)] = Field(
        default_factory=dict, description="What the adapter asks for; secrets by reference"
    )

    @model_validator(mode="after")
    def _known_params(self) -> "SystemSettings":
        """Check the parameters of our own adapter; another package's are its own affair."""
        if self.provider_key == FRESHDESK:
            check_freshdesk_params(self.params)
        return self


class WebhookSettings(_Model):
    """How the webhook is received."""

    secret: SecretReference = "ssm:/otai-freshdesk/webhook-secret"  # noqa: S105 - a reference
    max_body_bytes: int = Field(64 * 1024, ge=256, le=1024 * 1024)
    deadline: Annotated[Duration, AfterValidator(_above_zero)] = Field(
        timedelta(seconds=8), description="Then the sweep takes over"
    )


class ClassifierSettings(_Model):
    """The bundle that judges."""

    bundle: Path = Path("/opt/model/bundle")
    threads: int = Field(1, ge=1, le=64)


class FieldSettings(_Model):
    """How one field of a ticket is filled."""

    target: str = Field(description="Target of the classifier: queue, type, priority, ...")
    labels: Mapping[str, Value | None] = Field(
        default_factory=dict,
        description="Predicted label (wildcards * and ?) to value in Freshdesk; null: leave alone",
    )
    min_confidence: Share | None = Field(None, description="Beats the bundle's threshold")
    undecided: tuple[Value | None, ...] = Field(
        (None,), description="Values that count as not chosen by anybody; null is the empty field"
    )


class TagSettings(_Model):
    """The tags triage sets."""

    marker: str = Field("otai", pattern=r"^[A-Za-z][A-Za-z0-9_]{1,23}$")
    unsure: Tag = "otai-unsure"
    automated: Tag = "otai-automated"


class AutomatedSettings(_Model):
    """Which label stands for mail no human wrote: it is tagged, never routed."""

    target: str = "queue"
    label: str = "automated_mail"


def _default_fields() -> dict[str, FieldSettings]:
    return {
        GROUP: FieldSettings(target="queue"),
        TYPE: FieldSettings(target="type"),
        PRIORITY: FieldSettings(target="priority", undecided=("Low",)),
    }


def _mode(value: object) -> object:
    """Read YAML's bare `off`, which means False there, as what was written."""
    return Mode.OFF if value is False else value


class TriageSettings(_Model):
    """What triage may do."""

    mode: Annotated[Mode, BeforeValidator(_mode)] = Mode.SHADOW
    switched_on: Annotated[AwareDatetime | None, BeforeValidator(_moment)] = Field(
        None, alias="from", description="Older tickets stay untouched; default: the first sweep"
    )
    fields: Mapping[str, FieldSettings] = Field(default_factory=_default_fields)
    automated: AutomatedSettings | None = AutomatedSettings()
    shadow_tag: Tag | None = Field(
        None, description="In mode shadow set this tag, and nothing else; mode live ignores it"
    )
    note: bool = Field(
        False,
        description="Add a private note with labels and probabilities; tickets then go singly",
    )

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: Mapping[str, FieldSettings]) -> Mapping[str, FieldSettings]:
        for name in fields:
            if name not in {GROUP, TYPE, PRIORITY} and not name.startswith("cf_"):
                raise ValueError(f"{name!r} is no field: use group, type, priority or cf_...")
        return fields


class SweepConfig(_Model):
    """How far the sweep looks, and where it remembers."""

    cursor: str = Field(
        "memory",
        pattern=PLACE,
        description="ssm:/path, file:/path or memory",
    )
    look_back: Duration = timedelta(hours=72)
    overlap: Duration = timedelta(minutes=10)
    park_after: int = Field(5, ge=2, le=100)
    bulk: bool = Field(True, description="Write tickets that get the same together")


class Settings(_Model):
    """The whole configuration, below the root key `open_ticket_ai`."""

    system: SystemSettings = SystemSettings()
    webhook: WebhookSettings = WebhookSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    triage: TriageSettings = TriageSettings()
    tags: TagSettings = TagSettings()
    sweep: SweepConfig = SweepConfig()
    overlay: str = Field(
        "memory",
        pattern=PLACE,
        description="The switch that lies over this file (mode, min_confidence): "
        "ssm:/path, file:/path, or memory for none",
    )

    @model_validator(mode="after")
    def _memory_needs_a_start(self) -> "Settings":
        if self.sweep.cursor == "memory" and self.triage.switched_on is None:
            raise ValueError(
                "triage.from must be set (a date and time with zone) when sweep.cursor is memory: "
                "nothing else remembers when triage was switched on"
            )
        return self

    @model_validator(mode="after")
    def _tags_are_no_markers(self) -> "Settings":
        for tag in (self.tags.unsure, self.tags.automated, self.triage.shadow_tag):
            if tag and looks_like_marker(tag, self.tags.marker):
                raise ValueError(
                    f"the tag {tag} would be taken for a marker (tags.marker and six characters "
                    "of 0-9 and a-f): every ticket that has it would count as triaged"
                )
        return self

    def marker(self, bundle_id: str) -> str:
        """Return the tag that names this bundle and what is configured to be done with it."""
        triage = self.triage.model_dump(mode="json", include={"fields", "automated"})
        source = json.dumps([bundle_id, triage], sort_keys=True).encode()
        return f"{self.tags.marker}-{hashlib.sha256(source).hexdigest()[:6]}"

    def policy(self, bundle_id: str, triage_from: datetime) -> Policy:
        """Return the rules of triage for a bundle."""
        automated = self.triage.automated
        return Policy(
            rules=tuple(
                FieldRule(
                    field=name,
                    target=field.target,
                    labels=LabelMap(field.labels),
                    undecided=frozenset(field.undecided),
                    min_confidence=field.min_confidence,
                )
                for name, field in self.triage.fields.items()
            ),
            marker=self.marker(bundle_id),
            marker_prefix=self.tags.marker,
            unsure_tag=self.tags.unsure,
            triage_from=triage_from,
            automated=AutomatedMail(automated.target, automated.label, self.tags.automated)
            if automated
            else None,
            shadow_tag=self.triage.shadow_tag if self.triage.mode is Mode.SHADOW else None,
        )

    def sweep_settings(self) -> SweepSettings:
        """Return how a sweep goes about it."""
        return SweepSettings(
            look_back=self.sweep.look_back,
            overlap=self.sweep.overlap,
            park_after=self.sweep.park_after,
            bulk=self.sweep.bulk and not self.triage.note,
        )


# What a deployment may set without another config.yml; an empty value counts as unset, since
# `sam local` hands in every variable the template declares.
OVERRIDES: Mapping[str, tuple[str, ...]] = {
    "OTAI_FRESHDESK_DOMAIN": ("system", "params", "freshdesk_domain"),
    "OTAI_FRESHDESK_URL": ("system", "params", "freshdesk_url"),
    "OTAI_API_KEY": ("system", "params", "freshdesk_api_key"),
    "OTAI_WEBHOOK_SECRET": ("webhook", "secret"),
    "OTAI_BUNDLE": ("classifier", "bundle"),
    "OTAI_CURSOR": ("sweep", "cursor"),
    "OTAI_MODE": ("triage", "mode"),
    "OTAI_TRIAGE_FROM": ("triage", "from"),
    "OTAI_OVERLAY": ("overlay",),
    "OTAI_SWEEP_BULK": ("sweep", "bulk"),
}


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read config.yml and lay the environment's overrides over it.

    Raises:
        ConfigFileError: the message names the file, each wrong key, and what is expected.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read ({type(error).__name__})") from error
    return parse_settings(raw, environment, name=str(path))


def parse_settings(
    raw: bytes, environment: Mapping[str, str], *, name: str = "config.yml"
) -> Settings:
    """Return the settings in the bytes of a config.yml; see `load_settings`."""
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigFileError(f"{name} is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        document = yaml.load(raw, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader without aliases
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigFileError(f"{name}{where}: not valid YAML ({problem})") from error
    if not isinstance(document, dict) or set(document) != {ROOT}:
        raise ConfigFileError(f"{name}: the only key at the top must be {ROOT}:")
    section = {} if document[ROOT] is None else document[ROOT]
    if not isinstance(section, dict):
        raise ConfigFileError(f"{name}: {ROOT} must hold keys and values")
    for variable, keys in OVERRIDES.items():
        if value := environment.get(variable):
            _set(section, keys, value, name=name)
    try:
        return Settings.model_validate(section)
    except ValidationError as error:
        raise ConfigFileError(f"{name}: {_problems(error)}") from error


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without what takes its reader long, or makes it fail in ways of its own.

    A few hundred bytes of aliases can stand for gigabytes. Of a key that stands twice the first
    value would be dropped without a word.
    """

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if problem := self._problem(event):
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"the key {key.value[:_LONGEST_KEY]!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def _problem(self, event: Any) -> str:
        if isinstance(event, yaml.events.AliasEvent):
            return "aliases (*name) are not allowed"
        if getattr(event, "tag", None):
            return "tags (!name) are not allowed"
        if len(getattr(event, "value", "")) > _LONGEST_VALUE:
            return f"a value is longer than {_LONGEST_VALUE} characters"
        return "nested too deeply" if self._depth > _DEEPEST else ""


def _set(section: dict[str, Any], keys: tuple[str, ...], value: str, *, name: str) -> None:
    *parents, last = keys
    for depth, parent in enumerate(parents, start=1):
        inner = section.get(parent)
        if not isinstance(inner, dict | None):
            raise ConfigFileError(f"{name}: {'.'.join(keys[:depth])} must hold keys and values")
        section[parent] = dict(inner or {})
        section = section[parent]
    section[last] = value


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or ROOT}: "
        f"{_IN_OTHER_WORDS.get(problem['type'], problem['msg'])}"
        for problem in problems
    )
