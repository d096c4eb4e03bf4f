import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshdesk_simulator import VirtualClock
from otai_freshdesk.ticket_systems.freshdesk.budget import (
    Budget,
    CallKind,
    Lease,
    PlanLimits,
    RateHeaders,
    list_price,
    plan_limits,
    ticket_price,
)
from otai_freshdesk.ticket_systems.freshdesk.errors import (
    BudgetExhaustedError,
    ConfigurationError,
)

OTHER = CallKind.OTHER


class HandClock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here may wait")


def ask(budget: Budget, kind: CallKind = OTHER, cost: int = 1) -> Lease | None:
    """Ask without waiting; such a coroutine never suspends, so no event loop is needed."""
    coroutine = budget.acquire(kind, cost, wait=False)
    try:
        coroutine.send(None)
    except StopIteration as done:
        lease: Lease = done.value
        return lease
    except BudgetExhaustedError:
        return None
    raise AssertionError("waited although told not to")


def spend(budget: Budget, calls: int, kind: CallKind = OTHER) -> int:
    """Make calls one after the other until refused; return how many went through."""
    for done in range(calls):
        lease = ask(budget, kind)
        if lease is None:
            return done
        budget.settle(lease)
    return calls


# Prices, plans and headers


def test_prices() -> None:
    assert list_price(()) == 1
    assert list_price(("description",)) == 3
    assert list_price(("description", "stats", "requester")) == 7
    assert ticket_price(()) == 1
    assert ticket_price(("conversations",)) == 2


@pytest.mark.parametrize(
    ("total", "limits"),
    [
        (200, PlanLimits(200, 80, 20)),
        (400, PlanLimits(400, 160, 100)),
        (700, PlanLimits(700, 280, 200)),
        (50, PlanLimits(50, 20, 5)),
        (300, PlanLimits(300, 120, 30)),
        (3000, PlanLimits(700, 280, 70)),
        (1, PlanLimits(1, 1, 1)),
    ],
)
def test_limits_follow_from_the_total(total: int, limits: PlanLimits) -> None:
    assert plan_limits(total) == limits


@given(st.integers(1, 10**6))
def test_an_unknown_total_never_promises_more_than_the_plans(total: int) -> None:
    limits = plan_limits(total)
    assert 1 <= limits.lists <= limits.updates <= limits.total <= max(700, 1)
    assert limits.total <= total


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ({}, RateHeaders()),
        (
            {
                "x-ratelimit-total": "200",
                "x-ratelimit-remaining": "100.0",
                "x-ratelimit-used-currentrequest": "3",
            },
            RateHeaders(200, 100, 3),
        ),
        ({"x-ratelimit-total": "many", "x-ratelimit-remaining": "-1"}, RateHeaders()),
        ({"x-ratelimit-total": "nan", "x-ratelimit-remaining": "inf"}, RateHeaders()),
    ],
)
def test_headers_may_be_missing_or_odd(headers: Mapping[str, str], read: RateHeaders) -> None:
    assert RateHeaders.read(headers) == read


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, math.nan])
def test_a_share_without_sense_is_refused(share: float) -> None:
    with pytest.raises(ConfigurationError, match="share"):
        Budget(HandClock(), share=share)


# Without headers


def test_without_headers_the_smallest_paid_plan_is_assumed() -> None:
    budget = Budget(HandClock())
    assert spend(budget, 1000) == 120
    assert budget.state().spent == 120
    assert budget.state().remaining is None
    assert budget.floor == 80


@pytest.mark.parametrize(("kind", "room"), [(CallKind.LIST, 12), (CallKind.UPDATE, 48)])
def test_lists_and_updates_have_shares_of_their_own(kind: CallKind, room: int) -> None:
    budget = Budget(HandClock())
    assert spend(budget, 1000, kind) == room
    assert spend(budget, 1000) == 120 - room


def test_calls_in_flight_count() -> None:
    budget = Budget(HandClock())
    leases = [ask(budget, CallKind.LIST) for _ in range(13)]
    assert [lease is None for lease in leases] == [False] * 12 + [True]


def test_room_comes_back_a_minute_after_the_reply() -> None:
    clock = HandClock()
    budget = Budget(clock)
    lease = ask(budget, cost=120)
    assert lease is not None
    clock.now += 30  # a slow call: Freshdesk may count it at any moment up to its reply
    budget.settle(lease)
    clock.now += 59.9
    assert ask(budget) is None
    clock.now += 0.1
    assert ask(budget) is not None


