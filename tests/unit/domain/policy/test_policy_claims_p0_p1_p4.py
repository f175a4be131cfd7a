"""Claims under P0, P1 and P4: accepted for some days after the order, some with evidence."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, MINUTE, US, WINDOW, Answer, AskPolicy
from worker.domain.policy.vocabulary import Evidence

DAYS = {"P0": 5, "P1": 7, "P4": 7}
#: Any name may be a channel.
CHANNELS = {"support", "email", "form", "chat", "pigeon"}
CHANNEL = {"P0": "support", "P1": "email", "P4": "email"}
#: P1 settles within fourteen days of the order; the others name no date.
BY = {"P0": None, "P1": 14 * DAY, "P4": None}
SHOWN = {"sms_received_at": MINUTE, "sms_displayed_at": MINUTE}
PICTURE = {"evidence": ["screenshot_2fa"]}
policies = pytest.mark.parametrize("policy", ["P0", "P1", "P4"])


def claim(ask: AskPolicy, policy: str, kind: str, **facts: Any) -> Answer:
    given = {"now": DAY, "claim_channel": CHANNEL[policy], "claim_kind": kind} | facts
    return ask(policy, "claim", **given)


@policies
def test_no_sms_on_record_is_paid_up_to_the_last_instant(ask: AskPolicy, policy: str) -> None:
    end = DAYS[policy] * DAY
    paid = ("credit", "no_sms_on_record", 350, 0, "balance", BY[policy])

    assert claim(ask, policy, "non_receiving", now=WINDOW + US) == paid
    assert claim(ask, policy, "non_receiving", now=end - US) == paid
    assert claim(ask, policy, "non_receiving", now=end) == paid
    late = claim(ask, policy, "non_receiving", now=end + US)
    assert late == ("deny", "claim_window_closed", 0, 0, None, None)


@policies
def test_a_claim_in_time_is_paid_however_late_it_is_handled(ask: AskPolicy, policy: str) -> None:
    end = DAYS[policy] * DAY
    assert claim(ask, policy, "non_receiving", claim_at=end, now=90 * DAY)[0] == "credit"


@policies
def test_while_the_window_runs_the_claim_waits(ask: AskPolicy, policy: str) -> None:
    wait = ("wait", "sms_window_open", 0, 0, None, WINDOW)
    assert claim(ask, policy, "non_receiving", now=MINUTE) == wait
    assert claim(ask, policy, "non_receiving", now=WINDOW) == wait
    later = claim(ask, policy, "non_receiving", claim_at=MINUTE, now=WINDOW + US)
    assert later[0] == "credit"


@policies
def test_p0_01_p4_01_a_code_that_was_shown_is_final(ask: AskPolicy, policy: str) -> None:
    denied = ("deny", "sms_received", 0, 0, None, None)
    assert claim(ask, policy, "non_receiving", **SHOWN) == denied
    assert claim(ask, policy, "non_receiving", now=MINUTE, **SHOWN) == denied


@policies
@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (MINUTE, "sms_not_displayed"),
        (WINDOW, "sms_not_displayed"),
        (WINDOW + US, "no_sms_on_record"),
    ],
)
def test_an_sms_that_was_never_shown_is_the_shops_fault(
    ask: AskPolicy, policy: str, received: timedelta, reason: str
) -> None:
    paid = claim(ask, policy, "non_receiving", sms_received_at=received)
    assert paid == ("credit", reason, 350, 0, "balance", BY[policy])


@policies
def test_the_window_is_counted_in_calendar_days_where_the_policy_says_so(
    ask: AskPolicy, policy: str
) -> None:
    calendar = {"day_count": "calendar_end_of_day"}
    end = DAYS[policy] * DAY + 14 * HOUR - US
    args: dict[str, Any] = {"profile_overrides": calendar}

    assert claim(ask, policy, "non_receiving", now=end, **args)[0] == "credit"
    late = claim(ask, policy, "non_receiving", now=end + US, **args)
    assert late[:2] == ("deny", "claim_window_closed")


@policies
@pytest.mark.parametrize("kind", ["non_receiving", "invalid_number"])
def test_a_claim_can_be_sent_by_the_right_channel_while_the_window_is_open(
    ask: AskPolicy, policy: str, kind: str
) -> None:
    end = DAYS[policy] * DAY
    for channel in CHANNELS - {CHANNEL[policy]}:
        given = {"claim_channel": channel, "claim_at": DAY, **PICTURE}
        asked = claim(ask, policy, kind, now=end, **given)
        assert asked == ("needs_evidence", "wrong_channel", 0, 0, None, end)
        late = claim(ask, policy, kind, now=end + US, **given)
        assert late == ("deny", "wrong_channel", 0, 0, None, None)


@policies
def test_any_channel_will_do_where_the_policy_names_none(ask: AskPolicy, policy: str) -> None:
    unnamed = {"profile_overrides": {"claims.channels": None}}
    for channel in CHANNELS:
        assert claim(ask, policy, "non_receiving", claim_channel=channel, **unnamed)[0] == "credit"


@policies
@pytest.mark.parametrize("kind", ["non_receiving", "invalid_number", "major_defect", "other"])
def test_p0_25_p1_24_p4_26_reasons_can_be_added_while_the_window_is_open(
    ask: AskPolicy, policy: str, kind: str
) -> None:
    end = DAYS[policy] * DAY
    given = {"reasons_given": False, "claim_at": DAY, **PICTURE}

    asked = claim(ask, policy, kind, now=end, **given)
    late = claim(ask, policy, kind, now=end + US, **given)

    assert asked == ("needs_evidence", "reasons_missing", 0, 0, None, end)
    assert late == ("deny", "reasons_missing", 0, 0, None, None)


@policies
@pytest.mark.parametrize("kind", ["non_receiving", "invalid_number", "major_defect", "other"])
def test_p0_26_p1_25_p4_27_a_contradiction_to_the_terms_goes_to_a_human(
    ask: AskPolicy, policy: str, kind: str
) -> None:
    decided = claim(ask, policy, kind, contradicts_terms=True)
    assert decided == ("needs_review", "contradicts_terms", 350, 0, "balance", BY[policy])


@policies
@pytest.mark.parametrize("kind", ["other", "something_nobody_listed", "wrong_code"])
def test_p4_03_an_unlisted_kind_goes_to_a_human_when_it_is_proper(
    ask: AskPolicy, policy: str, kind: str
) -> None:
    proper = claim(ask, policy, kind)
    elsewhere = claim(ask, policy, kind, claim_channel="chat")

    assert proper == ("needs_review", "unlisted_reason", 350, 0, "balance", BY[policy])
    approved = claim(ask, policy, kind, verified=True)
    assert approved == ("credit", "claim_approved", 350, 0, "balance", BY[policy])
    assert claim(ask, policy, kind, verified=False)[:2] == ("deny", "claim_rejected")
    assert elsewhere[:2] == ("needs_evidence", "wrong_channel")


@policies
def test_the_checks_come_in_their_order(ask: AskPolicy, policy: str) -> None:
    end = DAYS[policy] * DAY
    wrong: dict[str, Any] = {
        "claim_channel": "chat",
        "reasons_given": False,
        "contradicts_terms": True,
    }

    refunded = claim(ask, policy, "incompatibility", credited_minor=350, now=end + US, **wrong)
    excluded = claim(ask, policy, "incompatibility", now=end + US, **wrong)
    closed = claim(ask, policy, "non_receiving", now=end + US, **wrong)
    channel = claim(ask, policy, "non_receiving", **wrong)
    reasons = claim(ask, policy, "non_receiving", **wrong | {"claim_channel": CHANNEL[policy]})

    answers = (refunded, excluded, closed, channel, reasons)
    assert [answer[1] for answer in answers] == [
        "already_refunded",
        "third_party_incompatibility",
        "claim_window_closed",
        "wrong_channel",
        "reasons_missing",
    ]


@pytest.mark.parametrize(
    ("policy", "kind", "reason"),
    [
        ("P0", "incompatibility", "third_party_incompatibility"),
        ("P0", "third_party_support", "no_third_party_support"),
        ("P0", "api_misuse", "api_misuse"),
        ("P0", "user_software_bug", "user_software_bug"),
        ("P1", "incompatibility", "third_party_incompatibility"),
        ("P1", "third_party_support", "no_third_party_support"),
        ("P4", "incompatibility", "third_party_incompatibility"),
        ("P4", "third_party_support", "no_third_party_support"),
    ],
)
def test_excluded_kinds_are_denied_whatever_is_shown(
    ask: AskPolicy, policy: str, kind: str, reason: str
) -> None:
    shown = claim(ask, policy, kind, evidence=["video"], verified=True, approved=True)
    assert shown == ("deny", reason, 0, 0, None, None)


@pytest.mark.parametrize("kind", ["api_misuse", "user_software_bug"])
@pytest.mark.parametrize("policy", ["P1", "P4"])
def test_what_one_policy_excludes_is_unlisted_in_another(
    ask: AskPolicy, policy: str, kind: str
) -> None:
    assert claim(ask, policy, kind)[:2] == ("needs_review", "unlisted_reason")


def test_p1_19_p4_18_what_the_page_lists_as_compatible_goes_to_a_human_but_not_p0_22(
    ask: AskPolicy,
) -> None:
    listed = {"compat_listed": True}

    review = ("needs_review", "compat_listed", 350, 0, "balance")
    assert claim(ask, "P1", "incompatibility", **listed) == (*review, 14 * DAY)
    assert claim(ask, "P4", "incompatibility", **listed) == (*review, None)
    assert claim(ask, "P0", "incompatibility", **listed)[0] == "deny"
    assert claim(ask, "P1", "third_party_support", **listed)[0] == "deny"


@policies
def test_an_invalid_number_needs_proof_and_a_verdict(ask: AskPolicy, policy: str) -> None:
    def invalid(**facts: Any) -> Answer:
        return claim(ask, policy, "invalid_number", **SHOWN, **facts)

    end, by = DAYS[policy] * DAY, BY[policy]
    assert invalid() == ("needs_evidence", "evidence_missing", 0, 0, None, end)
    assert invalid(claim_at=DAY, now=end)[0] == "needs_evidence"
    assert invalid(claim_at=DAY, now=end + US) == ("deny", "evidence_missing", 0, 0, None, None)
    judged = ("needs_review", "judge_evidence", 350, 0, "balance", by)
    for item in Evidence:
        assert invalid(evidence=[item.value]) == judged
    for given_at in (DAY, end):
        assert invalid(**PICTURE, evidence_at=given_at, claim_at=DAY, now=end + US) == judged
    late = invalid(**PICTURE, evidence_at=end + US, claim_at=DAY, now=end + US)
    assert late[:2] == ("deny", "evidence_missing")
    paid = invalid(**PICTURE, verified=True)
    assert paid == ("credit", "claim_approved", 350, 0, "balance", by)
    rejected = invalid(**PICTURE, verified=False)
    assert rejected == ("deny", "claim_rejected", 0, 0, None, None)
    assert invalid(verified=True)[1] == "evidence_missing"


def test_p0_11_telegram_with_2fa_needs_a_video(ask: AskPolicy) -> None:
    def invalid(**facts: Any) -> Answer:
        given = {"service": "telegram", "service_2fa": True} | facts
        return claim(ask, "P0", "invalid_number", **SHOWN, **given)

    asked = ("needs_evidence", "video_required", 0, 0, None, 5 * DAY)
    assert invalid() == asked
    assert invalid(evidence=["screenshot", "photo"]) == asked
    late = invalid(evidence=["photo"], claim_at=DAY, now=5 * DAY + US)
    assert late == ("deny", "video_required", 0, 0, None, None)
    assert invalid(evidence=["photo", "video"])[1] == "judge_evidence"
    in_time = {"evidence": ["video"], "claim_at": DAY, "now": 5 * DAY + US}
    assert invalid(**in_time, evidence_at=5 * DAY)[1] == "judge_evidence"
    assert invalid(**in_time, evidence_at=5 * DAY + US)[1] == "video_required"
    assert invalid(service="whatsapp", evidence=["photo"])[1] == "judge_evidence"
    assert invalid(service_2fa=False, evidence=["photo"])[1] == "judge_evidence"


def test_p0_12_api_bought_telegram_with_2fa_is_never_refunded(ask: AskPolicy) -> None:
    def invalid(policy: str = "P0", **facts: Any) -> Answer:
        given = {"service": "telegram", "service_2fa": True, "buy_channel": "api"}
        given |= {"evidence": ["video"]} | facts
        return claim(ask, policy, "invalid_number", **SHOWN, **given)

    assert invalid(verified=True) == ("deny", "api_telegram_2fa", 0, 0, None, None)
    assert invalid(evidence=[])[1] == "api_telegram_2fa"
    assert invalid(buy_channel="web", verified=True)[0] == "credit"
    assert invalid(service_2fa=False, verified=True)[0] == "credit"
    for service in ("facebook", "telegra", "telegrams", "whatsapp"):
        assert invalid(service=service, verified=True)[0] == "credit"
    assert invalid("P1", verified=True)[0] == "credit"
    other = claim(ask, "P0", "non_receiving", service="telegram", service_2fa=True)
    assert other[0] == "credit"


def test_p1_03_unlawful_use_bars_every_refund(ask: AskPolicy) -> None:
    confirmed = {"account_flags": ["unlawful_use_confirmed"]}
    suspected = {"account_flags": ["unlawful_use_suspected"]}
    denied = ("deny", "unlawful_use", 0, 0, None, None)

    assert claim(ask, "P1", "non_receiving", **confirmed) == denied
    missed = {"claim_at": DAY, "now": 5 * DAY, "approved": True}
    assert claim(ask, "P1", "major_defect", **missed, **confirmed) == denied
    review = ("needs_review", "suspected_misuse", 350, 0, "balance", 14 * DAY)
    assert claim(ask, "P1", "non_receiving", **suspected) == review
    assert claim(ask, "P1", "incompatibility", **suspected) == review
    refunded = claim(ask, "P1", "non_receiving", credited_minor=350, **confirmed)
    assert refunded[1] == "already_refunded"
    for policy in ("P0", "P4"):
        assert claim(ask, policy, "non_receiving", **confirmed)[0] == "credit"
    for other in ("fraud_confirmed", "complaint_provider", "blocked_rules"):
        assert claim(ask, "P1", "non_receiving", account_flags=[other])[0] == "credit"


@pytest.mark.parametrize("method", ["card", "crypto"])
def test_p1_22_p1_23_money_goes_back_the_way_it_came_less_a_disclosed_fee(
    ask: AskPolicy, method: str
) -> None:
    def paid(fee: int = 0, **facts: Any) -> Answer:
        given = {"payment_method": method, "refund_fee_minor": fee} | facts
        return claim(ask, "P1", "non_receiving", **given)

    by = 14 * DAY
    assert paid() == ("payout", "no_sms_on_record", 350, 0, "original_method", by)
    assert paid(37) == ("payout", "no_sms_on_record", 313, 37, "original_method", by)
    assert paid(350)[2:4] == (0, 350)
    assert paid(351)[2:4] == (0, 350)
    on_balance = paid(37, payment_method="balance", destination="wallet")
    assert on_balance == ("credit", "no_sms_on_record", 350, 0, "balance", by)


def test_a_proposal_names_where_the_money_would_go(ask: AskPolicy) -> None:
    p1 = claim(ask, "P1", "invalid_number", payment_method="card", **PICTURE)
    p4 = claim(ask, "P4", "invalid_number", destination="wallet", **PICTURE)  # Less 5 percent.
    p0 = claim(ask, "P0", "invalid_number", destination="client", **PICTURE)

    assert p1[2:5] == (350, 0, "original_method")
    assert p4[2:5] == (333, 17, "wallet")
    assert p0[2:5] == (350, 0, "balance")


@pytest.mark.parametrize(
    ("age_days", "rate"),
    [
        (-1, 5),
        (0, 5),
        (364, 5),
        (365, 15),
        (729, 15),
        (730, 25),
        (1095, 25),
        (1096, 35),
        (9000, 35),
    ],
)
def test_p4_21_p4_22_p4_23_p4_24_the_wallet_costs_a_fee_by_the_age_of_the_deposit(
    ask: AskPolicy, age_days: int, rate: int
) -> None:
    # Claimed on 3 March 2026; of the three years before, only 2024 had a 29 February.
    deposit = {"destination": "wallet", "last_deposit_at": DAY - age_days * DAY}
    paid = claim(ask, "P4", "non_receiving", price_minor=10_000, verified=True, **deposit)

    fee = 100 * rate
    assert paid == ("payout", "no_sms_on_record", 10_000 - fee, fee, "wallet", None)


def test_the_fee_is_rounded_to_the_customer_and_only_taken_on_the_way_out(ask: AskPolicy) -> None:
    wallet = {"destination": "wallet", "last_deposit_at": timedelta(0), "verified": True}

    assert claim(ask, "P4", "non_receiving", price_minor=199, **wallet)[2:4] == (190, 9)
    assert claim(ask, "P4", "non_receiving", price_minor=19, **wallet)[2:4] == (19, 0)
    undated = wallet | {"last_deposit_at": None}
    unknown = claim(ask, "P4", "non_receiving", price_minor=100, **undated)
    assert unknown[2:4] == (95, 5)
    balance = claim(ask, "P4", "non_receiving", last_deposit_at=timedelta(0))
    assert balance == ("credit", "no_sms_on_record", 350, 0, "balance", None)
    elsewhere = wallet | {"destination": "client"}  # Any place but the balance is asked for.
    client = claim(ask, "P4", "non_receiving", price_minor=100, **elsewhere)
    assert client[:5] == ("payout", "no_sms_on_record", 95, 5, "wallet")


@pytest.mark.parametrize("kind", ["non_receiving", "major_defect"])
def test_p4_25_kyc_holds_money_back_from_the_wallet_only(ask: AskPolicy, kind: str) -> None:
    def paid(**facts: Any) -> Answer:
        given = {"claim_at": DAY, "now": 5 * DAY, "approved": True} | facts
        return claim(ask, "P4", kind, **given)

    asked = ("needs_evidence", "kyc_required", 0, 0, None, None)
    assert paid(kyc="requested", destination="wallet") == asked
    failed = paid(kyc="failed", destination="wallet")
    assert failed == ("deny", "kyc_failed", 0, 0, None, None)
    assert paid(kyc="passed", destination="wallet")[4] == "wallet"
    assert paid(kyc="not_requested", destination="wallet")[4] == "wallet"
    assert paid(kyc="failed")[4] == "balance"
    judged = claim(ask, "P4", "invalid_number", kyc="failed", destination="wallet", **PICTURE)
    assert judged[1] == "judge_evidence"
    assert paid(kyc="failed", destination="wallet", sms_displayed_at=MINUTE, approved=False)[1] in {
        "sms_received",
        "defect_not_approved",
    }


@pytest.mark.parametrize("kind", ["non_receiving", "invalid_number", "major_defect"])
def test_a_kind_can_have_a_window_of_its_own(ask: AskPolicy, kind: str) -> None:
    longer = {f"claims.kinds.{kind}.window_days": 14, "claims.honour_days": 20}

    inside = claim(ask, "P1", kind, now=14 * DAY, profile_overrides=longer)
    outside = claim(ask, "P1", kind, now=14 * DAY + US, profile_overrides=longer)

    assert inside[1] != "claim_window_closed"
    assert outside[1] == "claim_window_closed"


def test_the_default_policy_leaves_claims_to_a_human(ask: AskPolicy) -> None:
    decided = ask("default", "claim", claim_kind="non_receiving", now=DAY)
    assert decided == ("needs_review", "policy_silent", 0, 0, None, None)
