"""P4 acted: claims within a week, and money to the wallet for a fee that grows with time."""

from datetime import timedelta

import pytest

from tests.integration.lives.daemon import MONDAY, TICK
from tests.integration.lives.life import PRICE, Life, asked, decided, on

clauses = pytest.mark.clauses


@clauses("P4.01")
async def test_a_number_that_was_activated_is_final(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered())

    assert decided(claim) == ("denied", "sms_received")
    assert await life.balance() == (500, 0)
    assert await life.reviews() == []


@clauses("P4.03")
async def test_a_reason_that_is_not_listed_is_for_a_human(life: Life) -> None:
    await life.open("P4")
    id_ = await life.delivered()
    claim = await life.claim(id_, "something_else")

    assert decided(claim) == ("in_review", "unlisted_reason")
    assert [(why, sum_) for why, sum_, _ in await life.reviews()] == [("unlisted_reason", PRICE)]
    await life.verdict(claim, grant=False)
    assert await life.balance() == (500, 0)


@clauses("P4.04")
async def test_without_an_sms_the_number_is_closed_and_a_claim_brings_the_money(
    life: Life,
) -> None:
    await life.open("P4")
    id_ = await life.number()
    await life.after(minutes=20)
    assert await life.outcome_of(id_) == ("closed", "timeout")

    claim = await life.claim(id_)

    assert decided(claim) == ("granted", "no_sms_on_record")
    assert await life.balance() == (1000, 0)


@clauses("P4.05", "P4.09", "P4.20")
async def test_a_claim_is_in_time_until_the_last_instant_of_a_week(life: Life) -> None:
    await life.open("P4", 1500)
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


@clauses("P4.06")
async def test_silence_for_a_week_makes_a_number_count_as_activated(life: Life) -> None:
    await life.open("P4")
    await life.number()

    await life.at(days=7)
    assert "claim.finalised" not in await life.events()
    await life.after(days=7)

    assert (await life.events())[-1] == "claim.finalised"
    assert await life.balance() == (500, 0)


@clauses("P4.07", "P4.08")
async def test_trouble_after_the_sms_needs_proof_and_a_human(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "invalid_number")
    assert asked(claim) == ("needs_evidence", "evidence_missing", 0, on(days=7))

    shown = await life.step(claim, "evidence", {"evidence": ["video"]})
    assert decided(shown) == ("in_review", "judge_evidence")
    await life.verdict(claim, grant=True)

    assert await life.balance() == (1000, 0)


@clauses("P4.10")
async def test_an_improper_contact_is_lost_with_the_window(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "invalid_number")

    await life.after(days=7)

    assert decided(await life.again(claim)) == ("denied", "evidence_missing")
    assert await life.balance() == (500, 0)


@clauses("P4.11", "P4.12")
async def test_a_defect_repaired_within_72_hours_is_resolved(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "major_defect", claim_channel="chat")
    assert asked(claim) == ("rectify", "rectification_running", 0, on(days=3, minutes=0.5))
    await life.at(days=3)

    assert decided(await life.step(claim, "rectified")) == ("resolved", "rectified_in_time")
    assert await life.balance() == (500, 0)


@clauses("P4.13")
async def test_a_missed_repair_gives_the_whole_price(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)

    await life.after(days=3, minutes=0.5)

    assert asked(await life.again(claim))[:3] == ("refund_full", "rectification_missed", PRICE)
    assert await life.balance() == (1000, 0)


