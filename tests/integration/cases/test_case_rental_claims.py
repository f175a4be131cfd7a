"""Claims about long rentals: of every kind the policies know, up to what the rental still has."""

from typing import Any
from uuid import UUID

import pytest

from tests.integration.cases.office import DAY, HOUR, MONDAY, Office
from worker.domain.transfer import Charge
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.cases import CaseOpened, Rental

ELSEWHERE: dict[str, Any] = {"client_caused": False}


def last(case: Case) -> tuple[str, str, int]:
    decision = case.decisions[-1]
    return decision.outcome, decision.reason, decision.amount_minor


async def with_an_outage_paid(office: Office) -> Rental:
    """Ten days for 1000, of which three are credited by now."""
    await office.open(amount_minor=1000)
    await office.outage()
    office.at(MONDAY + 3 * DAY)
    await office.restored()
    assert await office.money() == (300, 0)
    return await office.the_rental()


async def test_a_block_is_credited_for_the_days_that_are_left(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()
    office.at(MONDAY + 5 * DAY)

    case = await office.claim_rental(rental, **ELSEWHERE, blocked_at=(MONDAY + 4 * DAY).isoformat())

    assert last(case) == ("prorated_credit", "operator_block", 600)
    assert (case.state, case.rental, case.activation) == (CaseState.GRANTED, rental.id, None)
    assert await office.money() == (600, 0)
    assert await office.told(case.id) == ["claim.granted"]


async def test_the_same_claim_again_is_the_same_and_pays_once(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()

    first = await office.desk.open_rental_claim(rental.id, {"claim_kind": "cannot_provide"})
    again = await office.desk.open_rental_claim(rental.id, {"claim_kind": "cannot_provide"})
    other = await office.claim_rental(rental, **ELSEWHERE)

    assert (first.how, again.how) == (CaseOpened.NEW, CaseOpened.SAME)
    assert first.case == again.case
    assert last(other)[:2] == ("deny", "already_refunded")
    assert await office.money() == (1000, 0)
    found = await office.the_rental()
    assert {one.id for one in found.claims} == {other.id, again.case.id if again.case else None}
    assert found.outages == ()


@pytest.mark.parametrize(
    ("kind", "facts", "outcome", "why"),
    [
        ("early_deactivation", {}, "deny", "early_deactivation"),
        (
            "early_deactivation",
            {"due_to_problem": True},
            "needs_review",
            "deactivation_due_to_problem",
        ),
        ("operator_block", {"client_caused": True}, "deny", "client_caused"),
        ("operator_block", {}, "needs_review", "cause_unknown"),
        ("changed_mind", {}, "deny", "changed_mind"),
        ("documents_refused", {}, "needs_review", "documents_not_announced"),
        ("carrier_fault", {"replacement_available": True}, "replace", "replacement_same_location"),
        ("cannot_provide", {"allocation_failed": False}, "deny", "number_was_provided"),
        ("cannot_provide", {"destination": "client"}, "deny", "not_a_client_refund_ground"),
    ],
)
async def test_each_kind_is_decided_as_the_policy_says(
    office: Office, kind: str, facts: dict[str, Any], outcome: str, why: str
) -> None:
    await office.open(amount_minor=1000)

    case = await office.claim_rental(await office.book(), kind, **facts)

    assert last(case)[:2] == (outcome, why)
    assert await office.money() == (0, 0)


async def test_days_an_outage_was_credited_for_are_not_credited_again(office: Office) -> None:
    rental = await with_an_outage_paid(office)

    case = await office.claim_rental(rental, **ELSEWHERE, blocked_at=MONDAY.isoformat())

    assert last(case) == ("prorated_credit", "operator_block", 700)
    assert await office.money() == (1000, 0)


async def test_a_whole_price_is_what_is_left_of_it(office: Office) -> None:
    rental = await with_an_outage_paid(office)

    case = await office.claim_rental(rental, "cannot_provide")

    assert last(case) == ("credit", "never_provided", 700)
    assert await office.money() == (1000, 0)


async def test_an_outage_covers_no_days_that_a_block_has_paid_for(office: Office) -> None:
    await office.open(amount_minor=1000)
    running = await office.outage()
    rental = await office.the_rental()
    office.at(MONDAY + 2 * DAY)
    await office.claim_rental(rental, **ELSEWHERE)
    assert await office.money() == (800, 0)

    await office.ring(MONDAY + 11 * DAY)

    assert last(await office.case(running.id)) == ("prorated_credit", "outage_over_24h", 200)
    assert await office.money() == (1000, 0)


async def test_an_outage_that_ends_after_a_block_has_ended_with_it(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()
    office.at(MONDAY + DAY)
    await office.outage()
    await office.ring(MONDAY + 2 * DAY + HOUR)
    blocked_at = (MONDAY + DAY + 12 * HOUR).isoformat()
    await office.claim_rental(rental, **ELSEWHERE, blocked_at=blocked_at)
    assert await office.money() == (800, 0)
    office.at(MONDAY + 5 * DAY)

    done = await office.restored()

    assert last(done)[:2] == ("deny", "outage_not_over_24h"), "half a day until the block"
    assert await office.money() == (800, 0)


async def test_an_outage_after_a_block_finds_nothing(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()
    await office.claim_rental(rental, **ELSEWHERE, blocked_at=(MONDAY + DAY).isoformat())
    office.at(MONDAY + 3 * DAY)

    case = await office.outage()

    assert last(case)[:2] == ("deny", "outage_not_over_24h")
    assert await office.money() == (900, 0)


async def test_an_outage_of_a_rental_that_was_given_back_whole_is_denied(office: Office) -> None:
    await office.open(amount_minor=1000)
    await office.outage()
    rental = await office.the_rental()
    await office.claim_rental(rental, "cannot_provide")
    office.at(MONDAY + 3 * DAY)

    done = await office.restored()

    assert last(done)[:2] == ("deny", "already_refunded")
    assert await office.money() == (1000, 0)


@pytest.mark.parametrize("policy", ["P0", "P1", "P2", "P3", "P4"])
async def test_no_sms_on_a_rental_is_for_a_human_because_no_log_of_ours_knows(
    office: Office, policy: str
) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book(policy=policy)
    office.at(MONDAY + HOUR)

    case = await office.claim_rental(rental, "non_receiving")

    assert last(case) == ("needs_review", "judge_request", 1000)
    assert case.decisions[-1].clauses
    assert await office.money() == (0, 0)
    granted = await office.verdict(case, grant=True, amount_minor=400)
    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED
    assert await office.money() == (400, 0)


async def test_a_human_cannot_give_more_than_the_rental_has(office: Office) -> None:
    rental = await with_an_outage_paid(office)
    case = await office.claim_rental(rental, "non_receiving")

    assert (await office.verdict(case, grant=True, amount_minor=701)).refused is Rejected.WRONG_SUM
    assert (await office.verdict(case, grant=True)).refused is None
    assert await office.money() == (1000, 0)


async def test_a_rental_paid_elsewhere_is_given_back_there(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book(charge=Charge.EXTERNAL)

    case = await office.claim_rental(rental, **ELSEWHERE)

    assert case.moved_minor == 1000
    assert await office.money() == (1000, 0)


async def test_a_claim_about_no_rental_opens_nothing(office: Office) -> None:
    opened = await office.desk.open_rental_claim(UUID(int=1), {"claim_kind": "other"})

    assert opened.how is CaseOpened.UNKNOWN_SUBJECT
    assert await office.one("SELECT count(*) FROM case_") == 0


async def test_a_payout_with_a_fee_on_more_than_is_left_is_what_the_human_says(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book(policy="P4")
    await office.verdict(await office.outage(), grant=True, amount_minor=300)
    case = await office.claim_rental(
        rental, "invalid_number", evidence=["photo"], destination="wallet"
    )
    assert last(case) == ("needs_review", "judge_evidence", 700)

    too_much = await office.verdict(case, grant=True, amount_minor=701)
    assert too_much.refused is Rejected.WRONG_SUM
    await office.verdict(case, grant=True, amount_minor=665)

    granted = await office.case(case.id)
    assert (granted.state, last(granted)) == (
        CaseState.APPROVED,
        ("payout", "claim_approved", 665),
    )
    assert granted.decisions[-1].destination == "wallet"
    assert await office.desk.reviews(10) == []
    await office.paid(case)
    assert await office.money() == (300, 0)
