"""What stands against a claim: findings, fulfilment, its place, and contradictions."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, MINUTE, US, WINDOW, Answer, AskPolicy

SHOWN = {"sms_received_at": MINUTE, "sms_displayed_at": MINUTE}
LATE = {"sms_received_at": WINDOW + US, "sms_displayed_at": WINDOW + US}
ARRIVED = {"sms_received_at": MINUTE}
PAID = ("credit", "granted_on_request", 350, 0, "balance", None)


def claim(
    ask: AskPolicy, kind: dict[str, Any], policy: dict[str, Any] | None = None, /, **facts: Any
) -> Answer:
    """About the kind `own` with this row."""
    name = facts.pop("claim_kind", "own")
    whole = dict(policy or {})
    claims = dict(whole.get("claims", {}))
    whole["claims"] = claims | {"kinds": {name: kind}}
    return ask(whole, "claim", **{"claim_kind": name, "now": DAY} | facts)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


GRANT = {"decided": "grant"}


@pytest.mark.parametrize(
    ("bar", "flag", "reason"),
    [
        ("law_enforcement", "blocked_law_enforcement", "account_frozen"),
        ("rules_block", "blocked_rules", "account_blocked_rules"),
        ("unlawful", "unlawful_use_confirmed", "unlawful_use"),
        ("fraud", "fraud_confirmed", "fraud"),
        ("complaint", "complaint_provider", "complaint_received"),
        ("complaint", "complaint_law_enforcement", "complaint_received"),
    ],
)
def test_a_bar_of_all_stops_credits_and_one_of_client_only_what_leaves(
    ask: AskPolicy, bar: str, flag: str, reason: str
) -> None:
    route = {"payout": {"route": "client"}}
    flagged: dict[str, Any] = {"account_flags": [flag]}
    everything, client = {"bars": {bar: "all"}} | route, {"bars": {bar: "client"}} | route
    out = flagged | {"destination": "client"}

    assert claim(ask, GRANT, everything, **flagged) == denied(reason)
    assert claim(ask, GRANT, client, **flagged) == PAID
    assert claim(ask, GRANT, everything, **out) == denied(reason)
    assert claim(ask, GRANT, client, **out) == denied(reason)
    assert claim(ask, GRANT, route, **flagged) == PAID
    tick = {"sms": {"auto_credit_mode": "automatic"}, "bars": {bar: "all"}}
    assert ask(tick, "order_tick", now=DAY, **flagged) == denied(reason)
    assert ask(tick, "cancel", now=MINUTE, **flagged) == denied(reason)


def test_findings_answer_in_their_order(ask: AskPolicy) -> None:
    order = [
        ("deleted_by_customer", "account_deleted"),
        ("blocked_law_enforcement", "account_frozen"),
        ("blocked_rules", "account_blocked_rules"),
        ("unlawful_use_confirmed", "unlawful_use"),
        ("fraud_confirmed", "fraud"),
        ("complaint_provider", "complaint_received"),
        ("charged_back", "chargeback"),
        ("fraud_suspected", "suspected_misuse"),
    ]
    bars = ("law_enforcement", "rules_block", "unlawful", "fraud", "complaint")
    policy = {
        "payout": {"route": "client"},
        "bars": dict.fromkeys(bars, "client"),
        "balance": {"deletion_voids": True},
    }
    for index, (_, reason) in enumerate(order):
        flags = [flag for flag, _ in order[index:]]
        decided = claim(ask, GRANT, policy, account_flags=flags, destination="client")
        assert decided[1] == reason


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("deleted_by_customer", "account_deleted"),
        ("blocked_law_enforcement", "account_frozen"),
        ("blocked_rules", "account_blocked_rules"),
        ("charged_back", "chargeback"),
    ],
)
def test_a_freeze_the_policy_is_silent_about_is_seen_before_money_leaves(
    ask: AskPolicy, flag: str, reason: str
) -> None:
    route = {"payout": {"route": "client"}}
    out = {"account_flags": [flag], "destination": "client"}

    asked = ("needs_review", reason, 350, 0, "client", None)
    assert claim(ask, GRANT, route, **out) == asked
    assert claim(ask, GRANT, route, verified=True, **out) == asked
    assert claim(ask, GRANT, route, freeze_seen=True, **out)[:5:4] == ("payout", "client")
    assert claim(ask, GRANT, route, account_flags=[flag]) == PAID


@pytest.mark.parametrize("flag", ["unlawful_use_suspected", "fraud_suspected"])
def test_a_suspicion_asks_where_a_finding_would_bar(ask: AskPolicy, flag: str) -> None:
    bar = flag.partition("_")[0]
    flagged = {"account_flags": [flag]}
    suspected = claim(ask, GRANT, {"bars": {bar: "all"}}, **flagged)
    assert suspected == ("needs_review", "suspected_misuse", 350, 0, "balance", None)
    assert claim(ask, GRANT, {"bars": {bar: "client"}}, **flagged) == PAID
    assert claim(ask, GRANT, **flagged) == PAID


@pytest.mark.parametrize(
    ("fulfilment", "shown", "arrived"),
    [
        ("activated", "sms_received", None),
        ("displayed", "code_displayed", None),
        ("received", "sms_received", "sms_received"),
        ("nothing", None, None),
    ],
)
@pytest.mark.parametrize("decided", ["grant", "log"])
def test_fulfilment_bars_what_nobody_judged(
    ask: AskPolicy, fulfilment: str, shown: str | None, arrived: str | None, decided: str
) -> None:
    policy = {"bars": {"fulfilment": fulfilment}}
    kind = {"decided": decided} | ({} if decided == "grant" else {"log": "stopped"})

    for sms, reason in ((SHOWN, shown), (ARRIVED, arrived), (LATE, shown)):
        answer = claim(ask, kind, policy, verified=True, **sms)
        assert answer == denied(reason) if reason else answer[0] == "credit"


@pytest.mark.parametrize("decided", ["evidence", "review"])
def test_fulfilment_does_not_bar_what_a_human_judges(ask: AskPolicy, decided: str) -> None:
    given = {"evidence": ["photo"], "verified": True} | SHOWN
    assert claim(ask, {"decided": decided}, **given)[:2] == ("credit", "claim_approved")
    assert claim(ask, {"decided": "review"}, claim_kind="x", **SHOWN)[1] == "judge_request"


def test_fulfilment_is_of_one_time_numbers(ask: AskPolicy) -> None:
    rental = {"product": "rental", "rental_start": timedelta(0), "rental_end": 10 * DAY}
    assert claim(ask, GRANT, **rental, **SHOWN)[:3] == (
        "prorated_credit",
        "granted_on_request",
        315,
    )


@pytest.mark.parametrize("decided", ["log", "evidence", "review", "grant"])
def test_no_sms_is_untrue_where_a_code_was_shown_whoever_decides(
    ask: AskPolicy, decided: str
) -> None:
    def said(**facts: Any) -> Answer:
        return claim(ask, {"decided": decided}, claim_kind="non_receiving", **facts)

    assert said(**SHOWN) == denied("code_displayed")
    at_the_end = {"sms_displayed_at": WINDOW}
    assert said(**at_the_end) == denied("code_displayed")
    late = ("needs_review", "late_sms_displayed", 350, 0, "balance", None)
    assert said(**LATE) == late
    assert said(verified=False, **LATE) == denied("claim_rejected")
    given = {"verified": True, "evidence": ["photo"]} | LATE
    reason = "granted_on_request" if decided == "grant" else "claim_approved"
    assert said(**given) == ("credit", reason, 350, 0, "balance", None)


def test_an_arrived_sms_bars_the_statement_where_arriving_fulfils(ask: AskPolicy) -> None:
    policy = {"bars": {"fulfilment": "received"}}

    def said(**facts: Any) -> Answer:
        return claim(ask, {"decided": "log"}, policy, claim_kind="non_receiving", **facts)

    for arrived_at in (MINUTE, WINDOW):
        assert said(sms_received_at=arrived_at) == denied("sms_received")
    assert said(sms_received_at=WINDOW + US)[:2] == ("credit", "no_sms_on_record")
    assert said()[0] == "credit"


def test_a_failed_cancel_counts_at_its_attempt(ask: AskPolicy) -> None:
    def failed(fulfilment: str = "displayed", /, **facts: Any) -> Answer:
        policy = {"bars": {"fulfilment": fulfilment}}
        given = {"cancel_failed": True, "cancel_attempt_at": 2 * MINUTE} | facts
        return claim(ask, {"decided": "log"}, policy, claim_kind="cancel_error", **given)

    paid = ("credit", "cancel_error", 350, 0, "balance", None)
    assert failed() == paid
    assert failed(sms_displayed_at=2 * MINUTE + US) == paid
    assert failed(sms_displayed_at=2 * MINUTE) == denied("code_displayed")
    assert failed("received", sms_received_at=2 * MINUTE + US) == paid
    assert failed("received", sms_received_at=2 * MINUTE) == denied("sms_received")
    assert failed(cancel_attempt_at=None, **SHOWN) == denied("code_displayed")


@pytest.mark.parametrize(
    ("unlogged", "answer"),
    [
        ("review", "judge_request"),
        ("evidence", "evidence_missing"),
        ("grant", "code_displayed"),
        ("deny", "code_displayed"),
    ],
)
def test_a_cancel_our_log_does_not_know_is_judged_although_a_code_was_shown(
    ask: AskPolicy, unlogged: str, answer: str
) -> None:
    kind = {"decided": "log", "unlogged": unlogged}
    for failed in (None, False):
        decided = claim(ask, kind, claim_kind="cancel_error", cancel_failed=failed, **SHOWN)
        assert decided[1] == answer


def test_a_granted_kind_is_no_failed_cancel(ask: AskPolicy) -> None:
    given = {"cancel_failed": True, "cancel_attempt_at": timedelta(0)} | SHOWN
    assert claim(ask, GRANT, claim_kind="cancel_error", **given) == denied("code_displayed")
    other_test = {"decided": "log", "log": "stopped"}
    assert claim(ask, other_test, claim_kind="cancel_error", **given) == denied("code_displayed")


@pytest.mark.parametrize("decided", ["review", "grant", "evidence"])
def test_an_sms_may_bar_every_claim_or_those_of_a_kind(ask: AskPolicy, decided: str) -> None:
    kind = {"decided": decided}
    shown, received = {"bars": {"sms": "displayed"}}, {"bars": {"sms": "received"}}
    given = {"evidence": ["photo"], "verified": True}
    assert claim(ask, kind, shown, **given, **SHOWN) == denied("code_displayed")
    assert claim(ask, kind, shown, **given, **ARRIVED)[0] == "credit"
    assert claim(ask, kind, received, **given, **ARRIVED) == denied("sms_received")
    assert claim(ask, kind, received, **given)[0] == "credit"
    before = kind | {"before_sms": True}
    assert claim(ask, before, **given, **ARRIVED) == denied("sms_received")
    assert claim(ask, before, **given, sms_displayed_at=MINUTE) == denied("sms_received")
    assert claim(ask, before, **given)[0] == "credit"


def test_a_kind_of_the_balance_never_leaves(ask: AskPolicy) -> None:
    stays = GRANT | {"to": "balance"}
    client = {"payout": {"route": "client"}}
    assert claim(ask, stays, client) == PAID
    out = claim(ask, stays, client, destination="wallet")
    assert out == denied("not_a_client_refund_ground")
    by_method = {"payout": {"route": "method_of_payment"}}
    assert claim(ask, stays, by_method, payment_method="card") == PAID
    asked = claim(ask, stays, by_method, payment_method="card", destination="client")
    assert asked == denied("not_a_client_refund_ground")
    assert claim(ask, stays, by_method, destination="client") == PAID
    assert claim(ask, GRANT, by_method, payment_method="card")[4] == "original_method"


def test_a_condition_for_leaving_that_is_met_not_met_or_not_told(ask: AskPolicy) -> None:
    kind = GRANT | {"client_if": "was_listed"}
    client = {"payout": {"route": "client"}}

    def out(**facts: Any) -> Answer:
        return claim(ask, kind, client, destination="client", **facts)

    assert out(was_listed=True)[:2] == ("payout", "granted_on_request")
    assert out(was_listed=False) == denied("not_a_client_refund_ground")
    assert out() == ("needs_review", "allocation_unknown", 350, 0, "client", None)
    assert out(verified=True)[:2] == ("payout", "granted_on_request")
    assert out(verified=False) == denied("claim_rejected")
    assert claim(ask, kind, client) == claim(ask, kind, client, was_listed=False) == PAID
    by_method = {"payout": {"route": "method_of_payment"}}
    card = {"payment_method": "card"}
    assert claim(ask, kind, by_method, was_listed=False, **card) == PAID
    assert claim(ask, kind, by_method, **card)[1] == "allocation_unknown"


def test_documents_announced_or_not(ask: AskPolicy) -> None:
    def refused(bar: str, **facts: Any) -> Answer:
        policy = {"bars": {"documents": bar}, "payout": {"route": "client"}}
        return claim(ask, {"decided": "review"}, policy, claim_kind="documents_refused", **facts)

    announced = {"documents_shown_at_order": True}
    human = ("needs_review", "documents_refused", 350, 0, "balance", None)
    assert refused("all", **announced) == denied("documents_refused")
    assert refused("client", **announced) == human
    assert refused("client", verified=True, **announced) == human
    assert refused("client", destination="client", **announced) == denied("documents_refused")
    assert refused("all")[1] == "documents_not_announced"


def test_the_first_purchase_and_what_was_used(ask: AskPolicy) -> None:
    first = {"claims": {"first_purchase_only": True}}
    assert claim(ask, GRANT, first, first_purchase=False) == denied("first_only")
    assert claim(ask, GRANT, first) == PAID
    assert claim(ask, GRANT, first_purchase=False) == PAID
    used = {"claims": {"usage_max_bp": 100}}
    for used_bp in (0, 99, 100):
        assert claim(ask, GRANT, used, used_bp=used_bp) == PAID
    assert claim(ask, GRANT, used, used_bp=101) == denied("usage_over")
    assert claim(ask, GRANT, used) == PAID


def test_two_sources_that_say_opposite_things(ask: AskPolicy) -> None:
    both = ("needs_review", "facts_contradict", 350, 0, "balance", None)
    failed = {"allocation_failed": True}
    assert claim(ask, GRANT, **failed, **ARRIVED) == both
    assert claim(ask, GRANT, verified=True, **failed, **ARRIVED) == both
    assert claim(ask, GRANT, **failed) == PAID
    assert claim(ask, GRANT, allocation_failed=False, **ARRIVED) == PAID
    for method in ("card", "alipay"):
        assert claim(ask, GRANT, charge="hold", payment_method=method) == both
    assert claim(ask, GRANT, charge="hold", payment_method="balance") == PAID
    assert claim(ask, GRANT, charge="external", payment_method="card") == PAID
    assert claim(ask, GRANT, payment_method="card") == PAID


def test_the_bars_come_in_their_order(ask: AskPolicy) -> None:
    policy = {
        "effective_from": "2026-03-03T00:00:00Z",
        "bars": {"restrictions": True, "sms": "received", "fraud": "all"},
        "claims": {"first_purchase_only": True, "usage_max_bp": 0, "window_days": 1},
    }
    wrong: list[tuple[str, Any, str]] = [
        ("purchased_at", timedelta(0), "policy_version"),
        ("replacement_linked_at", DAY, "replaced"),
        ("credited_minor", 350, "already_refunded"),
        ("account_flags", ["fraud_confirmed"], "fraud"),
        ("restrictions_ignored", True, "restrictions_ignored"),
        ("sms_received_at", 2 * DAY, "sms_received"),
        ("first_purchase", False, "first_only"),
        ("payment_method", "card", "facts_contradict"),
        ("used_bp", 1, "usage_over"),
        ("claim_at", 9 * DAY, "claim_window_closed"),
    ]
    right = {"purchased_at": DAY, "charge": "hold"}
    for index, (_, _, reason) in enumerate(wrong):
        facts = right | {name: value for name, value, _ in wrong[index:]}
        answer = claim(ask, GRANT, policy, **facts | {"now": 10 * DAY})
        assert answer[1] == reason


def test_a_kind_that_is_never_paid_has_its_own_reason_or_none(ask: AskPolicy) -> None:
    deny = {"decided": "deny"}
    assert claim(ask, deny, verified=True) == denied("not_covered")
    assert claim(ask, deny | {"reason": "first_only"}) == denied("first_only")
    listed = {"compat_listed": True}
    assert claim(ask, deny, **listed) == denied("not_covered")
    unless = deny | {"unless_listed": True}
    assert claim(ask, unless) == denied("not_covered")
    human = ("needs_review", "compat_listed", 350, 0, "balance", None)
    assert claim(ask, unless, **listed) == human
    assert claim(ask, unless, verified=True, **listed)[:2] == ("credit", "claim_approved")
    assert claim(ask, unless, verified=False, **listed) == denied("claim_rejected")


def test_an_order_that_was_paid_back_more_than_once_is_refunded(ask: AskPolicy) -> None:
    for credited, paid in ((350, 0), (351, 0), (200, 150), (350, 350)):
        given = {"credited_minor": credited, "paid_out_minor": paid}
        assert claim(ask, GRANT, **given) == denied("already_refunded")
    assert claim(ask, GRANT, credited_minor=349)[2] == 1


def test_a_contradiction_about_a_rental_proposes_its_unused_part(ask: AskPolicy) -> None:
    rental = {"product": "rental", "rental_start": timedelta(0), "rental_end": 10 * DAY}
    both = {"allocation_failed": True} | ARRIVED
    assert claim(ask, GRANT, **rental, **both)[:3] == ("needs_review", "facts_contradict", 315)


def test_that_a_repair_was_approved_judges_no_other_kind(ask: AskPolicy) -> None:
    limited = {"limits": [{"of": "claim", "per": "day", "max_count": 1}]}
    before = {"history": [{"what": "claim", "at": DAY, "amount_minor": 1}], "approved": True}
    assert claim(ask, GRANT, limited, **before)[1] == "limit_reached"
    assert claim(ask, GRANT, limited, **before, verified=True)[0] == "credit"
    repaired = {"decided": "repair"}
    missed = limited | {"rectify": {"seconds": 3600}}
    assert claim(ask, repaired, missed, claim_at=0 * DAY, **before)[0] == "refund_full"
    unjudged = before | {"approved": False}
    assert claim(ask, repaired, missed, claim_at=0 * DAY, **unjudged)[0] == "deny"
