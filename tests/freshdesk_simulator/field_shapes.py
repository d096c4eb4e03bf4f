"""The JSON shapes of ticket fields: five forms of `choices`, and a sixth on the admin endpoint."""

import itertools
from collections.abc import Callable, Iterator, Mapping

from freshdesk_simulator.account import Account
from freshdesk_simulator.clock import format_timestamp
from freshdesk_simulator.models import TicketField
from freshdesk_simulator.shapes import Shape

NO_CHOICES = None


def ticket_field(account: Account, field: TicketField) -> Shape:
    """Return a field as `GET /ticket_fields` shows it; `choices` is absent where it has none."""
    shape = _common(field)
    choices = _choices(account, field)
    if choices is not NO_CHOICES:
        shape["choices"] = choices
    if field.type == "nested_field":
        shape["nested_ticket_fields"] = [
            {
                "id": level.id,
                "name": level.name,
                "label": level.label,
                "label_in_portal": level.label,
                "description": None,
                "level": level.level,
                "ticket_field_id": field.id,
                "created_at": format_timestamp(field.created_at),
                "updated_at": format_timestamp(field.created_at),
            }
            for level in field.levels
        ]
    return shape


def admin_ticket_field(account: Account, field: TicketField) -> Shape:
    """Return a field as `GET /admin/ticket_fields` shows it: `choices` is a list of objects."""
    shape = _common(field)
    shape["archived"] = False
    shape["choices"] = _admin_choices(account, field)
    shape["section_mappings"] = []
    if field.type == "nested_field":
        shape["dependent_fields"] = [
            {
                "id": level.id,
                "name": level.name,
                "label": level.label,
                "label_for_customers": level.label,
                "level": level.level,
                "ticket_field_id": field.id,
            }
            for level in field.levels
        ]
    return shape


def _common(field: TicketField) -> Shape:
    moment = format_timestamp(field.created_at)
    return {
        "id": field.id,
        "name": field.name,
        "label": field.label,
        "description": None,
        "position": field.position,
        "type": field.type,
        "default": field.default,
        "required_for_closure": field.required_for_closure,
        "required_for_agents": field.required_for_agents,
        "required_for_customers": field.required_for_customers,
        "customers_can_edit": False,
        "label_for_customers": field.label_for_customers,
        "displayed_to_customers": False,
        "created_at": moment,
        "updated_at": moment,
    }


def _choices(account: Account, field: TicketField) -> object:
    of_account = CHOICES_OF_ACCOUNT.get(field.type)
    if of_account is not None:
        return of_account(account)
    if field.type == "custom_dropdown":
        return list(field.options)
    if field.type == "nested_field":
        return {
            top: {middle: list(leaves) for middle, leaves in branch.items()}
            for top, branch in (field.tree or {}).items()
        }
    return NO_CHOICES


def _by_label(choices: Mapping[int, str]) -> dict[str, int]:
    return {label: number for number, label in choices.items()}


CHOICES_OF_ACCOUNT: Mapping[str, Callable[[Account], object]] = {
    "default_ticket_type": lambda account: list(account.types),
    "default_status": lambda account: {
        str(number): list(labels) for number, labels in account.statuses.items()
    },
    "default_priority": lambda account: _by_label(account.priorities),
    "default_source": lambda account: _by_label(account.sources),
    "default_group": lambda account: {g.name: g.id for g in account.groups.values()},
    "default_agent": lambda account: {a.name: a.id for a in account.agents.values()},
}
type Tree = Mapping[str, Tree] | tuple[str, ...]


def _admin_choices(account: Account, field: TicketField) -> list[Shape]:
    ids = itertools.count(field.id * 1000)
    if field.type == "default_status":
        labels = account.statuses.values()
        rows = _admin_branch(tuple(agent_label for agent_label, _ in labels), None, ids)
        for row, (_, customer_label) in zip(rows, labels, strict=True):
            row["label_for_customers"] = customer_label
        return rows
    trees: Mapping[str, Tree] = {
        "default_ticket_type": account.types,
        "default_priority": tuple(account.priorities.values()),
        "default_source": tuple(account.sources.values()),
        "custom_dropdown": field.options,
        "nested_field": field.tree or {},
    }
    return _admin_branch(trees.get(field.type, ()), None, ids)


def _admin_branch(tree: Tree, parent: int | None, ids: Iterator[int]) -> list[Shape]:
    rows: list[Shape] = []
    for position, value in enumerate(tree, start=1):
        number = next(ids)
        below = tree[value] if isinstance(tree, Mapping) else ()
        rows.append(
            {
                "id": number,
                "position": position,
                "value": value,
                "parent_choice_id": parent,
                "choices": _admin_branch(below, number, ids),
            }
        )
    return rows
