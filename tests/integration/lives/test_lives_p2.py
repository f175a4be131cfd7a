"""P2 acted: guarantees to the balance, money to the client on request, rentals with outages."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lives.daemon import MONDAY
from tests.integration.lives.life import PRICE, RENTAL_PRICE, Life, asked, decided, on
from worker.ports.provider import Sms

clauses = pytest.mark.clauses


@clauses("P2.01", "P2.02")
async def test_the_balance_is_whole_and_can_be_spent_after_years(life: Life) -> None:
    await life.open("P2")

    await life.at(days=5 * 365)

    assert await life.balance() == (1000, 0)
    await life.number()
    assert await life.balance() == (500, 500)


@clauses("P2.03")
async def test_the_balance_is_void_once_a_human_confirms_the_deletion_he_was_asked_for(
    life: Life,
) -> None:
    await life.open("P2")
    case = await life.told("delete_requested")
    assert decided(case) == ("in_review", "confirm_deletion")
    assert (await life.account())["state"] == "closing"
    topup = {"reference": "late", "amount_minor": 5}
    assert await life.refused("/v1/accounts/ann/topups", topup) == "account-closing"

    await life.verdict(case, grant=True, deletion_confirmed=True)

    assert (await life.account())["state"] == "deleted"
    assert await life.balance() == (0, 0)
    assert (await life.entries())[-1] == ("void", -1000)


@clauses("P2.04")
async def test_a_block_of_law_enforcement_freezes_the_balance_until_it_is_lifted(
    life: Life,
) -> None:
    await life.open("P2")
    case = await life.told("law_enforcement_block")
    assert case["decision"]["outcome"] == "balance_frozen"
    assert (await life.account())["state"] == "frozen"
    assert await life.balance() == (1000, 0)

    await life.told("law_enforcement_unblock")

    assert (await life.account())["state"] == "open"
    await life.number()
    assert await life.balance() == (500, 500)


@clauses("P2.05", "P2.06", "P2.07")
async def test_complete_days_of_an_outage_are_credited_from_the_contact_on(life: Life) -> None:
    await life.open("P2")
    await life.rental()
    await life.at(days=2)
    since = {"unavailable_since": on(days=0)}
    case = await life.of_rental("outages", since)
    assert case["state"] == "waiting"

    await life.at(days=4, hours=23)
    restored = await life.of_rental("restored")

    assert asked(restored)[:3] == ("prorated_credit", "outage_over_24h", 200), "2 of 10 days"
    assert await life.balance() == (200, 0)
    assert restored["decision"]["destination"] == "balance"


@clauses("P2.05")
async def test_an_outage_of_exactly_a_day_is_not_more_than_a_day(life: Life) -> None:
    await life.open("P2")
    await life.rental()
    await life.of_rental("outages")

    await life.at(days=1)
    restored = await life.of_rental("restored")

    assert decided(restored) == ("denied", "outage_not_over_24h")
    assert await life.balance() == (0, 0)


@clauses("P2.07")
async def test_an_outage_that_nobody_ends_is_credited_by_itself_at_the_end_of_the_rental(
    life: Life,
) -> None:
    await life.open("P2")
    await life.rental()
    await life.at(days=6)
    await life.of_rental("outages")

    await life.at(days=11)

    assert await life.balance() == (400, 0)


@clauses("P2.08")
async def test_a_block_by_the_operator_gives_the_unused_days_once_its_cause_is_found(
    life: Life,
) -> None:
    await life.open("P2")
    rental = await life.rental()
    await life.at(days=6)
    claim = await life.claim("", "operator_block", rental=rental)
    assert decided(claim) == ("in_review", "cause_unknown")

    granted = await life.verdict(claim, grant=True, client_caused=False, blocked_at=on(days=5))

    assert asked(granted)[:3] == ("prorated_credit", "operator_block", 500)
    assert await life.balance() == (500, 0)


@clauses("P2.09")
async def test_a_paid_number_that_could_not_be_provided_goes_back_to_the_balance(
    life: Life,
) -> None:
    await life.open("P2")
    id_ = await life.failed_order()

    assert await life.outcome_of(id_) == ("refunded", "never_provided")
    assert await life.balance() == (1000, 0)
    assert await life.entries() == [("topup", 1000), ("hold", -PRICE), ("release", PRICE)]


@clauses("P2.09", "P2.12")
async def test_a_shown_code_bars_the_claim_that_no_number_was_provided(life: Life) -> None:
    await life.open("P2")
    id_ = await life.delivered()

    for kind in ("cannot_provide", "no_numbers", "carrier_fault", "non_receiving"):
        assert decided(await life.claim(id_, kind)) == ("denied", "code_displayed")

    assert await life.reviews() == []
    assert await life.balance() == (500, 0)


@clauses("P2.10")
async def test_a_one_time_number_without_an_sms_is_credited_by_itself(life: Life) -> None:
    await life.open("P2")
    id_ = await life.number()

    await life.after(minutes=20)

    assert await life.outcome_of(id_) == ("refunded", "timeout")
    assert await life.balance() == (1000, 0)


@clauses("P2.11")
async def test_a_rental_that_is_switched_off_by_wish_gives_nothing_back(life: Life) -> None:
    await life.open("P2")
    await life.rental()
    await life.at(days=3)

    path = "/v1/rentals/sim/long/cancel"
    assert await life.refused(path, {"due_to_problem": False}) == "no-cancel"

    await life.at(days=11)
    assert life.daemon.rentals.closed == [], "it goes on untouched"
    assert await life.balance() == (0, 0)


@clauses("P2.11")
async def test_a_rental_switched_off_because_of_a_problem_is_for_a_human(life: Life) -> None:
    await life.open("P2")
    await life.rental()
    await life.at(days=3)

    shown = await life.of_rental("cancel", {"due_to_problem": True})

    (case,) = shown["cancels"]
    assert decided(case) == ("in_review", "deactivation_due_to_problem")
    await life.verdict(case, grant=True, amount=600)
    assert await life.balance() == (600, 0)


@clauses("P2.29")
async def test_no_money_leaves_before_a_request_and_a_humans_yes(life: Life) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    await life.at(days=30)
    assert await life.balance() == (1000, 0)

    claim = await life.claim(id_, "no_numbers", destination="client")

    assert (decided(claim), claim["moved_minor"]) == (("in_review", "judge_request"), 0)
    assert await life.refused(f"/v1/claims/{claim['id']}/paid") == "not-offered"


@clauses("P2.14")
async def test_a_sold_out_number_that_was_listed_is_paid_to_the_client_on_request(
    life: Life,
) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    assert await life.balance() == (1000, 0), "nothing leaves without a request"

    claim = await life.claim(id_, "no_numbers", destination="client")
    assert claim["state"] == "in_review"
    approved = await life.verdict(claim, grant=True)
    assert approved["state"] == "approved"
    paid = await life.step(claim, "paid")

    assert (paid["state"], paid["moved_minor"]) == ("paid", PRICE)
    assert await life.balance() == (500, 0)


@clauses("P2.15")
async def test_a_carrier_fault_is_paid_to_the_client_where_no_replacement_can_be_had(
    life: Life,
) -> None:
    await life.open("P2")
    id_ = await life.number()
    await life.after(minutes=20)
    assert await life.balance() == (1000, 0)

    claim = await life.claim(id_, "carrier_fault", destination="client")
    assert claim["state"] == "in_review"
    approved = await life.verdict(claim, grant=True, replacement_available=False)
    assert approved["state"] == "approved"
    paid = await life.step(claim, "paid")

    assert (paid["state"], paid["moved_minor"]) == ("paid", PRICE)
    assert await life.balance() == (500, 0)


@clauses("P2.17")
async def test_unused_money_does_not_leave(life: Life) -> None:
    await life.open("P2")
    request = await life.withdraw()

    assert decided(request) == ("denied", "unused_funds")
    assert await life.balance() == (1000, 0)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        pytest.param("unlawful_use_confirmed", "unlawful_use", marks=clauses("P2.19")),
        pytest.param("fraud_confirmed", "fraud", marks=clauses("P2.20")),
        pytest.param("complaint_provider", "complaint_received", marks=clauses("P2.21")),
    ],
)
async def test_what_was_found_about_a_customer_bars_money_out_and_no_credit(
    life: Life, flag: str, reason: str
) -> None:
    await life.open("P2")
    first = await life.failed_order("a", {"was_listed": True})
    second = await life.failed_order("b", {"was_listed": True})
    claim = await life.claim(first, "no_numbers", destination="client")
    await life.verdict(claim, grant=False, account_flags=[flag])

    other = await life.claim(second, "no_numbers", destination="client")

    assert decided(other) == ("denied", reason)
    await life.number()
    await life.after(minutes=21)
    assert await life.balance() == (1000, 0), "the automatic credit is booked"


@clauses("P2.18")
async def test_documents_that_were_announced_and_are_refused_bar_money_out(life: Life) -> None:
    await life.open("P2")
    told = {"documents_shown_at_order": True, "was_listed": True}
    id_ = await life.failed_order(told=told)

    claim = await life.claim(id_, "documents_refused", destination="client")

    assert decided(claim) == ("denied", "documents_refused")
    assert await life.balance() == (1000, 0)


@clauses("P2.22")
async def test_who_ignored_the_restrictions_can_not_cancel_and_gets_nothing(life: Life) -> None:
    await life.open("P2")
    id_ = await life.number({"restrictions_shown": True, "restrictions_ignored": True})

    pressed = await life.press_cancel(id_)
    assert (pressed.status, pressed.slug) == (409, "restrictions-ignored")
    await life.after(minutes=20)
    claim = await life.claim(id_)

    assert (await life.shown(id_))["state"] == "closed"
    assert decided(claim) == ("denied", "restrictions_ignored")
    assert await life.balance() == (500, 0)


@pytest.mark.parametrize("told", [{}, {"restrictions_ignored": False}])
@clauses("P2.22")
async def test_restrictions_found_ignored_in_one_claim_bar_every_claim_about_the_order(
    life: Life, told: dict[str, Any]
) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True, "restrictions_shown": True, **told})
    first = await life.claim(id_, "no_numbers", destination="client")
    found = await life.verdict(first, grant=True, restrictions_ignored=True)

    second = await life.claim(id_, "technical_failure", destination="client")

    assert decided(found) == decided(second) == ("denied", "restrictions_ignored")
    assert await life.balance() == (1000, 0)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param("account_maintenance", "beyond_responsibility", marks=clauses("P2.13")),
        pytest.param("caller_id", "caller_id", marks=clauses("P2.23")),
        pytest.param("changed_mind", "changed_mind", marks=clauses("P2.24")),
        pytest.param("accidental_topup", "accidental_topup", marks=clauses("P2.25")),
        pytest.param("misunderstanding", "misunderstanding", marks=clauses("P2.26")),
    ],
)
async def test_what_is_no_ground_for_a_refund_is_denied(life: Life, kind: str, reason: str) -> None:
    await life.open("P2")
    claim = await life.claim(await life.delivered(), kind)

    assert decided(claim) == ("denied", reason)
    assert await life.reviews() == []
    assert await life.balance() == (500, 0)


@clauses("P2.27")
async def test_all_outages_of_a_rental_together_give_at_most_one_month(life: Life) -> None:
    await life.open("P2", 3000)
    await life.rental(days=90, price_minor=900)
    await life.of_rental("outages")
    await life.at(days=40)
    first = await life.balance()
    await life.of_rental("outages")
    await life.at(days=80)

    assert first == (2100 + 310, 0), "31 days of March"
    assert await life.balance() == first


@clauses("P2.28")
async def test_an_automatic_credit_is_booked_long_before_five_business_days(life: Life) -> None:
    await life.open("P2")
    await life.number()

    await life.after(minutes=20)

    assert await life.balance() == (1000, 0)
    assert "claim.overdue" not in await life.events()


@clauses("P2.30")
async def test_a_request_by_email_is_considered_within_two_working_days(life: Life) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    claim = await life.claim(id_, "no_numbers", destination="client", claim_channel="chat")
    assert decided(claim) == ("needs_evidence", "wrong_channel")
    await life.step(claim, "evidence", {"claim_channel": "email"})
    assert [by_when for _, _, by_when in await life.reviews()] == [on(days=2)]

    await life.after(days=2)

    assert (await life.events())[-1] == "claim.overdue"


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("service", marks=clauses("P2.31")),
        pytest.param("amount", marks=clauses("P2.32")),
        pytest.param("reason", marks=clauses("P2.32")),
        pytest.param("details", marks=clauses("P2.33")),
    ],
)
async def test_a_request_that_lacks_a_field_is_asked_for_it(life: Life, field: str) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    whole = ["service", "amount", "reason", "details"]
    some = [one for one in whole if one != field]
    claim = await life.claim(id_, "no_numbers", destination="client", request_fields=some)
    assert decided(claim) == ("needs_evidence", "request_incomplete")

    completed = await life.step(claim, "evidence", {"request_fields": whole})

    assert completed["state"] == "in_review"


@clauses("P2.07")
async def test_an_sms_on_the_number_is_the_end_of_its_outage(life: Life) -> None:
    await life.open("P2")
    await life.rental()
    await life.of_rental("outages")
    await life.at(days=3)
    life.daemon.rentals.sms = (Sms("1", "it works", MONDAY + timedelta(days=2, hours=1)),)
    await life.api.get("/v1/rentals/sim/long")

    assert await life.balance() == (200, 0), "an SMS is its end"
    await life.at(days=5)
    await life.of_rental("outages")

    await life.at(days=11)

    assert await life.balance() == (700, 0), "the second one ends with the rental"
    assert RENTAL_PRICE == 1000


@clauses("P2.16")
async def test_where_a_method_takes_no_refund_another_one_is_agreed(life: Life) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    claim = await life.claim(id_, "no_numbers", destination="client")
    other = await life.verdict(claim, grant=True, payment_method_refundable=False)
    assert decided(other) == ("in_review", "alternative_refund_method")

    agreed = await life.verdict(claim, grant=True, alternative_method="bank transfer")
    assert agreed["state"] == "approved"
    await life.step(claim, "paid")

    assert await life.balance() == (500, 0)
