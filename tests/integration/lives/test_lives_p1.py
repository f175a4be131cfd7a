"""P1 acted: money back on a claim only, within a week; the shop settles within two."""

import pytest

from tests.integration.lives.life import PRICE, Life, asked, decided, on

clauses = pytest.mark.clauses


@clauses("P1.01")
async def test_an_order_from_before_the_policy_goes_to_a_human(life: Life) -> None:
    await life.open("P1")
    id_ = await life.number(rented_at="2024-04-01T23:59:59.999999Z")

    await life.after(minutes=20)

    assert await life.outcome_of(id_) == ("in_review", "")
    assert [why for why, _, _ in await life.reviews()] == ["policy_version"]
    assert await life.balance() == (500, 500)


@clauses("P1.03")
async def test_unlawful_use_bars_even_a_missed_repair(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    other = await life.claim(await life.delivered(), "invalid_number", evidence=["photo"])
    await life.verdict(other, grant=False, account_flags=["unlawful_use_confirmed"])

    await life.at(days=5)

    assert decided(await life.again(claim)) == ("denied", "unlawful_use")
    assert await life.balance() == (0, 0)


@clauses("P1.05")
async def test_without_an_sms_the_number_is_closed_and_a_claim_brings_the_money(
    life: Life,
) -> None:
    await life.open("P1")
    id_ = await life.number()
    await life.after(minutes=20)
    assert await life.outcome_of(id_) == ("closed", "timeout")
    assert await life.balance() == (500, 0)

    claim = await life.claim(id_)

    assert decided(claim) == ("granted", "no_sms_on_record")
    assert await life.balance() == (1000, 0)
    assert (await life.entries())[-1] == ("claim", PRICE)
    assert await life.reviews() == []


@clauses("P1.06", "P1.10", "P1.21")
async def test_a_claim_is_in_time_until_the_last_instant_of_a_week(life: Life) -> None:
    await life.open("P1", 1500)
    first, second = await life.number(), await life.number()
    used = await life.delivered()

    await life.at(days=7)
    in_time = await life.claim(first)
    await life.after(days=7)
    late = await life.claim(second)
    late_too = await life.claim(used, "invalid_number", evidence=["photo"])

    assert decided(in_time)[0] == "granted"
    assert decided(late) == decided(late_too) == ("denied", "claim_window_closed")
    assert await life.balance() == (PRICE, 0)


@clauses("P1.07")
async def test_silence_for_a_week_makes_a_number_count_as_activated(life: Life) -> None:
    await life.open("P1")
    await life.number()

    await life.at(days=7)
    assert "claim.finalised" not in await life.events()
    await life.after(days=7)

    assert (await life.events())[-1] == "claim.finalised"
    assert await life.balance() == (500, 0)


@clauses("P1.04")
async def test_a_claim_unsettled_after_two_weeks_is_shown_as_overdue(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "invalid_number", evidence=["photo"])
    assert [by_when for _, _, by_when in await life.reviews()] == [on(days=14)]

    await life.at(days=14)
    assert "claim.overdue" not in await life.events()
    await life.after(days=14)

    assert (await life.events())[-1] == "claim.overdue"
    assert (await life.again(claim))["state"] == "in_review", "never denied for it"
    assert (await life.verdict(claim, grant=True))["state"] == "granted"


@clauses("P1.08", "P1.09")
async def test_trouble_after_the_sms_needs_proof_and_a_human(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "invalid_number")
    assert asked(claim) == ("needs_evidence", "evidence_missing", 0, on(days=7))

    shown = await life.step(claim, "evidence", {"evidence": ["screenshot_2fa"]})
    assert decided(shown) == ("in_review", "judge_evidence")
    assert [sum_ for _, sum_, _ in await life.reviews()] == [PRICE]
    await life.verdict(claim, grant=True)

    assert await life.balance() == (1000, 0)


@clauses("P1.11")
async def test_an_improper_contact_is_lost_with_the_window(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "invalid_number", reason=None)

    await life.after(days=7)

    assert decided(await life.again(claim))[0] == "denied"
    assert await life.balance() == (500, 0)


@clauses("P1.12", "P1.13")
async def test_a_defect_repaired_within_72_hours_is_resolved(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "major_defect", claim_channel="chat")
    assert asked(claim) == ("rectify", "rectification_running", 0, on(days=3, minutes=0.5))
    await life.at(days=3)

    assert decided(await life.step(claim, "rectified")) == ("resolved", "rectified_in_time")
    await life.at(days=13)
    assert await life.balance() == (500, 0)


@clauses("P1.14")
async def test_a_missed_repair_gives_the_whole_price_without_the_fee(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered({"refund_fee_minor": 40}), "major_defect")
    await life.verdict(claim, grant=True)

    await life.after(days=3, minutes=0.5)

    assert asked(await life.again(claim))[:3] == ("refund_full", "rectification_missed", PRICE)
    assert await life.balance() == (1000, 0)


@clauses("P1.16", "P1.17")
async def test_late_access_to_the_host_moves_the_end_of_the_repair(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    await life.step(claim, "access", {"event": "requested"})

    await life.at(days=2, minutes=0.5)
    assert decided(await life.again(claim))[1] == "host_access_pending"
    granted = await life.step(claim, "access", {"event": "granted"})

    assert asked(granted)[3] == on(days=4, minutes=0.5)
    await life.after(days=4, minutes=0.5)
    assert await life.balance() == (1000, 0)


@clauses("P1.18")
async def test_who_refuses_access_to_the_host_gets_nothing(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.step(claim, "access", {"event": "requested"})

    refused = await life.step(claim, "access", {"event": "refused"})

    assert decided(refused) == ("denied", "host_access_refused")
    assert await life.balance() == (500, 0)


@clauses("P1.19")
async def test_incompatibility_is_refunded_only_where_the_sales_page_listed_it(
    life: Life,
) -> None:
    await life.open("P1")
    plain = await life.delivered()
    listed = await life.delivered({"compat_listed": True})

    denied = await life.claim(plain, "incompatibility")
    asked_for = await life.claim(listed, "incompatibility")

    assert decided(denied) == ("denied", "third_party_incompatibility")
    assert decided(asked_for) == ("in_review", "compat_listed")
    await life.verdict(asked_for, grant=True)
    assert await life.balance() == (500, 0)


@clauses("P1.20")
async def test_third_party_software_is_not_supported(life: Life) -> None:
    await life.open("P1")
    claim = await life.claim(await life.delivered(), "third_party_support")

    assert decided(claim) == ("denied", "no_third_party_support")


@clauses("P1.21")
async def test_a_request_in_another_channel_is_to_be_sent_by_email(life: Life) -> None:
    await life.open("P1")
    id_ = await life.number()
    await life.after(minutes=20)
    claim = await life.claim(id_, claim_channel="chat")
    assert asked(claim) == ("needs_evidence", "wrong_channel", 0, on(days=7))

    resent = await life.step(claim, "evidence", {"claim_channel": "email"})

    assert decided(resent) == ("granted", "no_sms_on_record")
    assert await life.balance() == (1000, 0)


@clauses("P1.22", "P1.23")
async def test_a_refund_goes_back_the_way_it_was_paid_less_the_fee_told_with_the_order(
    life: Life,
) -> None:
    await life.open("P1", 0)
    told = {"payment_method": "card", "refund_fee_minor": 40}
    id_ = await life.number(told, charge="external")
    await life.after(minutes=20)

    claim = await life.claim(id_)

    assert claim["decision"]["destination"] == "original_method"
    assert (claim["decision"]["amount_minor"], claim["decision"]["fee_minor"]) == (460, 40)
    assert await life.balance() == (0, 0), "nothing is booked on a balance that was not charged"


@clauses("P1.23")
async def test_a_refund_of_an_order_whose_method_nobody_told_is_for_a_human(life: Life) -> None:
    await life.open("P1", 0)
    id_ = await life.number(charge="external")
    await life.after(minutes=20)

    claim = await life.claim(id_)

    assert decided(claim) == ("in_review", "payment_method_unknown")


@clauses("P1.24")
async def test_a_request_without_reasons_is_asked_for_them(life: Life) -> None:
    await life.open("P1")
    id_ = await life.number()
    await life.after(minutes=20)
    claim = await life.claim(id_, reason=None)
    assert asked(claim) == ("needs_evidence", "reasons_missing", 0, on(days=7))

    told = await life.step(claim, "evidence", {"reason": "no code came"})

    assert decided(told) == ("granted", "no_sms_on_record")
    assert await life.balance() == (1000, 0)


@clauses("P1.15")
async def test_instead_of_the_price_the_customer_takes_another_number(life: Life) -> None:
    await life.open("P1", 2000)
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    choice = {"choice": "replacement", "replacement_value_minor": PRICE - 50}
    await life.step(claim, "choice", choice)

    await life.after(days=3, minutes=0.5)
    assert decided(await life.again(claim)) == ("waiting", "replacement_chosen")
    replaced = await life.step(claim, "replacement", {"activation": await life.number()})

    assert replaced["state"] == "replaced"
    assert await life.balance() == (1000, 500), "no money moves"


@clauses("P1.25")
async def test_a_request_against_the_terms_is_for_a_human_to_refuse(life: Life) -> None:
    await life.open("P1")
    id_ = await life.delivered()
    claim = await life.claim(id_, "invalid_number", evidence=["photo"])

    refused = await life.verdict(claim, grant=False, contradicts_terms=True)

    assert decided(refused) == ("denied", "claim_rejected")
    assert await life.balance() == (500, 0)
