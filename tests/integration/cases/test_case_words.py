"""A human's word on a case: taken once for each thing that waits for one, and never for nothing."""

import pytest

from tests.integration.cases.office import DAY, MONDAY, PRICE, Office, reason
from worker.ports.cases import Case, CaseState, Refused


async def approved_defect(office: Office) -> Case:
    """Nobody repaired it, and the customer wishes a number worth more than the one he bought."""
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "major_defect")
    await office.verdict(case, grant=True)
    await office.choose(case, "replacement", 2 * PRICE)
    await office.ring(MONDAY + 4 * DAY)
    case = await office.case(case.id)
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "replacement_value_mismatch")
    return case


@pytest.mark.parametrize(
    ("grant", "ending", "given"), [(True, "granted", PRICE), (False, "denied", 0)]
)
async def test_a_case_that_comes_into_review_after_a_verdict_takes_another_one(
    office: Office, ending: str, given: int, *, grant: bool
) -> None:
    case = await approved_defect(office)

    first = await office.verdict(case, grant=grant)
    again = await office.verdict(case, grant=grant)
    other = await office.verdict(case, grant=not grant)

    assert first.case == again.case == other.case
    assert (first.refused, again.refused, other.refused) == (None, None, Refused.OTHER_CONTENT)
    assert first.case is not None
    assert first.case.state.value == ending
    assert [one.what for one in first.case.evidence] == ["verdict", "choice", "verdict"]
    assert await office.money() == (1000 - PRICE + given, 0)
    assert await office.desk.reviews(10) == []
