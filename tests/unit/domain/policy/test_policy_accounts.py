"""Balances of idle, deleted and blocked accounts, and the shop's own time limits."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, US, Answer, AskPolicy

SILENT: Answer = ("needs_review", "policy_silent", 0, 0, None, None)


def event(ask: AskPolicy, policy: str | dict[str, Any], name: str, **facts: Any) -> Answer:
    return ask(policy, "account_event", event=name, balance_minor=900, **facts)


@pytest.mark.parametrize("policy", ["P2", "P3"])
def test_p2_01_p2_02_p3_02_p3_03_a_balance_never_expires(ask: AskPolicy, policy: str) -> None:
    decided = event(ask, policy, "idle", idle_days=4000)
    assert decided == ("balance_kept", "never_expires", 900, 0, None, None)


@pytest.mark.parametrize("policy", ["P2", "P3"])
def test_p2_03_p3_04_p3_15_deletion_waits_for_an_open_withdrawal(
    ask: AskPolicy, policy: str
) -> None:
    deleted = event(ask, policy, "delete_requested")
    open_ = event(ask, policy, "delete_requested", withdrawal_open=True)

    confirmed = event(ask, policy, "delete_requested", refundable_minor=0, deletion_confirmed=True)
    refused = event(ask, policy, "delete_requested", refundable_minor=0, deletion_confirmed=False)
    unconfirmed = event(ask, policy, "delete_requested", refundable_minor=0)

    offered = ("wait", "withdrawal_offered", 900, 0, None, None)
    to_confirm = ("needs_review", "confirm_deletion", 900, 0, None, None)
    assert deleted == (offered if policy == "P3" else to_confirm)
    assert unconfirmed == to_confirm
    assert confirmed == ("balance_void", "deleted_by_customer", 0, 0, None, None)
    assert refused == ("deny", "claim_rejected", 0, 0, None, None)
    assert open_ == ("wait", "withdrawal_open", 900, 0, None, None)


@pytest.mark.parametrize("policy", ["P2", "P3"])
def test_p2_04_p3_05_a_block_by_law_enforcement_freezes(ask: AskPolicy, policy: str) -> None:
    decided = event(ask, policy, "law_enforcement_block")
    assert decided == ("balance_frozen", "blocked_by_law_enforcement", 900, 0, None, None)


def test_p3_43_a_block_for_the_rules_keeps_the_balance_inside(ask: AskPolicy) -> None:
    barred = event(ask, "P3", "rules_block")
    unknown = event(ask, "P2", "rules_block")

    assert barred == ("balance_kept", "withdrawal_barred", 900, 0, None, None)
    assert unknown == ("balance_kept", "never_expires", 900, 0, None, None)


@pytest.mark.parametrize("policy", ["default", "P0", "P1", "P4"])
@pytest.mark.parametrize(
    "name", ["idle", "delete_requested", "law_enforcement_block", "rules_block", "chargeback"]
)
def test_where_the_policy_is_silent_a_human_decides_about_the_balance(
    ask: AskPolicy, policy: str, name: str
) -> None:
    assert event(ask, policy, name, refundable_minor=0) == SILENT


@pytest.mark.parametrize("policy", ["default", "P2", "P3"])
def test_what_ends_a_block_or_a_deletion_needs_no_word_of_the_policy(
    ask: AskPolicy, policy: str
) -> None:
    kept = ("balance_kept", "unblocked", 900, 0, None, None)
    assert event(ask, policy, "rules_unblock") == kept
    assert event(ask, policy, "law_enforcement_unblock") == kept
    assert event(ask, policy, "delete_withdrawn") == ("none", "taken_back", 0, 0, None, None)


def test_what_was_offered_once_is_not_offered_again(ask: AskPolicy) -> None:
    def asked(offer: str | None, **facts: Any) -> Answer:
        return event(ask, "P4", "delete_requested", withdrawal_offer=offer, **facts)

    assert asked(None, refundable_minor=1)[:3] == ("wait", "withdrawal_offered", 1)
    assert asked("open") == ("wait", "withdrawal_open", 900, 0, None, None)
    for ended in ("paid", "declined", "expired"):
        assert asked(ended, refundable_minor=1) == SILENT


def test_an_idle_balance_is_void_or_judged_after_its_months(ask: AskPolicy) -> None:
    def idle(now: timedelta, **balance: Any) -> Answer:
        policy = {"balance": {"idle_months": 1} | balance}
        return event(ask, policy, "idle", now=now, idle_since=timedelta(0))

    month = 31 * DAY  # 2 March to 2 April.
    running = ("balance_kept", "idle_running", 900, 0, None, month)
    assert idle(month - US) == idle(month) == running
    assert idle(month + US) == ("needs_review", "idle", 900, 0, None, None)
    void = idle(month + US, idle_then="void")
    assert void == ("balance_void", "idle", 0, 0, None, None)
    never_told = event(ask, {"balance": {"idle_months": 1}}, "idle", now=month + US)
    assert never_told == ("balance_kept", "idle_running", 900, 0, None, None)


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        ("freeze", ("balance_frozen", "chargeback", 900, 0, None, None)),
        ("void", ("balance_void", "chargeback", 0, 0, None, None)),
        ("review", ("needs_review", "chargeback", 900, 0, None, None)),
    ],
)
def test_a_charged_back_payment_does_what_the_policy_says(
    ask: AskPolicy, then: str, answer: Answer
) -> None:
    assert event(ask, {"balance": {"chargeback": then}}, "chargeback") == answer


def test_a_block_for_the_rules_may_forfeit_the_balance(ask: AskPolicy) -> None:
    void: dict[str, Any] = {"balance": {"rules_block": "void"}, "bars": {"rules_block": "client"}}
    assert event(ask, void, "rules_block") == ("balance_void", "forfeited", 0, 0, None, None)


@pytest.mark.parametrize(
    ("policy", "sla", "length"),
    [
        ("P1", "honour", 14 * DAY),
        ("P2", "review", 2 * DAY),
        ("P2", "balance_credit", 7 * DAY),
        ("P3", "review", 2 * DAY),
        ("P3", "refund_payment", 14 * DAY),
    ],
)
def test_p1_04_p2_28_p2_30_p3_37_p3_38_the_shop_is_late_after_the_last_instant(
    ask: AskPolicy, policy: str, sla: str, length: timedelta
) -> None:
    def tick(now: timedelta, **facts: Any) -> Answer:
        return ask(policy, "sla_tick", sla=sla, start_at=timedelta(0), now=now, **facts)

    due = ("wait", f"{sla}_due", 0, 0, None, length)
    overdue = ("overdue", f"{sla}_overdue", 0, 0, None, None)
    assert [tick(length - US), tick(length), tick(length + US)] == [due, due, overdue]
    done = ("none", "done", 0, 0, None, None)
    assert tick(length + 9 * DAY, done_at=length) == done
    assert tick(DAY, done_at=timedelta(0)) == done
    late = tick(length + 9 * DAY, done_at=length + US)
    assert late == ("none", "done_late", 0, 0, None, None)


def test_each_sla_has_an_overdue_reason_of_its_own(ask: AskPolicy) -> None:
    late = {"start_at": timedelta(0), "now": 99 * DAY}
    assert ask("P1", "sla_tick", sla="honour", **late)[1] == "honour_overdue"
    assert ask("P2", "sla_tick", sla="balance_credit", **late)[1] == "balance_credit_overdue"
    assert ask("P3", "sla_tick", sla="refund_payment", **late)[1] == "refund_payment_overdue"


@pytest.mark.parametrize(
    ("policy", "sla"),
    [
        ("P0", "review"),
        ("P0", "honour"),
        ("P4", "honour"),
    ],
)
def test_without_a_time_limit_in_the_policy_a_human_decides(
    ask: AskPolicy, policy: str, sla: str
) -> None:
    assert ask(policy, "sla_tick", sla=sla, start_at=timedelta(0)) == SILENT


def test_p3_39_only_a_recorded_reason_moves_the_date_of_payment(ask: AskPolicy) -> None:
    def tick(now: timedelta, **facts: Any) -> Answer:
        return ask("P3", "sla_tick", sla="refund_payment", start_at=timedelta(0), now=now, **facts)

    until = 20 * DAY
    reason = {"extension_until": until, "extension_beyond_control": True}
    assert tick(until, **reason) == ("wait", "refund_payment_due", 0, 0, None, until)
    assert tick(until + US, **reason)[0] == "overdue"
    assert tick(until + DAY, done_at=until, **reason)[1] == "done"
    assert tick(14 * DAY + US, extension_until=until)[0] == "overdue"
    assert tick(14 * DAY + US, extension_beyond_control=True)[0] == "overdue"
    earlier = {"extension_until": DAY, "extension_beyond_control": True}
    assert tick(14 * DAY, **earlier)[5] == 14 * DAY
    void = {"profile_overrides": {"processing.extendable": False}}
    assert tick(14 * DAY + US, **reason, **void)[0] == "overdue"


def test_holidays_and_zone_move_business_days(ask: AskPolicy) -> None:
    def due(**overrides: Any) -> timedelta | None:
        given = {"sla": "review", "start_at": timedelta(0), "profile_overrides": overrides}
        return ask("P2", "sla_tick", **given)[5]

    assert due(holidays=["2026-03-03"]) == 3 * DAY
    assert due(holidays=["2026-03-02"]) == 3 * DAY - timedelta(hours=10)
    # Monday 23:00 in Auckland, a day off: Tuesday 00:00 there is 11:00 UTC on Monday.
    auckland = due(timezone="Pacific/Auckland", holidays=["2026-03-02"])
    assert auckland == 2 * DAY + timedelta(hours=1)
    assert due(timezone="Europe/Berlin") == 2 * DAY
