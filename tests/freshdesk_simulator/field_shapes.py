"""The JSON shapes of ticket fields: five forms of `choices`, and a sixth on the admin endpoint."""

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
    match field.type:
        case "default_status":
            return {str(number): list(labels) for number, labels in account.statuses.items()}
        case "default_priority":
            return {label: number for number, label in account.priorities.items()}
        case "default_source":
            return {label: number for number, label in account.sources.items()}
        case "default_group":
            return {group.name: group.id for group in account.groups.values()}
        case "default_agent":
            return {agent.name: agent.id for agent in account.agents.values()}
        case "default_ticket_type":
            return list(account.types)
        case "custom_dropdown":
            return list(field.options)
        case "nested_field":
            tree = field.tree or {}
            return {
                top: {middle: list(leaves) for middle, leaves in branch.items()}
                for top, branch in tree.items()
            }
        case _:
            return NO_CHOICES


def _admin_choices(account: Account, field: TicketField) -> list[Shape]:
    numbers = iter(range(field.id * 1000, field.id * 1000 + 1000))

    def choice(position: int, value: object, parent: int | None, **more: object) -> Shape:
        number = next(numbers)
        return {"id": number, "position": position, "value": value, "parent_choice_id": parent} | more

    def branch(tree: object, parent: int | None) -> list[Shape]:
        rows: list[Shape] = []
        for position, value in enumerate(tree if isinstance(tree, dict | tuple) else (), start=1):
            row = choice(position, value, parent)
            below = tree[value] if isinstance(tree, dict) else ()
            number = row["id"]
            row["choices"] = branch(below, number if isinstance(number, int) else None)
            rows.append(row)
        return rows

    match field.type:
        case "default_status":
            return [
                choice(position, labels[0], None, label_for_customers=labels[1], choices=[])
                for position, labels in enumerate(account.statuses.values(), start=1)
            ]
        case "nested_field":
            return branch(dict(field.tree or {}), None)
        case "default_ticket_type":
            return branch(account.types, None)
        case "default_priority":
            return branch(tuple(account.priorities.values()), None)
        case "default_source":
            return branch(tuple(account.sources.values()), None)
        case "custom_dropdown":
            return branch(field.options, None)
        case _:
            return []
