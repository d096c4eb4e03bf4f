"""A simulated account in a process of its own, so that memory and time are the product's alone.

Both processes read one virtual clock: its time lies in shared memory, and whoever moves it moves
it for both.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from freshdesk_simulator import Knobs, Simulator, VirtualClock, english_account
from freshdesk_simulator.account import Plan
from freshdesk_simulator.builders import BOT_KEY

STARTS_WITHIN = 600.0  # seconds; so long only on a machine with much else to do
ANSWERS_WITHIN = 600.0


class SharedClock(VirtualClock):
    """A virtual clock whose time is shared with other processes; it never goes back."""

    def __init__(self, shared: "Synchronized[float]", start: float) -> None:
        self._shared = shared
        super().__init__(start)

    @property
    def _now(self) -> float:
        return self._shared.value

    @_now.setter
    def _now(self, moment: float) -> None:
        with self._shared.get_lock():
            self._shared.value = max(self._shared.value, moment)


# Both are functions of a module, or `partial` ones of such, so that another process finds them.
type Fill = Callable[[Simulator], None]
type Question[T] = Callable[[Simulator], T]


@dataclass(frozen=True, slots=True)
class RemoteAccount:
    """The other process as the proof sees it.

    Attributes:
        url: Where the account is served.
        clock: The time of both processes.
    """

    url: str
    clock: SharedClock
    _connection: Connection

    def ask[T](self, question: Question[T]) -> T:
        """Return what `question` finds out of the simulator in the other process.

        Raises:
            TimeoutError: It does not answer.
        """
        self._connection.send(question)
        answer: T = _receive(self._connection, ANSWERS_WITHIN)
        return answer


@contextmanager
def account_process(plan: Plan, knobs: Knobs, start: float, fill: Fill) -> Iterator[RemoteAccount]:
    """Serve an English account in a process of its own until the block is left."""
    os.environ["OTAI_TEST_API_KEY"] = BOT_KEY
    context = multiprocessing.get_context("spawn")
    shared: Synchronized[float] = context.Value("d", start)
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_serve, args=(plan, knobs, start, shared, fill, theirs), daemon=True
    )
    process.start()
    try:
        url = _receive(ours, STARTS_WITHIN)
        yield RemoteAccount(url, SharedClock(shared, start), ours)
    finally:
        process.terminate()
        process.join()


def _serve(
    plan: Plan,
    knobs: Knobs,
    start: float,
    shared: "Synchronized[float]",
    fill: Fill,
    connection: Connection,
) -> None:
    account = english_account(SharedClock(shared, start), plan=plan)
    with Simulator(account, knobs=knobs, seed=1) as simulator:
        fill(simulator)
        connection.send(simulator.url)
        while True:
            question: Question[Any] = connection.recv()
            with simulator.account.lock:
                simulator.jobs.apply_due()
            connection.send(question(simulator))


def _receive(connection: Connection, seconds: float) -> Any:
    if not connection.poll(seconds):
        raise TimeoutError("the process of the simulated account does not answer")
    return connection.recv()
