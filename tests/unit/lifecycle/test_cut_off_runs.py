"""A run that is cut off leaves nothing waiting: all it held is due again at once, exactly once."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import at_rest, give_way, until
from tests.unit.lifecycle.scripted import (
    RENTED,
    SIM,
    OwnTime,
    Refunds,
    ScriptedProvider,
    Stub,
    StubStore,
    due,
    terms,
)
from worker.domain.price_fate import PriceFate
from worker.lifecycle.expire import Expire
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.settle import Settle
from worker.lifecycle.watch import Watch
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import CodesArrived, Ended, Refusal, Refused, Sms
from worker.ports.schedule import LeaseBatch, Leased, NextLook
from worker.ports.store.activations import LiveNumber
from worker.ports.store.settlements import DueNumber, Ending, Postponed, Resolved, Settlements

NUMBERS = 9
IN_FLIGHT = 2
CODE = (Sms("1234"),)
AT_ONCE = timedelta(0)


class Shelf:
    """A store and a schedule that lease nine numbers once, and remember what comes back."""

    def __init__(self) -> None:
        self.left = [due(number) for number in range(1, NUMBERS + 1)]
        self.back: list[tuple[str, timedelta]] = []  #: Which number came back, due after how long.
        self.answers = asyncio.Event()  #: Until it is set, nothing is taken back.
        self.answers.set()
        self.store = StubStore(
            lease_cancels=self.lease,
            lease_pursuits=self.lease,
            record_codes=StoreUnavailable("away"),
            record_free_codes=StoreUnavailable("away"),
            settle=Settlements([], []),
            resolve=(),
        )
        self.store.postpone = self.postpone  # type: ignore[attr-defined] # it waits, as none else
        self.schedule = cast("Any", Stub(spend=lambda _, wanted, _need: wanted, lease=self.looks))
        self.schedule.release = self.release
        self.schedule.nap = self.schedule.ring = self.nobody_rings
        self.reporter = RecordingReporter()
        self.provider = ScriptedProvider()
        self.clock = OwnTime(RENTED).clock()
        self.terms = {SIM: terms(max_in_flight=IN_FLIGHT)}

    def lease(self, _: Any, limit: int, *__: Any) -> list[DueNumber]:
        leased, self.left = self.left[:limit], self.left[limit:]
        return leased

    def looks(self, _: Any, limit: int, *__: Any) -> LeaseBatch:
        return LeaseBatch([Leased(live(one), 1) for one in self.lease(SIM, limit)], AT_ONCE)

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        await self.answers.wait()
        self.back += [(str(one.id.int), one.delay) for one in postponed]

    async def release(self, _: Any, nexts: Sequence[NextLook]) -> int:
        await self.answers.wait()
        now = self.clock.now()
        self.back += [
            (one.leased.number.ref, max(one.at - now, AT_ONCE))
            for one in nexts
            if one.at is not None
        ]
        return len(nexts)

    async def nobody_rings(self, *_: Any) -> None:
        """No other process is there."""

    def settle(self) -> Settle:
        return Settle(settlements=cast("Any", self.store), reporter=self.reporter)

    async def expire(self) -> int:
        return await self.expiring().tick(self.provider, lambda: True)

    async def pursue(self) -> int:
        return await self.pursuing().tick(self.provider)

    def expiring(self) -> Expire:
        return Expire(
            settlements=cast("Any", self.store),
            activations=cast("Any", self.store),
            schedule=self.schedule,
            reporter=self.reporter,
            settle=self.settle(),
            rules=Refunds(),
            clock=self.clock,
            terms=self.terms,
        )

    def pursuing(self) -> Pursue:
        return Pursue(
            settlements=cast("Any", self.store),
            activations=cast("Any", self.store),
            schedule=self.schedule,
            reporter=self.reporter,
            settle=self.settle(),
            clock=self.clock,
            terms={SIM: terms(max_in_flight=2 * IN_FLIGHT)},
        )

    async def watch(self) -> int:
        look = Look(
            settlements=cast("Any", self.store),
            activations=cast("Any", self.store),
            reporter=self.reporter,
            settle=self.settle(),
            rules=Refunds(),
            clock=self.clock,
        )
        watch = Watch(
            schedule=self.schedule,
            reporter=self.reporter,
            look=look,
            listing=cast("Listing", None),
            clock=self.clock,
            terms=self.terms,
        )
        return await watch.tick(self.provider, lambda: bool(self.left))


def live(number: DueNumber) -> LiveNumber:
    assert number.ref is not None
    return LiveNumber(number.id, number.ref, number.rented_at, number.deadline_at)


Step = Callable[[Shelf], Coroutine[Any, Any, int]]
STEPS = [
    pytest.param(Shelf.watch, id="watch"),
    pytest.param(Shelf.expire, id="expire"),
    pytest.param(Shelf.pursue, id="pursue"),
]
ALL = [str(number) for number in range(1, NUMBERS + 1)]
ALL_AT_ONCE = [(number, AT_ONCE) for number in ALL]


async def hang(_: object) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("step", STEPS)
async def test_all_that_a_cancelled_run_held_is_due_again_at_once(
    shelf: Shelf, step: Step, times: int
) -> None:
    shelf.provider.will("cancel", hang).will("look", hang)
    running = asyncio.ensure_future(step(shelf))
    await until(lambda: shelf.provider.in_flight == IN_FLIGHT)

    for _ in range(times):
        running.cancel()
        await give_way()
    with pytest.raises(asyncio.CancelledError):
        await running
    await at_rest()

    assert sorted(shelf.back) == ALL_AT_ONCE


@pytest.mark.parametrize("step", STEPS)
async def test_a_run_that_is_cancelled_while_it_hands_back_hands_back_all_the_same(
    shelf: Shelf, step: Step
) -> None:
    shelf.provider.will("cancel", hang).will("look", hang)
    shelf.answers.clear()
    running = asyncio.ensure_future(step(shelf))
    await until(lambda: shelf.provider.in_flight == IN_FLIGHT)

    for _ in range(2):
        running.cancel()
        await at_rest()
    shelf.answers.set()
    await at_rest()
    assert running.cancelled()

    assert sorted(shelf.back) == ALL_AT_ONCE


async def test_what_is_leased_while_the_run_is_cancelled_twice_is_due_again_at_once(
    shelf: Shelf,
) -> None:
    shelf.provider.will("cancel", hang)
    leasing = asyncio.Event()

    async def slow(*asked: Any) -> list[DueNumber]:
        if len(shelf.left) < NUMBERS:
            leasing.set()
            await shelf.answers.wait()
        return shelf.lease(*asked)

    shelf.store.lease_cancels = slow  # type: ignore[attr-defined] # it waits, as none else
    shelf.answers.clear()
    running = asyncio.ensure_future(shelf.expire())
    await leasing.wait()

    for _ in range(2):
        running.cancel()
        await at_rest()
    shelf.answers.set()
    await at_rest()

    assert sorted(shelf.back) == ALL_AT_ONCE


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", STEPS)
async def test_what_a_run_leased_while_it_was_cancelled_is_due_again_at_once(
    shelf: Shelf, step: Step, times: int
) -> None:
    leasing = asyncio.Event()

    def slowly(lease: Callable[..., Any]) -> Callable[..., Any]:
        async def wait(*asked: Any) -> Any:
            leasing.set()
            await shelf.answers.wait()
            return lease(*asked)

        return wait

    shelf.store.lease_cancels = slowly(shelf.lease)  # type: ignore[attr-defined] # it waits
    shelf.store.lease_pursuits = slowly(shelf.lease)  # type: ignore[attr-defined] # it waits
    shelf.schedule.lease = slowly(shelf.looks)
    shelf.answers.clear()
    running = asyncio.ensure_future(step(shelf))
    await leasing.wait()

    for _ in range(times):
        running.cancel()
        await at_rest()
    shelf.answers.set()
    await at_rest()

    assert running.cancelled()
    leased = [str(number) for number in range(1, NUMBERS - len(shelf.left) + 1)]
    assert leased != []
    assert sorted(shelf.back) == [(number, AT_ONCE) for number in leased]


async def test_what_is_leased_and_cannot_be_judged_is_due_again_at_once(shelf: Shelf) -> None:
    class Away(Refunds):
        async def load(self, due: Sequence[DueNumber]) -> None:
            assert due
            raise StoreUnavailable("away")

    expire = replace(shelf.expiring(), rules=Away())

    with pytest.raises(StoreUnavailable):
        await expire.tick(shelf.provider, lambda: True)

    leased = [str(number) for number in range(1, NUMBERS - len(shelf.left) + 1)]
    assert leased != []
    assert sorted(shelf.back) == [(number, AT_ONCE) for number in leased]
    assert shelf.provider.calls == []


@pytest.mark.parametrize("step", STEPS)
async def test_all_that_a_run_held_is_due_again_at_once_when_the_store_fails(
    shelf: Shelf, step: Step
) -> None:
    shelf.provider.will("cancel", hang).will("look", hang)
    shelf.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=CODE), of="1")
    shelf.provider.will("look", CodesArrived(CODE), of="1")

    with pytest.raises(ExceptionGroup):
        await step(shelf)

    assert sorted(shelf.back) == ALL_AT_ONCE
    assert shelf.reporter.of("quarantined") == [], "it is no number's fault"


class Away:
    """A database that takes no results for a while."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.ended: list[str] = []
        shelf.store.answers["settle"] = self.settle
        shelf.store.answers["resolve"] = self.resolve
        self.back = False

    def settle(self, endings: Sequence[Ending]) -> Settlements:
        self._take([str(one.id.int) for one in endings])
        return Settlements([], [])

    def resolve(self, resolved: Sequence[Resolved]) -> tuple[()]:
        self._take([str(one.id.int) for one in resolved])
        return ()

    def _take(self, numbers: list[str]) -> None:
        if numbers and not self.back:
            raise StoreUnavailable("away")
        self.ended += numbers


async def test_what_expire_could_not_commit_is_committed_once_the_store_is_back(
    shelf: Shelf,
) -> None:
    away = Away(shelf)
    shelf.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    expire = shelf.expiring()
    with pytest.raises(StoreUnavailable):
        await expire.tick(shelf.provider, lambda: True)

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await expire.tick(shelf.provider, lambda: True)
    away.back = True
    await expire.tick(shelf.provider, lambda: False)

    assert sorted(away.ended + [number for number, _ in shelf.back]) == ALL
    assert {delay for _, delay in shelf.back} <= {AT_ONCE}
    assert len(shelf.provider.asked("cancel")) == len(away.ended), "no number is asked about again"


async def test_what_pursue_could_not_commit_is_committed_once_the_store_is_back(
    shelf: Shelf,
) -> None:
    away = Away(shelf)
    shelf.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    pursue = shelf.pursuing()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await pursue.tick(shelf.provider)

    away.back = True
    await pursue.tick(shelf.provider)

    assert sorted(away.ended + [number for number, _ in shelf.back]) == ALL
    told = [state for _, state, _ in shelf.reporter.of("resolved")]
    assert len(told) == len(away.ended)
