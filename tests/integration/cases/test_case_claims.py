"""Claims: decided by the policy of the purchase, paid once, at most what is left of the price."""

from uuid import UUID

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import TICK, WINDOW
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.policy import FactError
from worker.domain.transfer import Charge
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome


async def test_a_closed_number_without_a_code_is_credited_on_its_claim(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")

    case = await shop.open_claim(id_)

    assert (case.state, last_reason(case)) == (CaseState.GRANTED, "no_sms_on_record")
    assert "P1.05" in case.decisions[-1].clauses
    assert await shop.balances() == (1000, 0)
    assert await shop.event_types(case.id) == ["claim.granted"]
    settlement = await shop.fetch_rows("SELECT outcome, amount_minor FROM settlement")
    assert settlement == [("closed", PRICE)], "the settlement is never rewritten"


async def test_a_repeated_claim_is_the_same_case_and_pays_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    first = await shop.service.open_claim(id_, {"claim_kind": "non_receiving"})

    again = await shop.service.open_claim(id_, {"claim_kind": "non_receiving"})
    other = await shop.service.open_claim(
        id_, {"claim_kind": "non_receiving", "reasons_given": False}
    )

    assert (first.how, again.how, other.how) == (
        CaseOpenOutcome.NEW,
        CaseOpenOutcome.SAME,
        CaseOpenOutcome.OTHER_CONTENT,
    )
    assert first.case == again.case == other.case
    assert await shop.balances() == (1000, 0)


async def test_a_claim_about_a_refunded_number_is_denied(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P0")
    await shop.end_activation(id_, State.REFUNDED)

    case = await shop.open_claim(id_)

    assert (case.state, last_reason(case)) == (CaseState.DENIED, "already_refunded")
    assert await shop.balances() == (100_000, 0)


async def test_a_claim_waits_for_the_end_of_its_order_and_then_does_not_pay_twice(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P0")
    shop.set_time(MONDAY + WINDOW + TICK)

    case = await shop.open_claim(id_)

    assert (case.state, last_reason(case)) == (CaseState.WAITING, "sms_window_open")
    assert await shop.balances() == (650, PRICE)
    await shop.end_activation(id_, State.REFUNDED)
    await shop.fire_due_timers(MONDAY + DAY)
    assert (await shop.state_of(case.id)) is CaseState.DENIED
    assert last_reason(await shop.case(case.id)) == "already_refunded"
    assert await shop.balances() == (1000, 0)


async def test_a_second_claim_finds_nothing_left(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    await shop.open_claim(id_)

    second = await shop.open_claim(id_, "invalid_number", evidence=["photo"])

    assert (second.state, last_reason(second)) == (CaseState.DENIED, "already_refunded")
    assert await shop.balances() == (1000, 0)


async def test_a_claim_on_money_held_outside_is_credited_outside(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=0)
    id_ = await shop.closed_activation("P3", charge=Charge.EXTERNAL)

    case = await shop.open_claim(id_)

    assert (case.state, case.charge) == (CaseState.GRANTED, Charge.EXTERNAL)
    assert await shop.balances() == (0, 0)
    told = "SELECT payload ->> 'charge' FROM event WHERE type = 'claim.granted'"
    assert await shop.fetch_value(told) == "external"
    sides = await shop.fetch_rows(
        "SELECT source, destination FROM transfer WHERE key LIKE 'claim:%'"
    )
    assert sides == [("house:revenue", "house:outside")]


async def test_where_nobody_told_how_an_order_was_paid_a_human_says_where_the_money_goes(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=0)
    id_ = await shop.closed_activation("P1", charge=Charge.EXTERNAL)

    case = await shop.open_claim(id_)

    last = case.decisions[-1]
    assert (case.state, last.reason) == (CaseState.IN_REVIEW, "payment_method_unknown")
    assert (last.amount_minor, last.fee_minor, last.destination) == (PRICE, 0, "balance")
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 0


async def test_a_payout_leaves_the_platform_less_its_fee_once_a_human_approved_it(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4")

    opened = await shop.open_claim(id_, destination="wallet")

    last = opened.decisions[-1]
    assert (opened.state, last.outcome) == (CaseState.IN_REVIEW, "needs_review")
    assert (last.amount_minor, last.fee_minor, last.destination) == (333, 17, "wallet")
    case = (await shop.give_verdict(opened, grant=True)).case
    assert case is not None
    last = case.decisions[-1]
    assert (last.outcome, last.amount_minor, last.fee_minor) == ("payout", 333, 17)
    assert (case.state, case.moved_minor) == (CaseState.APPROVED, 0)
    change = await shop.mark_paid(case)
    assert change.case is not None
    assert (change.case.state, change.case.moved_minor) == (CaseState.PAID, 333)
    assert await shop.balances() == (650, 0)


async def test_a_verdict_is_given_once_and_another_one_is_refused(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    case = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    assert case.state is CaseState.IN_REVIEW

    granted = await shop.give_verdict(case, grant=True)
    again = await shop.give_verdict(case, grant=True)
    before = await shop.all_rows()
    other = await shop.give_verdict(case, grant=False)

    assert granted.case == again.case
    assert (granted.rejected, again.rejected) == (None, None)
    assert other.rejected is Rejected.OTHER_CONTENT
    assert other.case == granted.case
    assert await shop.all_rows() == before, "a refusal leaves every row as it is"
    assert await shop.balances() == (1000, 0)
    assert await shop.event_types(case.id) == ["claim.in_review", "claim.granted"]


async def test_a_denied_claim_pays_nothing(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(
        await shop.delivered_activation("P1"), "invalid_number", evidence=["screenshot"]
    )

    change = await shop.give_verdict(case, grant=False)

    assert change.case is not None
    assert (change.case.state, last_reason(change.case)) == (CaseState.DENIED, "claim_rejected")
    assert await shop.balances() == (650, 0)


async def test_where_the_policy_has_no_sum_the_human_names_one_within_the_price(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1", policy_version="lost"))
    last = case.decisions[-1]
    assert (case.state, last.reason) == (CaseState.IN_REVIEW, "policy_version")
    assert last.amount_minor == 0

    unnamed = await shop.give_verdict(case, grant=True)
    too_much = await shop.give_verdict(case, grant=True, amount_minor=PRICE + 1)
    granted = await shop.give_verdict(case, grant=True, amount_minor=100)

    assert (unnamed.rejected, too_much.rejected) == (Rejected.WRONG_SUM, Rejected.WRONG_SUM)
    assert granted.case is not None
    assert granted.case.decisions[-1].by == "verdict"
    assert await shop.balances() == (750, 0)


async def test_of_a_proposed_sum_a_human_grants_less_and_never_more(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(
        await shop.delivered_activation("P1"), "invalid_number", evidence=["photo"]
    )
    assert case.decisions[-1].amount_minor == PRICE

    more = await shop.give_verdict(case, grant=True, amount_minor=PRICE + 1)
    nothing = await shop.give_verdict(case, grant=True, amount_minor=0)

    assert more.rejected is nothing.rejected is Rejected.WRONG_SUM
    assert await shop.state_of(case.id) is CaseState.IN_REVIEW
    less = (await shop.give_verdict(case, grant=True, amount_minor=PRICE - 50)).case
    assert less is not None
    last = less.decisions[-1]
    assert (less.state, last.amount_minor, last.by) == (CaseState.GRANTED, PRICE - 50, "verdict")
    assert await shop.balances() == (1000 - 50, 0)


async def test_an_unlisted_reason_proposes_the_price_and_pays_the_sum_the_human_names(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1"), "carrier_fault")
    last = case.decisions[-1]
    assert (last.reason, last.amount_minor) == ("unlisted_reason", PRICE)

    too_much = await shop.give_verdict(case, grant=True, amount_minor=PRICE + 1)
    granted = await shop.give_verdict(case, grant=True, amount_minor=100)

    assert (too_much.rejected, granted.rejected) == (Rejected.WRONG_SUM, None)
    assert await shop.balances() == (750, 0)


async def test_where_the_human_names_no_sum_a_yes_pays_the_one_proposed(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1"), "carrier_fault")

    granted = await shop.give_verdict(case, grant=True)

    assert granted.rejected is None
    assert await shop.balances() == (1000, 0)


async def test_a_human_grants_less_of_a_payout_than_was_proposed(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.closed_activation("P4"), destination="wallet")

    more = await shop.give_verdict(case, grant=True, amount_minor=334)
    less = await shop.give_verdict(case, grant=True, amount_minor=200)

    assert (more.rejected, less.rejected) == (Rejected.WRONG_SUM, None)
    paid = (await shop.mark_paid(case)).case
    assert paid is not None
    assert (paid.state, paid.moved_minor) == (CaseState.PAID, 200)


async def test_missing_evidence_can_be_added_until_the_window_closes(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    case = await shop.open_claim(id_, "invalid_number")
    assert (case.state, last_reason(case)) == (CaseState.NEEDS_EVIDENCE, "evidence_missing")
    shop.set_time(MONDAY + 7 * DAY)

    added = await shop.add_evidence(case, "photo")

    assert added.case is not None
    assert added.case.state is CaseState.IN_REVIEW
    assert [entry.what for entry in added.case.evidence] == ["evidence"]


async def test_evidence_after_the_date_is_too_late_though_no_timer_has_fired(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    case = await shop.open_claim(id_, reasons_given=False)
    shop.set_time(MONDAY + 7 * DAY + TICK)  # No tick has run since the window closed.

    late = await shop.add_evidence(case, reasons_given=True)

    assert late.rejected is Rejected.CLOSED
    assert late.case is not None
    assert (late.case.state, last_reason(late.case)) == (CaseState.DENIED, "reasons_missing")
    assert await shop.balances() == (650, 0)


async def test_a_defect_repaired_in_time_is_resolved(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "rectification_running")

    await shop.add_instants(case, rectified_at=None)

    assert await shop.state_of(case.id) is CaseState.RESOLVED


async def test_a_customer_who_wishes_a_replacement_of_like_value_gets_one(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.give_verdict(case, grant=True)
    await shop.add_choice(case, "replacement", PRICE + 35)

    await shop.fire_due_timers(MONDAY + 4 * DAY)
    assert await shop.state_of(case.id) is CaseState.WAITING, "nothing is linked yet"
    new = await shop.rent_number("P1", "2", rented_at=shop.clock.now)
    await shop.service.replaced(case.id, new)

    assert await shop.state_of(case.id) is CaseState.REPLACED
    assert await shop.balances() == (100_000 - 2 * PRICE, PRICE)


async def test_an_order_keeps_the_policy_of_its_purchase(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    old = shop.policies["P1"]
    shop.change_policy("P1", {"claims.window_days": 1})
    shop.set_time(MONDAY + 6 * DAY)

    case = await shop.open_claim(id_)

    assert case.policy_version == old.version != shop.policies["P1"].version
    assert case.state is CaseState.GRANTED, "within the seven days of its purchase"
    new = await shop.open_claim(await shop.closed_activation("P1", "2"))
    assert (new.state, last_reason(new)) == (CaseState.DENIED, "claim_window_closed")


async def test_an_order_whose_policy_version_is_lost_goes_to_a_human(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1", policy_version="lost")

    case = await shop.open_claim(id_)

    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "policy_version")


async def test_a_claim_about_an_unknown_order_opens_no_case(shop: CaseShop) -> None:
    await shop.open_account()
    unknown = await shop.service.open_claim(ActivationId(UUID(int=1)), {"claim_kind": "other"})

    assert unknown.how is CaseOpenOutcome.UNKNOWN_SUBJECT
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


async def test_facts_that_cannot_be_decided_from_are_refused_before_anything_is_stored(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1")

    with pytest.raises(FactError):
        await shop.open_claim(id_, kyc="perhaps")
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


async def test_a_verdict_is_refused_while_the_customer_has_to_add_something(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(await shop.delivered_activation("P1"), "invalid_number")
    assert case.state is CaseState.NEEDS_EVIDENCE
    before = await shop.all_rows()

    granted = await shop.give_verdict(case, grant=True)

    assert granted.rejected is Rejected.NOT_ASKED_FOR
    assert await shop.all_rows() == before


async def test_a_verdict_is_refused_before_the_end_of_the_order(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P2")
    await shop.record_code()
    case = await shop.open_claim(id_, "wrong_code")
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "unlisted_reason")

    early = await shop.give_verdict(case, grant=True, amount_minor=100)
    assert early.rejected is Rejected.NOT_ASKED_FOR
    await shop.end_activation(id_, State.DELIVERED)
    change = await shop.give_verdict(case, grant=False)

    assert change.case is not None
    assert (change.case.state, last_reason(change.case)) == (CaseState.DENIED, "claim_rejected")
    assert [entry.what for entry in change.case.evidence] == ["verdict"]
    assert await shop.balances() == (1000 - PRICE, 0)


async def test_an_order_that_found_no_number_can_be_claimed_on(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.failed_order("P2")

    case = await shop.open_claim(id_, "no_numbers", destination="client")

    assert (case.activation, case.policy) == (id_, "P2")
    assert case.decisions
    aside = (1000 - PRICE, PRICE)
    assert await shop.balances() == aside, "what would leave is set aside while it is open"
