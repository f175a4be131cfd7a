"""P3 acted: money back after 20 minutes or by Cancel, and unused top-ups leave."""

from datetime import timedelta

import pytest

from tests.integration.lives.daemon import MONDAY
from tests.integration.lives.life import FIELDS, PRICE, Life, asked, decided, on
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import Refusal, Refused, Sms

clauses = pytest.mark.clauses


@clauses("P3.01")
async def test_an_order_from_before_the_policy_goes_to_a_human(life: Life) -> None:
    await life.open("P3")
    id_ = await life.number(rented_at="2024-06-14T23:59:59.999999Z")

    await life.after(minutes=20)

    assert (await life.shown(id_))["state"] == "in_review"
    assert [why for why, _, _ in await life.reviews()] == ["policy_version"]


@clauses("P3.02", "P3.03")
async def test_the_balance_is_whole_and_can_be_spent_after_years(life: Life) -> None:
    await life.open("P3")

    await life.at(days=5 * 365)
    assert await life.balance() == (1000, 0)
    await life.number()

    assert await life.balance() == (500, 500)


@clauses("P3.04", "P3.15")
async def test_a_deletion_first_pays_the_unused_topups_and_then_voids_the_rest(
    life: Life,
) -> None:
    await life.open("P3")
    await life.at(days=8)
    await life.top_up("fresh", 300)
    deletion = await life.told("delete_requested")
    assert asked(deletion)[:3] == ("wait", "withdrawal_offered", 300)
    assert (await life.account())["state"] == "closing"

    request = await life.withdraw("w", withdraw_reason="account_deletion")
    await life.verdict(request, grant=True)
    await life.step(request, "paid")
    await life.at(days=8, minutes=11)
    (review,) = await life.reviews()
    assert review[:2] == ("confirm_deletion", 1000)
    await life.verdict(deletion, grant=True, deletion_confirmed=True)

    assert (await life.account())["state"] == "deleted"
    entries = await life.entries()
    assert entries[-1] == ("void", -1000)
    assert sum(amount for _, amount in entries) == 0, "1300 came; 300 were paid out"


@clauses("P3.05")
async def test_a_block_of_law_enforcement_freezes_the_balance_until_it_is_lifted(
    life: Life,
) -> None:
    await life.open("P3")
    case = await life.told("law_enforcement_block")
    assert case["decision"]["outcome"] == "balance_frozen"
    denied = await life.withdraw()
    assert decided(denied) == ("denied", "account_frozen")

    await life.told("law_enforcement_unblock")

    assert (await life.withdraw("again"))["state"] == "in_review"


@clauses("P3.06", "P3.09", "P3.16", "P3.17")
async def test_what_could_not_be_provided_is_paid_back_by_our_own_log(life: Life) -> None:
    await life.open("P3")
    id_ = await life.failed_order()
    assert await life.outcome_of(id_) == ("refunded", "never_provided")
    assert await life.balance() == (1000, 0)

    kinds = ("service_unavailable", "no_numbers", "country_unavailable", "cannot_provide")
    for kind in kinds:
        assert decided(await life.claim(id_, kind)) == ("denied", "already_refunded")

    assert await life.balance() == (1000, 0), "once"
    assert await life.reviews() == []


@clauses("P3.07")
async def test_without_an_sms_in_20_minutes_the_money_comes_back_by_itself(life: Life) -> None:
    await life.open("P3")
    id_ = await life.number()
    await life.at(minutes=20)
    assert (await life.shown(id_))["state"] == "waiting"

    await life.after(minutes=20)

    assert await life.outcome_of(id_) == ("refunded", "timeout")
    assert await life.balance() == (1000, 0)
    assert await life.entries() == [("topup", 1000), ("hold", -PRICE), ("release", PRICE)]


@clauses("P3.07")
async def test_the_order_call_can_shorten_the_window_and_not_lengthen_it(life: Life) -> None:
    await life.open("P3")
    await life.number(window_seconds=600)
    await life.after(minutes=10)
    assert await life.balance() == (1000, 0)

    long = {"account": "ann", "phone": "15550009", "service": "any", "country": "1"}
    body = {**long, "price_minor": 5, "policy": "P3", "window_seconds": 1201}
    refused = await life.api.put("/v1/activations/sim/9", body)

    assert (refused.status, refused.pointers) == (422, ["/window_seconds"])


