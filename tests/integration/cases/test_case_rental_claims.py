"""Claims about long rentals: of every kind, credited up to what is left of the price."""

from typing import Any
from uuid import UUID

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from worker.domain.transfer import Charge
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import Rental

OPERATOR_CAUSED: dict[str, Any] = {"client_caused": False}


def last_decision(case: Case) -> tuple[str, str, int]:
    decision = case.decisions[-1]
    return decision.outcome, decision.reason, decision.amount_minor


async def rental_with_credited_outage(shop: CaseShop) -> Rental:
    """Ten days for 1000, of which three are credited by now."""
    await shop.open_account(amount_minor=1000)
    await shop.report_outage()
    shop.set_time(MONDAY + 3 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (300, 0)
    return await shop.long_rental()


async def test_a_block_is_credited_for_the_days_that_are_left(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + 5 * DAY)

    case = await shop.open_rental_claim(
        rental, **OPERATOR_CAUSED, blocked_at=(MONDAY + 4 * DAY).isoformat()
    )

    assert last_decision(case) == ("prorated_credit", "operator_block", 600)
    assert (case.state, case.rental, case.activation) == (CaseState.GRANTED, rental.id, None)
    assert await shop.balances() == (600, 0)
    assert await shop.event_types(case.id) == ["claim.granted"]


async def test_a_repeated_claim_is_the_same_case_and_pays_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()

    blocked = {"claim_kind": "operator_block", **OPERATOR_CAUSED}
    first = await shop.service.open_rental_claim(rental.id, blocked)
    again = await shop.service.open_rental_claim(rental.id, blocked)
    other = await shop.open_rental_claim(rental, "cannot_provide")

    assert (first.how, again.how) == (CaseOpenOutcome.NEW, CaseOpenOutcome.SAME)
    assert first.case == again.case
    assert last_decision(other)[:2] == ("deny", "already_refunded")
    assert await shop.balances() == (1000, 0)
    rental = await shop.long_rental()
    ids = {claim.id for claim in rental.claims}
    assert ids == {other.id, again.case.id if again.case else None}
    assert rental.outages == ()


@pytest.mark.parametrize(
    ("kind", "facts", "outcome", "reason"),
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
        ("cannot_provide", {}, "needs_review", "allocation_unknown"),
        ("cannot_provide", {"destination": "client"}, "deny", "not_a_client_refund_ground"),
    ],
)
async def test_each_kind_is_decided_as_the_policy_says(
    shop: CaseShop, kind: str, facts: dict[str, Any], outcome: str, reason: str
) -> None:
    await shop.open_account(amount_minor=1000)

    case = await shop.open_rental_claim(await shop.book_rental(), kind, **facts)

    assert last_decision(case)[:2] == (outcome, reason)
    assert await shop.balances() == (0, 0)


async def test_days_an_outage_was_credited_for_are_not_credited_again(shop: CaseShop) -> None:
    rental = await rental_with_credited_outage(shop)

    case = await shop.open_rental_claim(rental, **OPERATOR_CAUSED, blocked_at=MONDAY.isoformat())

    assert last_decision(case) == ("prorated_credit", "operator_block", 700)
    assert await shop.balances() == (1000, 0)


async def test_a_rental_said_not_to_be_provided_is_judged_and_credited_what_is_left(
    shop: CaseShop,
) -> None:
    rental = await rental_with_credited_outage(shop)

    case = await shop.open_rental_claim(rental, "cannot_provide")

    assert last_decision(case) == ("needs_review", "allocation_unknown", 700)
    assert await shop.balances() == (300, 0), "our log has no failure, so a human is asked first"
    await shop.give_verdict(case, grant=True)
    granted = await shop.case(case.id)
    assert last_decision(granted) == ("prorated_credit", "claim_approved", 700)
    assert await shop.balances() == (1000, 0)