def test_what_was_never_sent_costs_nothing() -> None:
    budget = Budget(HandClock())
    for _ in range(500):
        lease = ask(budget)
        assert lease is not None
        budget.settle(lease, sent=False)
    assert budget.state().spent == 0


def test_a_call_dearer_than_our_whole_share_says_so() -> None:
    budget = Budget(HandClock(), limits=PlanLimits(4, 1, 1))
    with pytest.raises(BudgetExhaustedError, match="One call costs 3 credits, and only 2"):
        budget.acquire(OTHER, 3, wait=True).send(None)


# With headers


def heard(budget: Budget, remaining: int, *, total: int = 200, used: int | None = None) -> None:
    lease = ask(budget)
    assert lease is not None
    budget.settle(lease, RateHeaders(total, remaining, used))


def test_the_floor_belongs_to_others() -> None:
    budget = Budget(HandClock())
    heard(budget, 85)
    assert spend(budget, 100) == 5
    assert budget.state().remaining == 80


def test_what_was_never_sent_lowers_no_view() -> None:
    budget = Budget(HandClock())
    heard(budget, 85)
    lease = ask(budget, cost=5)
    assert lease is not None
    budget.settle(lease, sent=False)
    assert budget.state().remaining == 85


def test_a_larger_plan_is_learned() -> None:
    budget = Budget(HandClock())
    heard(budget, 699, total=700)
    assert budget.floor == 280
    assert spend(budget, 1000) == 419


@pytest.mark.parametrize("total", [0, 1, 9])
def test_a_total_that_no_plan_has_is_not_believed(total: int) -> None:
    budget = Budget(HandClock())
    heard(budget, 199, total=total)
    assert budget.floor == 80


def test_the_price_freshdesk_names_replaces_ours() -> None:
    budget = Budget(HandClock())
    heard(budget, 199, used=7)
    assert budget.state().spent == 7


def test_a_low_view_is_believed_for_a_minute_then_one_call_finds_out() -> None:
    clock = HandClock()
    budget = Budget(clock)
    heard(budget, 80)
    clock.now += 59.9
    assert ask(budget) is None
    clock.now += 0.1
    probe = ask(budget)
    assert probe is not None
    assert ask(budget) is None  # the others wait for what the first one hears
    budget.settle(probe, RateHeaders(200, 79))
    assert ask(budget) is None
    clock.now += 60
    probe = ask(budget)
    assert probe is not None
    budget.settle(probe, RateHeaders(200, 199))
    assert spend(budget, 30) == 30


def test_headers_that_stop_coming_leave_our_own_share() -> None:
    clock = HandClock()
    budget = Budget(clock)
    heard(budget, 80)
    clock.now += 61
    lease = ask(budget)
    assert lease is not None
    budget.settle(lease, RateHeaders())
    assert spend(budget, 1000) == 119


def test_a_lost_reply_tells_nothing() -> None:
    clock = HandClock()
    budget = Budget(clock)
    heard(budget, 80)
    clock.now += 61
    lease = ask(budget)
    assert lease is not None
    budget.settle(lease)  # no reply: still nobody knows
    second = ask(budget)
    assert second is not None
    assert ask(budget) is None


def test_old_good_news_does_not_undo_bad_news() -> None:
    budget = Budget(HandClock())
    slow, quick = ask(budget), ask(budget)
    assert slow is not None
    assert quick is not None
    budget.settle(quick, RateHeaders(200, 70))
    budget.settle(slow, RateHeaders(200, 150))
    assert ask(budget) is None


def test_a_reply_knows_nothing_of_calls_counted_after_it() -> None:
    budget = Budget(HandClock())
    slow, quick, flying = ask(budget), ask(budget, cost=3), ask(budget, cost=5)
    assert slow is not None
    assert quick is not None
    assert flying is not None
    budget.settle(quick)
    budget.settle(slow, RateHeaders(200, 100))
    assert budget.state().remaining == 100 - 3 - 5


def test_a_429_holds_everything_back() -> None:
    clock = HandClock()
    budget = Budget(clock)
    budget.hold(10)
    budget.hold(5)
    clock.now += 9.9
    assert ask(budget) is None
    clock.now += 0.1
    assert ask(budget) is not None


# Waiting


