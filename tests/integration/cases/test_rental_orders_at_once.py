"""Two calls about one long rental at once end as two in a row."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.cases.case_shop import DAY, LONG, CaseShop
from tests.integration.cases.test_rental_orders import prolongation, rented, renter
from tests.integration.store.locked_accounts import balances_locked, wait_for_lock
from tests.integration.store.shop import ALICE, SIM
from worker.domain.ids import ProviderRef
from worker.ports.long_rental import Prolonged
from worker.ports.store.rentals import ProlongedLong

NUMBER_IS_FREE = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"


async def test_a_booking_locks_no_number_while_it_waits_for_its_balances(shop: CaseShop) -> None:
    """Whoever keeps what an order bought holds the balances, and locks the number after them."""
    await shop.open_account()
    async with balances_locked(shop.url, ALICE):
        booking = asyncio.create_task(shop.book_rental())
        await wait_for_lock(shop.admin, 1)

        assert await shop.fetch_value(NUMBER_IS_FREE, f"{SIM}\n{LONG}")

    assert (await booking).ref == LONG


async def test_two_prolongations_at_once_are_both_paid_and_both_counted(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await rented(shop)
    both_asked = asyncio.Barrier(2)

    async def prolong(_ref: ProviderRef, _by: timedelta) -> Prolonged:
        async with both_asked:
            return Prolonged()

    shop.provider_rentals.prolong = prolong  # type: ignore[assignment, method-assign]  # both wait in it

    await asyncio.gather(
        *(renter(shop)(prolongation(shop, rental, key)) for key in ("one", "other"))
    )

    assert (await shop.long_rental()).ends_at == rental.ends_at + 10 * DAY
    assert await shop.balances() == (3200, 0)


@pytest.mark.parametrize("latest_first", [False, True])
@pytest.mark.parametrize(
    ("told", "days"),
    [
        ((5, 10), 10),
        ((0, 0), 10),
        ((5, 11), 11),
        ((5, None), 10),
    ],
    ids=["as paid", "less than paid", "more than paid", "once not told"],
)
async def test_the_end_that_the_provider_tells_counts_no_prolongation_twice_or_not_at_all(
    shop: CaseShop, told: tuple[int | None, ...], days: int, *, latest_first: bool
) -> None:
    """Both are five days long; the provider has carried them out in the order of its ends."""
    await shop.open_account(amount_minor=5000)
    rental = await rented(shop)
    stored = []
    for key, end in zip(("one", "other"), told, strict=True):
        asked = prolongation(shop, rental, key)
        await shop.store.cases.begin_rental_order(asked)
        end_told = None if end is None else rental.ends_at + end * DAY
        stored.append((asked.id, ProlongedLong(end_told, rental.ends_at, rental.renewed_at)))

    for id_, longer in reversed(stored) if latest_first else stored:
        await shop.store.cases.rental_prolonged(id_, longer)

    assert (await shop.long_rental()).ends_at == rental.ends_at + days * DAY


async def test_a_prolongation_that_was_read_already_is_not_counted_again(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [
        Prolonged(rental.ends_at + 5 * DAY),
        Prolonged(rental.ends_at + 10 * DAY),
    ]

    for key in ("one", "other"):
        await renter(shop)(prolongation(shop, rental, key))

    assert (await shop.long_rental()).ends_at == rental.ends_at + 10 * DAY
