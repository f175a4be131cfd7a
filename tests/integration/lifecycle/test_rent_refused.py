"""A purchase that its provider refused costs nothing, whatever the database does meanwhile."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.integration.lifecycle.world import (
    ALICE,
    GRACE,
    SECOND,
    WINDOW,
    World,
    order,
    retrying,
)
from tests.integration.store.failing import Failing
from worker.domain.activation import ProviderState, State
from worker.domain.backoff import KEEP_BOUGHT
from worker.domain.ids import ProviderRef, purchase_id
from worker.lifecycle import kept_answers, rent
from worker.lifecycle.adopt import ANSWER_WITHIN
from worker.lifecycle.kept_answers import KeptAnswers
from worker.lifecycle.rent import Rent
from worker.ports.errors import CommitUnknown, RowLocked, StoreError, StoreUnavailable
from worker.ports.provider import NoRent, Rented
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation

ALL = 100_000
ID = purchase_id(ALICE, "order-1")


def failing(world: World, call: str = "purchase_failed", **more: Any) -> Rent:
    purchases = Failing(world.store.purchases, call, **more)
    return replace(
        world.rent, purchases=purchases, retry=retrying(world.clock), answers=KeptAnswers()
    )


@pytest.fixture
def refusing(world: World) -> World:
    world.provider.will("rent", NoRent.NO_NUMBERS)
    return world


@dataclass
class Kept:
    """A refusal whose caller has gone; its store is away until `go`."""

    renting: Rent
    back: asyncio.Event

    async def go(self) -> None:
        self.back.set()
        await asyncio.gather(*self.renting.answers._storing)


@pytest.fixture
def policy() -> str | None:
    """That of the order: the default, where a test names no other."""
    return None


@pytest.fixture
async def kept(refusing: World, policy: str | None, monkeypatch: pytest.MonkeyPatch) -> Kept:
    back = asyncio.Event()

    async def sleep_until_back(_seconds: float) -> None:
        await back.wait()

    monkeypatch.setattr(kept_answers, "PATIENCE", 0 * SECOND)
    renting = failing(refusing)
    renting = replace(renting, retry=retrying(replace(refusing.clock, sleep=sleep_until_back)))
    with pytest.raises(StoreError):
        await renting(order(policy=policy))
    return Kept(renting, back)


async def found_forgotten(world: World) -> Activation:
    """Repair takes it for unknown."""
    await world.admin.execute(
        "UPDATE purchase SET asked_at = asked_at - $1::interval", ANSWER_WITHIN + SECOND
    )
    await world.repair.tick(world.provider)
    number = await world.store.activations.activation(ID)
    assert number is not None
    return number


async def disputes(world: World) -> int:
    counted: int = await world.one("SELECT count(*) FROM provider_dispute WHERE ended_at IS NULL")
    return counted


@pytest.mark.parametrize("error", [StoreUnavailable(), RowLocked(), CommitUnknown()], ids=repr)
async def test_its_hold_is_given_back_once_the_database_works_again(
    refusing: World, error: StoreError
) -> None:
    result = await failing(refusing, times=5, error=error)(order())

    assert result.how is PurchaseOutcome.NO_NUMBERS
    assert result.activation is not None
    assert (result.activation.state, result.activation.id) == (State.REFUNDED, ID)
    assert await refusing.money() == (ALL, 0)


@pytest.mark.parametrize("call", ["drained", "exposure_by_currency"])
async def test_a_provider_that_was_not_asked_for_want_of_the_database_sold_nothing(
    refusing: World, call: str
) -> None:
    result = await failing(refusing, call)(order())

    assert result.how is PurchaseOutcome.PROVIDER_UNAVAILABLE
    assert refusing.provider.asked("rent") == []
    assert await refusing.money() == (ALL, 0)


async def test_who_does_not_wait_any_longer_has_the_answer_under_the_same_key(
    refusing: World, kept: Kept
) -> None:
    assert await refusing.money() == (ALL - 25, 25)

    await kept.go()
    again = await refusing.rent(order())

    assert again.how is PurchaseOutcome.NO_NUMBERS
    assert await refusing.money() == (ALL, 0)
    assert len(refusing.provider.asked("rent")) == 1


async def test_one_that_repair_found_forgotten_meanwhile_is_ended_as_unsold(
    refusing: World, kept: Kept
) -> None:
    assert (await found_forgotten(refusing)).state is State.WAITING

    await kept.go()

    number = await refusing.store.activations.activation(ID)
    assert number is not None
    assert (number.state, number.provider_state) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await refusing.money() == (ALL, 0)
    assert await refusing.exposure() == []
    assert (await refusing.rent(order())).how is PurchaseOutcome.PENDING
    assert await refusing.store.purchases.purchases_in_doubt(refusing.provider.name, WINDOW) == []


@pytest.mark.parametrize("policy", [None, "P1", "P4"])
async def test_the_exposure_and_the_dispute_of_one_that_was_credited_meanwhile_end(
    refusing: World, kept: Kept
) -> None:
    number = await found_forgotten(refusing)
    await refusing.age(number, WINDOW + SECOND)
    await refusing.sweep.tick()
    await refusing.age(number, GRACE + SECOND)
    await refusing.sweep.tick()
    await refusing.forget_leases()
    await refusing.pursue.tick(refusing.provider)
    assert await refusing.exposure() == [(25, "open")]
    assert await disputes(refusing) == 1

    await kept.go()

    assert await refusing.exposure() == [(25, "resolved")]
    assert await disputes(refusing) == 0
    assert (await refusing.ended(number)) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await refusing.money() == (ALL, 0)


async def test_a_number_that_it_was_given_meanwhile_stays(refusing: World, kept: Kept) -> None:
    """Its provider sold this one to somebody; the purchase is no longer ours to end."""
    await found_forgotten(refusing)
    sold = rent.bought(Rented(ProviderRef("77"), "15550077"), refusing.now())
    await refusing.store.purchases.purchase_bought(ID, sold, 0 * SECOND)

    await kept.go()

    number = await refusing.store.activations.activation(ID)
    assert number is not None
    assert (number.state, number.ref) == (State.WAITING, "77")


async def test_a_refusal_that_repair_came_before_is_answered_as_in_doubt(refusing: World) -> None:
    """As its repeat will be: no other provider is asked."""

    async def found_meanwhile(_request: object) -> NoRent:
        await found_forgotten(refusing)
        return NoRent.NO_NUMBERS

    refusing.provider._answers.clear()
    refusing.provider.will("rent", found_meanwhile)

    result = await refusing.rent(order())

    assert result.how is PurchaseOutcome.PENDING
    assert result.activation is not None
    assert result.activation.state is State.REFUNDED
    assert await refusing.money() == (ALL, 0)


async def test_a_refusal_that_cannot_be_stored_at_all_is_told(refusing: World) -> None:
    attempts = KEEP_BOUGHT.attempts
    assert attempts is not None

    with pytest.raises(StoreError):
        await failing(refusing, times=attempts)(order())

    assert refusing.reporter.troubles == ["rent.refused_and_held"]
