"""A provider sells a ref again: nothing that is owed about the old number reaches the new one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.world import (
    GRACE,
    SECOND,
    SIM,
    WINDOW,
    World,
    handed_over,
    live,
    order,
    utc_now,
)
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.lease_fence import CONFIRMED_FOR
from worker.ports.provider import CodesArrived, Ended, PastNumber, Rented, Sms
from worker.ports.service import ActionOutcome, PurchaseOutcome
from worker.ports.store.activations import AcceptOutcome, Activation

NEW_PHONE = "15559999"
LIVES = (State.WAITING, ProviderState.OPEN)


async def credited(world: World, ref: str = "1") -> Activation:
    """Its customer has the price back, and its cancel is still owed."""
    old = await world.take_forgotten(ref)
    await world.sweep.tick()
    await world.forget_leases()
    assert await world.ended(old) == (State.REFUNDED, ProviderState.CANCELLING)
    return old


async def delivered(world: World, ref: str = "1") -> Activation:
    """Its window is over with a code, and its finish is still owed."""
    old = await world.take(ref, WINDOW - SECOND)
    await world.record(ref, "1111")
    await world.age(old, 2 * SECOND)
    await world.sweep.tick()
    assert await world.ended(old) == (State.DELIVERED, ProviderState.FINISHING)
    return old


async def sold_again(world: World, ref: str = "1") -> Activation:
    return await world.take(ref, phone=NEW_PHONE)


def meanwhile(world: World, answer: object, happens: Callable[[], Awaitable[Any]]) -> Any:
    """A provider's answer that takes longer than a lease counts unasked."""

    async def answered(_: object) -> object:
        await happens()
        world.elapsed += 2 * CONFIRMED_FOR.total_seconds()
        return answer

    return answered


async def test_a_cancel_that_is_owed_is_not_sent_to_the_new_rental(world: World) -> None:
    old = await credited(world)
    new = await sold_again(world)

    assert await world.pursue.tick(world.provider) == 1

    assert world.provider.calls == []
    assert await world.ended(new) == LIVES
    assert await world.ended(old) == (State.REFUNDED, ProviderState.GONE)
    assert await world.exposure() == [(25, "open")], "nobody said that the old price came back"
    assert world.reporter.troubles[-1] == "provider.ref_sold_again"
    assert await world.pursue.tick(world.provider) == 0, "nothing is owed any more"


async def test_a_finish_that_is_owed_is_not_sent_to_the_new_rental(world: World) -> None:
    old = await delivered(world)
    new = await sold_again(world)

    await world.pursue.tick(world.provider)

    assert world.provider.calls == []
    assert await world.ended(new) == LIVES
    assert await world.ended(old) == (State.DELIVERED, ProviderState.FINISHED)


@pytest.mark.parametrize(
    ("fate", "ended", "exposure"),
    [
        (PriceFate.GIVEN_BACK, ProviderState.CANCELLED, "resolved"),
        (PriceFate.KEPT, ProviderState.CHARGED, "loss"),
    ],
)
async def test_the_history_tells_what_became_of_the_old_number(
    world: World, fate: PriceFate, ended: ProviderState, exposure: str
) -> None:
    old = await credited(world)
    new = await sold_again(world)
    await world.pursue.tick(world.provider)
    rows = [
        PastNumber(ref=ProviderRef("1"), fate=fate, phone="15550001"),
        PastNumber(ref=ProviderRef("1"), fate=PriceFate.NOT_YET, phone=NEW_PHONE),
    ]

    await world.store.purchases.compare_history(SIM, rows, ended_for=timedelta(0))

    assert await world.ended(old) == (State.REFUNDED, ended)
    assert await world.exposure() == [(25, exposure)]
    assert await world.ended(new) == LIVES


async def test_the_next_number_of_the_ref_is_given_back_as_ever(world: World) -> None:
    await credited(world)
    new = await sold_again(world)
    await world.age(new, WINDOW + SECOND)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert await world.ended(new) == (State.REFUNDED, ProviderState.CANCELLED)
    assert world.provider.asked("cancel") == ["1"]


@pytest.mark.parametrize(
    ("rented", "phone"), [(timedelta(0), NEW_PHONE), (timedelta(0), "15550001"), (None, NEW_PHONE)]
)
async def test_one_that_is_handed_over_within_the_grace_ends_the_old_number(
    world: World, rented: timedelta | None, phone: str
) -> None:
    old = await world.take_expired()
    rented_at = None if rented is None else utc_now() - rented

    (result,) = await world.service.accept([handed_over(phone=phone, rented_at=rented_at)])

    assert result.how is AcceptOutcome.NEW
    assert result.activation is not None
    assert await world.ended(result.activation) == LIVES
    assert (await world.number(old)).state is State.REFUNDED
    assert await world.exposure() == [(25, "open")]
    await world.forget_leases()
    await world.end_all()
    await world.pursue.tick(world.provider)
    assert world.provider.calls == []
    assert await world.ended(old) == (State.REFUNDED, ProviderState.GONE)


