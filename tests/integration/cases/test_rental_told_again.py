"""A long rental, or an order of one, that is told again is the same, whatever changed since."""

from dataclasses import replace

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from tests.integration.cases.rental_order import order
from tests.integration.cases.test_rental_orders import LOST, SOLD, rented, renter
from tests.integration.store.shop import BOB, TICK
from tests.unit.http.caller import Described, Reply
from worker.ports.store.cases import CaseOpenOutcome


async def ordered(
    shop: CaseShop, described: Described, default_policy: str, account: str = "alice", **told: str
) -> Reply:
    """By a process with this default policy."""
    service = replace(shop.service, default_policy=default_policy)
    body = {"account": account, "provider": "sim", "service": "any", "country": "1"}
    async with case_api(shop, described, cases=service, rent_long=renter(shop)) as api:
        return await api.post(
            "/v1/rentals",
            {**body, "hours": 24, "price_minor": 1000, **told},
            headers={"Idempotency-Key": "first"},
        )


async def test_an_order_without_a_policy_is_the_same_after_the_default_changed(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(amount_minor=2500)
    shop.provider_rentals.sales = [SOLD]
    first = await ordered(shop, described, "P2")

    again = await ordered(shop, described, "P3")
    other = await ordered(shop, described, "P3", policy="P3")

    assert (first.status, again.status, again.json) == (200, 200, first.json)
    assert again.json["policy"] == "P2"
    assert other.slug == "idempotency-key-reused"
    assert await shop.balances() == (1500, 0)


async def test_an_order_whose_number_is_another_accounts_fails_alike_when_it_is_repeated(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(amount_minor=2500)
    await shop.open_account(BOB, amount_minor=1000)
    await rented(shop)
    shop.provider_rentals.sales = [SOLD]

    first, again = [await ordered(shop, described, "P2", "bob") for _ in range(2)]

    assert (first.status, first.slug) == (503, "provider-unavailable")
    assert (again.status, again.slug) == (503, "provider-unavailable")
    assert await shop.balances(BOB) == (1000, 0)


async def given_back(shop: CaseShop) -> None:
    """After a day of the ten."""
    await rented(shop)
    shop.set_time(MONDAY + DAY)
    await shop.admin.execute("UPDATE rental SET ended_at = $1", shop.clock.now)


async def test_a_number_that_was_given_back_and_sold_again_is_booked_from_the_hold_of_its_order(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=2500)
    await given_back(shop)
    shop.provider_rentals.sales = [LOST]
    await renter(shop)(order(shop, "second"))
    assert await shop.balances() == (500, 1000)

    booked = await shop.store.cases.book_rental(shop.rental(start=MONDAY + DAY + HOUR))

    assert booked.how is CaseOpenOutcome.NEW
    assert await shop.balances() == (500, 0)
    assert (await renter(shop)(order(shop, "second"))).rental == await shop.long_rental()


async def test_a_rental_that_was_given_back_is_the_same_when_it_is_booked_again(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=2500)
    await given_back(shop)

    again = await shop.store.cases.book_rental(shop.rental())
    later = await shop.store.cases.book_rental(shop.rental(start=MONDAY + HOUR))

    assert (again.how, later.how) == (CaseOpenOutcome.SAME, CaseOpenOutcome.OTHER_CONTENT)
    assert await shop.balances() == (1500, 0)


async def test_a_booking_is_the_same_after_its_phone_was_forgotten(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=2500)
    booked = await shop.book_rental()
    await shop.fire_due_timers(MONDAY + 10 * DAY + TICK)
    forgotten = await shop.store.activations.forget_phones(DAY, 10, now=MONDAY + 30 * DAY)
    assert (forgotten, (await shop.long_rental()).phone) == (1, "")

    again = await shop.store.cases.book_rental(shop.rental())
    other = await shop.store.cases.book_rental(shop.rental(price=999))

    assert (again.how, again.rental) == (CaseOpenOutcome.SAME, await shop.long_rental())
    assert again.rental is not None
    assert again.rental.id == booked.id
    assert other.how is CaseOpenOutcome.OTHER_CONTENT
    assert await shop.balances() == (1500, 0)
