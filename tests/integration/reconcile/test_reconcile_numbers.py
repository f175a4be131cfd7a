"""What the provider lists as active and we hold for given back is pursued again, once."""

from typing import Any

from tests.integration.reconcile.business import COST, Business, business
from tests.integration.store.shop import SIM, Shop
from worker.domain.ids import ActivationId, ProviderRef
from worker.simulator.server import utc_now
from worker.simulator.tariff import BuyerOrder


async def believed(at_work: Business, **known: Any) -> tuple[ActivationId, ProviderRef]:
    """Long ago the provider said that it took the number back, and it did not."""
    id_, ref = await at_work.rent(**known)
    await at_work.believe_given_back(id_)
    await at_work.time_passes()
    return id_, ref


async def test_a_number_that_is_still_listed_is_cancelled_after_all(at_work: Business) -> None:
    id_, ref = await believed(at_work)

    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.provider_state(id_) == "cancelling"
    assert await at_work.exposure() == [(COST, "open")]
    assert await at_work.pursue.tick(at_work.provider) == 1
    assert await at_work.provider_state(id_) == "cancelled"
    assert await at_work.exposure() == [(COST, "resolved")]
    assert not at_work.number(ref).live
    assert at_work.reporter.troubles == ["provider.lists_ended"]


async def test_one_that_earned_its_price_meanwhile_is_a_loss(at_work: Business) -> None:
    id_, ref = await believed(at_work)
    at_work.receive(ref)

    await at_work.reconcile.tick(at_work.provider)
    await at_work.pursue.tick(at_work.provider)

    assert await at_work.provider_state(id_) == "charged"
    assert await at_work.exposure() == [(COST, "loss")]
    number = await at_work.shop.number(id_)
    assert (number.state.value, number.codes) == ("refunded", ()), "shown to nobody"


async def test_listed_for_the_second_time_it_is_a_matter_for_a_person(at_work: Business) -> None:
    id_, ref = await believed(at_work)
    await at_work.reconcile.tick(at_work.provider)
    await at_work.shop.admin.execute(
        "UPDATE activation SET provider_state = 'cancelled', pursue_at = NULL"
    )
    await at_work.time_passes()

    await at_work.reconcile.tick(at_work.provider)
    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.provider_state(id_) == "disputed"
    assert await at_work.exposure() == [(COST, "open")]
    assert await at_work.pursue.tick(at_work.provider) == 0
    assert at_work.number(ref).live, "nobody cancels what is disputed"
    told = at_work.reporter.troubles
    assert [one for one in told if one != "provider.balance_differs"] == [
        "provider.lists_ended",
        "provider.disputed",
    ]


async def test_a_list_may_lag_behind_a_cancel(at_work: Business) -> None:
    id_, _ = await at_work.rent()
    await at_work.believe_given_back(id_)

    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.provider_state(id_) == "cancelled"


async def test_the_ref_of_another_phone_is_another_number(at_work: Business) -> None:
    id_, _ = await believed(at_work, phone="15550009999")

    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.provider_state(id_) == "cancelled"


async def test_only_the_newest_rental_of_a_ref_is_meant(at_work: Business) -> None:
    old, ref = await believed(at_work)
    new, _ = await at_work.rent(ref)
    await at_work.time_passes()

    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.provider_state(old) == "cancelled"
    assert await at_work.provider_state(new) == "open"


async def test_a_number_of_nobody_is_told_and_left_alone(at_work: Business) -> None:
    order = BuyerOrder(service="timeout", country="0")
    (number,) = at_work.simulator.engine.rent_many(order, None, 1, utc_now())

    assert await at_work.reconcile.tick(at_work.provider) == 1

    assert number.live
    assert at_work.reporter.of("trouble") == [("provider.unknown_numbers", SIM, "1")]
    assert await at_work.reconcile.unknown_numbers(at_work.provider) == [str(number.id)]


async def test_looking_at_unknown_numbers_changes_nothing(at_work: Business) -> None:
    id_, _ = await believed(at_work)

    assert await at_work.reconcile.unknown_numbers(at_work.provider) == []

    assert await at_work.provider_state(id_) == "cancelled"


async def test_a_finished_number_that_a_list_still_shows_is_not_active(shop: Shop) -> None:
    async with business(shop, family="fivesim") as at_work:
        order = BuyerOrder(service="timeout", country="0")
        (number,) = at_work.simulator.engine.rent_many(order, None, 1, utc_now())
        at_work.receive(ProviderRef(str(number.id)))
        at_work.simulator.engine.finish(number, utc_now())
        (listed,) = (await at_work.provider.list_active(0)).rows

        assert listed.ref == str(number.id)
        assert await at_work.reconcile.unknown_numbers(at_work.provider) == []


async def test_a_provider_without_a_list_is_only_asked_for_its_balance(shop: Shop) -> None:
    async with business(shop, dialect="smsbower") as at_work:
        id_, _ = await believed(at_work)

        assert await at_work.reconcile.tick(at_work.provider) == 0

        assert await at_work.provider_state(id_) == "cancelled"
        assert [one[1] for one in at_work.reporter.of("request")] == ["rent", "balance"]


async def test_a_list_that_fails_halfway_ends_the_comparison(at_work: Business) -> None:
    id_, _ = await believed(at_work)
    at_work.fails()

    assert await at_work.reconcile.tick(at_work.provider) == 0

    assert await at_work.provider_state(id_) == "cancelled"
