"""Outages that a human decides on: the sum, where the policy names one, is the policy's."""

from tests.integration.cases.office import DAY, MONDAY, Office, reason
from tests.integration.store.shop import TICK
from worker.ports.store.case_view import Case, CaseState, Rejected, Timer, TimerKind


async def silent(office: Office) -> Case:
    """An outage of a rental of 1000, under a policy that says nothing about outages."""
    await office.open(amount_minor=1000)
    await office.book(policy="P3")
    return await office.outage()


async def test_where_the_policy_is_silent_a_human_names_the_sum(office: Office) -> None:
    case = await silent(office)
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    done = await office.verdict(case, grant=True, amount_minor=300)

    assert done.case is not None
    last = done.case.decisions[-1]
    assert (last.outcome, last.amount_minor, last.by) == ("credit", 300, "verdict")
    assert await office.money() == (300, 0)
    assert await office.told(case.id) == ["rental.in_review", "rental.granted"]


async def test_a_human_names_a_sum_and_none_that_the_rental_has_not_got(office: Office) -> None:
    case = await silent(office)
    before = await office.everything()

    for sum_ in (None, 0, 1001):
        done = await office.verdict(case, grant=True, amount_minor=sum_)
        assert done.refused is Rejected.WRONG_SUM

    assert await office.everything() == before
    await office.verdict(case, grant=True, amount_minor=1000)
    assert await office.money() == (1000, 0)


async def test_a_sum_that_is_not_the_policys_is_refused(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.outage(outage_verified=None, restored_at=(MONDAY + 3 * DAY).isoformat())
    office.at(MONDAY + 3 * DAY)
    before = await office.everything()

    wrong = await office.verdict(case, grant=True, amount_minor=301)

    assert wrong.refused is Rejected.WRONG_SUM
    assert await office.everything() == before
    await office.verdict(case, grant=True, amount_minor=300)
    assert await office.money() == (300, 0)


async def test_a_review_of_an_outage_is_late_two_working_days_after_the_contact(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    office.at(MONDAY + DAY)
    case = await office.outage(outage_verified=None, contacted_at=MONDAY.isoformat())
    assert await office.due(case.id) == {"review_sla": MONDAY + 2 * DAY}

    await office.ring(MONDAY + 2 * DAY + TICK)

    assert await office.told(case.id) == ["rental.in_review", "rental.overdue"]
    assert await office.late_since(case) == MONDAY


async def test_the_credit_of_an_outage_is_late_by_its_end_and_not_by_its_contact(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.outage()
    due = (await office.due(case.id))["balance_credit_sla"]
    assert due == MONDAY + 17 * DAY, "five working days after the rental"
    office.at(due + TICK)

    await office.timers.fire(Timer(TimerKind.BALANCE_CREDIT_SLA, case.id, due))

    assert await office.told(case.id) == ["rental.waiting", "rental.overdue"]
    assert await office.late_since(case) == MONDAY + 10 * DAY
