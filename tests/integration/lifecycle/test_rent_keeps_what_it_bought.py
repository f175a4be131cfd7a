"""A number that is bought is kept, whatever the database does: nobody else knows its ref."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.whole import ALICE, PRICE, SIM, WINDOW, World, order
from worker.domain.ids import ProviderRef, purchase_id
from worker.lifecycle import rent
from worker.lifecycle.rent import Rent
from worker.ports.desk import Ordered
from worker.ports.errors import CommitUnknown, StoreError, StoreUnavailable
from worker.ports.provider import Rented
from worker.ports.purchases import Bought
from worker.ports.store import Activation

RENTED = Rented(ProviderRef("77"), "15550077", cost_minor=20, currency="USD")
ALL = 100_000
LATE = timedelta(minutes=3)


@dataclass
class Failing:
    """The real store, except that it cannot keep a bought number so many times."""

    inner: Any
    times: int
    committed: bool = False  #: The statement runs all the same; only its answer is lost.

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def purchase_bought(
        self, id_: Any, bought: Bought, min_age: timedelta
    ) -> Activation | None:
        if self.times > 0:
            self.times -= 1
            if self.committed:
                await self.inner.purchase_bought(id_, bought, min_age)
                raise CommitUnknown
            raise StoreUnavailable
        kept: Activation | None = await self.inner.purchase_bought(id_, bought, min_age)
        return kept


@pytest.fixture
def renting(world: World) -> World:
    world.provider.will("rent", RENTED)
    return world


def with_store(world: World, store: Failing, **clock: Any) -> Rent:
    accept = replace(world.accept, clock=replace(world.clock, **clock))
    return replace(world.rent, store=store, accept=accept, _keeping=set())


@pytest.mark.parametrize("committed", [False, True])
async def test_it_is_stored_as_soon_as_the_database_is_back(
    renting: World, *, committed: bool
) -> None:
    store = Failing(renting.store, times=5, committed=committed)

    result = await with_store(renting, store)(order())

    assert result.how is Ordered.RENTED
    assert result.activation is not None
    assert result.activation.ref == "77"
    assert len(renting.provider.asked("rent")) == 1
    assert await renting.money() == (ALL - PRICE, PRICE)
    assert await renting.schedule.size(SIM) == 1


async def test_who_does_not_wait_any_longer_finds_it_under_the_same_key(
    renting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rent, "PATIENCE", timedelta(0))
    renting_slowly = with_store(renting, Failing(renting.store, times=1))
    monkeypatch.setattr(Rent, "_pay", _paid)

    with pytest.raises(StoreError):
        await renting_slowly(order())
    result = await renting_slowly(order())

    assert result.how is Ordered.SAME
    assert result.activation is not None
    assert result.activation.ref == "77"
    assert len(renting.provider.asked("rent")) == 1


async def _paid(*_: object) -> None:
    """PATIENCE is also what a turn is waited for."""


async def test_a_database_that_stays_away_is_not_asked_for_ever(renting: World) -> None:
    store = Failing(renting.store, times=10_000)

    with pytest.raises(StoreError):
        await with_store(renting, store)(order())

    assert 10_000 - store.times == rent.KEEP_ATTEMPTS
    assert renting.reporter.troubles == ["rent.number_lost"]


async def test_what_is_stored_late_was_rented_when_it_was_sold(renting: World) -> None:
    """The database's clock counts; this host's is an hour off."""
    renting.skew = timedelta(hours=1)
    times = iter([0.0, 0.0])
    id_ = purchase_id(ALICE, "order-1")

    async def aged(_seconds: float) -> None:
        await renting.admin.execute("UPDATE purchase SET asked_at = now() - $1::interval", LATE)

    def monotonic() -> float:
        return next(times, LATE.total_seconds())

    store = Failing(renting.store, times=1)
    buying = with_store(renting, store, sleep=aged, monotonic=monotonic)
    sold = rent.bought(replace(RENTED, expires_in=timedelta(minutes=5)))
    await renting.store.begin_purchase(id_, order(), "default", "1", WINDOW)

    kept = await buying._keep(order(), sold)

    assert kept is not None
    late = await renting.one("SELECT now() - rented_at FROM activation")
    assert timedelta(0) <= late - LATE < timedelta(seconds=30)
    assert kept.deadline_at - kept.rented_at == timedelta(minutes=5)
