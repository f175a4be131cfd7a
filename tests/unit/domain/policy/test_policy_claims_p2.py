"""Claims under P2: grounds that are credited, grounds that are paid out, and exclusions."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, MINUTE, US, WINDOW, Answer, AskPolicy

#: Claimed on Tuesday: two working days, and five with a weekend between.
REVIEW = 3 * DAY
CREDIT = 8 * DAY
OUT: dict[str, Any] = {"destination": "client", "was_listed": True}
FIELDS = ["service", "amount", "reason", "details"]


def claim(ask: AskPolicy, kind: str, **facts: Any) -> Answer:
    given = {"now": DAY, "claim_channel": "email", "claim_kind": kind} | facts
    return ask("P2", "claim", **given)


def credited(reason: str) -> Answer:
    return ("credit", reason, 350, 0, "balance", CREDIT)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def proposed(reason: str, to: str = "client") -> Answer:
    return ("needs_review", reason, 350, 0, to, REVIEW)


def test_p2_10_no_sms_is_credited_to_the_balance(ask: AskPolicy) -> None:
    assert claim(ask, "non_receiving") == credited("no_sms_on_record")
    undisplayed = claim(ask, "non_receiving", sms_received_at=MINUTE)
    assert undisplayed == credited("sms_not_displayed")
    waiting = claim(ask, "non_receiving", now=WINDOW)
    assert waiting == ("wait", "sms_window_open", 0, 0, None, WINDOW)
    assert claim(ask, "non_receiving", claim_at=MINUTE, now=WINDOW + US)[0] == "credit"
    assert claim(ask, "non_receiving", now=400 * DAY)[0] == "credit"


def test_p2_12_a_code_in_the_order_table_is_fulfilment(ask: AskPolicy) -> None:
    assert claim(ask, "non_receiving", sms_displayed_at=MINUTE) == denied("code_displayed")


def test_p2_13_the_account_registered_with_the_number_is_not_the_shops_matter(
    ask: AskPolicy,
) -> None:
    assert claim(ask, "account_maintenance") == denied("beyond_responsibility")
    assert claim(ask, "account_maintenance", **OUT) == denied("beyond_responsibility")


def test_a_refunded_order_is_not_refunded_again(ask: AskPolicy) -> None:
    everything = {"paid_out_minor": 350, "restrictions_ignored": True, **OUT}
    given = everything | {"account_flags": ["fraud_confirmed"]}
    assert claim(ask, "no_numbers", **given) == denied("already_refunded")


def test_p2_09_a_number_that_cannot_be_provided_is_credited(ask: AskPolicy) -> None:
    assert claim(ask, "cannot_provide") == credited("never_provided")
    assert claim(ask, "cannot_provide", allocation_failed=True) == credited("never_provided")
    provided = claim(ask, "cannot_provide", allocation_failed=False)
    assert provided == denied("number_was_provided")


@pytest.mark.parametrize("kind", ["non_receiving", "cannot_provide", "operator_block"])
def test_p2_29_a_balance_ground_pays_nothing_out(ask: AskPolicy, kind: str) -> None:
    out = claim(ask, kind, client_caused=False, **OUT)
    assert out == denied("not_a_client_refund_ground")


def test_p2_14_sold_out_although_listed_is_paid_out_on_request(ask: AskPolicy) -> None:
    assert claim(ask, "no_numbers", **OUT) == proposed("judge_request")
    paid = claim(ask, "no_numbers", verified=True, **OUT)
    assert paid == ("payout", "never_provided", 350, 0, "client", None)
    assert claim(ask, "no_numbers", verified=False, **OUT) == denied("claim_rejected")
    not_listed = claim(ask, "no_numbers", **OUT | {"was_listed": False})
    assert not_listed == denied("not_a_client_refund_ground")
    unknown = claim(ask, "no_numbers", destination="client")
    assert unknown == proposed("allocation_unknown")
    judged = claim(ask, "no_numbers", destination="client", verified=True)
    assert judged[0] == "payout"
    provided = claim(ask, "no_numbers", allocation_failed=False, **OUT)
    assert provided == denied("number_was_provided")
    assert claim(ask, "no_numbers", was_listed=True) == credited("never_provided")


def test_p2_15_another_number_of_the_same_place_comes_before_money(ask: AskPolicy) -> None:
    replaced = ("replace", "replacement_same_location", 0, 0, None, None)

    assert claim(ask, "carrier_fault", replacement_available=True, **OUT) == replaced
    assert claim(ask, "carrier_fault", replacement_available=True) == replaced
    in_chat = {"replacement_available": True, "claim_channel": "chat"}
    assert claim(ask, "carrier_fault", **in_chat) == replaced
    assert claim(ask, "carrier_fault", **in_chat, **OUT)[1] == "wrong_channel"
    none = {"replacement_available": False}
    assert claim(ask, "carrier_fault", **none, **OUT) == proposed("judge_request")
    paid = claim(ask, "carrier_fault", verified=True, **none, **OUT)
    assert paid == ("payout", "no_replacement", 350, 0, "client", None)
    assert claim(ask, "carrier_fault", **none) == credited("no_replacement")
    other_kind = claim(ask, "no_numbers", replacement_available=True, **OUT)
    assert other_kind == proposed("judge_request")


@pytest.mark.parametrize("kind", ["no_numbers", "carrier_fault"])
def test_p2_16_a_method_without_refunds_needs_another_way(ask: AskPolicy, kind: str) -> None:
    given = {"replacement_available": False, "payment_method_refundable": False} | OUT
    for verified in (None, True):
        out = claim(ask, kind, verified=verified, **given)
        assert out == proposed("alternative_refund_method")
    agreed = claim(ask, kind, verified=True, alternative_method="sepa", **given)
    assert agreed[:5:4] == ("payout", "client")


@pytest.mark.parametrize("kind", ["no_numbers", "carrier_fault"])
def test_p2_30_money_out_is_asked_for_by_email_and_money_in_anyhow(
    ask: AskPolicy, kind: str
) -> None:
    chat = {"claim_channel": "chat", "replacement_available": False}
    out = claim(ask, kind, **chat, **OUT)
    assert out == ("needs_evidence", "wrong_channel", 0, 0, None, None)
    assert claim(ask, kind, **chat)[0] == "credit"


def test_p2_30_what_a_human_would_have_to_judge_comes_by_email_too(ask: AskPolicy) -> None:
    nobody_looked = claim(ask, "carrier_fault", claim_channel="chat")
    assert nobody_looked == ("needs_evidence", "wrong_channel", 0, 0, None, None)


@pytest.mark.parametrize("missing", FIELDS)
def test_p2_31_p2_32_p2_33_a_request_for_money_out_is_complete(
    ask: AskPolicy, missing: str
) -> None:
    fields = [field for field in FIELDS if field != missing]
    out = claim(ask, "no_numbers", request_fields=fields, **OUT)
    assert out == ("needs_evidence", "request_incomplete", 0, 0, None, None)
    assert claim(ask, "no_numbers", request_fields=FIELDS, **OUT)[1] == "judge_request"
    assert claim(ask, "no_numbers", request_fields=[])[0] == "credit"


@pytest.mark.parametrize(
    ("kind", "clause"),
    [
        ("unused_funds", "P2.17"),
        ("caller_id", "P2.23"),
        ("changed_mind", "P2.24"),
        ("accidental_topup", "P2.25"),
        ("misunderstanding", "P2.26"),
    ],
)
def test_what_is_no_ground_is_denied(ask: AskPolicy, kind: str, clause: str) -> None:
    assert clause.startswith("P2.")
    assert claim(ask, kind, **OUT) == denied(kind)
    assert claim(ask, kind) == denied(kind)
    assert claim(ask, kind, claim_channel="chat", request_fields=[]) == denied(kind)


def test_p2_18_documents_bar_money_out_when_they_were_announced(ask: AskPolicy) -> None:
    def refused(**facts: Any) -> Answer:
        return claim(ask, "documents_refused", **facts)

    announced = {"documents_shown_at_order": True}
    assert refused(**announced, **OUT) == denied("documents_refused")
    assert refused(**announced) == proposed("documents_refused", "balance")
    assert refused(**OUT) == proposed("documents_not_announced")
    assert refused() == proposed("documents_not_announced", "balance")
    silent = refused(profile_overrides={"bars.documents": None})
    assert silent[:2] == ("needs_review", "unlisted_reason")


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("deleted_by_customer", "account_deleted"),
        ("blocked_law_enforcement", "account_frozen"),
        ("unlawful_use_confirmed", "unlawful_use"),
        ("fraud_confirmed", "fraud"),
        ("complaint_provider", "complaint_received"),
        ("complaint_law_enforcement", "complaint_received"),
    ],
)
def test_p2_04_p2_19_p2_20_p2_21_findings_bar_money_out_but_not_the_balance(
    ask: AskPolicy, flag: str, reason: str
) -> None:
    flags = {"account_flags": [flag]}

    assert claim(ask, "no_numbers", verified=True, **flags, **OUT) == denied(reason)
    assert claim(ask, "unused_funds", **flags, **OUT) == denied(reason)
    assert claim(ask, "non_receiving", **flags) == credited("no_sms_on_record")
    tick = ask("P2", "order_tick", now=DAY, **flags)
    assert tick[0] == "auto_credit"


@pytest.mark.parametrize("flag", ["unlawful_use_suspected", "fraud_suspected"])
def test_a_suspicion_goes_to_a_human(ask: AskPolicy, flag: str) -> None:
    out = claim(ask, "no_numbers", account_flags=[flag], **OUT)
    assert out == proposed("suspected_misuse")
    assert claim(ask, "non_receiving", account_flags=[flag])[0] == "credit"


def test_p2_does_not_know_a_block_for_its_rules_so_a_human_sees_it(ask: AskPolicy) -> None:
    blocked = {"account_flags": ["blocked_rules"]} | OUT
    assert claim(ask, "no_numbers", **blocked) == proposed("account_blocked_rules")
    seen = claim(ask, "no_numbers", freeze_seen=True, verified=True, **blocked)
    assert seen == ("payout", "never_provided", 350, 0, "client", None)


@pytest.mark.parametrize("kind", ["non_receiving", "carrier_fault", "changed_mind", "other"])
@pytest.mark.parametrize("to", ["balance", "client"])
def test_p2_22_ignored_restrictions_bar_money_and_replacement(
    ask: AskPolicy, kind: str, to: str
) -> None:
    given = {"restrictions_ignored": True, "replacement_available": True, "destination": to}
    assert claim(ask, kind, **given) == denied("restrictions_ignored")


@pytest.mark.parametrize("to", ["balance", "client"])
def test_p2_11_an_early_switch_off_by_wish_gives_nothing_back(ask: AskPolicy, to: str) -> None:
    wish = claim(ask, "early_deactivation", destination=to)
    fault = claim(ask, "early_deactivation", due_to_problem=True, destination=to)

    assert wish == denied("early_deactivation")
    assert fault == ("needs_review", "deactivation_due_to_problem", 0, 0, None, REVIEW)


@pytest.mark.parametrize("kind", ["other", "wrong_code", "major_defect", "never_heard_of"])
@pytest.mark.parametrize("to", ["balance", "client"])
def test_p2_26_an_unlisted_kind_passes_channel_reasons_and_terms(
    ask: AskPolicy, kind: str, to: str
) -> None:
    given = {"destination": to}
    silent = {"claims.reasons_required": True}

    assert claim(ask, kind, claim_channel="form", **given)[1] == "wrong_channel"
    lacking = claim(ask, kind, reasons_given=False, profile_overrides=silent, **given)
    assert lacking == ("needs_evidence", "reasons_missing", 0, 0, None, None)
    terms = claim(ask, kind, contradicts_terms=True, **given)
    assert terms == proposed("contradicts_terms", to)
    proper = claim(ask, kind, **given)
    assert proper == proposed("unlisted_reason", to)


def test_p2_08_a_block_of_a_one_time_number_gives_the_price(ask: AskPolicy) -> None:
    ours = claim(ask, "operator_block", client_caused=False)
    theirs = claim(ask, "operator_block", client_caused=True)
    unknown = claim(ask, "operator_block")

    assert ours == credited("operator_block")
    assert theirs == denied("client_caused")
    assert unknown == proposed("cause_unknown", "balance")


def rental_block(ask: AskPolicy, blocked_at: timedelta | None, **facts: Any) -> Answer:
    given = {
        "product": "rental",
        "price_minor": 3000,
        "client_caused": False,
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "blocked_at": blocked_at,
    }
    return claim(ask, "operator_block", **given | facts)


@pytest.mark.parametrize(
    ("blocked_at", "amount"),
    [
        (10 * DAY, 2000),
        (10 * DAY + US, 1900),
        (10 * DAY - US, 2000),
        (-DAY, 3000),
        (29 * DAY, 100),
        (None, 2900),
    ],
)
def test_p2_08_a_blocked_rental_gives_the_complete_days_that_are_left(
    ask: AskPolicy, blocked_at: timedelta | None, amount: int
) -> None:
    decided = rental_block(ask, blocked_at)
    assert decided == ("prorated_credit", "operator_block", amount, 0, "balance", CREDIT)


@pytest.mark.parametrize("blocked_at", [29 * DAY + US, 30 * DAY, 40 * DAY])
def test_p2_08_a_rental_with_no_day_left_was_provided(
    ask: AskPolicy, blocked_at: timedelta
) -> None:
    assert rental_block(ask, blocked_at) == denied("number_was_provided")


def test_p2_27_a_block_is_refunded_for_one_calendar_month_at_most(ask: AskPolicy) -> None:
    ninety = {"rental_end": 90 * DAY, "price_minor": 9000}

    def block(months: int | None = 1, **facts: Any) -> Answer:
        capped = {"outage.refund_cap_months": months}
        return rental_block(ask, DAY, **ninety | facts, profile_overrides=capped)

    assert block()[2] == 3100  # 3 March to 3 April
    assert block(None)[2] == 8900
    assert block(2)[2] == 6100
    assert block(credited_minor=100, first_refund_from=DAY)[2] == 3000
    assert block(credited_minor=3099, first_refund_from=DAY)[2] == 1
    assert block(credited_minor=3100, first_refund_from=DAY) == denied("refund_month_used")
    never = rental_block(ask, timedelta(0), **ninety)
    assert never[2] == 9000  # Blocked before it began: never provided.


def test_a_block_of_unknown_cause_or_length_goes_to_a_human(ask: AskPolicy) -> None:
    unknown = rental_block(ask, 10 * DAY, client_caused=None)
    no_dates = rental_block(ask, 10 * DAY, rental_end=None)

    assert unknown == ("needs_review", "cause_unknown", 2000, 0, "balance", REVIEW)
    assert no_dates == ("needs_review", "cause_unknown", 0, 0, None, REVIEW)


def test_a_ground_moved_to_the_client_keeps_its_reason(ask: AskPolicy) -> None:
    moved = {"claims.kinds.operator_block.to": None, "claims.kinds.non_receiving.to": None}
    given = {"verified": True, "client_caused": False, "profile_overrides": moved, **OUT}

    assert claim(ask, "operator_block", **given)[:2] == ("payout", "operator_block")
    assert claim(ask, "non_receiving", **given)[:2] == ("payout", "no_sms_on_record")
