"""All entries of an account are summed only where that decides: it may have a million of them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.cases.case_shop import HOUR, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.cases.test_much_history import READ
from tests.integration.store.shop import ALICE
from worker.adapters.store import case_records
from worker.domain.activation import State
from worker.ports.store.case_view import Case

#: So many numbers that found no code, each held and given back.
GIVEN_BACK = """
INSERT INTO transfer (key, account, source, destination, amount_minor, currency)
SELECT move || ':' || gen_random_uuid(), 'alice', source || 'alice', destination || 'alice', 5,
       'USD'
  FROM generate_series(1, $1),
       (VALUES ('hold', 'available:', 'held:'), ('release', 'held:', 'available:'))
       each (move, source, destination)
"""


@pytest.fixture
async def selling(broken_shop: CaseShop) -> CaseShop:
    changes = {"withdrawal.mode": "balance", "withdrawal.spent_bars": "any"}
    broken_shop.change_policy("P3", {**changes, "withdrawal.topup_max_age_days": None})
    await broken_shop.open_account(amount_minor=5000, policy="P3")
    return broken_shop


async def given_back(shop: CaseShop, numbers: int) -> None:
    await shop.admin.execute(GIVEN_BACK, numbers)
    await shop.admin.execute("ANALYZE")


async def told(shop: CaseShop, case: Case) -> object:
    """What its decision was told of all that was spent."""
    return await shop.fetch_value(
        "SELECT facts ->> 'spent_minor' FROM decision WHERE subject = $1", case.id
    )


async def rows_read_by(shop: CaseShop, case: Case) -> int:
    async def work(connection: AsyncConnection) -> int:
        profile = shop.policies["P3"]
        assert await case_records.of_case(connection, case, profile, None, shop.clock.now)
        return int((await connection.execute(READ)).scalar_one())

    return await shop.store.db.write(work)


async def test_what_was_spent_costs_as_much_after_thousands_of_entries_as_after_ten(
    selling: CaseShop,
) -> None:
    shop = selling
    await shop.delivered_activation("P3")
    case = await shop.open_withdrawal("P3")
    assert last_reason(case) == "topup_used"
    assert await told(shop, case) is None, "an activated number answers"
    await given_back(shop, 5)
    after_ten = await rows_read_by(shop, case)
    await given_back(shop, 3000)

    assert await rows_read_by(shop, case) < 2 * after_ten


async def test_without_an_activated_purchase_the_sum_decides(selling: CaseShop) -> None:
    shop = selling
    back = await shop.rent_number("P3", "1")
    await shop.end_activation(back, State.REFUNDED)
    first = await shop.open_withdrawal("P3", "w1", amount_minor=100)
    shop.set_time(MONDAY + HOUR)
    await shop.closed_activation("P1", "2")
    second = await shop.open_withdrawal("P3", "w2", amount_minor=100)

    assert (last_reason(first), last_reason(second)) == ("judge_request", "topup_used")
    assert [await told(shop, case) for case in (first, second)] == ["0", str(PRICE)]


async def test_a_report_of_an_account_says_what_it_spent_in_any_case(selling: CaseShop) -> None:
    await selling.delivered_activation("P3")

    found = await selling.store.cases.account_record(ALICE)
    assert found is not None
    assert found.spent_minor == PRICE


async def rows_read_by_claim(shop: CaseShop, case: Case) -> int:
    async def work(connection: AsyncConnection) -> int:
        profile = shop.policies[case.policy]
        assert await case_records.of_subject(connection, case, profile)
        return int((await connection.execute(READ)).scalar_one())

    return await shop.store.db.write(work)


async def refunded_and_claimed(shop: CaseShop, policy: str, **facts: object) -> Case:
    id_ = await shop.rent_number(policy)
    await shop.end_activation(id_, State.REFUNDED)
    return await shop.open_claim(id_, "no_numbers", **facts)


async def test_a_claim_to_the_balance_reads_no_entry_since_the_credit(
    broken_shop: CaseShop,
) -> None:
    shop = broken_shop
    await shop.open_account()
    claim = await refunded_and_claimed(shop, "P2", claim_channel="email")
    before = await rows_read_by_claim(shop, claim)
    await given_back(shop, 3000)

    assert await rows_read_by_claim(shop, claim) < 2 * before


@pytest.mark.parametrize(
    ("facts", "left"), [({"destination": "client"}, 0), ({"destination": "balance"}, None)]
)
async def test_what_is_left_of_a_credit_is_read_where_it_may_leave(
    shop: CaseShop, facts: dict[str, str], left: int | None
) -> None:
    await shop.open_account(amount_minor=PRICE)
    id_ = await shop.rent_number("P2")
    await shop.end_activation(id_, State.REFUNDED)
    await shop.rent_number("P2", "2")

    claim = await shop.open_claim(id_, "no_numbers", claim_channel="email", **facts)

    kept = "SELECT (facts -> 'credit_available_minor')::int FROM decision WHERE subject = $1"
    assert await shop.fetch_value(kept, claim.id) == left


async def test_under_the_method_of_payment_the_order_says_whether_money_leaves(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    kept = "SELECT (facts -> 'credit_available_minor')::int FROM decision WHERE subject = $1"
    found = []
    methods: list[dict[str, str]] = [{}, {"payment_method": "Balance"}, {"payment_method": "Card"}]
    for ref, told in enumerate(methods, 1):
        id_ = await shop.closed_activation("P1", str(ref), order_facts=told)
        claim = await shop.open_claim(id_)
        found.append(await shop.fetch_value(kept, claim.id))

    assert found == [None, None, 0]
