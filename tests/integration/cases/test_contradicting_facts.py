"""A told date that contradicts the arrival: no money moves by rule, a human says how much."""

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
from worker.ports.store.case_view import CaseState, Rejected


@pytest.mark.parametrize(("named", "paid"), [(None, 400), (150, 150)])
async def test_an_outage_told_of_too_late_pays_what_a_human_grants_of_the_sum_proposed(
    shop: CaseShop, named: int | None, paid: int
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.book_rental()
    shop.set_time(MONDAY + 5 * DAY)
    told = (MONDAY + DAY).isoformat()
    await shop.report_outage(contacted_at=told, unavailable_since=told)

    case = await shop.restore_rental()

    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "facts_contradict")
    assert (case.decisions[-1].amount_minor, await shop.balances()) == (400, (0, 0))
    more = await shop.give_verdict(case, grant=True, amount_minor=401)
    granted = await shop.give_verdict(case, grant=True, amount_minor=named)
    assert (more.rejected, granted.rejected) == (Rejected.WRONG_SUM, None)
    assert await shop.balances() == (paid, 0)