async def test_a_rental_that_is_over_was_provided(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(rental.ends_at)

    case = await shop.open_rental_claim(rental, "cannot_provide")

    assert last_decision(case)[:2] == ("deny", "number_was_provided")
    assert await shop.balances() == (0, 0)


async def test_days_of_an_outage_and_later_ones_of_a_block_are_two_losses(shop: CaseShop) -> None:
    rental = await rental_with_credited_outage(shop)
    shop.set_time(MONDAY + 6 * DAY)

    case = await shop.open_rental_claim(rental, **OPERATOR_CAUSED)

    assert last_decision(case) == ("prorated_credit", "operator_block", 400)
    assert await shop.balances() == (700, 0)


async def test_a_block_found_within_a_credited_outage_pays_for_the_days_after_it(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + 2 * DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 5 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (300, 0)

    case = await shop.open_rental_claim(
        rental, **OPERATOR_CAUSED, blocked_at=(MONDAY + 2 * DAY).isoformat()
    )

    assert last_decision(case) == ("prorated_credit", "operator_block", 500)
    assert await shop.balances() == (800, 0), "two days of ten were used"


async def test_an_outage_covers_no_days_that_were_credited_for_a_block(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    running = await shop.report_outage()
    rental = await shop.long_rental()
    shop.set_time(MONDAY + 2 * DAY)
    await shop.open_rental_claim(rental, **OPERATOR_CAUSED)
    assert await shop.balances() == (800, 0)

    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert last_decision(await shop.case(running.id)) == ("prorated_credit", "outage_over_24h", 200)
    assert await shop.balances() == (1000, 0)


async def test_an_outage_that_ends_after_a_block_has_ended_with_it(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + DAY)
    await shop.report_outage()
    await shop.fire_due_timers(MONDAY + 2 * DAY + HOUR)
    blocked_at = (MONDAY + DAY + 12 * HOUR).isoformat()
    await shop.open_rental_claim(rental, **OPERATOR_CAUSED, blocked_at=blocked_at)
    assert await shop.balances() == (800, 0)
    shop.set_time(MONDAY + 5 * DAY)

    restored = await shop.restore_rental()

    assert last_decision(restored)[:2] == ("deny", "outage_not_over_24h"), (
        "half a day until the block"
    )
    assert await shop.balances() == (800, 0)


async def test_an_outage_after_a_block_credits_nothing(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    await shop.open_rental_claim(rental, **OPERATOR_CAUSED, blocked_at=(MONDAY + DAY).isoformat())
    shop.set_time(MONDAY + 3 * DAY)

    case = await shop.report_outage()

    assert last_decision(case)[:2] == ("deny", "outage_not_over_24h")
    assert await shop.balances() == (900, 0)


async def test_an_outage_of_a_rental_that_was_given_back_whole_has_nothing_left_to_credit(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_outage()
    rental = await shop.long_rental()
    await shop.open_rental_claim(rental, **OPERATOR_CAUSED)
    assert await shop.balances() == (1000, 0)
    shop.set_time(MONDAY + 3 * DAY)

    restored = await shop.restore_rental()

    assert last_decision(restored) == ("none", "already_settled", 0)
    assert restored.state is CaseState.DONE
    assert await shop.balances() == (1000, 0)


@pytest.mark.parametrize(
    ("policy", "clauses"),
    [("P0", ()), ("P1", ()), ("P2", ("P2.26",)), ("P3", ("P3.18",)), ("P4", ("P4.03",))],
)
async def test_a_claim_that_no_sms_came_to_a_rental_is_judged_by_a_human(
    shop: CaseShop, policy: str, clauses: tuple[str, ...]
) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental(policy=policy)
    shop.set_time(MONDAY + HOUR)

    case = await shop.open_rental_claim(rental, "non_receiving")

    proposed = ("needs_review", "unlisted_reason", 900)  # A day has begun.
    assert last_decision(case) == proposed
    assert case.decisions[-1].clauses == clauses, "where its text speaks of what it does not list"
    assert await shop.balances() == (0, 0)
    above = await shop.give_verdict(case, grant=True, amount_minor=901)
    assert above.rejected is Rejected.WRONG_SUM
    granted = await shop.give_verdict(case, grant=True, amount_minor=400)
    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED
    assert await shop.balances() == (400, 0)


async def test_a_human_cannot_grant_more_than_is_left_of_the_rental(shop: CaseShop) -> None:
    rental = await rental_with_credited_outage(shop)
    case = await shop.open_rental_claim(rental, "non_receiving")

    assert (
        await shop.give_verdict(case, grant=True, amount_minor=701)
    ).rejected is Rejected.WRONG_SUM
    assert (await shop.give_verdict(case, grant=True)).rejected is None
    assert await shop.balances() == (1000, 0)


async def test_a_rental_paid_elsewhere_is_given_back_there(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental(charge=Charge.EXTERNAL)

    case = await shop.open_rental_claim(rental, **OPERATOR_CAUSED)

    assert case.moved_minor == 1000
    assert await shop.balances() == (1000, 0)


async def test_a_claim_about_an_unknown_rental_opens_no_case(shop: CaseShop) -> None:
    opened = await shop.service.open_rental_claim(UUID(int=1), {"claim_kind": "other"})

    assert opened.how is CaseOpenOutcome.UNKNOWN_SUBJECT
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


async def test_what_was_credited_and_is_still_there_leaves_with_the_claim(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental(policy="P4")
    await shop.give_verdict(await shop.report_outage(), grant=True, amount_minor=300)
    case = await shop.open_rental_claim(
        rental, "invalid_number", evidence=["photo"], destination="wallet"
    )
    assert last_decision(case) == ("needs_review", "judge_evidence", 950), "less 5 % of it all"

    too_much = await shop.give_verdict(case, grant=True, amount_minor=951)
    assert too_much.rejected is Rejected.WRONG_SUM
    await shop.give_verdict(case, grant=True, amount_minor=665)

    granted = await shop.case(case.id)
    assert (granted.state, last_decision(granted)) == (
        CaseState.APPROVED,
        ("payout", "claim_approved", 665),
    )
    assert granted.decisions[-1].destination == "wallet"
    assert [one.reason for one in await shop.service.reviews(10)] == ["refund_payment"]
    await shop.mark_paid(case)
    assert await shop.balances() == (0, 0), "300 of the 665 were on the balance"
