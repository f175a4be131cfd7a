"""A daemon whose clock the test moves: the real worker, its API, its books, and two scripted sides.

The database has the same clock: `now()` of its statements is the test's. While time passes, every
timer and every window's end rings at its own instant, by the ticks that run in production.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from tests.fakes.reporter import RecordingReporter
from tests.fakes.resources import POLICIES, resources
from tests.integration.lifecycle.world import turns
from tests.simulation.timed.simulated_time import EPOCH, INSTALL, MICROSECOND
from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN
from tests.unit.http.fakes import FakeLog
from tests.unit.lifecycle.scripted import SIM, ScriptedProvider, terms
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap.assemble import Worker, assemble
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.entrypoints.http.auth import KnownTokens, Token
from worker.entrypoints.http.deps import ApiDeps
from worker.lifecycle.clock import Clock
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Messages,
    Prolonged,
    RentalRequest,
    RentalTerms,
    only,
)
from worker.ports.provider import CodesArrived, Ended, NoRent, Rented, Sms, Waiting

MONDAY: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
DAYS: Final = timedelta(days=1)
SLEEPS_MAX: Final = 500_000
RINGS_MAX: Final = 60  #: Instants at which something rings, in one passage of time.

_NEXT_RING: Final = """
SELECT min(at) FROM (
    SELECT due_at AS at FROM timer WHERE fired_at IS NULL
    UNION ALL SELECT deadline_at FROM activation WHERE state IN ('waiting', 'received')
    UNION ALL SELECT pursue_at FROM activation WHERE pursue_at IS NOT NULL
) AS rings WHERE at >= $1
"""


@dataclass
class Rentals:
    """The long rentals of the provider: it sells every one and ends what it is told to end."""

    name: Any = SIM
    terms: RentalTerms = field(
        default_factory=lambda: RentalTerms(lengths=only(10 * DAYS, 5 * DAYS), prolongs=True)
    )
    sms: tuple[Sms, ...] = ()
    closed: list[str] = field(default_factory=list)

    async def open(self, _: RentalRequest) -> Rented | NoRent:
        return Rented(ProviderRef("bought"), "15550002")

    async def close(self, ref: ProviderRef) -> CloseReply:
        self.closed.append(ref)
        return Ended(PriceFate.GIVEN_BACK)

    async def messages(self, _: ProviderRef) -> Messages:
        return Messages(self.sms)

    async def prolong(self, _ref: ProviderRef, _by: timedelta) -> Prolonged:
        return Prolonged()

    async def available(self, *_: object) -> Availability:
        return Availability.NOT_TOLD


class Daemon:
    def __init__(self, url: str, admin: asyncpg.Connection) -> None:
        self._admin = admin
        self.now = MONDAY
        self._sleeps = 0
        self.log = FakeLog()
        self.reporter = RecordingReporter()
        self.provider = ScriptedProvider()
        self.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
        self.provider.will("look", Waiting())
        self.provider.will("finish", Ended(PriceFate.KEPT))
        self.rentals = Rentals()
        self.store = PostgresStore(url, policies=POLICIES, events_wanted=True)
        clock = Clock(
            now=lambda: self.now,
            monotonic=time.monotonic,
            sleep=self._sleep,
            chance=lambda: 0.0,
        )
        parts = resources(
            store=self.store,
            schedule=LocalSchedule({SIM: 1000.0}, clock=clock.now),
            providers={SIM: self.provider},
            terms={SIM: terms()},
            reporter=self.reporter,
            clock=clock,
        )
        self.worker: Worker = assemble(replace(parts, rentals={SIM: self.rentals}))

    @property
    def deps(self) -> ApiDeps:
        service = self.worker.service
        return ApiDeps(
            service=service,
            cases=service.cases,
            rent_long=service.rent_long,
            activations=self.store.activations,
            books=self.store.books,
            outbox=self.store.outbox,
            tokens=KnownTokens(
                (
                    Token.of("shop", "operate+decide", WRITE_TOKEN),
                    Token.of("viewer", "read", READ_TOKEN),
                )
            ),
            parse_push=lambda _provider, _raw, _headers: [],
            hook_secrets={},
            log=self.log,
        )

    async def begin(self, database: str) -> None:
        await self._admin.execute(INSTALL)
        await self._admin.execute(
            f'ALTER DATABASE "{database}" SET search_path = simulated, pg_catalog, public'
        )
        await self._set_clock(MONDAY)
        await self.worker.parts.policies.every_version()

    async def close(self) -> None:
        await self.store.close()

    async def pass_until(self, at: datetime) -> None:
        """Let time pass; what is due on the way rings at its own instant, one microsecond after."""
        for _ in range(RINGS_MAX):
            ring = await self._admin.fetchval(_NEXT_RING, self.now)
            if ring is None or ring + TICK > at:
                await self._set_clock(max(self.now, at))
                return await self.run_ticks()
            await self._set_clock(ring + TICK)
            await self.run_ticks()
        raise AssertionError("something rings again and again without a date of its own")

    async def run_ticks(self) -> None:
        """What arq starts every few seconds, once."""
        await self.worker.steps.watch.tick(self.provider, turns(2))
        await self.worker.steps.expire.tick(self.provider, turns(3))
        await self.worker.steps.pursue.tick(self.provider)
        await self.worker.ticks.run("sweep")
        await self.worker.ticks.run("timers")

    async def code_arrives(self, ref: str, code: str) -> None:
        """The provider has an SMS, and the worker looks."""
        self.provider.will("look", CodesArrived((Sms(code),)), of=ref)
        await self.pass_until(self.now + timedelta(seconds=30))

    async def _set_clock(self, at: datetime) -> None:
        self.now = at
        micros = (at - EPOCH) // MICROSECOND
        await self._admin.fetchval("SELECT setval('simulated.clock', $1)", micros)

    async def _sleep(self, _: float) -> None:
        self._sleeps += 1
        assert self._sleeps < SLEEPS_MAX, "this waits for something that never comes"
        await asyncio.sleep(0)
