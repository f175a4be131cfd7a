"""A long rental that the provider refused costs nothing, whatever the database does meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import HOUR, MONDAY, CaseShop
from tests.integration.cases.case_shop import PRICE as NUMBER_PRICE
from tests.integration.cases.rental_order import order
from tests.integration.cases.test_rental_orders import LOST, prolongation, rented, renter
from tests.integration.store.failing import Failing
from tests.integration.store.shop import SIM, TICK
from tests.unit.http.caller import Described
from tests.unit.lifecycle.scripted import terms
from worker.adapters.store.rental_orders import FORGOTTEN_AFTER
from worker.domain.activation import ProviderState, State
from worker.domain.backoff import KEEP_BOUGHT
from worker.lifecycle import kept_answers
from worker.lifecycle.kept_answers import KeptAnswers
from worker.lifecycle.rent_long import RentLong
from worker.ports.errors import CommitUnknown, RowLocked, StoreError, StoreUnavailable
from worker.ports.long_rental import NoProlong, NotProlonged, Prolonged
from worker.ports.provider import NoRent
from worker.ports.store.rentals import RentalOrderState


def failing(shop: CaseShop, call: str, **more: Any) -> RentLong:
    cases, purchases = (
        cast("Any", Failing(inner, call, **more))
        for inner in (shop.store.cases, shop.store.purchases)
    )
    return replace(renter(shop), cases=cases, purchases=purchases, answers=KeptAnswers())


@pytest.mark.parametrize("error", [StoreUnavailable(), RowLocked(), CommitUnknown()], ids=repr)
async def test_a_refused_order_gives_its_hold_back_once_the_database_works_again(
    shop: CaseShop, error: StoreError
) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [NoRent.NO_NUMBERS]

    result = await failing(shop, "rental_order_failed", times=5, error=error)(order(shop))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "no_numbers")
    assert await shop.balances() == (1500, 0)


async def test_a_refused_prolongation_gives_its_hold_back_once_the_database_works_again(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [NotProlonged(NoProlong.NOT_POSSIBLE)]

    await failing(shop, "rental_order_failed", times=5)(prolongation(shop, rental))

    assert await shop.balances() == (500, 0)


async def test_an_order_whose_provider_was_not_asked_for_want_of_the_database_costs_nothing(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)

    result = await failing(shop, "drained")(order(shop))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "provider_unavailable")
    assert shop.provider_rentals.requests == []
    assert await shop.balances() == (1500, 0)


async def test_a_prolongation_whose_rental_cannot_be_read_is_not_asked_for_and_costs_nothing(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)

    result = await failing(shop, "rental_of")(prolongation(shop, rental))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "provider_unavailable")
    assert [name for name, _ in shop.provider_rentals.requests] == ["open"]
    assert await shop.balances() == (500, 0)


async def test_a_refusal_that_is_stored_after_the_order_was_in_doubt_gives_the_hold_back(
    shop: CaseShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller waits no longer than PATIENCE; the order is in doubt after a minute."""
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [NoRent.NO_NUMBERS]
    monkeypatch.setattr(kept_answers, "PATIENCE", 0 * TICK)
    back = asyncio.Event()

    async def sleep_until_back(_seconds: float) -> None:
        await back.wait()

    renting = failing(shop, "rental_order_failed")
    renting = replace(renting, retry=replace(cast("Any", renting.retry), sleep=sleep_until_back))
    with pytest.raises(StoreError):
        await renting(order(shop))
    await shop.fire_due_timers(MONDAY + FORGOTTEN_AFTER + TICK)
    assert await shop.event_types(order(shop).id) == ["rental.unknown"]
    assert await shop.balances() == (500, 1000)

    back.set()
    await asyncio.gather(*renting.answers._storing)

    assert await shop.balances() == (1500, 0)
    again = await renter(shop)(order(shop))
    assert (again.state, again.failure) == (RentalOrderState.FAILED, "no_numbers")


