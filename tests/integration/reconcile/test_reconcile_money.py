"""A provider's balance moves by what we bought and gave back; anything else is found, once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.reconcile.business import COST, Business, business
from tests.integration.store.shop import SIM, Shop, intake
from worker.domain.ids import ProviderName
from worker.ports.provider import Balance


async def test_buying_giving_back_and_keeping_explain_the_whole_balance(at_work: Business) -> None:
    for _ in range(3):
        rented = [await at_work.rent() for _ in range(4)]
        await at_work.reconcile.money(at_work.provider)
        await at_work.give_back(*rented[0])
        await at_work.deliver(*rented[1])
        assert await at_work.reconcile.money(at_work.provider) is None

    assert await at_work.differences() == []
    proven = await at_work.shop.rows("SELECT proven FROM provider_reading ORDER BY id")
    assert [row[0] for row in proven] == [False] + 5 * [True]


@pytest.mark.parametrize("moved", [-COST, 5_000])
async def test_money_that_moved_by_itself_is_recorded_and_told_once(
    at_work: Business, moved: int
) -> None:
    await at_work.reconcile.money(at_work.provider)
    await at_work.rent()
    at_work.pay_in(moved)

    for _ in range(3):
        await at_work.reconcile.tick(at_work.provider)

    # One number is alive, and its price may be rounded by one.
    (found,) = await at_work.differences()
    assert found in {moved, moved - 1}
    assert at_work.reporter.troubles == ["provider.balance_differs"]


async def test_a_number_that_was_never_given_back_is_missed_in_the_balance(
    at_work: Business,
) -> None:
    id_, _ = await at_work.rent()
    other, ref = await at_work.rent()
    await at_work.reconcile.money(at_work.provider)
    await at_work.believe_given_back(id_)
    await at_work.give_back(other, ref)

    found = await at_work.reconcile.money(at_work.provider)

    assert found is not None
    assert (found.amount_minor, found.currency) == (-COST + 2, "USD"), "two were alive before"
    assert found.since < found.at


async def test_a_purchase_that_is_under_way_is_not_missing_money(at_work: Business) -> None:
    await at_work.reconcile.money(at_work.provider)
    await at_work.begin_purchase()
    at_work.pay_in(-COST)

    assert await at_work.reconcile.money(at_work.provider) is None


async def test_a_number_of_unknown_cost_leaves_the_balance_unproven(at_work: Business) -> None:
    await at_work.reconcile.money(at_work.provider)
    id_, ref = await at_work.rent(cost_minor=None)
    at_work.pay_in(-7)

    assert await at_work.reconcile.money(at_work.provider) is None
    await at_work.give_back(id_, ref)
    assert await at_work.reconcile.money(at_work.provider) is None, "it was alive before"
    at_work.pay_in(-3)
    await at_work.reconcile.money(at_work.provider)

    assert await at_work.differences() == [-3], "given back, it does not matter what it cost"


async def test_a_balance_that_is_not_told_is_no_reading(at_work: Business) -> None:
    await at_work.reconcile.money(at_work.provider)
    at_work.fails()

    assert await at_work.reconcile.money(at_work.provider) is None

    assert await at_work.shop.one("SELECT count(*) FROM provider_reading") == 1


async def test_a_balance_in_another_currency_than_configured_is_told_and_left(
    at_work: Business,
) -> None:
    terms = {SIM: replace(at_work.reconcile.terms[SIM], currency="EUR")}

    await replace(at_work.reconcile, terms=terms).money(at_work.provider)

    assert at_work.reporter.troubles == ["provider.currency_differs"]
    assert await at_work.shop.one("SELECT count(*) FROM provider_reading") == 0


async def test_after_a_change_of_currency_the_readings_begin_anew(at_work: Business) -> None:
    before = await at_work.shop.store.purchases.count_provider(SIM, "EUR")
    await at_work.shop.store.purchases.keep_reading(SIM, Balance(500, "EUR"), before)

    assert await at_work.reconcile.money(at_work.provider) is None

    rows = await at_work.shop.rows("SELECT currency, proven FROM provider_reading ORDER BY id")
    assert rows == [("EUR", False), ("USD", False)]


async def test_of_two_daemons_reading_at_once_the_second_adds_nothing_wrong(
    at_work: Business,
) -> None:
    await at_work.reconcile.money(at_work.provider)
    await at_work.rent()
    at_work.pay_in(-500)

    await asyncio.gather(*(at_work.reconcile.money(at_work.provider) for _ in range(4)))

    assert len(await at_work.differences()) == 1


async def test_after_days_the_span_is_shortened_and_says_the_same(at_work: Business) -> None:
    kept = [await at_work.rent() for _ in range(3)]
    for one in kept[:2]:
        await at_work.give_back(*one)
    await at_work.deliver(*kept[2])
    await at_work.reconcile.money(at_work.provider)
    await at_work.shop.admin.execute(
        "UPDATE activation SET rented_at = rented_at - interval '3 days'"
    )
    await at_work.shop.admin.execute(
        "UPDATE provider_reading SET counted_from = now() - interval '5 days'"
    )

    assert await at_work.reconcile.money(at_work.provider) is None
    days = await at_work.shop.one(
        "SELECT extract(days FROM now() - counted_from) FROM provider_reading"
        " ORDER BY id DESC LIMIT 1"
    )
    assert days == 2
    assert await at_work.reconcile.money(at_work.provider) is None
    at_work.pay_in(-1)
    await at_work.reconcile.money(at_work.provider)
    assert await at_work.differences() == [-1]


async def test_what_other_providers_do_is_no_concern_of_this_one(shop: Shop) -> None:
    async with business(shop) as at_work:
        await at_work.reconcile.money(at_work.provider)
        elsewhere = {"provider": ProviderName("other"), "rented_at": None, "cost_minor": 99}
        await shop.store.activations.accept([intake("9", **elsewhere)])
        assert await at_work.reconcile.money(at_work.provider) is None


async def test_a_reading_of_a_span_that_another_daemon_has_left_behind_is_dropped(
    at_work: Business,
) -> None:
    store = at_work.shop.store
    await at_work.reconcile.money(at_work.provider)
    before = await store.purchases.count_provider(SIM, "USD")
    stale = replace(before, since=before.since - timedelta(days=1))

    assert await store.purchases.keep_reading(SIM, Balance(500, "USD"), stale) is None

    assert await at_work.shop.rows("SELECT count(*) FROM provider_reading") == [(1,)]
