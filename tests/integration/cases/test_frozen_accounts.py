"""An account that is frozen while money of it is about to move: nothing begins after the freeze."""

import asyncio

from tests.integration.cases.case_shop import CaseShop
from tests.integration.store.locked_accounts import balances_locked, wait_for_lock
from tests.integration.store.shop import intake
from worker.adapters.store.postgres import PostgresStore
from worker.domain.ids import AccountId
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.ports.store.books import AccountPolicy

ROUNDS = 25
PAID_IN = 100_000


async def freeze(shop: CaseShop, account: AccountId) -> None:
    report = AccountEventReport("law_enforcement_block")
    opening = await shop.service.account_event(account, report, "P2")
    assert opening is not None
    assert opening.case is not None


async def test_no_hold_and_no_top_up_begins_after_a_freeze_in_any_of_many_rounds(
    shop: CaseShop,
) -> None:
    # Of one process only one call at a time waits for an account.
    other, third = PostgresStore(shop.url), PostgresStore(shop.url)
    for store in (other, third):  # Who waits for a lock does not wait long: connect before.
        await store.books.account(AccountId("nobody"))
    for number in range(ROUNDS):
        account = AccountId(f"account-{number}")
        await shop.store.books.open_account(account, "USD", AccountPolicy("P2"))
        await shop.store.books.top_up(account, "first", PAID_IN)
        handed = [intake(f"{number}-{n}", account=account) for n in range(3)]

        async with balances_locked(shop.url, account):
            freezing = asyncio.create_task(freeze(shop, account))
            await wait_for_lock(shop.admin, 1)
            taking = asyncio.create_task(third.activations.accept(handed))
            await wait_for_lock(shop.admin, 2)
            paying = asyncio.create_task(other.books.top_up(account, "second", 5))
            await wait_for_lock(shop.admin, 3)

        await freezing
        assert {result.how.value for result in await taking} == {"account_frozen"}
        assert (await paying)[0].value == "account_frozen"
        left = await shop.store.books.account(account)
        assert left is not None
        assert (left.state, left.available_minor, left.held_minor) == ("frozen", PAID_IN, 0)
    await other.close()
    await third.close()
