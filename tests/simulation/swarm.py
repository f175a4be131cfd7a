"""A swarm: some twenty numbers, one or two processes, and anything at any time, in bad weather."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from tests.integration.lifecycle.world import SIM, World, order
from tests.simulation.process import ForgetfulDatabase, Process, started
from tests.simulation.town import Life, Town, ended, pursued, pushed, read, repaired, swept
from tests.simulation.weather import Fault, Stormy, Weather
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import NumberIntake
from worker.simulator.behaviours import Behaviour

NUMBERS: Final = 20
ORDERS: Final = 6
STEPS: Final = 80
AUDIT_EVERY: Final = 25  #: Steps: what must hold of the books must hold at any time.
TICKS: Final = (repaired, read, read, ended, ended, swept, pursued)
KINDS: Final = (Behaviour.TIMEOUT, Behaviour.TIMEOUT, Behaviour.CANCEL_RACE)

Step: TypeAlias = Callable[[], Awaitable[str]]

# In the order of their refs: ids are made of the time, and other ones the next time.
_REMAINING = """
SELECT extract(epoch FROM deadline_at - clock_timestamp())::float8 FROM activation
 WHERE account = $1 AND NOT settled AND deadline_at > clock_timestamp()
 ORDER BY provider_ref, created_at
"""
_ALL = "SELECT id FROM activation WHERE account = $1 ORDER BY provider_ref, created_at"
_LOCK = "SELECT FROM balance WHERE account = $1 FOR UPDATE"
_STORED = "SELECT rented_at FROM activation WHERE account = $1 AND provider_ref = $2"


async def _orders_again(wanted: PurchaseOrder, world: World) -> object:
    return await world.service.rent(wanted)


@dataclass
class Swarm:
    """One seed's life in its weather."""

    town: Town
    life: Life
    weather: Weather
    processes: list[Process] = field(default_factory=list)
    frozen: list[Process] = field(default_factory=list)
    orders: list[PurchaseOrder] = field(default_factory=list)

    async def runs(self) -> None:
        """Anything may be down, and then all is well."""
        count = 2 if self.weather.has(Fault.TWO_AT_ONCE) else 1
        self.processes = [self._new() for _ in range(count)]
        steps = self._steps()
        for turn in range(STEPS):
            step = self.weather.rng.choice(steps)
            self.weather.log.append(await step())
            if turn % AUDIT_EVERY == 0:
                await self.town.audited()
        await self.heals()

    async def heals(self) -> None:
        """Shops have their answers at last, and who was frozen goes on."""
        await self.weather.clear_up()
        while self.frozen:
            await self._wakes()
        for process in self.processes:
            await process.end()
        await self.life.asks(lambda world: self._accepts(world, self.life.handed))
        for each in self.orders:
            await self.life.asks(partial(_orders_again, each))

    def _new(self) -> Process:
        database = self.life.outside.store.db
        assert isinstance(database, ForgetfulDatabase)
        process = started(self.life.outside, Stormy(self.weather, database))
        process.world.skew = self.weather.skew()
        return process

    def _steps(self) -> Sequence[Step]:
        return (
            *[self._tick] * 10,
            *[self._hands_over] * 3,
            self._tells_again,
            self._orders,
            self._presses_cancel,
            self._finishes,
            *[self._code_comes] * 2,
            self._provider_cancels,
            self._goes_down,
            *[self._time_passes] * 2,
            self._deadline_comes,
            self._flushes,
            self._wakes,
            *[self._ends_beside_a_lock] * self.weather.has(Fault.ACCOUNT_LOCKED),
        )

    async def _does(self, work: Callable[[World], Any]) -> None:
        place = self.weather.rng.randrange(len(self.processes))
        process = self.processes[place]
        await process.does(work(process.world))
        self.processes[place] = self._left_of(process)

    def _left_of(self, process: Process) -> Process:
        """The same, or a new one beside one that is frozen or dead."""
        if process.is_frozen:
            self.frozen.append(process)
        return self._new() if process.is_frozen or process.is_dead else process

    async def _tick(self) -> str:
        """All processes at once, where there are two."""
        ticks = [self.weather.rng.choice(TICKS) for _ in self.processes]
        pairs = list(zip(self.processes, ticks, strict=True))
        await asyncio.gather(*(each.does(tick(each.world)) for each, tick in pairs))
        self.processes = [self._left_of(each) for each in self.processes]
        return "tick " + ", ".join(tick.__name__ for tick in ticks)

    async def _wakes(self) -> str:
        """One that was frozen; what it knows is old."""
        if not self.frozen:
            return "nobody wakes"
        process = self.frozen.pop(0)
        await process.wakes()
        if process.is_frozen:
            self.frozen.append(process)
        return "a frozen one wakes"

    async def _ends_beside_a_lock(self) -> str:
        """Somebody else holds the customer's balance, while numbers are ended."""
        admin = self.life.outside.admin
        async with admin.transaction():
            await admin.execute(_LOCK, self.life.account)
            for tick in (ended, swept, pursued):
                await self._does(tick)
        return "end beside a locked account"

    async def _hands_over(self) -> str:
        if len(self.life.handed) < NUMBERS:
            self.life.rented(self.weather.rng.choice(KINDS))
        handed = self.life.handed[-1]
        await self._does(lambda world: self._accepts(world, [handed]))
        return f"hand over {handed.ref}"

    async def _tells_again(self) -> str:
        handed = list(self.life.handed)
        await self._does(lambda world: self._accepts(world, handed))
        return "tell again"

    async def _accepts(self, world: World, handed: Sequence[NumberIntake]) -> Any:
        """As the shop knows it: time that was made to pass has passed for the shop, too."""
        asked = []
        for one in handed:
            stored = await self.life.outside.admin.fetchval(_STORED, self.life.account, one.ref)
            asked.append(replace(one, rented_at=stored or one.rented_at))
        return await world.service.accept(asked)

    async def _orders(self) -> str:
        if len(self.orders) < ORDERS:
            key = f"{self.life.account}-{len(self.orders)}"
            # Another service: what a shop rented by itself must not be taken for it.
            self.orders.append(order(key, account=self.life.account, service="ordered"))
            self.life.orders.append(key)
        wanted = self.weather.rng.choice(self.orders)
        await self._does(lambda world: world.service.rent(wanted))
        return f"order {wanted.idempotency_key}"

    async def _presses_cancel(self) -> str:
        return await self._wishes("cancel", lambda world, id_: world.service.cancel(id_))

    async def _finishes(self) -> str:
        return await self._wishes("finish", lambda world, id_: world.service.finish(id_))

    async def _wishes(self, what: str, wish: Callable[[World, Any], Any]) -> str:
        rows = await self.life.outside.admin.fetch(_ALL, self.life.account)
        if not rows:
            return f"nothing to {what}"
        place = self.weather.rng.randrange(len(rows))
        await self._does(lambda world: wish(world, rows[place]["id"]))
        return f"{what} the {place}th"

    async def _code_comes(self) -> str:
        rng = self.weather.rng
        if not self.life.sold:
            return "no code"
        number = rng.choice(self.life.sold)
        self.life.outside.theirs.receive(number, str(rng.randrange(1000, 1003)))
        is_told = rng.random() < 1 / 2
        if is_told:
            await self._does(pushed(number))
        return f"code for {number.id}" + (", pushed" if is_told else "")

    async def _provider_cancels(self) -> str:
        if not self.life.sold:
            return "no end"
        number = self.weather.rng.choice(self.life.sold)
        self.life.outside.theirs.end(number)
        return f"provider ends {number.id}"

    async def _goes_down(self) -> str:
        theirs = self.life.outside.theirs
        theirs.down = self.weather.has(Fault.REFUSED) and not theirs.down
        return f"provider down: {theirs.down}"

    async def _time_passes(self) -> str:
        return await self._passes(timedelta(seconds=self.weather.rng.choice((1, 30, 61, 300))))

    async def _deadline_comes(self) -> str:
        """Of some number: a moment before or after, and then a code and whoever looks first."""
        rows = await self.life.outside.admin.fetch(_REMAINING, self.life.account)
        if not rows:
            return "no deadline"
        (left,) = self.weather.rng.choice(rows)
        at = timedelta(seconds=max(0.0, left - self.weather.rng.uniform(-0.01, 0.03)))
        done = [await self._passes(at), await self._code_comes(), await self._tick()]
        return "; ".join(done)

    async def _passes(self, time: timedelta) -> str:
        await self.weather.come_true()
        await self.life.passes(time)
        return f"{time} pass"

    async def _flushes(self) -> str:
        if self.weather.has(Fault.SCHEDULE_FLUSHED):
            for process in self.processes:
                process.world.schedule.clear()
        return f"flush {SIM}"
