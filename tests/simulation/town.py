"""A shop, its customers and a provider: what happens around the processes, and how time passes."""

import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias

from tests.integration.lifecycle.world import (
    GRACE,
    SECOND,
    SIM,
    WINDOW,
    World,
    handed_over,
    turns,
)
from tests.simulation.process import Gate, Outside, Process, started
from tests.simulation.their_side import older
from worker.domain.ids import AccountId, ActivationId, ProviderRef
from worker.lifecycle.adopt import ANSWER_WITHIN
from worker.lifecycle.watch import LEASE
from worker.ports.service import Push
from worker.ports.store.activations import NumberIntake
from worker.simulator.behaviours import Behaviour
from worker.simulator.numbers import SimulatedNumber

TOPPED_UP: Final = 10_000
AGO: Final = timedelta(minutes=1)  #: When numbers that are handed over were rented.
SOON: Final = timedelta(seconds=20)  #: Later than any next look, earlier than the last one.
TRIES: Final = 4  #: Until there is an answer; what breaks, breaks once.
MINUTE_S: Final = 60.0
#: What passes between two rounds of all ticks until all is at rest. At first nothing: what was in
#: time is found in time. Then lost purchases are looked for; then all windows end, and all graces.
LOOKING: Final = (timedelta(0), ANSWER_WITHIN + SECOND, SECOND, SECOND)
ENDING: Final = (timedelta(0), WINDOW, GRACE + SECOND, *[WINDOW] * 6)
LOOKED_FOR: Final = 3  #: Rounds, after which a purchase that is not found was none.

Work: TypeAlias = Callable[[World], Coroutine[Any, Any, Any]]

_AGE = """
WITH moved AS (
    UPDATE activation
       SET rented_at = rented_at - $2::interval, deadline_at = deadline_at - $2::interval,
           ending_at = ending_at - $2::interval, created_at = created_at - $2::interval
     WHERE account = $1 AND NOT settled
    RETURNING id
),
lived AS (
    UPDATE live SET ends_at = ends_at - $2::interval FROM moved WHERE live.id = moved.id
),
bought AS (
    UPDATE purchase SET asked_at = asked_at - $2::interval, absent_at = absent_at - $2::interval
     WHERE account = $1 AND state IN ('asked', 'unknown')
)
UPDATE code SET received_at = received_at - $2::interval FROM moved WHERE activation_id = moved.id
"""
#: What a batch that is still at work stores is seen by the statement after this one, and ages too.
_WAIT_FOR_BATCHES = "SELECT FROM activation WHERE account = $1 ORDER BY id FOR UPDATE"
_FORGET_LEASES = """
UPDATE activation
   SET lease_until = '-infinity', pursue_at = CASE WHEN pursue_at IS NOT NULL THEN now() END
 WHERE account = $1 AND (NOT settled OR pursue_at IS NOT NULL)
"""
_AT_WORK = """
SELECT (SELECT count(*) FROM activation
         WHERE account = $1 AND (NOT settled OR pursue_at IS NOT NULL))
     + (SELECT count(*) FROM purchase WHERE account = $1 AND state = 'asked') AS unsettled,
       (SELECT count(*) FROM purchase WHERE account = $1 AND state = 'unknown') AS lost
"""
_LONG_AGO = "UPDATE purchase SET asked_at = asked_at - interval '1 year' WHERE account = $1"


class NeverAtRest(AssertionError):
    """Something is not final, although everything is well and its time is over."""


