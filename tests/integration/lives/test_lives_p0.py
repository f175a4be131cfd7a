"""P0 acted: each clause as a customer and his shop live it."""

from datetime import timedelta

import pytest

from tests.integration.lives.daemon import MONDAY
from tests.integration.lives.life import PRICE, Life, asked, decided, on

clauses = pytest.mark.clauses


@clauses("P0.02")
async def test_without_an_sms_the_number_is_cancelled_and_the_money_comes_back(life: Life) -> None:
    await life.open("P0")
    id_ = await life.number()

    await life.at(minutes=20)
    assert await life.balance() == (500, 500)
    await life.after(minutes=20)

    assert life.daemon.provider.asked("cancel") == ["1"]
    assert await life.outcome_of(id_) == ("refunded", "timeout")
    assert await life.balance() == (1000, 0)
    assert await life.entries() == [("topup", 1000), ("hold", -PRICE), ("release", PRICE)]
    assert await life.events() == ["activation.refunded"]
    await life.at(days=30)
    assert await life.balance() == (1000, 0), "exactly once"


@clauses("P0.02")
async def test_cancel_before_an_sms_gives_the_money_back_at_once(life: Life) -> None:
    await life.open("P0")
    id_ = await life.number()
    await life.at(minutes=3)

    assert (await life.press_cancel(id_)).status == 200

    assert await life.outcome_of(id_) == ("refunded", "cancel")
    assert await life.balance() == (1000, 0)