@clauses("P3.08")
async def test_cancel_before_an_sms_gives_the_money_back_at_once(life: Life) -> None:
    await life.open("P3")
    id_ = await life.number()
    await life.at(minutes=1)

    assert (await life.press_cancel(id_)).status == 200

    assert await life.outcome_of(id_) == ("refunded", "cancel")
    assert await life.balance() == (1000, 0)
    assert (await life.events())[-1] == "activation.refunded"


@clauses("P3.10")
async def test_a_claim_that_no_sms_came_needs_no_form_and_pays_once(life: Life) -> None:
    await life.open("P3")
    id_ = await life.number()
    claim = await life.claim(id_, claim_channel="chat", request_fields=[])
    assert asked(claim)[:2] == ("wait", "sms_window_open")

    await life.at(hours=1)

    assert await life.balance() == (1000, 0)
    assert (await life.again(claim))["state"] == "denied"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("wrong_code", marks=clauses("P3.11")),
        pytest.param("incomplete_text", marks=clauses("P3.12")),
        pytest.param("number_given_out", marks=clauses("P3.14")),
        pytest.param("never_heard_of", marks=clauses("P3.18")),
    ],
)
async def test_what_a_photo_shows_is_paid_after_a_humans_yes(life: Life, kind: str) -> None:
    await life.open("P3")
    claim = await life.claim(await life.delivered(), kind)
    assert decided(claim) == ("needs_evidence", "evidence_missing")

    shown = await life.step(claim, "evidence", {"evidence": ["photo"]})
    assert decided(shown) == ("in_review", "judge_evidence")
    assert [(sum_, by) for _, sum_, by in await life.reviews()] == [
        (PRICE, on(days=2, minutes=0.5))
    ]
    granted = await life.verdict(claim, grant=True, sms_correct=False)

    assert granted["state"] == "granted"
    assert await life.balance() == (1000, 0)


@clauses("P3.13")
async def test_a_cancel_that_failed_before_the_code_was_shown_is_paid_by_our_log(
    life: Life,
) -> None:
    await life.open("P3")
    id_ = await life.number()
    code = Refused(Refusal.CODE_ARRIVED, sms=(Sms("1234"),))
    life.daemon.provider.will("cancel", ProviderUnavailable("sim", "timeout"), code, of="1")
    await life.press_cancel(id_)
    await life.at(minutes=10)
    assert [one["code"] for one in (await life.shown(id_))["codes"]] == ["1234"]
    await life.after(minutes=20)

    claim = await life.claim(id_, "cancel_error")

    assert decided(claim) == ("granted", "cancel_error")
    assert await life.balance() == (1000, 0)


@clauses("P3.13")
async def test_a_failed_cancel_that_our_log_does_not_know_is_shown_to_a_human(
    life: Life,
) -> None:
    await life.open("P3")
    id_ = await life.number()
    await life.at(minutes=1)
    claim = await life.claim(id_, "cancel_error")
    assert decided(claim) == ("needs_evidence", "evidence_missing")

    shown = await life.step(claim, "evidence", {"evidence": ["screenshot"]})

    assert decided(shown) == ("in_review", "judge_evidence")


@clauses("P3.19")
async def test_a_topup_older_than_a_calendar_week_does_not_leave(life: Life) -> None:
    await life.open("P3")

    await life.on_date(MONDAY.replace(day=9, hour=23, minute=59))
    in_time = await life.withdraw("in time")
    assert asked(in_time)[1:3] == ("judge_request", 1000)
    await life.verdict(in_time, grant=False)
    await life.on_date(MONDAY.replace(day=10, hour=0))
    late = await life.withdraw("late")

    assert decided(late) == ("denied", "topup_too_old")
    assert await life.balance() == (1000, 0)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        pytest.param("unlawful_use_confirmed", "unlawful_use", marks=clauses("P3.20")),
        pytest.param("fraud_confirmed", "fraud", marks=clauses("P3.21")),
        pytest.param("complaint_law_enforcement", "complaint_received", marks=clauses("P3.22")),
    ],
)
async def test_what_was_found_about_a_customer_bars_money_out_and_no_credit(
    life: Life, flag: str, reason: str
) -> None:
    await life.open("P3")
    request = await life.withdraw("first")
    await life.verdict(request, grant=False, account_flags=[flag])

    assert decided(await life.withdraw("second")) == ("denied", reason)

    await life.number()
    await life.after(minutes=20)
    assert await life.balance() == (1000, 0), "the automatic credit is booked"


