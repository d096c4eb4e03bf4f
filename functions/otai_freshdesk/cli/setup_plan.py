"""What `setup` wants to write: for each field its target, its label map and what is undecided."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from otai_freshdesk.cli.setup_edit import scalar_text
from otai_freshdesk.cli.setup_options import Where
from otai_freshdesk.cli.setup_proposal import Proposal
from otai_freshdesk.cli.setup_texts import TEXTS, Texts

__all__ = ["FieldPlan", "Line", "Place", "Plan", "noted_value"]

_WORDS = "|".join(texts.proposed for texts in TEXTS.values())
_NOTE = re.compile(rf"#\s*(?:{_WORDS}): (?P<value>null(?=;)|.*(?= \([01][.,]\d\d\)$))")


@dataclass(frozen=True, slots=True)
class Place:
    """References to what is not in config.yml.

    Attributes:
        api_key: To the agent's key.
        webhook_secret: To the webhook's secret.
        cursor: Where the sweep remembers how far it came.
    """

    api_key: str
    webhook_secret: str
    cursor: str

    @classmethod
    def of(cls, where: Where, prefix: str) -> "Place":
        """Return the usual references, as the guides for deployers have them."""
        if where is Where.AWS:
            kinds = ("api-key", "webhook-secret", "sweep-state")
            return cls(*(f"ssm:{prefix}/{kind}" for kind in kinds))
        folder = "file:/etc/otai-freshdesk"
        state = "file:/var/lib/otai-freshdesk/sweep-state.json"
        return cls(f"{folder}/api-key.txt", f"{folder}/webhook-secret.txt", state)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a label map.

    Attributes:
        label: The bundle's label.
        value: What it becomes; None leaves the ticket alone.
        proposal: What was found by meaning; None for what is never proposed.
        chosen: Whether the administrator chose the value just now.
    """

    label: str
    value: str | None
    proposal: Proposal | None
    chosen: bool = False

    def note(self, texts: Texts) -> str:
        """Return the comment that tells what was proposed, and how sure that is."""
        if self.proposal is None:
            return texts.automated
        confidence = f"({self.proposal.confidence:.2f})"
        proposed = f"{texts.proposed}: {scalar_text(self.proposal.value)}"
        if self.proposal.value is not None:
            return f"{proposed} {confidence}"
        if self.proposal.nearest is None:
            return f"{proposed};"
        return f"{proposed}; {texts.nearest}: {scalar_text(self.proposal.nearest)} {confidence}"


def noted_value(comment: str | None) -> tuple[str | None] | None:
    """Return the value that a comment says was proposed, in a tuple; None where it says none."""
    found = _NOTE.search(comment or "")
    if not found:
        return None
    try:
        value = yaml.safe_load(found["value"])
    except yaml.YAMLError:
        return None
    return (value,) if value is None or isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field shall be filled.

    Attributes:
        field: Its name in config.yml.
        target: The bundle's target.
        lines: The label map; empty where a label is its own value.
        undecided: Values that may be replaced; None is the empty field.
        values: What the account's field takes.
    """

    field: str
    target: str
    lines: tuple[Line, ...]
    undecided: tuple[str | None, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole configuration.

    Attributes:
        domain: The account's subdomain.
        place: Where secrets and cursor are kept.
        fields: By name.
        own_fields: Names of the account's own drop-down fields.
    """

    domain: str
    place: Place
    fields: Mapping[str, FieldPlan]
    own_fields: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """Return the label maps for scripts."""
        return {
            name: {
                "target": field.target,
                "undecided": list(field.undecided),
                "labels": {
                    line.label: {
                        "value": line.value,
                        "proposed": line.proposal.value if line.proposal else None,
                        "confidence": line.proposal.confidence if line.proposal else None,
                        "nearest": line.proposal.nearest if line.proposal else None,
                    }
                    for line in field.lines
                },
            }
            for name, field in self.fields.items()
        }