async def test_waiting_ends_when_there_is_room() -> None:
    clock = VirtualClock()
    budget = Budget(clock)
    assert spend(budget, 1000) == 120
    await budget.acquire(OTHER, 1, wait=True, deadline=clock.monotonic() + 61)
    assert clock.monotonic() == pytest.approx(60.0)


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    clock = VirtualClock()
    budget = Budget(clock)
    spend(budget, 1000)
    with pytest.raises(BudgetExhaustedError) as caught:
        await budget.acquire(OTHER, 1, wait=True, deadline=clock.monotonic() + 59)
    assert clock.monotonic() == 0.0
    assert caught.value.retry_after == pytest.approx(60.0)
    assert caught.value.retryable


async def test_waiting_for_calls_in_flight_ends_with_the_first() -> None:
    budget = Budget(VirtualClock())
    leases = [ask(budget, CallKind.LIST) for _ in range(12)]
    waiter = asyncio.create_task(budget.acquire(CallKind.LIST, 1, wait=True))
    await asyncio.sleep(0)
    assert leases[0] is not None
    budget.settle(leases[0], sent=False)
    assert isinstance(await waiter, Lease)


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    budget = Budget(VirtualClock())
    leases = [ask(budget, CallKind.LIST) for _ in range(12)]
    waiter = asyncio.create_task(budget.acquire(CallKind.LIST, 1, wait=True))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    for lease in leases:
        assert lease is not None
        budget.settle(lease, sent=False)
    assert ask(budget, CallKind.LIST) is not None


# Laws


@dataclass
class Counted:
    moment: float
    cost: int
    kind: CallKind
    process: int
    remaining: int


@dataclass
class Pending:
    lease: Lease
    process: int
    count_at: float
    reply_at: float
    counted: Counted | None = None


@dataclass
class World:
    """Several processes and one account that counts each call somewhere during its flight."""

    processes: int
    total: int
    offset: float
    sliding: bool
    slots: int
    clock: HandClock = field(default_factory=HandClock)
    counted: list[Counted] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budgets = [Budget(self.clock) for _ in range(self.processes)]

    def start(self, process: int, kind: CallKind, cost: int, count: float, reply: float) -> None:
        if sum(call.process == process for call in self.pending) >= self.slots:
            return
        lease = ask(self.budgets[process], kind, cost)
        if lease is not None:
            count_at = self.clock.now + count
            self.pending.append(Pending(lease, process, count_at, count_at + reply))

    def advance(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while due := [moment for moment, _ in self._events() if moment <= end]:
            self.clock.now = min(due)
            call = next(call for moment, call in self._events() if moment == self.clock.now)
            if call.counted is None:
                self._count(call)
            else:
                self.pending.remove(call)
                headers = RateHeaders(self.total, call.counted.remaining, call.lease.cost)
                self.budgets[call.process].settle(call.lease, headers)
        self.clock.now = end

    def spent_in_window(self, moment: float) -> int:
        begin = (
            moment - 60
            if self.sliding
            else math.floor((moment - self.offset) / 60) * 60 + self.offset
        )
        past = (one for one in self.counted if one.moment <= moment)
        return sum(
            one.cost
            for one in past
            if (one.moment > begin if self.sliding else one.moment >= begin)
        )

    def _events(self) -> Iterator[tuple[float, Pending]]:
        for call in self.pending:
            yield (call.count_at if call.counted is None else call.reply_at), call

    def _count(self, call: Pending) -> None:
        lease = call.lease
        entry = Counted(self.clock.now, lease.cost, lease.kind, call.process, 0)
        self.counted.append(entry)
        entry.remaining = max(0, self.total - self.spent_in_window(self.clock.now))
        call.counted = entry


flight = st.floats(0.0, 40.0)
starts = st.tuples(
    st.integers(0, 5),
    st.sampled_from(list(CallKind)),
    st.integers(1, 7),
    flight,
    flight,
    st.floats(0.0, 20.0),
    st.integers(1, 30),
)


def play(world: World, actions: list[tuple[int, CallKind, int, float, float, float, int]]) -> None:
    for process, kind, cost, count, reply, pause, repeats in actions:
        for _ in range(repeats):
            world.start(process % world.processes, kind, cost, count, reply)
        world.advance(pause)
    world.advance(200)


@settings(max_examples=100, deadline=None)
@given(st.lists(starts, max_size=40), st.floats(0, 60), st.booleans(), st.sampled_from([50, 200]))
def test_one_process_never_overdraws(
    actions: list[tuple[int, CallKind, int, float, float, float, int]],
    offset: float,
    sliding: bool,
    total: int,
) -> None:
    world = World(1, total, offset, sliding=sliding, slots=1000)
    # What is assumed before the first reply is the plan of 200; a smaller one is told first.
    world.start(0, OTHER, 1, 0.0, 0.0)
    world.advance(0.1)
    play(world, actions)
    ours, limits = total * 6 // 10, plan_limits(total)
    for one in world.counted:
        last_minute = [x for x in world.counted if one.moment - 60 < x.moment <= one.moment]
        assert sum(x.cost for x in last_minute) <= ours
        assert sum(x.kind is CallKind.LIST for x in last_minute) <= limits.lists * 6 // 10
        assert sum(x.kind is CallKind.UPDATE for x in last_minute) <= limits.updates * 6 // 10
        assert world.spent_in_window(one.moment) <= ours


@settings(max_examples=100, deadline=None)
@given(st.lists(starts, max_size=60), st.integers(2, 6), st.integers(1, 4), st.floats(0, 60))
def test_several_processes_overshoot_by_no_more_than_their_calls_in_flight(
    actions: list[tuple[int, CallKind, int, float, float, float, int]],
    processes: int,
    slots: int,
    offset: float,
) -> None:
    world = World(processes, 50, offset, sliding=False, slots=slots)
    play(world, actions)
    dearest = max((one.cost for one in world.counted), default=0)
    for one in world.counted:
        assert world.spent_in_window(one.moment) <= 30 + processes * slots * dearest


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=200))
def test_nobody_starves(costs: list[int]) -> None:
    async def run() -> float:
        clock = VirtualClock()
        budget = Budget(clock)
        for cost in costs:
            budget.settle(await budget.acquire(OTHER, cost, wait=True))
        return clock.monotonic()

    # A full minute's share goes through at once; nothing waits longer than its turn needs.
    assert asyncio.run(run()) <= 60 * math.ceil(sum(costs) / (120 - 6))


