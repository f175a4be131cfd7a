"""A human's word on a case: taken once for each thing that waits for one, and never for nothing."""

import pytest

from tests.integration.cases.office import DAY, MONDAY, PRICE, Office, reason
from worker.domain.activation import State
from worker.lifecycle.cases import adding
from worker.ports.store.case_view import Case, CaseState, Rejected


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
    assert (first.refused, again.refused, other.refused) == (None, None, Rejected.OTHER_CONTENT)
    assert first.case is not None
    assert first.case.state.value == ending
    assert [one.what for one in first.case.evidence] == ["verdict", "choice", "verdict"]
    assert await office.money() == (1000 - PRICE + given, 0)
    assert await office.desk.reviews(10) == []


async def test_what_the_customer_never_adds_a_human_ends_where_no_date_does(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    claim = await office.claim(await office.delivered("P3"), "wrong_code")
    await office.top_up("later", 500, at=office.hands.now)
    withdrawal = await office.withdraw("P3", amount_minor=500, email_matches=False)
    assert claim.state is withdrawal.state is CaseState.NEEDS_EVIDENCE
    assert claim.timers == withdrawal.timers == ()
    deletion = await office.account_event("delete_requested", "P3")
    assert reason(deletion) == "withdrawal_open"

    for case in (claim, withdrawal):
        granted = await office.verdict(case, grant=True)
        denied = await office.verdict(case, grant=False)
        assert (granted.refused, denied.refused) == (Rejected.NOT_ASKED_FOR, None)

    for case in (claim, withdrawal):
        ended = await office.case(case.id)
        assert (ended.state, reason(ended)) == (CaseState.DENIED, "claim_rejected")
    assert await office.state(deletion.id) is CaseState.DONE


async def test_nobody_denies_what_the_customer_has_a_date_to_add(office: Office) -> None:
    await office.open(amount_minor=1000)
    claim = await office.claim(await office.delivered("P1"), "invalid_number")
    await office.top_up("later", 500, at=office.hands.now)
    withdrawal = await office.withdraw("P3", amount_minor=500)
    asked = adding.payment_info("requested", None)
    await office.desk.add(withdrawal.id, withdrawal.kind, asked, "payment_info_requested")
    before = await office.everything()

    for case in (claim, withdrawal):
        assert (await office.verdict(case, grant=False)).refused is Rejected.NOT_ASKED_FOR

    assert await office.everything() == before


async def test_a_denial_of_what_the_policy_pays_all_the_same_is_refused(office: Office) -> None:
    await office.open(amount_minor=2000)
    asked = await office.claim(await office.closed("P3", "1"), "cannot_provide")
    running = await office.claim(await office.rent("P1", "2"))
    owed = await office.claim(
        await office.rent("P3", "3"), "cannot_provide", allocation_failed=True
    )
    assert (running.state, owed.state) == (CaseState.WAITING, CaseState.WAITING)
    before = await office.everything()

    refused = [
        await office.verdict(running, grant=False),
        await office.verdict(owed, grant=False),
        await office.verdict(asked, grant=False, allocation_failed=True),
    ]

    assert {one.refused for one in refused} == {Rejected.NOT_ASKED_FOR}
    assert await office.everything() == before
    assert (await office.verdict(asked, grant=False)).refused is None


async def test_a_word_while_only_the_log_can_tell_leaves_the_review_that_follows_its_own(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P3")
    case = await office.claim(id_)
    assert reason(case) == "sms_window_open"

    early = await office.verdict(case, grant=True)

    assert early.refused is Rejected.NOT_ASKED_FOR
    await office.end(id_, State.CLOSED)
    await office.ring(MONDAY + DAY)
    assert await office.state(case.id) is CaseState.GRANTED


@pytest.mark.parametrize(("kyc", "ending"), [("passed", "approved"), ("failed", "denied")])
async def test_a_granted_claim_waits_for_the_proof_of_the_wallets_owner(
    office: Office, kyc: str, ending: str
) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(
        await office.delivered("P4"),
        "invalid_number",
        evidence=["photo"],
        destination="wallet",
        kyc="requested",
    )
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "judge_evidence")

    granted = await office.verdict(case, grant=True)

    assert granted.refused is None
    waiting = await office.case(case.id)
    assert (waiting.state, reason(waiting)) == (CaseState.NEEDS_EVIDENCE, "kyc_required")
    assert await office.desk.reviews(10) == []
    await office.evidence(case, kyc=kyc)
    assert (await office.state(case.id)).value == ending
