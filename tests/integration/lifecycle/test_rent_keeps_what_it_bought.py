"""A number that is bought is kept, whatever the database does: nobody else knows its ref."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import (
    ALICE,
    GRACE,
    PRICE,
    SECOND,
    SIM,
    WINDOW,
    World,
    order,
    retrying,
    utc_now,
)
from worker.domain.activation import State
from worker.domain.backoff import KEEP_BOUGHT
from worker.domain.ids import ProviderRef, purchase_id
from worker.lifecycle import kept_answers, rent
from worker.lifecycle.kept_answers import KeptAnswers
from worker.lifecycle.rent import Rent
from worker.ports.errors import CommitUnknown, StoreError, StoreUnavailable
from worker.ports.provider import Rented
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import Bought

RENTED = Rented(ProviderRef("77"), "15550077", cost_minor=20, currency="USD")
ALL = 100_000
LATE = timedelta(minutes=3)


@dataclass
class Failing:
    """The real purchases, except that they cannot keep a bought number so many times."""

    inner: Any
    times: int
    committed: bool = False  #: The statement runs all the same; only its answer is lost.

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def purchase_bought(
        self, id_: Any, bought: Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        if self.times > 0:
            self.times -= 1
            if self.committed:
                await self.inner.purchase_bought(id_, bought, min_cancel_age)
                raise CommitUnknown
            raise StoreUnavailable
        kept: Activation | None = await self.inner.purchase_bought(id_, bought, min_cancel_age)
        return kept


@pytest.fixture
def renting(world: World) -> World:
    world.provider.will("rent", RENTED)
    return world


def with_purchases(world: World, purchases: Failing, **clock: Any) -> Rent:
    own = replace(world.clock, **clock)
    accept = replace(world.accept, clock=own)
    return replace(
        world.rent, purchases=purchases, accept=accept, retry=retrying(own), answers=KeptAnswers()
    )


@pytest.mark.parametrize("committed", [False, True])
async def test_it_is_stored_as_soon_as_the_database_is_back(
    renting: World, *, committed: bool
) -> None:
    purchases = Failing(renting.store.purchases, times=5, committed=committed)

    result = await with_purchases(renting, purchases)(order())

    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert result.activation.ref == "77"
    assert len(renting.provider.asked("rent")) == 1
    assert await renting.money() == (ALL - PRICE, PRICE)
    assert await renting.schedule.size(SIM) == 1


async def test_who_does_not_wait_any_longer_finds_it_under_the_same_key(
    renting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_answers, "PATIENCE", timedelta(0))
    renting_slowly = with_purchases(renting, Failing(renting.store.purchases, times=1))

    with pytest.raises(StoreError):
        await renting_slowly(order())
    result = await renting_slowly(order())

    assert result.how is PurchaseOutcome.SAME
    assert result.activation is not None
    assert result.activation.ref == "77"
    assert len(renting.provider.asked("rent")) == 1


async def test_a_database_that_stays_away_is_not_asked_for_ever(renting: World) -> None:
    purchases = Failing(renting.store.purchases, times=10_000)

    with pytest.raises(StoreError):
        await with_purchases(renting, purchases)(order())

    assert 10_000 - purchases.times == KEEP_BOUGHT.attempts
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

    purchases = Failing(renting.store.purchases, times=1)
    buying = with_purchases(renting, purchases, sleep=aged, monotonic=monotonic)
    sold = rent.bought(replace(RENTED, expires_in=timedelta(minutes=5)), utc_now())
    await renting.store.purchases.begin_purchase(id_, order(), "default", "1", WINDOW)

    kept = await buying._keep(order(), sold)

    assert kept is not None
    late = await renting.one("SELECT now() - rented_at FROM activation")
    assert timedelta(0) <= late - LATE < timedelta(seconds=30)
    assert kept.deadline_at - kept.rented_at == timedelta(minutes=5)


@pytest.mark.parametrize("over", [False, True], ids=["waiting", "credited"])
async def test_one_number_is_never_two_orders(renting: World, *, over: bool) -> None:
    """While it could not be stored it was an orphan on the list, and fitted another order."""
    await _lost_and_adopted(renting, "other", over=over)
    slow = with_purchases(renting, Failing(renting.store.purchases, times=1))

    result = await slow(order())

    assert result.how is PurchaseOutcome.PENDING
    assert result.activation is not None
    assert result.activation.ref is None
    assert await renting.one("SELECT count(*) FROM activation WHERE provider_ref = '77'") == 1
    assert "rent.number_taken" in renting.reporter.troubles


@pytest.mark.parametrize("state", ["asked", "unknown"])
async def test_an_orphan_given_to_two_orders_at_once_is_one_orders(
    world: World, state: str
) -> None:
    ids = [purchase_id(ALICE, key) for key in ("one", "other")]
    for key, id_ in zip(("one", "other"), ids, strict=True):
        await world.store.purchases.begin_purchase(id_, order(key), "default", "1", WINDOW)
        if state == "unknown":
            await world.store.purchases.purchase_unknown(id_)

    sold = rent.bought(RENTED, utc_now())
    kept = await asyncio.gather(
        *(world.store.purchases.purchase_bought(id_, sold, timedelta(0)) for id_ in ids)
    )

    refs = [one.ref for one in kept if one is not None]
    assert sorted(refs, key=str) == ["77", None]


async def test_what_is_bought_is_told_when_the_process_ends_before_it_is_stored(
    renting: World,
) -> None:
    refused = asyncio.Event()

    async def for_ever(_seconds: float) -> None:
        refused.set()
        await asyncio.Event().wait()

    slow = with_purchases(renting, Failing(renting.store.purchases, times=10), sleep=for_ever)
    caller = asyncio.ensure_future(slow(order()))
    await asyncio.wait_for(refused.wait(), 10)
    (keeping,) = slow.answers._storing
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert not keeping.done()  # Whoever called is gone; the number is not.
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    assert renting.reporter.troubles == ["rent.number_lost"]


async def _lost_and_adopted(world: World, key: str, *, over: bool) -> None:
    id_ = purchase_id(ALICE, key)
    version = POLICIES["default"].version
    await world.store.purchases.begin_purchase(id_, order(key), "default", version, WINDOW)
    number = await world.store.purchases.purchase_unknown(id_)
    assert number is not None
    if over:
        await world.age(number, WINDOW + GRACE + SECOND)
        await world.sweep.tick()
        assert (await world.number(number)).state is State.REFUNDED
    await world.store.purchases.purchase_bought(id_, rent.bought(RENTED, utc_now()), timedelta(0))