@dataclass
class Life:
    """One account's numbers from their rental to their rest, across the death of processes."""

    outside: Outside
    account: AccountId
    process: Process
    handed: list[NumberIntake] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    unanswered: int = 0  #: Orders that nobody repeated.
    claimed_minor: int = 0
    frozen: list[Process] = field(default_factory=list)
    _first_sold: int = 0

    @property
    def sold(self) -> list[SimulatedNumber]:
        """What the provider sold in this life."""
        return self.outside.theirs.books[self._first_sold :]

    def rented(self, behaviour: Behaviour = Behaviour.TIMEOUT, **other: Any) -> SimulatedNumber:
        """A number the shop rented by itself, to be handed over."""
        number = self.outside.theirs.sell(behaviour, AGO)
        self.handed.append(
            handed_over(
                str(number.id),
                account=self.account,
                phone=number.phone,
                rented_at=number.created_at,
                **other,
            )
        )
        return number

    async def taken(
        self, behaviour: Behaviour = Behaviour.TIMEOUT, **other: Any
    ) -> SimulatedNumber:
        """A number that is handed over, told again until it is answered."""
        number = self.rented(behaviour, **other)
        handed = self.handed[-1]
        await self.asks(lambda world: world.service.accept([handed]))
        return number

    async def does(self, work: Work) -> Any:
        """The process is asked once; if it dies or freezes, there is a new one. None: no answer."""
        answer = await self.process.does(work(self.process.world))
        if self.process.is_frozen:
            self.frozen.append(self.process)
        if self.process.is_dead or self.process.is_frozen:
            self.process = started(self.outside, Gate())
        return answer

    async def asks(self, work: Work) -> Any:
        """The same, again until there is an answer: a shop that repeats its call, or a tick."""
        for _ in range(TRIES):
            answer = await self.does(work)
            if answer is not None:
                return answer
        raise AssertionError("never answered")

    async def id_of(self, number: SimulatedNumber) -> ActivationId:
        found = await self.outside.admin.fetchval(
            "SELECT id FROM activation WHERE provider_ref = $1", str(number.id)
        )
        return ActivationId(found)

    async def passes(self, time: timedelta) -> None:
        """Time, for all that is not settled, at the provider too. Leases and waits are over."""
        async with self.outside.admin.transaction():
            # Somebody who may switch off the guard of the time of acceptance.
            await self.outside.admin.execute("SET LOCAL session_replication_role = replica")
            await self.outside.admin.execute(_WAIT_FOR_BATCHES, self.account)
            await self.outside.admin.execute(_AGE, self.account, time)
        await self.outside.admin.execute(_FORGET_LEASES, self.account)
        for number in self.sold:
            older(number, time)

    async def window_passes(self) -> None:
        await self.passes(WINDOW - AGO + SECOND)

    async def grace_passes(self) -> None:
        await self.passes(GRACE + SECOND)

    async def rest(self) -> None:
        """All that goes on by itself, until nothing is left to do: in a new process."""
        await self.process.end()
        for frozen in self.frozen:
            await frozen.wakes()
        self.process = started(self.outside, Gate())
        for turn, time in enumerate((*(LOOKING if self.orders else ()), *ENDING)):
            await self.passes(time)
            for tick in (repaired, read, ended, swept, pursued):
                await self.process.does(tick(self.process.world))
            left = await self.outside.admin.fetchrow(_AT_WORK, self.account)
            assert left is not None
            if not left["unsettled"] and (turn > LOOKED_FOR or not left["lost"]):
                return
        raise NeverAtRest


async def repaired(world: World) -> bool:
    await world.repair.tick(world.provider)
    return True


async def read(world: World, soon: timedelta = SOON) -> bool:
    """The provider's list, and what is due to be looked at soon, as the schedule has it."""
    world.elapsed += MINUTE_S
    await world.repair.reschedule(SIM)
    world.skew += soon  # No look waits for its time; and no host's clock decides anything.
    try:
        await world.watch.tick(world.provider, turns(2))
    finally:
        world.skew -= soon
    return True


def pushed(number: SimulatedNumber) -> Work:
    """The provider says that an SMS is there."""
    push = Push(ProviderRef(str(number.id)), number.phone, number.service, f"push {number.id}")

    async def work(world: World) -> bool:
        await world.service.push(SIM, [push])
        return True

    return work


async def read_on(world: World) -> bool:
    """It goes on all the time: a page or a claim that is lost delays nobody for long."""
    for soon in (SOON, SOON + LEASE):
        await read(world, soon)
    return True


async def swept(world: World) -> bool:
    await world.sweep.tick()
    return True


async def ended(world: World) -> bool:
    await world.expire.tick(world.provider, turns(10))
    return True


async def pursued(world: World) -> bool:
    await world.pursue.tick(world.provider)
    return True


@dataclass
class Town:
    """Where one life after the other is lived, on one database and with one provider."""

    outside: Outside
    _lives: "itertools.count[int]" = field(default_factory=itertools.count)

    async def begin(self, gate: Gate) -> Life:
        account = AccountId(f"customer-{next(self._lives)}")
        await self.outside.store.books.open_account(account, "USD")
        await self.outside.store.books.top_up(account, "first", TOPPED_UP)
        first = len(self.outside.theirs.books)
        return Life(self.outside, account, started(self.outside, gate), _first_sold=first)

    async def forgotten(self, life: Life) -> None:
        """What a life left behind is not found in the next one."""
        await self.outside.admin.execute(_LONG_AGO, life.account)
        for number in life.sold:
            self.outside.theirs.end(number)

    async def audited(self) -> None:
        findings = await self.outside.store.books.audit()
        broken = {f.invariant: f.offenders for f in findings if f.violations}
        assert broken == {}, broken
