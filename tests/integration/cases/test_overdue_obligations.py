"""What was not carried out by its date stays overdue, whatever call or timer decides next."""

from datetime import datetime

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import TICK, WINDOW
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState, TimerKind

PROOF_DUE = MONDAY + 14 * DAY


async def proof_asked_for(shop: CaseShop) -> Case:
    """A withdrawal to a wallet that waits for the proof of its owner."""
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P4")
    await shop.service.add(case.id, case.kind, questions.kyc("requested"), "kyc")
    return await shop.case(case.id)


async def ask_for_details(shop: CaseShop, case: Case) -> None:
    asked = questions.payment_info("requested", None)
    await shop.service.add(case.id, case.kind, asked, "payment_info_requested")


async def ends(shop: CaseShop, case: Case, what: Sla) -> list[str | None]:
    return [one.end for one in (await shop.case(case.id)).obligations if one.what is what]


async def test_a_human_decides_when_no_proof_came_also_after_another_question(
    shop: CaseShop,
) -> None:
    case = await proof_asked_for(shop)
    shop.set_time(MONDAY + HOUR)
    await ask_for_details(shop, case)

    await shop.fire_due_timers(PROOF_DUE + TICK)

    assert last_reason(await shop.case(case.id)) == "kyc_overdue"
    assert await ends(shop, case, Sla.KYC) == ["overdue"]
    change = await shop.give_verdict(case, grant=True)
    assert change.rejected is None
    assert await shop.state_of(case.id) is CaseState.APPROVED


async def test_a_human_decides_when_a_call_came_between_the_date_and_its_timer(
    shop: CaseShop,
) -> None:
    case = await proof_asked_for(shop)
    shop.set_time(PROOF_DUE + TICK)
    await ask_for_details(shop, case)

    assert last_reason(await shop.case(case.id)) == "kyc_overdue"
    assert await ends(shop, case, Sla.KYC) == ["overdue"]
    await shop.give_verdict(case, grant=True, psp_commission_minor=0)
    assert await shop.state_of(case.id) is CaseState.APPROVED


async def test_proof_that_came_late_but_before_its_timer_was_given(shop: CaseShop) -> None:
    case = await proof_asked_for(shop)
    shop.set_time(PROOF_DUE + TICK)

    await shop.service.add(case.id, case.kind, questions.kyc("passed"), "kyc")

    assert await ends(shop, case, Sla.KYC) == ["done"]


async def test_a_human_decides_a_claim_whose_proof_did_not_come_after_more_evidence(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P4")
    case = await shop.open_claim(id_, destination="wallet", kyc="requested")
    due = case.opened_at + 14 * DAY
    await shop.add_evidence(case, "photo")

    await shop.fire_due_timers(due + TICK)

    assert last_reason(await shop.case(case.id)) == "kyc_overdue"
    await shop.give_verdict(case, grant=True)
    assert await shop.state_of(case.id) is CaseState.APPROVED


async def defect_to_be_replaced(shop: CaseShop, due: datetime) -> Case:
    """A missed repair whose customer wants a number instead, and has to prove who he is."""
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P4"), "major_defect", destination="wallet"
    )
    await shop.give_verdict(case, grant=True)
    await shop.add_choice(case, "replacement", PRICE)
    await shop.service.add(case.id, case.kind, questions.kyc("requested"), "kyc")
    await shop.fire_due_timers(case.opened_at + 3 * DAY + TICK)
    (owed,) = (await shop.case(case.id)).obligations
    assert (owed.what, owed.by_when) == (Sla.REPLACEMENT, due)
    return await shop.case(case.id)


async def prove(shop: CaseShop, case: Case) -> None:
    await shop.service.add(case.id, case.kind, questions.kyc("passed"), "kyc")


@pytest.mark.parametrize("by_timer", [True, False])
async def test_a_replacement_that_did_not_come_is_not_owed_again(
    shop: CaseShop, *, by_timer: bool
) -> None:
    due = MONDAY + 8 * DAY + WINDOW + TICK  # Three business days from Thursday.
    case = await defect_to_be_replaced(shop, due)
    shop.set_time(due + TICK)
    if by_timer:
        await shop.timers.tick()
    else:
        await shop.add_evidence(case, "photo")
    late = await shop.case(case.id)
    assert (last_reason(late), late.obligations[0].end) == ("kyc_required", "overdue")

    shop.set_time(due + DAY)
    await prove(shop, case)

    paid = await shop.case(case.id)
    assert (paid.state, last_reason(paid)) == (CaseState.APPROVED, "rectification_missed")
    assert await ends(shop, case, Sla.REPLACEMENT) == ["overdue"]


async def test_a_number_linked_after_the_date_but_before_its_timer_replaces_the_order(
    shop: CaseShop,
) -> None:
    due = MONDAY + 8 * DAY + WINDOW + TICK
    case = await defect_to_be_replaced(shop, due)
    shop.set_time(due + TICK)
    new = await shop.rent_number("P4", "2", rented_at=shop.clock.now)

    await shop.service.replaced(case.id, new)

    assert await ends(shop, case, Sla.REPLACEMENT) == ["replaced"]


async def missed_repair(shop: CaseShop, now: datetime) -> Case:
    """An approved defect that is not repaired by Thursday; its timer rings *now*."""
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.give_verdict(case, grant=True)
    await shop.add_choice(case, "replacement", PRICE)
    await shop.fire_due_timers(now)
    return await shop.case(case.id)


async def test_a_replacement_is_owed_from_the_missed_repair_however_late_its_timer_rings(
    shop: CaseShop,
) -> None:
    case = await missed_repair(shop, MONDAY + 6 * DAY)

    (owed,) = case.obligations
    assert (owed.what, owed.by_when) == (Sla.REPLACEMENT, case.opened_at + 8 * DAY)
    assert await shop.timer_due_at(TimerKind.OBLIGATION, case.id) == owed.by_when


async def test_a_replacement_whose_days_are_over_when_its_timer_rings_is_overdue_next(
    shop: CaseShop,
) -> None:
    case = await missed_repair(shop, MONDAY + 9 * DAY)
    await shop.timers.tick()

    case = await shop.case(case.id)
    assert (case.state, last_reason(case)) == (CaseState.GRANTED, "rectification_missed")
    assert await ends(shop, case, Sla.REPLACEMENT) == ["overdue"]


async def test_a_replacement_is_owed_from_an_approval_that_came_after_the_repair_was_missed(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.add_choice(case, "replacement", PRICE)
    shop.set_time(case.opened_at + 4 * DAY)  # A Friday.

    await shop.give_verdict(case, grant=True)
    await shop.timers.tick()

    (owed,) = (await shop.case(case.id)).obligations
    assert (owed.what, owed.by_when) == (Sla.REPLACEMENT, case.opened_at + 9 * DAY)
