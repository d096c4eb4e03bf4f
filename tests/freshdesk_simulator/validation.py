"""Checks of the properties that an API call wants to set, with Freshdesk's messages and codes."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date

from freshdesk_simulator.account import Account
from freshdesk_simulator.clock import parse_timestamp
from freshdesk_simulator.errors import (
    MANDATORY,
    UNEXPECTED,
    FieldProblem,
    NotFoundError,
    ValidationFailedError,
)
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.models import OUTBOUND_EMAIL, Status, Ticket, TicketField

MAX_TAG_LENGTH = 32
END_OF_TIME = 253_402_300_799  # the last second of the year 9999
TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
BULK_PROPERTIES = frozenset(
    {
        "status", "priority", "type", "group_id", "responder_id", "source", "tags",
        "custom_fields", "product_id", "requester_id", "parent_id", "due_by", "fr_due_by",
        "email_config_id", "from_email", "skip_close_notification", "internal_agent_id",
        "internal_group_id",
    }
)  # fmt: skip
UPDATE_PROPERTIES = BULK_PROPERTIES - {"from_email", "skip_close_notification"} | {
    "subject", "description", "company_id", "name", "email", "phone", "facebook_id",
    "twitter_id", "unique_external_id", "lookup_parameter", "attachments",
}  # fmt: skip
CREATE_PROPERTIES = UPDATE_PROPERTIES | {"cc_emails", "related_ticket_ids"}
# Accepted, and not part of a ticket here.
IGNORED = frozenset(
    {
        "from_email", "skip_close_notification", "name", "email", "phone", "facebook_id",
        "twitter_id", "unique_external_id", "lookup_parameter", "attachments",
        "related_ticket_ids",
    }
)  # fmt: skip
JSON_TYPES: Mapping[type, str] = {
    type(None): "Null",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    str: "String",
    list: "Array",
}
CLOSURE_NAMES = {"ticket_type": "type", "group": "group_id", "agent": "responder_id"}


class Checker:
    """Collects the problems of one request.

    Args:
        account: Whose choices are allowed.
        knobs: The settings that decide the open questions.
    """

    def __init__(self, account: Account, knobs: Knobs) -> None:
        """Start without problems."""
        self._account = account
        self._knobs = knobs
        self._problems: list[FieldProblem] = []
        self._checks: Mapping[str, Callable[[str, object], object]] = {
            "status": lambda name, value: self._choice(name, value, account.statuses),
            "priority": lambda name, value: self._choice(name, value, account.priorities),
            "source": lambda name, value: self._choice(name, value, account.sources),
            "type": self._ticket_type,
            "group_id": lambda name, value: self._reference(name, value, account.groups),
            "responder_id": lambda name, value: self._reference(name, value, account.agents),
            "internal_group_id": lambda name, value: self._reference(name, value, account.groups),
            "internal_agent_id": lambda name, value: self._reference(name, value, account.agents),
            "requester_id": lambda name, value: self._reference(name, value, account.contacts),
            "company_id": lambda name, value: self._reference(name, value, account.companies),
            "parent_id": lambda name, value: self._reference(name, value, account.tickets),
            "product_id": lambda name, value: self._reference(name, value, None),
            "email_config_id": lambda name, value: self._reference(name, value, None),
            "tags": self._tags,
            "custom_fields": self._custom_fields,
            "subject": self._text,
            "description": self._text,
            "due_by": self._timestamp,
            "fr_due_by": self._timestamp,
            "cc_emails": self._strings,
        }

    def properties(self, given: Mapping[str, object], allowed: Iterable[str]) -> dict[str, object]:
        """Return the values to set, by attribute name of `models.Ticket`.

        Call `finish()` afterwards; until then problems are only collected.
        """
        allowed_names = frozenset(allowed)
        values: dict[str, object] = {}
        for name, value in given.items():
            if name not in allowed_names:
                self.complain(name, UNEXPECTED, "invalid_field")
            elif name not in IGNORED:
                values[name] = self._checks[name](name, value)
        for name in ("internal_agent_id", "internal_group_id"):
            if name in given and "status" not in given:
                self.complain("status", "Mandatory attribute missing", "missing_field")
        return values

    def against(self, ticket: Ticket, values: Mapping[str, object]) -> None:
        """Check what depends on the ticket: outbound mail, and fields required for closure."""
        if ticket.source == OUTBOUND_EMAIL:
            for name in {"subject", "description"} & values.keys():
                self.complain(name, UNEXPECTED, "incompatible_field")
        closing = values.get("status") in (Status.RESOLVED, Status.CLOSED)
        if closing and self._knobs.closure_required == "enforce":
            self._required_for_closure(ticket, values)

    def require(self, given: Mapping[str, object], *names: str) -> None:
        """Complain about each name that is missing or blank."""
        for name in names:
            if given.get(name) in (None, ""):
                self.complain(name, MANDATORY, "missing_field")

    def complain(self, field: str, message: str, code: str = "invalid_value") -> None:
        """Note a problem."""
        self._problems.append(FieldProblem(field, message, code))

    def finish(self) -> None:
        """Raise what was collected.

        Raises:
            ValidationFailedError: When there was any problem.
        """
        if self._problems:
            raise ValidationFailedError(self._problems)

    def _required_for_closure(self, ticket: Ticket, values: Mapping[str, object]) -> None:
        given = values.get("custom_fields")
        custom = dict(ticket.custom_fields) | (given if isinstance(given, dict) else {})
        for field in self._account.fields.values():
            if not field.required_for_closure:
                continue
            if field.default:
                name = CLOSURE_NAMES.get(field.name, field.name)
                value = values[name] if name in values else getattr(ticket, name, None)
            else:
                name, value = field.name, custom.get(field.name)
            if value in (None, "", False):
                self.complain(name, MANDATORY)

    def _choice(self, name: str, value: object, choices: Mapping[int, object]) -> object:
        listed = ",".join(str(choice) for choice in sorted(choices))
        expected = f"It should be one of these values: '{listed}'"
        if not _is_integer(value):
            self._mismatch(name, value, expected)
        elif value not in choices:
            self.complain(name, expected)
        return value

    def _ticket_type(self, name: str, value: object) -> object:
        if value is not None and value not in self._account.types:
            listed = ",".join(self._account.types)
            self.complain(name, f"It should be one of these values: '{listed}'")
        return value

    def _reference(self, name: str, value: object, known: Container[object] | None) -> object:
        if value is None:
            return None
        if not _is_integer(value):
            self._mismatch(name, value, "It should be a/an Positive Integer")
        elif known is not None and value not in known:
            self._unknown_reference(name)
        return value

    def _unknown_reference(self, name: str) -> None:
        if self._knobs.unknown_reference == 404:
            raise NotFoundError
        thing = name.removesuffix("_id")
        self.complain(name, f"There is no {thing} matching the given {name}")

    def _tags(self, name: str, value: object) -> tuple[str, ...]:
        texts = self._strings(name, value)
        if self._knobs.long_tag == "truncate":
            texts = tuple(text[:MAX_TAG_LENGTH] for text in texts)
        if any(len(text) > MAX_TAG_LENGTH for text in texts):
            self.complain(
                name,
                f"It should only contain elements that have maximum of {MAX_TAG_LENGTH} characters",
            )
        if self._knobs.duplicate_tags == "keep":
            return tuple(dict.fromkeys(texts))
        unique: dict[str, str] = {}
        for text in texts:
            unique.setdefault(text.casefold(), text)
        return tuple(unique.values())

    def _strings(self, name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            self._mismatch(name, value, "It should be a/an Array")
            return ()
        if not all(isinstance(entry, str) for entry in value):
            self.complain(name, "It should contain elements of type String", "datatype_mismatch")
            return ()
        return tuple(value)

    def _text(self, name: str, value: object) -> object:
        if not isinstance(value, str):
            self._mismatch(name, value, "It should be a/an String")
        return value

    def _timestamp(self, name: str, value: object) -> int | None:
        if value is None:
            return None
        moment = moment_of(value) if isinstance(value, str) else None
        if moment is None:
            self._mismatch(
                name, value, "It should be in the 'combined date and time ISO8601' format"
            )
        return moment

    def _custom_fields(self, name: str, value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            self._mismatch(name, value, "It should be a/an key/value pair")
            return {}
        known = self._account.custom_field_names()
        for key, entry in value.items():
            if key not in known:
                self.complain(key, UNEXPECTED, "invalid_field")
            elif entry is not None:
                self._custom_value(key, entry, known[key])
        return value

    def _custom_value(self, key: str, value: object, field: TicketField) -> None:
        match field.type:
            case "custom_dropdown" if value not in field.options:
                listed = ",".join(field.options)
                self.complain(key, f"It should be one of these values: '{listed}'")
            case "custom_checkbox" if not isinstance(value, bool):
                self._mismatch(key, value, "It should be a/an Boolean")
            case "custom_number" if not _is_integer(value):
                self._mismatch(key, value, "It should be a/an Integer")
            case "custom_decimal" if isinstance(value, bool) or not isinstance(value, int | float):
                self._mismatch(key, value, "It should be a/an Number")
            case "custom_date" if not _is_date(value):
                self._mismatch(key, value, "It should be in the 'YYYY-MM-DD' format")
            case "custom_text" | "custom_paragraph" if not isinstance(value, str):
                self._mismatch(key, value, "It should be a/an String")
            case "nested_field" if value not in _nested_values(field, key):
                listed = ",".join(_nested_values(field, key))
                self.complain(key, f"It should be one of these values: '{listed}'")
            case _:
                pass

    def _mismatch(self, name: str, value: object, expected: str) -> None:
        # No space after the full stop: seen on live accounts.
        message = f"Value set is of type {_type_name(value)}.{expected}"
        self.complain(name, message, "datatype_mismatch")


def moment_of(text: str) -> int | None:
    """Return the epoch seconds of a date or date-time as Freshdesk accepts it, else None."""
    if not TIMESTAMP.fullmatch(text):
        return None
    try:
        moment = parse_timestamp(text)
    except (ValueError, OverflowError):
        return None
    return moment if 0 <= moment <= END_OF_TIME else None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _nested_values(field: TicketField, key: str) -> list[str]:
    tree = field.tree or {}
    if key == field.name:
        return sorted(tree)
    level = next(level.level for level in field.levels if level.name == key)
    if level == 2:
        return sorted({name for branch in tree.values() for name in branch})
    leaves = (leaf for branch in tree.values() for part in branch.values() for leaf in part)
    return sorted(set(leaves))


def _type_name(value: object) -> str:
    return JSON_TYPES.get(type(value), "key/value pair")