@clauses("P0.01")
async def test_a_number_whose_code_was_shown_is_final(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered()

    await life.at(days=1)
    claim = await life.claim(id_)

    assert decided(claim) == ("denied", "sms_received")
    assert await life.balance() == (500, 0)
    assert await life.reviews() == []
    assert (await life.events())[-1] == "claim.denied"


@clauses("P0.04")
async def test_a_code_that_the_server_never_showed_is_paid_back(life: Life) -> None:
    await life.open("P0")
    id_ = await life.number()
    await life.provider_has_unshown_sms(id_, MONDAY + timedelta(minutes=10))
    claim = await life.claim(id_)
    assert asked(claim)[:2] == ("wait", "sms_window_open")

    await life.at(days=1)

    assert await life.outcome_of(id_) == ("refunded", "timeout")
    assert await life.balance() == (1000, 0)
    assert decided(await life.again(claim)) == ("denied", "already_refunded"), "paid back once"


@clauses("P0.05", "P0.09", "P0.24")
async def test_a_claim_is_in_time_until_the_last_instant_of_five_days(life: Life) -> None:
    await life.open("P0")
    first, late = await life.number(), await life.number()
    await life.code_arrives(first)
    await life.code_arrives(late)

    await life.at(days=5)
    in_time = await life.claim(first, "invalid_number", evidence=["screenshot"])
    await life.after(days=5)
    too_late = await life.claim(late, "invalid_number", evidence=["screenshot"])

    assert decided(in_time) == ("in_review", "judge_evidence")
    assert decided(too_late) == ("denied", "claim_window_closed")
    assert await life.balance() == (0, 0)


@clauses("P0.06")
async def test_silence_for_five_days_makes_a_number_count_as_activated(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered()
    await life.at(days=5)
    before = await life.events()

    await life.after(days=5)

    assert before == ["activation.code_received", "activation.delivered"]
    assert (await life.events())[2:] == ["claim.finalised"]
    assert await life.outcome_of(id_) == ("delivered", "code")
    assert await life.balance() == (500, 0)


@clauses("P0.07", "P0.08")
async def test_trouble_after_the_sms_is_refunded_once_a_human_believes_the_proof(
    life: Life,
) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "invalid_number")
    assert asked(claim) == ("needs_evidence", "evidence_missing", 0, on(days=5))

    shown = await life.step(claim, "evidence", {"evidence": ["screenshot_2fa"]})
    assert decided(shown) == ("in_review", "judge_evidence")
    ((reason, proposed, _),) = await life.reviews()
    assert (reason, proposed) == ("judge_evidence", PRICE)
    granted = await life.verdict(claim, grant=True)

    assert decided(granted) == ("granted", "claim_approved")
    assert await life.balance() == (1000, 0)
    assert (await life.entries())[-1] == ("claim", PRICE)
    assert await life.reviews() == []


@clauses("P0.08", "P0.10")
async def test_a_claim_that_stays_without_proof_is_lost_with_its_window(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "invalid_number")

    await life.at(days=5)
    assert (await life.again(claim))["state"] == "needs_evidence"
    await life.after(days=5)

    assert decided(await life.again(claim)) == ("denied", "evidence_missing")
    assert await life.balance() == (500, 0)
    assert {"claim.denied", "claim.needs_evidence"} <= set(await life.events())


@clauses("P0.11")
async def test_telegram_with_2fa_needs_a_video(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered({"service_2fa": True}, service="tg")

    claim = await life.claim(id_, "invalid_number", evidence=["screenshot"])
    assert decided(claim) == ("needs_evidence", "video_required")
    shown = await life.step(claim, "evidence", {"evidence": ["video"]})

    assert decided(shown) == ("in_review", "judge_evidence")


@clauses("P0.12")
async def test_telegram_with_2fa_bought_by_the_api_is_never_refunded(life: Life) -> None:
    await life.open("P0")
    told = {"service_2fa": True, "buy_channel": "api"}
    id_ = await life.delivered(told, service="Telegram")

    claim = await life.claim(id_, "invalid_number", evidence=["video"])

    assert decided(claim) == ("denied", "api_telegram_2fa")
    assert await life.balance() == (500, 0)


@clauses("P0.13", "P0.14")
async def test_a_defect_that_is_repaired_within_five_days_is_resolved(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    assert asked(claim) == ("rectify", "rectification_running", 0, on(days=5, minutes=0.5))

    await life.at(days=5)
    repaired = await life.step(claim, "rectified")

    assert decided(repaired) == ("resolved", "rectified_in_time")
    await life.at(days=20)
    assert await life.balance() == (500, 0)


@clauses("P0.15")
async def test_an_approved_defect_unrepaired_after_five_days_gives_the_whole_price(
    life: Life,
) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)

    await life.at(days=5, minutes=0.5)
    assert await life.balance() == (500, 0)
    await life.after(days=5, minutes=0.5)

    assert decided(await life.again(claim)) == ("granted", "rectification_missed")
    assert await life.balance() == (1000, 0)
    assert (await life.entries())[-1] == ("claim", PRICE)


@clauses("P0.15")
async def test_a_defect_that_nobody_approved_in_time_goes_to_a_human(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")

    await life.after(days=5, minutes=0.5)

    assert decided(await life.again(claim)) == ("in_review", "approval_overdue")
    assert [(why, sum_) for why, sum_, _ in await life.reviews()] == [("approval_overdue", PRICE)]
    assert decided(await life.verdict(claim, grant=True))[0] == "granted"
    assert await life.balance() == (1000, 0)


@clauses("P0.16")
async def test_instead_of_the_price_the_customer_takes_another_number(life: Life) -> None:
    await life.open("P0", 2000)
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    choice = {"choice": "replacement", "replacement_value_minor": PRICE + 50}
    await life.step(claim, "choice", choice)

    await life.after(days=5, minutes=0.5)
    owed = await life.again(claim)
    assert decided(owed) == ("waiting", "replacement_chosen")
    assert [why for why, _, _ in await life.reviews()] == ["replacement"]
    new = await life.number()
    replaced = await life.step(claim, "replacement", {"activation": new})

    assert replaced["state"] == "replaced"
    assert await life.reviews() == []
    assert await life.balance() == (1000, 500), "no money moves"


@clauses("P0.16")
async def test_a_replacement_that_never_comes_turns_into_the_price(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    choice = {"choice": "replacement", "replacement_value_minor": PRICE}
    await life.step(claim, "choice", choice)

    await life.at(days=20)

    assert decided(await life.again(claim)) == ("granted", "rectification_missed")
    assert await life.balance() == (1000, 0)


@clauses("P0.17", "P0.18")
async def test_late_access_to_the_host_moves_the_end_of_the_repair(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    await life.at(days=1)
    await life.step(claim, "access", {"event": "requested"})

    await life.at(days=3)
    assert decided(await life.again(claim)) == ("waiting", "host_access_pending")
    assert [one["what"] for one in (await life.account())["obligations"]] == ["access"]
    granted = await life.step(claim, "access", {"event": "granted"})

    assert asked(granted)[3] == on(days=6, minutes=0.5), "a day late beyond the day of grace"
    await life.at(days=6, minutes=0.5)
    assert await life.balance() == (500, 0)
    await life.after(days=6, minutes=0.5)
    assert await life.balance() == (1000, 0)


@clauses("P0.19")
async def test_who_refuses_access_to_the_host_gets_nothing(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.step(claim, "access", {"event": "requested"})

    refused = await life.step(claim, "access", {"event": "refused"})

    assert decided(refused) == ("denied", "host_access_refused")
    assert await life.balance() == (500, 0)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param("api_misuse", "api_misuse", marks=clauses("P0.20")),
        pytest.param("user_software_bug", "user_software_bug", marks=clauses("P0.21")),
        pytest.param("incompatibility", "third_party_incompatibility", marks=clauses("P0.22")),
        pytest.param("third_party_support", "no_third_party_support", marks=clauses("P0.23")),
    ],
)
async def test_what_lies_with_the_customer_or_with_others_is_never_refunded(
    life: Life, kind: str, reason: str
) -> None:
    await life.open("P0")
    id_ = await life.delivered({"compat_listed": True})

    claim = await life.claim(id_, kind, evidence=["video"])

    assert decided(claim) == ("denied", reason)
    assert await life.reviews() == []
    assert await life.balance() == (500, 0)


@clauses("P0.24")
async def test_a_request_in_another_channel_is_to_be_sent_to_support(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered()
    proof = {"evidence": ["photo"]}
    claim = await life.claim(id_, "invalid_number", claim_channel="chat", **proof)
    assert asked(claim) == ("needs_evidence", "wrong_channel", 0, on(days=5))

    resent = await life.step(claim, "evidence", {"claim_channel": "support"})

    assert decided(resent) == ("in_review", "judge_evidence")


@clauses("P0.25")
async def test_a_request_without_reasons_is_asked_for_them(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered()
    claim = await life.claim(id_, "invalid_number", reason=None, evidence=["photo"])
    assert asked(claim) == ("needs_evidence", "reasons_missing", 0, on(days=5))

    told = await life.step(claim, "evidence", {"reason": "the code was taken already"})

    assert decided(told) == ("in_review", "judge_evidence")


@clauses("P0.26")
async def test_a_request_against_the_terms_is_for_a_human_to_refuse(life: Life) -> None:
    await life.open("P0")
    id_ = await life.delivered()
    claim = await life.claim(id_, "invalid_number", evidence=["photo"])

    refused = await life.verdict(claim, grant=False, contradicts_terms=True)

    assert decided(refused) == ("denied", "claim_rejected")
    assert refused["facts"]["contradicts_terms"] is True
    assert await life.balance() == (500, 0)