class TestRoomForSeveral:
    """By default 120 credits a minute are ours, of them 48 for updates."""

    @pytest.mark.parametrize(("most", "room"), [(1, 1), (20, 20), (48, 48), (100, 48)])
    async def test_as_many_as_are_wanted_and_fit_into_a_minute(self, most: int, room: int) -> None:
        budget = Budget(VirtualClock())
        assert await budget.wait_for_room(CallKind.UPDATE, most, deadline=None) == room
        assert budget.state().spent == 0, "nothing is set aside"

    async def test_one_credit_is_kept_for_the_look(self) -> None:
        budget = Budget(VirtualClock(), limits=PlanLimits(total=50, updates=50, lists=5))
        assert await budget.wait_for_room(CallKind.UPDATE, 100, deadline=None) == 29

    async def test_a_share_too_small_for_a_look_and_a_write_is_an_error(self) -> None:
        budget = Budget(VirtualClock(), limits=PlanLimits(total=1, updates=1, lists=1))
        with pytest.raises(BudgetExhaustedError, match="higher limit"):
            await budget.wait_for_room(CallKind.UPDATE, 1, deadline=None)

    @pytest.mark.parametrize(("spent", "seconds"), [(99, 0.0), (100, 60.0)])
    async def test_it_waits_until_all_of_them_have_room(self, spent: int, seconds: float) -> None:
        clock = VirtualClock()
        budget = Budget(clock)
        budget.settle(await budget.acquire(OTHER, spent, wait=False))
        before = clock.monotonic()

        assert await budget.wait_for_room(CallKind.UPDATE, 20, deadline=None) == 20
        assert clock.monotonic() - before == seconds

    @pytest.mark.parametrize(("updates", "seconds"), [(28, 0.0), (29, 60.0)])
    async def test_calls_of_the_kind_count_too(self, updates: int, seconds: float) -> None:
        clock = VirtualClock()
        budget = Budget(clock)
        for _ in range(updates):
            budget.settle(await budget.acquire(CallKind.UPDATE, 1, wait=False))
        before = clock.monotonic()

        await budget.wait_for_room(CallKind.UPDATE, 20, deadline=None)
        assert clock.monotonic() - before == seconds

    async def test_a_wait_beyond_the_deadline_is_an_error_at_once(self) -> None:
        clock = VirtualClock()
        budget = Budget(clock)
        budget.settle(await budget.acquire(OTHER, 120, wait=False))
        for deadline in (clock.monotonic() + 59, clock.monotonic() + 60):
            with pytest.raises(BudgetExhaustedError):
                await budget.wait_for_room(CallKind.UPDATE, 1, deadline=deadline)
        assert clock.monotonic() == 0
        in_time = clock.monotonic() + 61
        assert await budget.wait_for_room(CallKind.UPDATE, 1, deadline=in_time) == 1