@clauses("P3.23", "P3.28")
async def test_after_a_shown_code_nothing_comes_back(life: Life) -> None:
    await life.open("P3")
    claim = await life.claim(await life.delivered())

    assert decided(claim) == ("denied", "code_displayed")
    assert await life.reviews() == []
    assert await life.balance() == (500, 0)


@clauses("P3.23")
async def test_an_sms_that_came_in_time_and_was_never_shown_is_for_a_human(life: Life) -> None:
    await life.open("P3")
    id_ = await life.number()
    await life.provider_has_unshown_sms(id_, MONDAY + timedelta(minutes=5))

    await life.after(minutes=20)

    assert (await life.shown(id_))["state"] == "in_review"
    assert [why for why, _, _ in await life.reviews()] == ["sms_not_displayed"]
    body = {"grant": True, "note": "it was our server"}
    await life.call(f"/v1/reviews/{id_}/verdict", body)
    assert await life.balance() == (1000, 0)


@clauses("P3.24")
async def test_what_the_customer_agreed_to_is_kept_and_shown_with_the_order(life: Life) -> None:
    await life.open("P3")
    accepted = MONDAY - timedelta(minutes=1)
    terms = {"version": "2026-01", "accepted_at": accepted.isoformat()}

    id_ = await life.number({"terms": terms})

    shown = (await life.shown(id_))["order_facts"]["terms"]
    assert shown == {"version": "2026-01", "accepted_at": on(minutes=-1)}


