"""Verdicts on cases: one for each review, and none where no verdict is asked for."""

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from worker.domain.activation import State
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState, Rejected, TimerKind


async def approved_defect(shop: CaseShop) -> Case:
    """A defect that was not repaired; the customer wants a replacement worth twice the price."""
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.give_verdict(case, grant=True)
    await shop.add_choice(case, "replacement", 2 * PRICE)
    await shop.fire_due_timers(MONDAY + 4 * DAY)
    case = await shop.case(case.id)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "replacement_value_mismatch")
    return case


@pytest.mark.parametrize(
    ("grant", "ending", "given"), [(True, "granted", PRICE), (False, "denied", 0)]
)
async def test_a_case_that_comes_into_review_after_a_verdict_takes_another_one(
    shop: CaseShop, ending: str, given: int, *, grant: bool
) -> None:
    case = await approved_defect(shop)

    first = await shop.give_verdict(case, grant=grant)
    again = await shop.give_verdict(case, grant=grant)
    other = await shop.give_verdict(case, grant=not grant)

    assert first.case == again.case == other.case
    assert (first.rejected, again.rejected, other.rejected) == (None, None, Rejected.OTHER_CONTENT)
    assert first.case is not None
    assert first.case.state.value == ending
    assert [entry.what for entry in first.case.evidence] == ["verdict", "choice", "verdict"]
    assert await shop.balances() == (1000 - PRICE + given, 0)
    assert await shop.service.reviews(10) == []


async def test_a_human_denies_what_waits_for_the_customer_without_a_date(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await shop.open_claim(await shop.delivered_activation("P3"), "wrong_code")
    await shop.top_up("later", 500, at=shop.clock.now)
    withdrawal = await shop.open_withdrawal("P3", amount_minor=500, email_matches=False)
    assert claim.state is withdrawal.state is CaseState.NEEDS_EVIDENCE
    for case in (claim, withdrawal):
        assert [timer.kind for timer in case.timers] == [TimerKind.OBLIGATION], "the worker's own"
    deletion = await shop.report_account_event("delete_requested", "P3")
    assert last_reason(deletion) == "withdrawal_open"

    for case in (claim, withdrawal):
        granted = await shop.give_verdict(case, grant=True)
        denied = await shop.give_verdict(case, grant=False)
        assert (granted.rejected, denied.rejected) == (Rejected.NOT_ASKED_FOR, None)

    for case in (claim, withdrawal):
        ended = await shop.case(case.id)
        assert (ended.state, last_reason(ended)) == (CaseState.DENIED, "claim_rejected")
    asked = await shop.case(deletion.id)
    assert (asked.state, last_reason(asked)) == (CaseState.IN_REVIEW, "confirm_deletion")
    await shop.give_verdict(asked, grant=True)
    assert await shop.state_of(deletion.id) is CaseState.DONE


async def test_a_denial_is_refused_while_the_customer_has_a_date_to_add_something(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await shop.open_claim(await shop.delivered_activation("P1"), "invalid_number")
    await shop.top_up("later", 500, at=shop.clock.now)
    withdrawal = await shop.open_withdrawal("P3", amount_minor=500)
    asked = questions.payment_info("requested", None)
    await shop.service.add(withdrawal.id, withdrawal.kind, asked, "payment_info_requested")
    before = await shop.all_rows()

    for case in (claim, withdrawal):
        assert (await shop.give_verdict(case, grant=False)).rejected is Rejected.NOT_ASKED_FOR

    assert await shop.all_rows() == before


async def test_a_denial_is_refused_where_the_policy_pays_anyway(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=2000)
    running = await shop.open_claim(await shop.rent_number("P1", "2"))
    owed_on = await shop.rent_number("P2", "3")
    asked = await shop.open_claim(await shop.closed_activation("P2", "1"), "operator_block")
    assert (asked.state, last_reason(asked)) == (CaseState.IN_REVIEW, "cause_unknown")
    owed = await shop.open_claim(owed_on)
    assert (running.state, owed.state) == (CaseState.WAITING, CaseState.WAITING)
    assert "balance_credit_sla" in await shop.timers_of(owed.id), "only its order has to end"
    before = await shop.all_rows()

    refused = [
        await shop.give_verdict(running, grant=False),
        await shop.give_verdict(owed, grant=False),
        await shop.give_verdict(asked, grant=False, client_caused=False),
    ]

    assert {change.rejected for change in refused} == {Rejected.NOT_ASKED_FOR}
    assert await shop.all_rows() == before
    assert (await shop.give_verdict(asked, grant=False)).rejected is None


async def test_a_verdict_before_the_window_is_over_is_refused(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    case = await shop.open_claim(id_)
    assert last_reason(case) == "sms_window_open"

    early = await shop.give_verdict(case, grant=True)

    assert early.rejected is Rejected.NOT_ASKED_FOR
    await shop.end_activation(id_, State.CLOSED)
    await shop.fire_due_timers(MONDAY + DAY)
    assert await shop.state_of(case.id) is CaseState.GRANTED


@pytest.mark.parametrize(("kyc", "ending"), [("passed", "approved"), ("failed", "denied")])
async def test_a_granted_claim_waits_for_the_proof_of_the_wallets_owner(
    shop: CaseShop, kyc: str, ending: str
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(
        await shop.delivered_activation("P4"),
        "invalid_number",
        evidence=["photo"],
        destination="wallet",
        kyc="requested",
    )
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "judge_evidence")

    granted = await shop.give_verdict(case, grant=True)

    assert granted.rejected is None
    waiting = await shop.case(case.id)
    assert (waiting.state, last_reason(waiting)) == (CaseState.NEEDS_EVIDENCE, "kyc_required")
    assert await shop.service.reviews(10) == []
    await shop.add_evidence(case, kyc=kyc)
    assert (await shop.state_of(case.id)).value == ending
