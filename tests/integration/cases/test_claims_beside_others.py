"""Several open claims for money out about one order: its credit is set aside once."""

import pytest

from tests.integration.cases.case_shop import PRICE, CaseShop, last_reason
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.ports.store.case_view import Case, CaseState, Rejected

REVIEWED: dict[str, object] = {"decided": "review"}


async def credited_order(
    shop: CaseShop, top_up: int = 1000, **kinds: dict[str, object]
) -> ActivationId:
    """One whose price is back on the balance, under a policy that can pay it out."""
    rules = kinds or {"one": REVIEWED, "two": REVIEWED}
    shop.change_policy(
        "P2",
        {f"claims.kinds.{kind}": rule for kind, rule in rules.items()} | {"payout.judged": False},
    )
    await shop.open_account(amount_minor=top_up, policy="P2")
    id_ = await shop.rent_number("P2")
    await shop.end_activation(id_, State.REFUNDED)
    return id_


async def claimed(shop: CaseShop, id_: ActivationId, kind: str) -> Case:
    return await shop.open_claim(id_, kind, destination="client")


def proposed(case: Case) -> tuple[CaseState, str, int, int]:
    last = case.decisions[-1]
    return case.state, last.reason, last.amount_minor, case.withheld_minor


async def test_the_credit_of_an_order_is_set_aside_for_one_claim(shop: CaseShop) -> None:
    id_ = await credited_order(shop)

    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")

    assert proposed(first) == (CaseState.IN_REVIEW, "judge_request", PRICE, PRICE)
    assert proposed(second) == (CaseState.IN_REVIEW, "judge_request", 0, 0)
    assert await shop.balances() == (1000 - PRICE, PRICE)


@pytest.mark.parametrize("top_up", [PRICE, 1000])
async def test_what_a_denied_claim_had_set_aside_is_there_for_the_other(
    shop: CaseShop, top_up: int
) -> None:
    id_ = await credited_order(shop, top_up)
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")

    await shop.give_verdict(first, grant=False)

    second = await shop.case(second.id)
    assert proposed(second) == (CaseState.IN_REVIEW, "judge_request", PRICE, PRICE)
    assert await shop.balances() == (top_up - PRICE, PRICE)
    await shop.give_verdict(second, grant=True)
    assert (await shop.mark_paid(second)).rejected is None
    assert await shop.balances() == (top_up - PRICE, 0)


async def test_a_yes_to_the_second_claim_waits_until_the_first_one_ends(shop: CaseShop) -> None:
    id_ = await credited_order(shop)
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")
    before = await shop.all_rows()

    early = await shop.give_verdict(second, grant=True)

    assert early.rejected is Rejected.SET_ASIDE
    assert await shop.all_rows() == before
    await shop.give_verdict(first, grant=True)
    await shop.give_verdict(second, grant=True)
    assert last_reason(await shop.case(second.id)) == "already_refunded"
    assert await shop.balances() == (1000 - PRICE, PRICE)


async def test_a_claim_paid_by_rule_asks_a_human_while_another_one_has_the_credit(
    shop: CaseShop,
) -> None:
    id_ = await credited_order(shop, one=REVIEWED, two={"decided": "grant"})
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")
    assert proposed(second) == (CaseState.IN_REVIEW, "judge_request", 0, 0)

    await shop.give_verdict(first, grant=False)

    second = await shop.case(second.id)
    assert proposed(second) == (CaseState.APPROVED, "granted_on_request", PRICE, PRICE)


async def test_the_second_claim_can_be_denied_while_the_first_one_has_the_credit(
    shop: CaseShop,
) -> None:
    id_ = await credited_order(shop, one=REVIEWED, two={"decided": "grant"})
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")

    await shop.give_verdict(second, grant=False)

    assert last_reason(await shop.case(second.id)) == "claim_rejected"
    assert await shop.state_of(first.id) is CaseState.IN_REVIEW


async def test_a_part_that_one_claim_does_not_take_is_there_for_another(shop: CaseShop) -> None:
    id_ = await credited_order(
        shop, one={"decided": "review", "share_bp": 4000}, two={"decided": "review"}
    )
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")

    assert (first.withheld_minor, second.withheld_minor) == (140, PRICE - 140)
    assert await shop.balances() == (1000 - PRICE, PRICE)


async def test_a_rule_pays_no_part_for_good_while_another_claim_has_the_rest(
    shop: CaseShop,
) -> None:
    id_ = await credited_order(
        shop, one={"decided": "review", "share_bp": 4000}, two={"decided": "grant"}
    )
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")
    assert second.state is CaseState.IN_REVIEW

    await shop.give_verdict(first, grant=False)

    second = await shop.case(second.id)
    assert proposed(second) == (CaseState.APPROVED, "granted_on_request", PRICE, PRICE)


async def test_what_a_human_granted_less_of_is_there_for_another_claim(shop: CaseShop) -> None:
    id_ = await credited_order(shop, PRICE)
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")
    await shop.give_verdict(first, grant=True, amount_minor=100)

    assert (await shop.give_verdict(second, grant=True)).rejected is None

    assert proposed(await shop.case(second.id))[2:] == (PRICE - 100, PRICE - 100)
    assert await shop.balances() == (0, PRICE)


async def test_a_withdrawal_that_was_taken_back_has_spent_nothing(shop: CaseShop) -> None:
    id_ = await credited_order(shop, PRICE)
    shop.change_policy("P2", {"withdrawal.mode": "balance"})
    withdrawal = await shop.open_withdrawal("P2")
    assert await shop.balances() == (0, PRICE)
    assert (await shop.service.take_back(withdrawal.id)).rejected is None

    claim = await claimed(shop, id_, "one")

    assert proposed(claim) == (CaseState.IN_REVIEW, "judge_request", PRICE, PRICE)


#: What code of before did for a second claim about one order.
SET_ASIDE_AGAIN = """
WITH moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'withhold:' || id, account, activation_id, 'available:' || account, 'held:' || account,
           $2, 'USD' FROM case_ WHERE id = $1
    RETURNING account, amount_minor
), held AS (
    UPDATE balance b
       SET amount_minor = b.amount_minor
             + CASE b.bucket WHEN 'held' THEN moved.amount_minor ELSE -moved.amount_minor END
      FROM moved WHERE b.account = moved.account
)
UPDATE case_ SET withheld_minor = $2 WHERE id = $1
"""


async def test_of_two_claims_that_have_it_set_aside_from_before_either_can_be_granted(
    shop: CaseShop,
) -> None:
    id_ = await credited_order(shop)
    first, second = await claimed(shop, id_, "one"), await claimed(shop, id_, "two")
    await shop.admin.execute(SET_ASIDE_AGAIN, second.id, PRICE)
    assert await shop.balances() == (1000 - 2 * PRICE, 2 * PRICE)

    assert (await shop.give_verdict(second, grant=True)).rejected is None
    await shop.give_verdict(first, grant=True)

    assert last_reason(await shop.case(first.id)) == "already_refunded"

    assert await shop.balances() == (1000 - PRICE, PRICE)