@pytest.mark.parametrize(
    ("age", "rented", "phone"),
    [
        (WINDOW + SECOND, WINDOW + 2 * SECOND, NEW_PHONE),
        (WINDOW + SECOND, 2 * SECOND, "15550001"),
        (WINDOW + SECOND, None, "15550001"),
        (WINDOW - timedelta(minutes=1), timedelta(0), NEW_PHONE),
    ],
    ids=["rented before", "the same phone before its deadline", "the same phone", "it still lives"],
)
async def test_one_that_may_be_the_old_number_is_refused(
    world: World, age: timedelta, rented: timedelta | None, phone: str
) -> None:
    old = await world.take(age=age)
    rented_at = None if rented is None else utc_now() - rented
    number = handed_over(phone=phone, rented_at=rented_at, price_minor=26)

    (result,) = await world.service.accept([number])

    assert result.how is AcceptOutcome.OTHER_CONTENT
    assert (await world.number(old)).state in {State.WAITING, State.EXPIRING}


async def test_a_purchase_of_a_used_ref_is_the_new_customers(world: World) -> None:
    old = await credited(world)
    world.provider.will("rent", Rented(ProviderRef("1"), NEW_PHONE))

    result = await world.service.rent(order())
    await world.pursue.tick(world.provider)

    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert await world.ended(result.activation) == LIVES
    assert await world.ended(old) == (State.REFUNDED, ProviderState.GONE)
    assert world.provider.asked("cancel") == []


async def test_a_purchase_of_a_used_ref_ends_the_old_number_that_waits_for_the_grace(
    world: World,
) -> None:
    old = await world.take_expired()
    world.provider.will("rent", Rented(ProviderRef("1"), NEW_PHONE))

    result = await world.service.rent(order())

    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert result.activation.ref == "1"
    assert await world.ended(result.activation) == LIVES
    assert (await world.number(old)).state is State.REFUNDED
    assert await world.schedule.size(SIM) >= 1


async def test_a_purchase_of_a_ref_that_lives_stays_in_doubt(world: World) -> None:
    old = await world.take(age=SECOND)
    world.provider.will("rent", Rented(ProviderRef("1"), NEW_PHONE))

    result = await world.service.rent(order())

    assert result.how is PurchaseOutcome.PENDING
    assert await world.ended(old) == LIVES
    assert "rent.number_taken" in world.reporter.troubles


@pytest.mark.parametrize("owed", [credited, delivered])
async def test_what_waits_in_a_batch_is_not_sent_once_the_ref_is_sold_again(
    world: World, owed: Callable[[World, str], Awaitable[Activation]]
) -> None:
    world.their_terms = terms(max_in_flight=2)  # A pursuit may have half of it.
    for ref in ("1", "2"):
        await owed(world, ref)
    new: list[Activation] = []

    async def sell() -> None:
        sent = {*world.provider.asked("cancel"), *world.provider.asked("finish")}
        (ref,) = {"1", "2"} - sent
        new.append(await sold_again(world, ref))

    for operation, answer in (
        ("cancel", Ended(PriceFate.GIVEN_BACK)),
        ("finish", Ended(PriceFate.KEPT)),
    ):
        world.provider.will(operation, meanwhile(world, answer, sell))

    await world.pursue.tick(world.provider)

    assert len(world.provider.calls) == 1
    assert await world.ended(new[0]) == LIVES


async def test_an_expiry_that_waits_in_a_batch_is_not_sent_once_the_ref_is_sold_again(
    world: World,
) -> None:
    world.their_terms = terms(max_in_flight=1)
    olds = [await world.take_expired(ref) for ref in ("1", "2")]
    new: list[Activation] = []

    async def sell() -> None:
        (ref,) = {"1", "2"} - set(world.provider.asked("cancel"))
        await world.admin.execute(
            "UPDATE activation SET rented_at = rented_at - $1::interval,"
            " deadline_at = deadline_at - $1::interval, ending_at = ending_at - $1::interval",
            GRACE + SECOND,
        )
        await world.sweep.tick()
        new.append(await sold_again(world, ref))

    world.provider.will("cancel", meanwhile(world, Ended(PriceFate.GIVEN_BACK), sell))

    await world.end_all()

    assert len(world.provider.asked("cancel")) == 1
    assert await world.ended(new[0]) == LIVES
    assert {(await world.number(old)).state for old in olds} == {State.REFUNDED}


async def test_the_old_customers_press_reaches_no_provider(world: World) -> None:
    old = await credited(world)
    new = await sold_again(world)

    assert (await world.service.cancel(old.id)).how is ActionOutcome.DONE

    assert world.provider.calls == []
    assert await world.ended(new) == LIVES


async def test_a_code_of_the_new_rental_is_shown_to_its_own_customer_alone(world: World) -> None:
    old = await credited(world)
    new = await sold_again(world)
    await world.record("1", "2222")

    assert (await world.number(old)).codes == ()
    assert [code.code for code in (await world.number(new)).codes] == ["2222"]


async def test_a_code_seen_before_the_ref_was_sold_again_is_not_the_new_customers(
    world: World,
) -> None:
    """The look at the old number was on its way while the ref was sold and handed over."""
    old = await world.take(age=WINDOW - timedelta(seconds=30))
    new: list[Activation] = []

    async def sell() -> None:
        await world.age(old, GRACE + timedelta(seconds=31))
        await world.sweep.tick()
        new.append(await sold_again(world))

    seen = CodesArrived((Sms("1111"),))
    world.provider.will("look", meanwhile(world, seen, sell))

    await world.look.once(world.provider, live(old), world.their_terms)

    assert (await world.number(new[0])).codes == ()
    assert (await world.number(old)).codes == ()
