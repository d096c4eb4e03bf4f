"""A simulated Freshdesk account over HTTP, for tests of code that talks to Freshdesk."""

from freshdesk_simulator.account import Account
from freshdesk_simulator.automation import (
    Condition,
    Performer,
    Rule,
    SetFields,
    TriggerWebhook,
    UpdateFilter,
)
from freshdesk_simulator.builders import BOT_KEY, english_account, german_account
from freshdesk_simulator.clock import Clock, SystemClock, VirtualClock
from freshdesk_simulator.delivery import DeliveryRequest, DeliveryTransport
from freshdesk_simulator.errors import SimulatorError
from freshdesk_simulator.faults import Fault, FaultKind
from freshdesk_simulator.journal import Call, Change, Journal, TicketWrite
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.models import Agent, Contact, Conversation, Group, Ticket
from freshdesk_simulator.simulator import Simulator

__all__ = [
    "BOT_KEY",
    "Account",
    "Agent",
    "Call",
    "Change",
    "Clock",
    "Condition",
    "Contact",
    "Conversation",
    "DeliveryRequest",
    "DeliveryTransport",
    "Fault",
    "FaultKind",
    "Group",
    "Journal",
    "Knobs",
    "Performer",
    "Rule",
    "SetFields",
    "Simulator",
    "SimulatorError",
    "SystemClock",
    "Ticket",
    "TicketWrite",
    "TriggerWebhook",
    "UpdateFilter",
    "VirtualClock",
    "english_account",
    "german_account",
]
