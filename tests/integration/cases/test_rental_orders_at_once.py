"""Two calls about one long rental at once end as two in a row."""

import asyncio

from tests.integration.cases.case_shop import LONG, CaseShop
from tests.integration.cases.test_frozen_accounts import balances_locked, wait_for_lock
from tests.integration.store.shop import ALICE, SIM

NUMBER_IS_FREE = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"


async def test_a_booking_locks_no_number_while_it_waits_for_its_balances(shop: CaseShop) -> None:
    """Whoever keeps what an order bought holds the balances, and locks the number after them."""
    await shop.open_account()
    async with balances_locked(shop, ALICE):
        booking = asyncio.create_task(shop.book_rental())
        await wait_for_lock(shop, 1)

        assert await shop.fetch_value(NUMBER_IS_FREE, f"{SIM}\n{LONG}")

    assert (await booking).ref == LONG
