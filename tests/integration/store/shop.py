"""A shop on a real store: short words for what the tests of the store do again and again."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.ports.store.activations import (
    AcceptOutcome,
    Activation,
    CompleteIntake,
    NumberIntake,
    RecordedCode,
    SeenSms,
)
from worker.ports.store.settlements import DueNumber, Ending, Settlements

ALICE = AccountId("alice")
BOB = AccountId("bob")
#: For what is said of a connection to the server itself: through a PgBouncer a statement takes more
#: round trips, and a connection that ended is another one's.
DIRECTLY = pytest.mark.parametrize("store_url", ["nothing"], indirect=True)
SIM = ProviderName("sim")
RENTED = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=20)
DEADLINE = RENTED + WINDOW
TICK = timedelta(microseconds=1)
LEASE = timedelta(seconds=30)
GRACE = timedelta(seconds=60)
PRICE = 25
#: A minute ago: somebody who may switch the guard of that column off.
TAKEN_IN_BEFORE = """
SET session_replication_role = replica;
UPDATE activation SET created_at = now() - interval '1 minute';
SET session_replication_role = origin;
"""

NUMBER = NumberIntake(
    provider=SIM,
    ref=ProviderRef("1"),
    account=ALICE,
    phone="15550001",
    service="any",
    country="1",
    price_minor=PRICE,
    window=WINDOW,
    policy="default",
    rented_at=RENTED,
)
INTAKE = CompleteIntake(number=NUMBER, policy_version="1")
_TERMS = {field.name for field in fields(CompleteIntake)}


def changed(intake: CompleteIntake, **other: Any) -> CompleteIntake:
    """The same intake with other terms, or of another number."""
    number = {name: value for name, value in other.items() if name not in _TERMS}
    terms = {name: value for name, value in other.items() if name in _TERMS}
    return replace(intake, number=replace(intake.number, **number), **terms)


def intake(ref: str, **other: Any) -> CompleteIntake:
    return changed(INTAKE, ref=ProviderRef(ref), **other)


def ending(id_: ActivationId, account: AccountId = ALICE, **other: Any) -> Ending:
    """A confirmed cancel after the deadline, unless told otherwise."""
    refund = Ending(
        id=id_,
        account=account,
        source=State.EXPIRING,
        outcome=State.REFUNDED,
        provider_state=ProviderState.CANCELLED,
        reason="timeout",
    )
    return refund._replace(**other)


def after_grace(id_: ActivationId, account: AccountId = ALICE) -> Ending:
    """The credit when the provider gave no answer in time (E6)."""
    return ending(
        id_,
        account,
        provider_state=ProviderState.CANCELLING,
        act_after=timedelta(seconds=1),
        exposure=True,
    )


def delivery(id_: ActivationId, account: AccountId = ALICE) -> Ending:
    return ending(
        id_,
        account,
        source=State.RECEIVED,
        outcome=State.DELIVERED,
        provider_state=ProviderState.FINISHING,
        reason="code",
        act_after=timedelta(0),
    )


@dataclass(frozen=True)
class Shop:
    """Customers and rented numbers; `admin` is a superuser, for looking and for sabotage."""

    store: PostgresStore
    admin: asyncpg.Connection
    url: str

    async def open(self, account: AccountId = ALICE, amount_minor: int = 100_000) -> None:
        await self.store.books.open_account(account, "USD")
        if amount_minor:
            await self.store.books.top_up(account, "first", amount_minor)

    async def rent(self, ref: str = "1", **other: Any) -> ActivationId:
        now = other.pop("now", RENTED)
        (result,) = await self.store.activations.accept([intake(ref, **other)], now=now)
        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        return result.activation.id

    async def rent_many(self, count: int, **other: Any) -> list[ActivationId]:
        intakes = [intake(f"{number:05}", **other) for number in range(count)]
        results = await self.store.activations.accept(intakes, now=RENTED)
        return [result.activation.id for result in results if result.activation is not None]

    async def code(self, ref: str, code: str, now: datetime) -> RecordedCode:
        (recorded,) = await self.store.activations.record_codes([sms(ref, code)], now=now)
        return recorded

    async def expire(self, now: datetime = DEADLINE + TICK, limit: int = 10_000) -> list[DueNumber]:
        return await self.store.settlements.lease_cancels(SIM, limit, LEASE, now=now)

    async def refund(
        self, id_: ActivationId, now: datetime = DEADLINE + TICK, **other: Any
    ) -> Settlements:
        return await self.store.settlements.settle([ending(id_, **other)], now=now)

    async def state(self, id_: ActivationId) -> State:
        return (await self.number(id_)).state

    async def number(self, id_: ActivationId) -> Activation:
        found = await self.store.activations.activation(id_)
        assert found is not None
        return found

    async def money(self, account: AccountId = ALICE) -> tuple[int, int]:
        """(available, held)"""
        found = await self.store.books.account(account)
        assert found is not None
        return found.available_minor, found.held_minor

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.admin.fetch(sql, *arguments)]

    async def one(self, sql: str, *arguments: object) -> Any:
        return await self.admin.fetchval(sql, *arguments)


def sms(ref: str, code: str, text: str | None = None) -> SeenSms:
    return SeenSms(SIM, ProviderRef(ref), code, text)


def external(ref: str, **other: Any) -> CompleteIntake:
    return intake(ref, charge=Charge.EXTERNAL, **other)
