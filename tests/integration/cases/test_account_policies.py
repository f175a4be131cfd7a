"""An account belongs to one policy: what is about its money is decided by that one."""

from tests.integration.cases.case_shop import HOUR, MONDAY, CaseShop
from tests.integration.store.shop import ALICE
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.ports.store.books import AccountOpened, AccountPolicy
from worker.ports.store.cases import CaseOpenOutcome


async def test_an_account_is_judged_by_the_policy_it_belongs_to(shop: CaseShop) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P2", "P3"))
    await shop.store.books.top_up(ALICE, "first", 1000)

    own = await shop.service.open_withdrawal(ALICE, "w1", {}, None)
    other = await shop.service.open_withdrawal(ALICE, "w2", {}, "P3")

    assert own is not None
    assert own.case is not None
    assert own.case.policy == "P2"
    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 1


async def test_an_account_of_before_belongs_to_the_policy_of_its_oldest_order(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.rent_number("P4", "2", rented_at=MONDAY + HOUR)
    await shop.rent_number("P2", "1", rented_at=MONDAY)
    shown = await shop.store.books.account(ALICE)
    assert shown is not None
    assert shown.policy == "P2", "what is shown is what it will be judged by"

    other = await shop.service.open_withdrawal(ALICE, "w1", {}, "P4")
    how, named = await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P4", "P3"))
    own = await shop.service.open_withdrawal(ALICE, "w1", {}, None)

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert (how, named.policy) == (AccountOpened.OTHER_POLICY, "P2")
    assert own is not None
    assert own.case is not None
    assert own.case.policy == "P2"
    assert await shop.fetch_value("SELECT policy FROM account") == "P2"


async def test_an_account_of_before_without_an_order_belongs_to_the_default(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)

    other = await shop.service.account_event(ALICE, AccountEventReport("rules_block"), "P2")
    own = await shop.service.account_event(ALICE, AccountEventReport("rules_block"), None)

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert own is not None
    assert own.case is not None
    assert (own.case.policy, await shop.fetch_value("SELECT policy FROM account")) == ("P3", "P3")
