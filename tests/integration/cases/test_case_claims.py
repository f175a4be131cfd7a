"""Claims: decided by the policy of the purchase, paid once, only what the order still has."""

import pytest

from tests.integration.cases.office import (
    DAY,
    HOUR,
    MONDAY,
    PRICE,
    TICK,
    WINDOW,
    Office,
    reason,
)
from worker.domain.activation import State
from worker.domain.transfer import Charge
from worker.ports.cases import CaseState, Opened, Refused


async def test_a_closed_number_without_a_code_is_credited_on_its_claim(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")

    case = await office.claim(id_)

    assert (case.state, reason(case)) == (CaseState.GRANTED, "no_sms_on_record")
    assert case.decisions[-1].clauses == ("P1.05",)
    assert await office.money() == (1000, 0)
    assert await office.told(case.id) == ["claim.granted"]
    settlement = await office.rows("SELECT outcome, amount_minor FROM settlement")
    assert settlement == [("closed", PRICE)], "the settlement is never rewritten"


async def test_the_same_claim_again_is_the_same_and_pays_once(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    first = await office.desk.open_claim(id_, {"claim_kind": "non_receiving"})

    again = await office.desk.open_claim(id_, {"claim_kind": "non_receiving"})
    other = await office.desk.open_claim(
        id_, {"claim_kind": "non_receiving", "reasons_given": False}
    )

    assert (first.how, again.how, other.how) == (Opened.NEW, Opened.SAME, Opened.OTHER_CONTENT)
    assert first.case == again.case == other.case
    assert await office.money() == (1000, 0)
