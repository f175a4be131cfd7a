"""The whole lifecycle on a real database, with a scripted provider and nobody else."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import asyncpg

from tests.fakes.reporter import RecordingReporter
from tests.fakes.resources import SETTINGS, resources
from tests.unit.lifecycle.scripted import ScriptedProvider, terms
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.tenacity_retry import TenacityRetry
from worker.bootstrap.assemble import Worker, WorkerService, assemble
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.lifecycle.accept import Accept
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.drain import Drain
from worker.lifecycle.expire import Expire
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.outcome import OutcomeRules
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.lifecycle.rent import Rent
from worker.lifecycle.repair import Repair
from worker.lifecycle.settle import Settle
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.watch import Watch
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import (
    AcceptOutcome,
    Activation,
    LiveNumber,
    NumberIntake,
    SeenSms,
)
from worker.settings import Settings

ALICE = AccountId("alice")
SIM = ProviderName("sim")
WINDOW = timedelta(minutes=20)
GRACE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
PRICE = 25
TURNS_MAX = 100_000


def utc_now() -> datetime:
    return datetime.now(UTC)


def turns(count: int) -> Callable[[], bool]:
    """A stretch that goes on for so many questions."""
    left = [count]

    def keep_going() -> bool:
        left[0] -= 1
        return left[0] >= 0

    return keep_going


@dataclass
class World:
    """One shop, one provider, one process.

    The database's clock is the real one: numbers are old because they were rented long ago, and
    nobody waits for anything.
    """

    store: PostgresStore
    admin: asyncpg.Connection
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    others: dict[ProviderName, ScriptedProvider] = field(default_factory=dict)
    settings: Settings = SETTINGS
    budget: float = 100_000.0  #: Requests a second that the schedule grants.
    chance: float = 0.0
    skew: timedelta = timedelta(0)  #: Of this host's clock.
    elapsed: float = 0.0  #: Seconds by the process's clock, on top of those that really pass.
    sleeps: int = 0
    terms: dict[ProviderName, ProviderTerms] = field(default_factory=lambda: {SIM: terms()})

    @property
    def their_terms(self) -> ProviderTerms:
        return self.terms[SIM]

    @their_terms.setter
    def their_terms(self, agreed: ProviderTerms) -> None:
        self.terms[SIM] = agreed

    def now(self) -> datetime:
        return utc_now() + self.skew

    async def _sleep(self, _seconds: float) -> None:
        self.sleeps += 1
        assert self.sleeps < TURNS_MAX, "this waits for something that never comes"
        await asyncio.sleep(0)

    @cached_property
    def clock(self) -> Clock:
        return Clock(
            now=self.now,
            monotonic=lambda: time.monotonic() + self.elapsed,
            sleep=self._sleep,
            chance=lambda: self.chance,
        )

    @cached_property
    def schedule(self) -> LocalSchedule:
        return LocalSchedule(dict.fromkeys(self.terms, self.budget), clock=self.now)

    def new_worker(self) -> Worker:
        """The worker of a process that has just started."""
        return assemble(
            resources(
                store=self.store,
                schedule=self.schedule,
                providers={SIM: self.provider, **self.others},
                terms=self.terms,
                reporter=self.reporter,
                clock=self.clock,
                settings=self.settings,
            )
        )

    @cached_property
    def worker(self) -> Worker:
        return self.new_worker()

    @property
    def service(self) -> WorkerService:
        return self.worker.service

    @property
    def policies(self) -> PolicyBook:
        return self.worker.parts.policies

    @property
    def accept(self) -> Accept:
        return self.service.accepting

    @property
    def rent(self) -> Rent:
        return self.service.renting

    @property
    def watch(self) -> Watch:
        return self.worker.steps.watch

    @property
    def look(self) -> Look:
        return self.watch.look

    @property
    def listing(self) -> Listing:
        return self.watch.listing

    @property
    def expire(self) -> Expire:
        return self.worker.steps.expire

    @property
    def pursue(self) -> Pursue:
        return self.worker.steps.pursue

    @property
    def repair(self) -> Repair:
        return self.worker.steps.repair

    @property
    def reconcile(self) -> Reconcile:
        return self.worker.steps.reconcile

    @property
    def sweep(self) -> Sweep:
        return self.worker.steps.sweep

    @property
    def settle(self) -> Settle:
        return self.sweep.settle

    @property
    def rules(self) -> OutcomeRules:
        return self.sweep.rules

    @property
    def drain(self) -> Drain:
        return self.worker.drain

    async def start(self) -> None:
        """As a worker that starts does."""
        await self.policies.every_version()

    async def open(self, amount_minor: int = 100_000) -> None:
        await self.store.books.open_account(ALICE, "USD")
        await self.store.books.top_up(ALICE, "first", amount_minor)

    async def take(self, ref: str = "1", age: timedelta = timedelta(0), **other: Any) -> Activation:
        """Hand over a number that was rented so long ago."""
        handed = handed_over(ref, rented_at=utc_now() - age, **other)
        (result,) = await self.accept([handed])
        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        return result.activation

    async def take_expired(self, ref: str = "1", **other: Any) -> Activation:
        """A number whose window was over a moment ago."""
        return await self.take(ref, WINDOW + timedelta(milliseconds=1), **other)

    async def take_forgotten(self, ref: str = "1", **other: Any) -> Activation:
        """A number whose grace is over."""
        return await self.take(ref, WINDOW + GRACE + SECOND, **other)

    async def end_all(self) -> int:
        return await self.expire.tick(self.provider, turns(100))

    async def number(self, number: Activation) -> Activation:
        found = await self.store.activations.activation(number.id)
        assert found is not None
        return found

    async def ended(self, number: Activation) -> tuple[State, ProviderState]:
        found = await self.number(number)
        return found.state, found.provider_state

    async def money(self) -> tuple[int, int]:
        """(available, held)"""
        found = await self.store.books.account(ALICE)
        assert found is not None
        return found.available_minor, found.held_minor

    async def exposure(self) -> list[tuple[int, str]]:
        rows = await self.admin.fetch("SELECT amount_minor, state FROM exposure ORDER BY opened_at")
        return [tuple(row) for row in rows]

    async def one(self, sql: str, *arguments: object) -> Any:
        return await self.admin.fetchval(sql, *arguments)

    async def forget_leases(self) -> None:
        """As if every lease were over, and every wait."""
        await self.admin.execute(
            "UPDATE activation SET lease_until = '-infinity',"
            " pursue_at = CASE WHEN pursue_at IS NOT NULL THEN now() END"
        )

    async def age(self, number: Activation, by: timedelta) -> None:
        """As if it had been rented earlier."""
        await self.admin.execute(
            "UPDATE activation SET rented_at = rented_at - $2::interval,"
            " deadline_at = deadline_at - $2::interval, ending_at = ending_at - $2::interval"
            " WHERE id = $1",
            number.id,
            by,
        )
        await self.admin.execute("UPDATE code SET received_at = received_at - $1::interval", by)

    async def read_list(self, keep_going: Callable[[], bool] = lambda: True, live: int = 1) -> int:
        return await self.listing.read(self.provider, self.their_terms, live, keep_going)

    async def record(self, ref: str, code: str) -> None:
        await self.store.activations.record_codes([SeenSms(SIM, ProviderRef(ref), code, None)])


def retrying(clock: Clock) -> TenacityRetry:
    return TenacityRetry(sleep=clock.sleep, monotonic=clock.monotonic, chance=clock.chance)


def handed_over(ref: str = "1", **other: Any) -> NumberIntake:
    handed = NumberIntake(
        provider=SIM,
        ref=ProviderRef(ref),
        account=ALICE,
        phone="15550001",
        service="any",
        country="1",
        price_minor=PRICE,
    )
    return replace(handed, **other)


def order(key: str = "order-1", **other: Any) -> PurchaseOrder:
    wanted = PurchaseOrder(
        idempotency_key=key,
        account=ALICE,
        provider=SIM,
        service="any",
        country="1",
        price_minor=PRICE,
    )
    return replace(wanted, **other)


def live(number: Activation) -> LiveNumber:
    assert number.ref is not None
    return LiveNumber(number.id, number.ref, number.rented_at, number.deadline_at)


def refs(numbers: Sequence[LiveNumber]) -> list[str]:
    return sorted(number.ref for number in numbers)
