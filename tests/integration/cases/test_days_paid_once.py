"""No day of a rental is paid for twice, whichever ways it is asked for one after the other."""

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.test_rental_orders import prolongation, renter
from tests.integration.store.shop import SIM, TICK
from worker.ports.long_rental import Prolonged
from worker.ports.provider import Sms
from worker.ports.store.case_view import Case, CaseState, Timer, TimerKind
from worker.ports.store.rentals import Rental

#: Outages and the unused part are paid; no month caps them, as under P2.
BOTH: dict[str, Any] = {"rental.early_end": "unused", "outage.refund_cap_months": None}
OUT: dict[str, Any] = {
    "claim_channel": "email",
    "reasons_given": True,
    "request_fields": ["service", "amount", "reason", "details"],
}


async def rented(shop: CaseShop, **changes: Any) -> Rental:
    """Ten days for 1000."""
    shop.change_policy("P2", {**BOTH, **changes})
    await shop.open_account(amount_minor=1000, policy="P2")
    return await shop.book_rental()


def last(case: Case) -> tuple[str, str, int]:
    decided = case.decisions[-1]
    return decided.outcome, decided.reason, decided.amount_minor


async def ended_early(shop: CaseShop, days: int) -> None:
    shop.set_time(MONDAY + days * DAY)
    await shop.service.cancel_rental(await shop.long_rental(), {})


async def test_an_outage_ends_where_its_rental_was_given_back(shop: CaseShop) -> None:
    await rented(shop)
    shop.set_time(MONDAY + 2 * DAY)
    outage = await shop.report_outage()
    await ended_early(shop, 5)
    assert last(await shop.case(outage.id)) == ("prorated_credit", "outage_over_24h", 300)
    assert await shop.balances() == (800, 0), (
        "five of ten days were not used, and three did not work"
    )

    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert await shop.balances() == (800, 0), "two days were used"


async def test_a_rental_that_was_given_back_has_no_outage_any_more(shop: CaseShop) -> None:
    await rented(shop)
    await ended_early(shop, 5)
    shop.set_time(MONDAY + 6 * DAY)
    await shop.report_outage()

    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert await shop.balances() == (500, 0)


async def test_an_outage_of_days_that_a_carrier_fault_has_paid_is_not_paid_again(
    shop: CaseShop,
) -> None:
    rental = await rented(shop)
    shop.set_time(MONDAY + 4 * DAY)
    claim = await shop.open_rental_claim(rental, "carrier_fault", **OUT)
    stopped = (MONDAY + 3 * DAY).isoformat()
    found = {"replacement_available": False, "stopped_found_at": stopped}
    await shop.give_verdict(claim, grant=True, **found)
    assert await shop.balances() == (700, 0)
    await shop.report_outage()

    shop.set_time(MONDAY + 7 * DAY)
    await shop.restore_rental()

    assert await shop.balances() == (700, 0)


@pytest.mark.parametrize("destination", ["balance", "client"])
async def test_days_that_a_human_gave_back_are_not_given_back_for_another_kind(
    shop: CaseShop, destination: str
) -> None:
    kinds = {"claims.kinds": {"defect": {"decided": "review"}, "noise": {"decided": "review"}}}
    rental = await rented(shop, **kinds)
    shop.set_time(MONDAY + 4 * DAY)
    first = await shop.open_rental_claim(rental, "defect", destination=destination, **OUT)
    await shop.give_verdict(first, grant=True)
    assert last(await shop.case(first.id))[2] == 600

    shop.set_time(MONDAY + 7 * DAY)
    second = await shop.open_rental_claim(rental, "noise", destination=destination, **OUT)

    assert last(second) == ("needs_review", "judge_request", 0)
    await shop.give_verdict(second, grant=True)
    assert last(await shop.case(second.id)) == ("deny", "already_refunded", 0)


async def test_the_fee_of_a_payout_is_not_given_back_as_days_that_were_not_used(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=3000, policy="P4")
    start = MONDAY + 800 * DAY
    shop.set_time(start + 5 * DAY)
    rental = await shop.book_rental(policy="P4", start=start, price=3000, days=30)
    mailed: dict[str, Any] = {"claim_channel": "email", "reasons_given": True}
    first = await shop.open_rental_claim(rental, "noise", destination="wallet", **mailed)
    await shop.give_verdict(first, grant=True)
    await shop.mark_paid(first)
    paid = (await shop.case(first.id)).decisions[-1]
    assert (paid.outcome, paid.amount_minor, paid.fee_minor) == ("payout", 1875, 625)

    second = await shop.open_rental_claim(rental, "echo", destination="balance", **mailed)

    assert last(second) == ("needs_review", "unlisted_reason", 0)


