"""An account that is blocked for its rules orders on where its policy leaves it its balance."""

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.cases.rental_order import order
from tests.integration.store.shop import ALICE, SIM, WINDOW
from worker.domain.activation import State
from worker.domain.ids import purchase_id
from worker.ports.service import PurchaseOrder
from worker.ports.store.books import AccountPolicy
from worker.ports.store.case_view import CLOSED


async def outcomes_of_orders(shop: CaseShop, policy: str, key: str) -> set[str]:
    """What becomes of an order of each sort."""
    version = shop.policies[policy].version
    (handed,) = await shop.store.activations.accept([shop.intake(policy, key)])
    bought = PurchaseOrder(
        idempotency_key=key,
        account=ALICE,
        provider=SIM,
        service="any",
        country="1",
        price_minor=PRICE,
    )
    begun = await shop.store.purchases.begin_purchase(
        purchase_id(ALICE, key), bought, policy, version, WINDOW
    )
    long = await shop.store.cases.begin_rental_order(order(shop, key))
    booked = await shop.service.cases.book_rental(shop.rental(f"long-{key}"))
    return {handed.how.value, begun.how.value, long.state.value, booked.how.value}


@pytest.mark.parametrize("policy", ["P2", "P3"])
async def test_a_blocked_account_spends_the_balance_that_its_policy_leaves_it(
    shop: CaseShop, policy: str
) -> None:
    await shop.open_account(amount_minor=10_000, policy=policy)
    await shop.report_account_event("rules_block", policy)

    assert await outcomes_of_orders(shop, policy, "1") == {"new"}

    await shop.admin.execute("UPDATE account SET policy = 'of-another-host'")
    assert await outcomes_of_orders(shop, policy, "2") == {"account_blocked"}


async def test_a_blocked_account_whose_balance_is_forfeited_orders_nothing(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", {"balance.rules_block": "void"})
    await shop.open_account(amount_minor=10_000, policy="P3")
    await shop.report_account_event("rules_block")

    assert await outcomes_of_orders(shop, "P3", "1") == {"account_blocked"}


async def test_a_block_that_a_human_has_yet_to_judge_stops_orders(shop: CaseShop) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P0"))
    await shop.store.books.top_up(ALICE, "first", 10_000)
    await shop.report_account_event("rules_block", "P0")
    await shop.report_account_event("law_enforcement_block", "P0")

    assert await outcomes_of_orders(shop, "P0", "1") == {"account_blocked"}


async def test_a_block_that_was_lifted_while_an_order_ran_forfeits_nothing(shop: CaseShop) -> None:
    shop.change_policy("P3", {"balance.rules_block": "void"})
    await shop.open_account(amount_minor=10_000, policy="P3")
    number = await shop.rent_number("P3")
    block = await shop.report_account_event("rules_block")
    assert last_reason(block) == "open_order_pending"
    await shop.report_account_event("rules_unblock")
    await shop.end_activation(number, State.REFUNDED)

    for days in (1, 2):
        await shop.fire_due_timers(MONDAY + days * DAY)

    assert await shop.balances() == (10_000, 0)
    assert last_reason(await shop.case(block.id)) == "taken_back"
    assert (await shop.case(block.id)).state in CLOSED