async def test_a_refusal_is_told_when_the_process_ends_before_it_is_stored(
    shop: CaseShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [NoRent.NO_NUMBERS]
    monkeypatch.setattr(kept_answers, "PATIENCE", 0 * TICK)
    renting = failing(shop, "rental_order_failed", times=1000)
    renting = replace(renting, retry=replace(cast("Any", renting.retry), sleep=_for_ever))
    with pytest.raises(StoreError):
        await renting(order(shop))
    (keeping,) = renting.answers._storing

    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    assert shop.reporter.troubles == ["rental.refused_and_held"]


async def _for_ever(_seconds: float) -> None:
    await asyncio.Event().wait()


async def test_a_refusal_that_cannot_be_stored_at_all_is_told(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [NoRent.NO_NUMBERS]
    attempts = KEEP_BOUGHT.attempts
    assert attempts is not None

    with pytest.raises(StoreError):
        await failing(shop, "rental_order_failed", times=attempts)(order(shop))

    assert "rental.refused_and_held" in shop.reporter.troubles


async def test_an_order_in_doubt_keeps_its_hold(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [LOST]

    await failing(shop, "rental_order_failed")(order(shop))

    assert await shop.balances() == (500, 1000)


async def test_an_order_at_a_provider_that_staff_has_stopped_costs_nothing(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    await shop.store.purchases.drain(SIM)

    result = await renter(shop)(order(shop))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "provider_unavailable")
    assert shop.provider_rentals.requests == []
    assert await shop.balances() == (1500, 0)


def halting(shop: CaseShop) -> RentLong:
    """Its provider may keep no more than the price of one number."""
    return replace(renter(shop), terms={SIM: terms(exposure_limit_minor=NUMBER_PRICE)})


async def credited_too_early(shop: CaseShop) -> None:
    number = await shop.rent_number("P2")
    await shop.end_activation(
        number,
        State.REFUNDED,
        provider_state=ProviderState.CANCELLING,
        act_after=HOUR,
        exposure=True,
    )


async def test_an_order_at_a_provider_that_may_keep_too_much_of_our_money_costs_nothing(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(amount_minor=1500)
    await credited_too_early(shop)

    result = await halting(shop)(order(shop))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "exposure_limit")
    async with case_api(shop, described, rent_long=halting(shop)) as api:
        body = {"account": "alice", "provider": "sim", "service": "any", "country": "1"}
        key = {"Idempotency-Key": "second"}
        reply = await api.post(
            "/v1/rentals", {**body, "hours": 24, "price_minor": 1000}, headers=key
        )
    assert (reply.status, reply.slug) == (503, "exposure-limit")
    assert shop.provider_rentals.requests == []
    assert await shop.balances() == (1500, 0)


async def test_a_rental_is_prolonged_there_nevertheless(shop: CaseShop) -> None:
    """Its customer would lose the number."""
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    await credited_too_early(shop)
    shop.provider_rentals.prolongs = [Prolonged()]

    result = await halting(shop)(prolongation(shop, rental))

    assert result.state is RentalOrderState.DONE
    assert await shop.balances() == (100, 0)


async def test_an_order_that_is_cut_off_before_its_provider_was_asked_costs_nothing(
    shop: CaseShop,
) -> None:
    """As the process ends: it waits for its turn among the provider's requests."""
    await shop.open_account(amount_minor=1500)
    waits = asyncio.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    renting = replace(renter(shop), wait_for_budget={SIM: wait}, answers=KeptAnswers())
    ordering = asyncio.ensure_future(renting(order(shop)))
    await waits.wait()

    ordering.cancel()
    await asyncio.gather(ordering, return_exceptions=True)
    await renting.answers.close()

    assert shop.provider_rentals.requests == []
    assert await shop.balances() == (1500, 0)


async def test_an_order_that_is_cut_off_as_it_begins_costs_nothing(shop: CaseShop) -> None:
    """Its hold is committed, and nobody asks the provider."""
    await shop.open_account(amount_minor=1500)
    begins, go_on = asyncio.Event(), asyncio.Event()

    class Held(Failing):
        async def begin_rental_order(self, *arguments: Any) -> Any:
            began = await self.inner.begin_rental_order(*arguments)
            begins.set()
            await go_on.wait()
            return began

    cases = cast("Any", Held(shop.store.cases, "nothing"))
    renting = replace(renter(shop), cases=cases, answers=KeptAnswers())
    ordering = asyncio.ensure_future(renting(order(shop)))
    await begins.wait()

    ordering.cancel()
    await asyncio.gather(ordering, return_exceptions=True)
    go_on.set()
    await renting.answers.close()

    assert shop.provider_rentals.requests == []
    assert await shop.balances() == (1500, 0)


async def test_a_prolongation_with_a_price_limit_is_refused_as_no_provider_takes_one(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [Prolonged()]

    result = await renter(shop)(replace(prolongation(shop, rental), max_cost_minor=100))

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "price_above_max")
    assert [call for call, _ in shop.provider_rentals.requests] == ["open"]
    assert await shop.balances() == (500, 0)
