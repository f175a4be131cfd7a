"""A verdict on a contested repair: of the defect in the time to repair, of the repair after it."""

from tests.integration.cases.case_shop import DAY, HOUR, PRICE, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState

REPAIR = 3 * DAY


async def contested(shop: CaseShop) -> Case:
    """A defect that nobody judged; its repair was told, and does not hold."""
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    shop.set_time(case.opened_at + 10 * HOUR)
    told = questions.first_instants(rectified_at=None)
    await shop.service.add(case.id, case.kind, told, "rectified")
    shop.set_time(case.opened_at + 12 * HOUR)
    await shop.service.contest(case.id, {"reason": "it does not work"})
    assert await shop.state_of(case.id) is CaseState.WAITING
    return await shop.case(case.id)


async def test_a_yes_in_the_time_to_repair_approves_the_defect_and_not_the_contest(
    shop: CaseShop,
) -> None:
    case = await contested(shop)
    await shop.give_verdict(case, grant=True)

    await shop.fire_due_timers(case.opened_at + REPAIR + TICK)

    late = await shop.case(case.id)
    assert (late.state, last_reason(late)) == (CaseState.IN_REVIEW, "repair_contested")
    assert await shop.balances() == (1000 - PRICE, 0)
    await shop.give_verdict(case, grant=True)
    paid = await shop.case(case.id)
    assert (paid.state, last_reason(paid)) == (CaseState.GRANTED, "rectification_missed")


async def test_a_no_in_the_time_to_repair_rejects_the_defect(shop: CaseShop) -> None:
    case = await contested(shop)

    await shop.give_verdict(case, grant=False)

    denied = await shop.case(case.id)
    assert (denied.state, last_reason(denied)) == (CaseState.DENIED, "defect_not_approved")


async def test_a_yes_after_the_time_to_repair_is_about_the_repair_also_before_its_timer(
    shop: CaseShop,
) -> None:
    case = await contested(shop)
    shop.set_time(case.opened_at + REPAIR + TICK)

    await shop.give_verdict(case, grant=True)

    paid = await shop.case(case.id)
    assert (paid.state, last_reason(paid)) == (CaseState.GRANTED, "rectification_missed")
