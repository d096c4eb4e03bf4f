"""Does what triage wants to write exist in the account?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from otai_freshdesk.cli.check import Check, Status
from otai_freshdesk.config.settings import FieldSettings
from otai_freshdesk.domain.policy import LabelMap
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE, same_value
from otai_freshdesk.ticket_systems.freshdesk.gateway import PRIORITIES
from otai_freshdesk.ticket_systems.freshdesk.models import Group, TicketField

__all__ = ["AccountValues", "check_labels"]

_TYPE_FIELD = "ticket_type"


@dataclass(frozen=True, slots=True)
class AccountValues:
    """The values that fields of an account take.

    Attributes:
        choices: By the name of the field; an empty tuple for a field that takes any text.
    """

    choices: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, groups: Sequence[Group], fields: Sequence[TicketField]) -> "AccountValues":
        """Return the values of an account's groups and fields."""
        by_name = {field.name: tuple(one.label for one in field.choices) for field in fields}
        return cls(
            {
                **by_name,
                GROUP: tuple(group.name for group in groups),
                TYPE: by_name.get(_TYPE_FIELD, ()),
                PRIORITY: tuple(PRIORITIES),
            }
        )

    def has(self, field: str, value: str) -> bool:
        """Tell whether `field` takes `value`."""
        choices = self.choices[field]
        takes_any_text = not choices and field != GROUP
        return takes_any_text or any(same_value(field, value, one) for one in choices)


def check_labels(
    field: str, rule: FieldSettings, targets: Mapping[str, tuple[str, ...]], values: AccountValues
) -> Iterator[Check]:
    """Yield what is to be said of one field's label map; one check where all is well.

    Args:
        field: Name of the field.
        rule: How it is filled.
        targets: The bundle's labels by target.
        values: What the account's fields take.
    """
    name = f"labels of {field}"
    if field not in values.choices:
        known = ", ".join(sorted(key for key in values.choices if key.startswith("cf_"))) or "none"
        remedy = f"take it out of triage.fields, or use one of: {known}"
        yield Check(name, Status.PROBLEM, f"the account has no field {field}", remedy)
        return
    if rule.target not in targets:
        remedy = f"use one of: {', '.join(targets)}"
        yield Check(name, Status.PROBLEM, f"the bundle has no target {rule.target}", remedy)
        return
    labels = targets[rule.target]
    mapped = {label: LabelMap(rule.labels)[label] for label in labels}
    findings = [
        *_missing_values(name, field, mapped, values),
        *_unmapped(name, rule, mapped),
        *_unknown_labels(name, rule, labels),
        *_unknown_undecided(name, field, rule, values),
    ]
    yield from findings
    if not any(check.status is Status.PROBLEM for check in findings):
        written = sum(value is not None for value in mapped.values())
        found = f"{written} of {len(labels)} labels of {rule.target} have a value that exists"
        yield Check(name, Status.OK, found)


def _missing_values(
    name: str, field: str, mapped: Mapping[str, str | None], values: AccountValues
) -> Iterator[Check]:
    missing = {value for value in mapped.values() if value and not values.has(field, value)}
    if missing:
        found = f"the account has no {field} {_listed(missing)}"
        choices = values.choices[field]
        remedy = f"map to one of: {_listed(choices)}" if choices else "it has none at all"
        yield Check(name, Status.PROBLEM, found, remedy)


def _unmapped(name: str, rule: FieldSettings, mapped: Mapping[str, str | None]) -> Iterator[Check]:
    forgotten = {
        label
        for label, value in mapped.items()
        if value is None and not any(fnmatchcase(label, key) for key in rule.labels)
    }
    if forgotten:
        found = f"no entry for {_listed(forgotten)}, so such tickets stay where they are"
        yield Check(name, Status.ADVICE, found, "add entries; null says that it is meant so")


def _unknown_labels(name: str, rule: FieldSettings, labels: Sequence[str]) -> Iterator[Check]:
    unused = {key for key in rule.labels if not any(fnmatchcase(one, key) for one in labels)}
    if unused:
        found = f"{_listed(unused)} fits no label of {rule.target}"
        yield Check(name, Status.ADVICE, found, f"the labels are: {_listed(labels)}")


def _unknown_undecided(
    name: str, field: str, rule: FieldSettings, values: AccountValues
) -> Iterator[Check]:
    unknown = {value for value in rule.undecided if value and not values.has(field, value)}
    if unknown:
        found = f"undecided names {_listed(unknown)}, which the account does not have"
        yield Check(name, Status.ADVICE, found, f"use: {_listed(values.choices[field])}")


def _listed(names: set[str] | Sequence[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, set) else names)