async def test_a_sum_that_a_human_named_is_taken_off_the_unused_part(shop: CaseShop) -> None:
    kinds = {"claims.kinds": {"defect": {"decided": "review"}, "noise": {"decided": "review"}}}
    rental = await rented(shop, **kinds)
    shop.set_time(MONDAY + 4 * DAY)
    first = await shop.open_rental_claim(rental, "defect", contradicts_terms=True, **OUT)
    await shop.give_verdict(first, grant=True, amount_minor=400)
    assert last(await shop.case(first.id))[::2] == ("prorated_credit", 400)

    shop.set_time(MONDAY + 5 * DAY)
    second = await shop.open_rental_claim(rental, "noise", **OUT)

    assert last(second) == ("needs_review", "judge_request", 100), "five days are 500"


async def test_what_an_outage_gave_later_is_taken_off_a_stop_before_it(shop: CaseShop) -> None:
    rental = await rented(shop)
    shop.set_time(MONDAY + 4 * DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 6 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (200, 0)

    claim = await shop.open_rental_claim(rental, "operator_block", **OUT)
    stopped = (MONDAY + 2 * DAY).isoformat()
    await shop.give_verdict(claim, grant=True, client_caused=False, blocked_at=stopped)

    assert last(await shop.case(claim.id)) == ("prorated_credit", "operator_block", 600)
    assert await shop.balances() == (800, 0), "two days were used"


async def test_a_contact_within_an_outage_counts_from_its_end(shop: CaseShop) -> None:
    rental = await rented(shop)
    shop.set_time(MONDAY + DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 2 * DAY)
    claim = await shop.open_rental_claim(rental, "operator_block", **OUT)
    shop.set_time(MONDAY + 6 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (500, 0)

    await shop.give_verdict(claim, grant=True, client_caused=False)

    assert last(await shop.case(claim.id)) == ("prorated_credit", "operator_block", 400)
    assert await shop.balances() == (900, 0), "one day was used"


async def test_a_human_who_names_the_sum_of_an_outage_credits_a_part(shop: CaseShop) -> None:
    await rented(shop, **{"outage.threshold_s": None, "outage.refund_cap_months": None})
    outage = await shop.report_outage()
    assert last(outage) == ("needs_review", "policy_silent", 0)

    await shop.give_verdict(outage, grant=True, amount_minor=150)

    assert last(await shop.case(outage.id)) == ("prorated_credit", "claim_approved", 150)


async def test_an_outage_ends_with_the_first_sms_after_it_began(shop: CaseShop) -> None:
    await rented(shop)
    shop.set_time(MONDAY + HOUR)
    outage = await shop.report_outage()
    for days in (2, 8):
        shop.set_time(MONDAY + days * DAY + HOUR)
        at = shop.clock.now
        await shop.store.cases.keep_messages(
            (await shop.long_rental()).id, [Sms(f"12{days}", "code", at)]
        )

    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert last(await shop.case(outage.id)) == ("prorated_credit", "outage_over_24h", 200)


async def test_an_outage_told_after_its_contact_ends_with_an_sms_after_either(
    shop: CaseShop,
) -> None:
    await rented(shop)
    rental = (await shop.long_rental()).id
    before, after = MONDAY + 2 * DAY, MONDAY + 5 * DAY + HOUR
    await shop.store.cases.keep_messages(rental, [Sms("121", "code", before)])
    shop.set_time(MONDAY + 5 * DAY)
    outage = await shop.report_outage(contacted_at=(MONDAY + DAY).isoformat())
    shop.set_time(after)
    await shop.store.cases.keep_messages(rental, [Sms("122", "code", after)])

    await shop.fire_due_timers(MONDAY + 6 * DAY + TICK)

    assert last(await shop.case(outage.id)) == ("deny", "outage_not_over_24h", 0)


async def test_an_sms_before_an_outage_does_not_end_it(shop: CaseShop) -> None:
    await rented(shop)
    sms = Sms("1234", "code", MONDAY + DAY)
    await shop.store.cases.keep_messages((await shop.long_rental()).id, [sms])
    shop.set_time(MONDAY + 2 * DAY)
    await shop.report_outage()

    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert await shop.balances() == (800, 0)


async def test_an_sms_that_nobody_has_read_yet_ends_an_outage(shop: CaseShop) -> None:
    await rented(shop)
    outage = await shop.report_outage()
    shop.provider_rentals.sms = (Sms("1234", "code 1234", MONDAY + 2 * DAY),)

    await shop.fire_due_timers(MONDAY + 10 * DAY + TICK)

    assert last(await shop.case(outage.id)) == ("prorated_credit", "outage_over_24h", 200)
    assert await shop.store.cases.rental(SIM, LONG) is not None


async def test_an_outage_whose_provider_could_not_be_read_is_for_a_human(shop: CaseShop) -> None:
    await rented(shop)
    shop.set_time(MONDAY + 7 * DAY)
    outage = await shop.report_outage()
    shop.provider_rentals.budget_left = False

    await shop.fire_due_timers(MONDAY + 10 * DAY + HOUR)
    assert (await shop.case(outage.id)).state is CaseState.WAITING, "it is asked again first"
    await shop.fire_due_timers(MONDAY + 11 * DAY + 12 * HOUR)

    assert last(await shop.case(outage.id)) == ("needs_review", "outage_unverified", 300)
    (review,) = await shop.service.reviews(10)
    assert review.by_when is not None
    assert await shop.balances() == (0, 0)
    await shop.give_verdict(outage, grant=True)
    assert await shop.balances() == (300, 0)


@pytest.mark.parametrize("reported", [0, 7])
async def test_where_all_its_dates_passed_at_once_an_outage_is_decided_as_of_its_own(
    shop: CaseShop, reported: int
) -> None:
    """Its rental's end rings in the same tick, and may be the first of them."""
    rental = await rented(shop)
    shop.set_time(MONDAY + reported * DAY)
    outage = await shop.report_outage()
    due = next(at for kind, at in (await shop.timers_of(outage.id)).items() if "outage" in kind)
    shop.provider_rentals.budget_left = False

    shop.set_time(MONDAY + 30 * DAY)
    await shop.timers.fire(Timer(TimerKind.RENTAL_EMPTY, rental.id, rental.ends_at))
    await shop.fire_due_timers(MONDAY + 30 * DAY)

    asked = [
        one for one in (await shop.case(outage.id)).decisions if one.reason == "outage_unverified"
    ]
    assert [one.as_of for one in asked] == [due]


async def test_an_outage_that_nobody_looked_at_until_its_end_is_read_before_it_is_credited(
    shop: CaseShop,
) -> None:
    await rented(shop)
    outage = await shop.report_outage()
    shop.provider_rentals.sms = (Sms("1234", "code 1234", MONDAY + 3 * DAY),)
    assert set(await shop.timers_of(outage.id)) >= {"outage_threshold"}

    await shop.fire_due_timers(MONDAY + 13 * DAY)

    assert last(await shop.case(outage.id)) == ("prorated_credit", "outage_over_24h", 300)


@pytest.mark.parametrize(
    ("counts", "stop", "gave", "outage"),
    [("started", 60, 700, 200), ("started", 54, 700, 100), ("complete", 60, 800, 100)],
)
async def test_no_part_of_a_day_is_paid_by_an_unused_part_and_by_an_outage(
    shop: CaseShop, counts: str, stop: int, gave: int, outage: int
) -> None:
    """The stop is found so many hours after the start; the outage begins a day after the start.

    In the second line it begins six hours later: only one of its days ends before the unused part.
    """
    rental = await rented(shop, **{"rental.used_counts": counts})
    began = MONDAY + DAY + (6 * HOUR if stop == 54 else 0 * HOUR)
    shop.set_time(MONDAY + 5 * DAY)
    claim = await shop.open_rental_claim(rental, "carrier_fault", **OUT)
    stopped = (MONDAY + stop * HOUR).isoformat()
    found = {"replacement_available": False, "stopped_found_at": stopped}
    await shop.give_verdict(claim, grant=True, **found)
    assert await shop.balances() == (gave, 0)

    shop.set_time(began)
    await shop.report_outage()
    shop.set_time(began + 4 * DAY)
    await shop.restore_rental()

    assert await shop.balances() == (gave + outage, 0)


async def test_days_that_an_outage_gave_while_a_human_thought_are_not_given_back_again(
    shop: CaseShop,
) -> None:
    await rented(shop, **{"rental.early_end": "review"})
    shop.set_time(MONDAY + 5 * DAY)
    pressed = (await shop.service.cancel_rental(await shop.long_rental(), {})).case
    assert pressed is not None
    assert last(pressed) == ("needs_review", "judge_request", 500)
    shop.set_time(MONDAY + 6 * DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 8 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (200, 0)

    await shop.give_verdict(pressed, grant=True)

    assert await shop.balances() == (500, 0), "five days were used"


async def renewed_and_given_back(shop: CaseShop) -> None:
    """Ten days for 1000, five more for 400: the latter are given back on the same day."""
    rental = await rented(shop, **{"rental.early_end": "review", "renewal.refund_window_s": 3600})
    await shop.top_up("for the renewal", 400, MONDAY)
    shop.set_time(MONDAY + 2 * DAY)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]
    await renter(shop)(replace(prolongation(shop, rental), policy_version=rental.policy_version))
    shop.set_time(MONDAY + 2 * DAY + HOUR)
    await shop.service.cancel_rental(await shop.long_rental(), {})
    assert await shop.balances() == (400, 0)


async def test_days_an_outage_gave_are_worth_what_is_paid_after_a_renewal_was_given_back(
    shop: CaseShop,
) -> None:
    await renewed_and_given_back(shop)
    shop.set_time(MONDAY + 4 * DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 5 * DAY)
    pressed = (await shop.service.cancel_rental(await shop.long_rental(), {})).case
    assert pressed is not None
    assert last(pressed) == ("needs_review", "judge_request", 500)
    shop.set_time(MONDAY + 8 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (800, 0)

    await shop.give_verdict(pressed, grant=True)

    assert await shop.balances() == (1000, 0), "of five unused days an outage gave three"
