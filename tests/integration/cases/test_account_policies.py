"""An account belongs to one policy: what is about its money is decided by that one."""

from tests.integration.cases.case_shop import CaseShop
from tests.integration.store.shop import ALICE
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.ports.store.books import AccountPolicy
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


async def test_an_account_of_before_belongs_to_the_policy_of_its_first_case(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)

    await shop.open_withdrawal("P2", amount_minor=100)

    account = await shop.store.books.account(ALICE)
    assert account is not None
    assert account.policy == "P2"
    other = await shop.service.account_event(ALICE, AccountEventReport("rules_block"), "P3")
    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
