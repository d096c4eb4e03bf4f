"""What Freshdesk says about an account: fields, groups, agents, jobs.

Tickets stay plain dictionaries here (`JsonObject`). The models are frozen and ignore keys they do
not know, since Freshdesk adds some now and then. Their `repr` shows no name or mail address of a
person.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from otai_freshdesk.ticket_systems.freshdesk.errors import MalformedReplyError

__all__ = [
    "Account",
    "Agent",
    "Choice",
    "Contact",
    "DependentField",
    "Group",
    "Job",
    "JsonObject",
    "TicketField",
    "normalise_choices",
]

type JsonObject = dict[str, Any]


class _Inbound(BaseModel):
    """Base of what Freshdesk sends."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls, value: object, what: str) -> Self:
        """Return the model of a parsed reply.

        Args:
            value: The parsed JSON.
            what: What was asked for, for the error.

        Raises:
            MalformedReplyError: When the shape is not the documented one.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            places = ", ".join(
                sorted({".".join(map(str, problem["loc"])) for problem in error.errors()})
            )
            raise MalformedReplyError(
                f"Freshdesk's reply for {what} is not of the documented shape (at: {places})."
            ) from None


class Choice(_Inbound):
    """One value of a field, whichever of six shapes it came in.

    Attributes:
        label: What agents see; what the API takes where `id` is None.
        id: The number the API takes for this value (status, priority, source, group, agent).
        customer_label: What customers see, where it differs (status).
        record_id: The choice's own id, from the admin endpoint only; no value of the field.
        children: The next level of a nested field.
    """

    label: str
    id: int | None = None
    customer_label: str | None = None
    record_id: int | None = None
    children: tuple["Choice", ...] = ()


def normalise_choices(raw: object, *, nested: bool = False) -> tuple[Choice, ...]:
    """Return the choices of a field from any shape seen on live accounts.

    A list of labels; id to [agent label, customer label]; label to id; a nested mapping; nothing;
    and the admin endpoint's list of objects.

    Args:
        raw: The value of `choices`.
        nested: Whether the field is of type `nested_field`, whose labels may look like ids.

    Raises:
        ValueError: When the shape is none of these.
    """
    if raw is None:
        return ()
    if isinstance(raw, list):
        return tuple(_listed_choice(entry) for entry in raw)
    if isinstance(raw, Mapping):
        return tuple(_mapped_choice(str(key), value, nested) for key, value in raw.items())
    raise ValueError("choices are neither a list nor a mapping")


def _listed_choice(entry: object) -> Choice:
    if isinstance(entry, str):
        return Choice(label=entry)
    if isinstance(entry, Mapping):
        label = entry.get("value", entry.get("label"))
        if isinstance(label, str):
            record_id = entry.get("id")
            return Choice(
                label=label,
                record_id=record_id if isinstance(record_id, int) else None,
                customer_label=entry.get("label_for_customers"),
                children=normalise_choices(entry.get("choices"), nested=True),
            )
    raise ValueError("a choice is neither a label nor an object with a value")


def _mapped_choice(key: str, value: object, nested: bool) -> Choice:
    if isinstance(value, int) and not isinstance(value, bool):
        return Choice(label=key, id=value)
    if not nested and key.isdecimal() and isinstance(value, list) and value:
        labels = [str(label) for label in value]
        return Choice(label=labels[0], id=int(key), customer_label=labels[-1])
    if value is None or isinstance(value, list | Mapping):
        return Choice(label=key, children=normalise_choices(value, nested=True))
    raise ValueError("a choice has a value of unknown type")


class DependentField(_Inbound):
    """The second or third level of a nested field."""

    id: int
    name: str
    label: str
    level: int


class TicketField(_Inbound):
    """One field of the ticket form, with its choices in one shape.

    Attributes:
        name: The API's name. The field `ticket_type` is the key `type` of a ticket.
        type: Freshdesk's type, such as `default_status` or `custom_dropdown`.
        choices: All choices; () for fields that have none.
        dependent_fields: Further levels of a nested field.
    """

    id: int
    name: str
    label: str
    type: str
    default: bool = False
    required_for_closure: bool = False
    required_for_agents: bool = False
    choices: tuple[Choice, ...] = ()
    dependent_fields: tuple[DependentField, ...] = Field(
        default=(), validation_alias=AliasChoices("nested_ticket_fields", "dependent_fields")
    )

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        nested = value.get("type") == "nested_field"
        return {**value, "choices": normalise_choices(value.get("choices"), nested=nested)}

    def choice(self, label: str) -> Choice | None:
        """Return the choice with this label on the first level, compared exactly, or None."""
        return next((choice for choice in self.choices if choice.label == label), None)


class Group(_Inbound):
    """A group of agents."""

    id: int
    name: str
    description: str | None = None
    group_type: str | None = None
    agent_ids: tuple[int, ...] | None = None
    auto_ticket_assign: bool | int | None = None


class Contact(_Inbound):
    """Who an agent is; names and addresses are kept out of `repr`."""

    name: str | None = Field(default=None, repr=False)
    email: str | None = Field(default=None, repr=False)
    active: bool | None = None
    language: str | None = None
    time_zone: str | None = None


class Agent(_Inbound):
    """An agent; automation rules see our writes as made by the agent whose key we use.

    Attributes:
        ticket_scope: 1 sees all tickets, 2 those of its groups, 3 only its own.
    """

    id: int
    ticket_scope: int | None = None
    type: str | None = None
    occasional: bool | None = None
    group_ids: tuple[int, ...] | None = None
    role_ids: tuple[int, ...] | None = None
    contact: Contact = Contact()


class Account(_Inbound):
    """The account the key belongs to."""

    account_id: int
    account_name: str | None = Field(default=None, repr=False)
    account_domain: str | None = None
    tier_type: str | None = None
    timezone: str | None = None
    data_center: str | None = None
    hipaa_compliant: bool | None = None


class Job(_Inbound):
    """A bulk action in progress.

    Attributes:
        status: In lower case with underscores, however Freshdesk wrote it. Documented are
            `in_progress` and `completed`; the name of a failed one is unknown.
        progress: Per cent.
    """

    id: str
    status: str
    progress: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        status = value.get("status")
        return {
            **value,
            "id": str(value.get("id", "")),
            "status": "_".join(status.lower().split()) if isinstance(status, str) else status,
        }

    @property
    def is_over(self) -> bool:
        """Whether Freshdesk has stopped working on it; says nothing of any single ticket."""
        return self.status not in {"in_progress", "queued", "pending"}