@clauses("P4.15", "P4.16")
async def test_late_access_to_the_host_moves_the_end_of_the_repair(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    await life.step(claim, "access", {"event": "requested"})

    await life.at(days=2, minutes=0.5)
    granted = await life.step(claim, "access", {"event": "granted"})

    assert asked(granted)[3] == on(days=4, minutes=0.5)
    await life.after(days=4, minutes=0.5)
    assert await life.balance() == (1000, 0)


@clauses("P4.17")
async def test_who_refuses_access_to_the_host_gets_nothing(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.step(claim, "access", {"event": "requested"})

    refused = await life.step(claim, "access", {"event": "refused"})

    assert decided(refused) == ("denied", "host_access_refused")


@clauses("P4.18")
async def test_incompatibility_is_refunded_only_where_it_was_listed(life: Life) -> None:
    await life.open("P4")
    plain = await life.delivered()
    listed = await life.delivered({"compat_listed": True})

    denied = await life.claim(plain, "incompatibility")
    asked_for = await life.claim(listed, "incompatibility")

    assert decided(denied) == ("denied", "third_party_incompatibility")
    assert decided(asked_for) == ("in_review", "compat_listed")


@clauses("P4.19")
async def test_third_party_software_is_not_supported(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "third_party_support")

    assert decided(claim) == ("denied", "no_third_party_support")


@pytest.mark.parametrize(
    ("date", "paid"),
    [
        pytest.param((2026, 6, 1), 950, marks=clauses("P4.21")),
        pytest.param((2027, 3, 2), 850, marks=clauses("P4.22")),
        pytest.param((2028, 3, 2), 750, marks=clauses("P4.23")),
        pytest.param((2029, 3, 2), 650, marks=clauses("P4.24")),
    ],
)
async def test_money_to_the_wallet_costs_more_the_longer_the_last_deposit_is_ago(
    life: Life, date: tuple[int, int, int], paid: int
) -> None:
    await life.open("P4")
    year, month, day = date
    await life.on_date(MONDAY.replace(year=year, month=month, day=day))
    request = await life.withdraw()
    await life.step(request, "kyc", {"status": "requested"})
    await life.step(request, "kyc", {"status": "passed"})
    assert [(why, sum_) for why, sum_, _ in await life.reviews()] == [("judge_request", paid)]
    await life.verdict(request, grant=True)
    done = await life.step(request, "paid")

    assert (done["state"], done["moved_minor"]) == ("paid", paid)
    assert await life.balance() == (0, 0)


@clauses("P4.22")
async def test_a_microsecond_before_the_year_the_lower_fee_applies(life: Life) -> None:
    await life.open("P4")
    await life.on_date(MONDAY.replace(year=2027) - 2 * TICK)

    assert (await life.withdraw())["decision"]["amount_minor"] == 950


@clauses("P4.25")
async def test_who_fails_the_proof_that_the_wallet_is_his_gets_nothing(life: Life) -> None:
    await life.open("P4")
    request = await life.withdraw()
    asked_for = await life.step(request, "kyc", {"status": "requested"})
    assert decided(asked_for) == ("needs_evidence", "kyc_required")

    failed = await life.step(request, "kyc", {"status": "failed"})

    assert decided(failed) == ("denied", "kyc_failed")
    assert await life.balance() == (1000, 0)


@clauses("P4.25")
async def test_a_claim_paid_to_the_wallet_waits_for_the_proof_as_well(life: Life) -> None:
    await life.open("P4")
    id_ = await life.number()
    await life.after(minutes=20)
    claim = await life.claim(id_, destination="wallet")
    assert (claim["state"], claim["moved_minor"]) == ("in_review", 0)

    await life.step(claim, "kyc", {"status": "requested"})
    passed = await life.step(claim, "kyc", {"status": "passed"})
    assert passed["state"] == "approved"
    paid = await life.step(claim, "paid")

    assert (paid["state"], paid["moved_minor"]) == ("paid", 475)


@clauses("P4.20")
async def test_a_request_in_another_channel_is_to_be_sent_by_email(life: Life) -> None:
    await life.open("P4")
    id_ = await life.number()
    await life.after(minutes=20)
    claim = await life.claim(id_, claim_channel="chat")
    assert asked(claim) == ("needs_evidence", "wrong_channel", 0, on(days=7))

    resent = await life.step(claim, "evidence", {"claim_channel": "email"})

    assert decided(resent) == ("granted", "no_sms_on_record")


@clauses("P4.26")
async def test_a_request_without_reasons_is_asked_for_them(life: Life) -> None:
    await life.open("P4")
    id_ = await life.number()
    await life.at(hours=1)
    claim = await life.claim(id_, reason=None)
    assert asked(claim) == ("needs_evidence", "reasons_missing", 0, on(days=7))

    told = await life.step(claim, "evidence", {"reason": "no code came"})

    assert decided(told) == ("granted", "no_sms_on_record")


@clauses("P4.02")
async def test_what_the_customer_agreed_to_is_kept_and_shown_with_the_order(life: Life) -> None:
    await life.open("P4")
    accepted = MONDAY - timedelta(minutes=1)
    terms = {"version": "2026-01", "accepted_at": accepted.isoformat()}
    id_ = await life.delivered({"terms": terms})
    claim = await life.claim(id_, "invalid_number", evidence=["photo"])

    shown = (await life.shown(id_))["order_facts"]["terms"]

    assert shown == {"version": "2026-01", "accepted_at": on(minutes=-1)}
    assert decided(claim) == ("in_review", "judge_evidence"), "it decides nothing"


@clauses("P4.14")
async def test_instead_of_the_price_the_customer_takes_another_number(life: Life) -> None:
    await life.open("P4", 2000)
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    choice = {"choice": "replacement", "replacement_value_minor": PRICE}
    await life.step(claim, "choice", choice)

    await life.after(days=3, minutes=0.5)
    assert decided(await life.again(claim)) == ("waiting", "replacement_chosen")
    replaced = await life.step(claim, "replacement", {"activation": await life.number()})

    assert replaced["state"] == "replaced"
    assert await life.balance() == (1000, 500), "no money moves"


@clauses("P4.27")
async def test_a_request_against_the_terms_is_for_a_human_to_refuse(life: Life) -> None:
    await life.open("P4")
    id_ = await life.delivered()
    claim = await life.claim(id_, "invalid_number", evidence=["photo"])

    refused = await life.verdict(claim, grant=False, contradicts_terms=True)

    assert decided(refused) == ("denied", "claim_rejected")
    assert await life.balance() == (500, 0)
