"""A ticket as triage sees it: its text, its fields by the names people read, and its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

GROUP = "group"
TYPE = "type"
PRIORITY = "priority"


def same_value(field_name: str, one: str | None, other: str | None) -> bool:
    """Tell whether two values of a field mean the same; None is the empty field.

    Case makes no difference for groups, which are named by hand and written by their numbers. Any
    other value is sent as it is spelt, so that it has to be exact.
    """
    if field_name == GROUP and one is not None and other is not None:
        return one.casefold() == other.casefold()
    return one == other


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One look at a ticket.

    `values` holds a label for each field that triage knows ("group", "type", "priority" or a
    custom field's name), as an agent reads it, or None where the field is empty. Of a look that
    is not `is_readable` only `id` and `updated_at` mean anything. The repr never
    shows the customer's words, which a custom field may hold too.
    """

    id: int
    subject: str = field(repr=False)
    body: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    values: Mapping[str, str | None] = field(default=MappingProxyType({}), repr=False)
    tags: tuple[str, ...] = ()
    is_open: bool = True
    is_assigned: bool = False
    is_spam: bool = False
    is_deleted: bool = False
    is_outbound: bool = False
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """What triage writes into one ticket: labels by field, and tags to add to those it has."""

    values: Mapping[str, str] = MappingProxyType({})
    tags: tuple[str, ...] = ()

    def tags_merged_into(self, present: tuple[str, ...]) -> tuple[str, ...]:
        """Return `present` followed by the tags that are missing; Freshdesk ignores case."""
        merged = {tag.casefold(): tag for tag in reversed(self.tags)}
        for tag in present:
            merged.pop(tag.casefold(), None)
        return (*present, *reversed(merged.values()))

    def without(self, fields: frozenset[str]) -> "Changes":
        """Return the same changes, leaving `fields` alone."""
        return Changes({k: v for k, v in self.values.items() if k not in fields}, self.tags)
