"""A simulated Freshdesk account over HTTP, for tests of code that talks to Freshdesk."""

from freshdesk_simulator.account import Account
from freshdesk_simulator.builders import english_account, german_account
from freshdesk_simulator.clock import Clock, SystemClock, VirtualClock
from freshdesk_simulator.knobs import Knobs
from freshdesk_simulator.simulator import Simulator

__all__ = [
    "Account",
    "Clock",
    "Knobs",
    "Simulator",
    "SystemClock",
    "VirtualClock",
    "english_account",
    "german_account",
]