@clauses("P3.25")
async def test_payment_data_not_given_in_14_calendar_days_ends_the_request(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    wanted = await life.step(request, "payment-info", {"event": "requested"})
    assert asked(wanted)[1] == "payment_info_required"
    assert asked(wanted)[3] == "2026-03-16T23:59:59.999999Z"

    await life.on_date(MONDAY.replace(day=17, hour=0))

    assert decided(await life.again(request)) == ("denied", "payment_info_timeout")
    assert await life.balance() == (1000, 0)


@clauses("P3.26")
async def test_incompatibility_is_refunded_only_where_the_product_page_listed_it(
    life: Life,
) -> None:
    await life.open("P3")
    plain = await life.claim(await life.delivered(), "incompatibility")
    listed = await life.claim(await life.delivered({"compat_listed": True}), "incompatibility")

    assert decided(plain) == ("denied", "third_party_incompatibility")
    assert decided(listed) == ("in_review", "compat_listed")


@clauses("P3.27")
async def test_what_is_left_of_a_topup_from_which_a_number_was_used_stays(life: Life) -> None:
    await life.open("P3")
    await life.delivered()

    request = await life.withdraw()

    assert decided(request) == ("denied", "topup_used")
    assert await life.balance() == (500, 0)


@clauses("P3.31", "P3.40")
async def test_only_the_topup_after_the_last_use_leaves(life: Life) -> None:
    await life.open("P3")
    await life.delivered()
    await life.at(hours=1)
    await life.top_up("second", 300)

    request = await life.withdraw()
    assert asked(request)[1:3] == ("judge_request", 300)
    await life.verdict(request, grant=True)
    await life.step(request, "paid")

    assert await life.balance() == (500, 0)


@clauses("P3.29")
async def test_the_account_registered_on_the_number_is_not_our_matter(life: Life) -> None:
    await life.open("P3")
    claim = await life.claim(await life.delivered(), "account_maintenance")

    assert decided(claim) == ("denied", "beyond_responsibility")


@clauses("P3.30")
async def test_an_accidental_topup_does_not_leave(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw(withdraw_reason="accidental_topup")

    assert decided(request) == ("denied", "accidental_topup")
    assert await life.balance() == (1000, 0)


@clauses("P3.33")
async def test_a_request_that_is_not_made_by_the_form_is_asked_for_again(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw(claim_channel="chat")
    assert decided(request) == ("needs_evidence", "wrong_channel")
    assert await life.balance() == (1000, 0), "nothing is set aside for what is incomplete"

    added = {"event": "added", "claim_channel": "form"}
    resent = await life.step(request, "payment-info", added)

    assert decided(resent) == ("in_review", "judge_request")


@clauses("P3.34")
async def test_a_request_because_of_an_sms_problem_has_to_show_it(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw(withdraw_reason="sms_problem")
    assert decided(request) == ("needs_evidence", "evidence_missing")

    added = {"event": "added", "evidence": ["screenshot"]}
    shown = await life.step(request, "payment-info", added)

    assert shown["state"] == "in_review"


@clauses("P3.35")
async def test_the_email_of_the_registration_has_to_match(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()

    other = await life.verdict(request, grant=True, email_matches=False)

    assert decided(other) == ("needs_evidence", "email_mismatch")
    assert await life.balance() == (1000, 0), "nothing is set aside for what is incomplete"
    named = {"event": "added", "request_fields": list(FIELDS["P3"])}
    again = await life.step(request, "payment-info", named)
    assert decided(again) == ("in_review", "judge_request")
    await life.verdict(request, grant=True, email_matches=True)
    await life.step(request, "paid")
    assert await life.balance() == (0, 0)


@clauses("P3.35")
async def test_who_never_names_the_email_of_his_registration_gets_nothing(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    await life.verdict(request, grant=True, email_matches=False)

    await life.at(days=15)

    assert decided(await life.again(request)) == ("denied", "email_mismatch")
    assert await life.balance() == (1000, 0)


@pytest.mark.parametrize("field", ["amount", "payment_system", "details", "reason", "email"])
@clauses("P3.36")
async def test_a_request_that_lacks_a_field_is_asked_for_it(life: Life, field: str) -> None:
    await life.open("P3")
    whole = ["amount", "payment_system", "details", "reason", "email"]
    request = await life.withdraw(request_fields=[one for one in whole if one != field])
    assert decided(request) == ("needs_evidence", "request_incomplete")

    added = {"event": "added", "request_fields": whole}

    assert (await life.step(request, "payment-info", added))["state"] == "in_review"


@clauses("P3.37", "P3.38")
async def test_review_takes_two_working_days_and_payment_14_days(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    assert [by for _, _, by in await life.reviews()] == [on(days=2)]
    await life.after(days=2)
    assert (await life.events())[-1] == "withdrawal.overdue"
    await life.verdict(request, grant=True)
    assert [(why, by[:19]) for why, _, by in await life.reviews()] == [
        ("refund_payment", on(days=16)[:19])
    ]

    await life.at(days=16, minutes=1)

    assert [one for one in await life.events() if one == "withdrawal.overdue"] == [
        "withdrawal.overdue"
    ] * 2
    await life.step(request, "paid")
    assert await life.balance() == (0, 0)


@clauses("P3.39")
async def test_payment_takes_longer_only_for_a_reason_beyond_control(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    await life.verdict(request, grant=True)
    later = {"extension_until": on(days=30), "extension_beyond_control": True}
    await life.step(request, "paid", later)

    await life.at(days=30)
    assert "withdrawal.overdue" not in await life.events()
    await life.after(days=30)

    assert (await life.events())[-1] == "withdrawal.overdue"


@clauses("P3.41")
async def test_the_commission_of_the_payment_system_is_subtracted(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    await life.verdict(request, grant=True, psp_commission_minor=30)
    paid = await life.step(request, "paid")

    assert paid["decisions"][-1]["amount_minor"] == paid["moved_minor"] == 970


@clauses("P3.43")
async def test_a_block_for_breaking_the_rules_bars_money_out_and_no_credit(life: Life) -> None:
    await life.open("P3")
    await life.number()
    await life.told("rules_block")
    assert decided(await life.withdraw()) == ("denied", "account_blocked_rules")

    await life.after(minutes=20)
    assert await life.balance() == (1000, 0)
    await life.told("rules_unblock")

    assert (await life.withdraw("again"))["state"] == "in_review"


@clauses("P3.44")
async def test_a_request_against_the_documents_is_for_a_human_to_refuse(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()

    refused = await life.verdict(request, grant=False, contradicts_terms=True)

    assert refused["state"] == "denied"
    assert await life.balance() == (1000, 0)


@clauses("P3.42")
async def test_where_a_method_takes_no_refund_another_one_is_agreed(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    other = await life.verdict(request, grant=True, payment_method_refundable=False)
    assert decided(other) == ("in_review", "alternative_refund_method")

    agreed = await life.verdict(request, grant=True, alternative_method="bank transfer")
    assert agreed["state"] == "approved"
    await life.step(request, "paid")

    assert await life.balance() == (0, 0)
