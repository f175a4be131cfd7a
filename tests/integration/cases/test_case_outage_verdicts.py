"""Verdicts on outages: a human names the sum only where the policy proposes none."""

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.ports.store.case_view import Case, CaseState, Rejected, Timer, TimerKind


async def outage_without_rule(shop: CaseShop) -> Case:
    """An outage of a rental of 1000, under a policy that says nothing about outages."""
    await shop.open_account(amount_minor=1000)
    await shop.book_rental(policy="P3")
    return await shop.report_outage()


async def test_where_the_policy_is_silent_a_human_names_the_sum(shop: CaseShop) -> None:
    case = await outage_without_rule(shop)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    done = await shop.give_verdict(case, grant=True, amount_minor=300)

    assert done.case is not None
    last = done.case.decisions[-1]
    assert (last.outcome, last.amount_minor, last.by) == ("prorated_credit", 300, "verdict")
    assert await shop.balances() == (300, 0)
    assert await shop.event_types(case.id) == ["rental.in_review", "rental.granted"]


async def test_a_human_names_a_sum_within_the_price_of_the_rental(shop: CaseShop) -> None:
    case = await outage_without_rule(shop)
    before = await shop.all_rows()

    for sum_ in (None, 0, 1001):
        done = await shop.give_verdict(case, grant=True, amount_minor=sum_)
        assert done.rejected is Rejected.WRONG_SUM

    assert await shop.all_rows() == before
    await shop.give_verdict(case, grant=True, amount_minor=1000)
    assert await shop.balances() == (1000, 0)


async def test_a_sum_that_is_not_the_policys_is_refused(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage(
        outage_verified=None, restored_at=(MONDAY + 3 * DAY).isoformat()
    )
    shop.set_time(MONDAY + 3 * DAY)
    before = await shop.all_rows()

    wrong = await shop.give_verdict(case, grant=True, amount_minor=301)

    assert wrong.rejected is Rejected.WRONG_SUM
    assert await shop.all_rows() == before
    await shop.give_verdict(case, grant=True, amount_minor=300)
    assert await shop.balances() == (300, 0)


async def test_a_review_of_an_outage_is_late_two_working_days_after_the_contact(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + DAY)
    case = await shop.report_outage(outage_verified=None, contacted_at=MONDAY.isoformat())
    assert await shop.timers_of(case.id) == {"review_sla": MONDAY + 2 * DAY}

    await shop.fire_due_timers(MONDAY + 2 * DAY + TICK)

    assert await shop.event_types(case.id) == ["rental.in_review", "rental.overdue"]
    assert await shop.overdue_since(case) == MONDAY


async def test_the_credit_of_an_outage_is_late_by_its_end_and_not_by_its_contact(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage()
    due = (await shop.timers_of(case.id))["balance_credit_sla"]
    assert due == MONDAY + 17 * DAY, "five working days after the rental"
    shop.set_time(due + TICK)

    await shop.timers.fire(Timer(TimerKind.BALANCE_CREDIT_SLA, case.id, due))

    assert await shop.event_types(case.id) == ["rental.waiting", "rental.overdue"]
    assert await shop.overdue_since(case) == MONDAY + 10 * DAY
