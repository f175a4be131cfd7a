"""What was not carried out by its date stays overdue, whatever call or timer decides next."""

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState

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
