"""For each sentence of `policy explain` the cases that would show it to be false.

Each case is made from the values of the policy that the sentence is about: the last instant in
time and the first after it, a sum under the least one, a flag that bars.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.domain.calendar import Duration, Unit, after
from worker.domain.policy import Decision, Profile, decide, question_from
from worker.domain.policy.language import choices
from worker.domain.policy.language.choices import Decided, LateCancel, LogTest
from worker.domain.policy.language.kinds import KindRule

BOUGHT = datetime(2027, 3, 1, 10, tzinfo=UTC)
US, SECOND, HOUR, DAY = (
    timedelta(microseconds=1),
    timedelta(seconds=1),
    timedelta(hours=1),
    timedelta(days=1),
)
PRICE = 1000
ORDER: dict[str, Any] = {"purchased_at": timedelta(0), "price_minor": PRICE}
RENTAL: dict[str, Any] = ORDER | {
    "product": "rental",
    "rental_start": timedelta(0),
    "rental_end": 30 * DAY,
}
WITHDRAWAL: dict[str, Any] = {
    "claim_at": timedelta(0),
    "balance_minor": PRICE,
    "last_deposit_at": -HOUR,
    "topups": [{"at": -HOUR, "amount_minor": PRICE}],
    "kyc": "passed",
    "verified": True,
    "approved_at": timedelta(0),
}


def ask(p: Profile, op: str, now: timedelta = timedelta(0), **facts: Any) -> Decision:
    given = _json({"op": op, "now": now} | facts)
    question = question_from(given)
    return decide(p, question.op, question.facts, question.now)


def _json(value: Any) -> Any:
    match value:
        case timedelta():
            return (BOUGHT + value).isoformat()
        case list():
            return [_json(item) for item in value]
        case dict():
            return {name: _json(item) for name, item in value.items()}
        case _:
            return value


def lasting(p: Profile, time: Duration) -> timedelta:
    return after(BOUGHT, time, p.calendar) - BOUGHT


def answer(decision: Decision) -> tuple[str, str]:
    return decision.outcome.value, decision.reason.value


def effective_from(p: Profile) -> None:
    assert p.effective_from is not None
    before = p.effective_from - BOUGHT - US
    late = ask(p, "order_tick", now=before + DAY, **(ORDER | {"purchased_at": before}))
    assert answer(late) == ("needs_review", "policy_version")


def window(p: Profile) -> None:
    assert answer(ask(p, "order_tick", now=p.window, **ORDER)) == ("wait", "sms_window_open")
    assert ask(p, "order_tick", now=p.window + US, **ORDER).outcome.value != "wait"


def at_the_end(p: Profile) -> tuple[str, str]:
    if p.credits_automatically:
        return "auto_credit", "no_sms_in_window"
    return "cancel_no_credit", "awaiting_claim"


def mode(p: Profile) -> None:
    assert answer(ask(p, "order_tick", now=p.window + US, **ORDER)) == at_the_end(p)


def undisplayed(p: Profile) -> None:
    seen = ask(p, "order_tick", now=p.window + US, sms_received_at=SECOND, **ORDER)
    if p.sms.undisplayed_in_time is choices.Undisplayed.REVIEW:
        assert answer(seen) == ("needs_review", "sms_not_displayed")
    else:
        assert seen.outcome.value == at_the_end(p)[0]


def hold_for(p: Profile) -> None:
    for flag in p.sms.hold_for:
        facts = ORDER | {"account_flags": [flag.value]}
        if p.credits_automatically:
            held = ask(p, "order_tick", now=p.window + US, **facts)
            assert answer(held) == ("needs_review", "suspected_misuse")
        if p.cancel_credits:
            pressed_at = timedelta(seconds=p.cancel.from_s)
            held = ask(p, "cancel", now=pressed_at, **facts)
            assert answer(held) == ("needs_review", "suspected_misuse")


def pressed(p: Profile) -> str:
    if not p.cancel_offered:
        return "wait"
    return "credit" if p.cancel_credits else "cancel_no_credit"


def button(p: Profile) -> None:
    now = timedelta(seconds=p.cancel.from_s) + US
    assert ask(p, "cancel", now=now, **ORDER).outcome.value == pressed(p)


def cancel_from(p: Profile) -> None:
    opens = timedelta(seconds=p.cancel.from_s)
    early = ask(p, "cancel", now=opens - US, **ORDER)
    assert (early.outcome.value, early.deadline) == ("wait", BOUGHT + opens)
    assert ask(p, "cancel", now=opens, **ORDER).outcome.value == pressed(p)


_LATE = {
    LateCancel.WAIT: "wait",
    LateCancel.CLOSE: "cancel_no_credit",
    LateCancel.DENY: "deny",
    LateCancel.REVIEW: "needs_review",
}


def cancel_until(p: Profile) -> None:
    ends = timedelta(seconds=p.cancel.until_s or 0)
    assert ask(p, "cancel", now=ends, **ORDER).outcome.value == pressed(p)
    assert ask(p, "cancel", now=ends + US, **ORDER).outcome.value == _LATE[p.cancel.late]


def max_per_day(p: Profile) -> None:
    most = p.cancel.max_per_day
    if p.cancel_credits and most is not None and most < 100 and not p.limits:
        past = [{"what": "cancel", "at": -HOUR, "amount_minor": 1}] * most
        assert ask(p, "cancel", now=US, history=past[1:], **ORDER).outcome.value == "credit"
        over = ask(p, "cancel", now=US, history=past, **ORDER)
        assert over.outcome.value == _LATE[p.cancel.over_limit]


def max_ratio(p: Profile) -> None:
    if not p.cancel_credits or p.limits or p.cancel.max_ratio_bp is None:
        return
    orders = p.cancel.ratio_of
    most = p.cancel.max_ratio_bp * orders // 10_000
    now = timedelta(seconds=p.cancel.from_s)
    for recent, cancels in ((orders, most), (orders - 1, orders - 1)):
        press = ask(p, "cancel", now=now, recent_orders=recent, recent_cancels=cancels, **ORDER)
        assert press.outcome.value == "credit"
    over = ask(p, "cancel", now=now, recent_orders=orders, recent_cancels=most + 1, **ORDER)
    assert over.outcome.value == _LATE[p.cancel.over_limit]


_FLAGS = {
    "unlawful": ("unlawful_use_confirmed", "unlawful_use"),
    "fraud": ("fraud_confirmed", "fraud"),
    "complaint": ("complaint_provider", "complaint_received"),
    "law_enforcement": ("blocked_law_enforcement", "account_frozen"),
    "rules_block": ("blocked_rules", "account_blocked_rules"),
}


def barred(name: str) -> Callable[[Profile], None]:
    def check(p: Profile) -> None:
        flag, reason = _FLAGS[name]
        credit = ask(p, "order_tick", now=p.window + US, account_flags=[flag], **ORDER)
        bars_all = getattr(p.bars, name) is choices.Bar.ALL
        assert (answer(credit) == ("deny", reason)) is bars_all
        if withdraws(p):
            out = ask(p, "withdrawal", account_flags=[flag], **WITHDRAWAL)
            assert answer(out) == ("deny", reason)

    return check


def restrictions(p: Profile) -> None:
    for op in ("order_tick", "cancel"):
        for order in (ORDER, RENTAL) if op == "cancel" else (ORDER,):
            ignored = ask(p, op, now=p.window + US, restrictions_ignored=True, **order)
            assert answer(ignored) == ("deny", "restrictions_ignored")


def claim(p: Profile, rule: KindRule, **facts: Any) -> Decision | None:
    """A claim of this kind as soon as the window of the SMS is over; None: too late by then."""
    at = p.window + SECOND
    if rule.window is not None and lasting(p, rule.window) < at:
        return None
    return ask(p, "claim", claim_kind=rule.name, claim_at=at, **({"now": at} | ORDER | facts))


def claim_window(p: Profile) -> None:
    assert p.claims.window is not None or p.has_kinds
    if p.claims.window is None or p.claims.window_from is not choices.WindowFrom.PURCHASE:
        return
    end = lasting(p, p.claims.window)
    for rule in p.claims.kinds.values():
        if rule.decided is Decided.DENY or rule.window != p.claims.window:
            continue
        asked = {"claim_kind": rule.name, **ORDER}
        in_time = ask(p, "claim", now=end, claim_at=end, **asked)
        late = ask(p, "claim", now=end + US, claim_at=end + US, **asked)
        assert in_time.reason.value != "claim_window_closed"
        assert late.reason.value == "claim_window_closed"


def form(facts: dict[str, Any], reason: str) -> Callable[[Profile], None]:
    def check(p: Profile) -> None:
        for rule in p.claims.kinds.values():
            if rule.decided is Decided.REVIEW and rule.window is None:
                answered = claim(p, rule, **facts)
                assert answered is not None
                assert answer(answered) == ("needs_evidence", reason)

    return check


def kind(p: Profile, rule: KindRule) -> None:
    worth = -(-PRICE * rule.share_bp // 10_000)
    expected = _EXPECTED.get(rule.decided, {}) if rule.decided is not Decided.LOG else {}
    cases: dict[str, tuple[dict[str, Any], bool]] = {}
    match rule.decided:
        case Decided.DENY:
            cases = {rule.reason.value: ({}, False)}
        case Decided.EVIDENCE:
            shown = sorted(rule.evidence or {"photo"})[:1]
            cases = {"judge_evidence": ({"evidence": shown}, True)}
        case Decided.LOG:
            assert rule.log is not None
            cases = _BY_LOG[rule.log]
        case Decided.REVIEW | Decided.GRANT | Decided.REPAIR:
            cases = expected
    for reason, (facts, pays) in cases.items():
        decision = claim(p, rule, **facts)
        if decision is not None:
            assert decision.reason.value == reason
            assert decision.amount_minor == (worth if pays else 0)


_EXPECTED: Mapping[Decided, dict[str, tuple[dict[str, Any], bool]]] = {
    Decided.REVIEW: {"judge_request": ({}, True)},
    Decided.GRANT: {"granted_on_request": ({}, True)},
    Decided.REPAIR: {"rectification_running": ({}, False)},
}
_BY_LOG: Mapping[LogTest, dict[str, tuple[dict[str, Any], bool]]] = {
    LogTest.NO_SMS: {"no_sms_on_record": ({}, True)},
    LogTest.NOT_PROVIDED: {
        "never_provided": ({"allocation_failed": True}, True),
        "number_was_provided": ({"allocation_failed": False}, False),
    },
    LogTest.CANCEL_FAILED: {
        "cancel_error": ({"cancel_failed": True, "cancel_attempt_at": SECOND}, True)
    },
    LogTest.BLOCKED: {
        "operator_block": ({"client_caused": False}, True),
        "client_caused": ({"client_caused": True}, False),
    },
    LogTest.STOPPED: {"no_replacement": ({"replacement_available": False}, True)},
}


def rectify(p: Profile) -> None:
    end = timedelta(seconds=p.rectify.seconds or 0)
    for rule in p.claims.kinds.values():
        if rule.decided is Decided.REPAIR:
            facts = ORDER | {"claim_kind": rule.name, "claim_at": timedelta(0), "approved": True}
            assert ask(p, "claim", now=end, **facts).outcome.value == "rectify"
            missed = ask(p, "claim", now=end + US, **facts)
            assert answer(missed) == ("refund_full", "rectification_missed")


def rental_cancel(p: Profile) -> None:
    if p.rental.cancel_until_s is not None and not p.cancel.max_per_day:
        end = timedelta(seconds=p.rental.cancel_until_s)
        back = ask(p, "cancel", now=end, **RENTAL)
        assert (*answer(back), back.amount_minor) == ("credit", "cancelled_before_sms", PRICE)
        assert ask(p, "cancel", now=end + US, **RENTAL).outcome.value != "credit"


def early_end(p: Profile) -> None:
    if not p.rental.may_be_given_back:
        early = ask(p, "cancel", now=10 * DAY, **RENTAL)
        expected = {
            None: "policy_silent",
            choices.EarlyEnd.DENY: "early_deactivation",
            choices.EarlyEnd.REVIEW: "judge_request",
            choices.EarlyEnd.UNUSED: "unused_time",
        }[p.rental.early_end]
        assert early.reason.value in {expected, "nothing_refundable"}


def empty_at_end(p: Profile) -> None:
    ended = ask(p, "order_tick", now=30 * DAY + US, **RENTAL)
    paid = p.rental.empty_at_end is choices.EmptyAtEnd.AUTOMATIC
    assert ended.outcome.value == ("auto_credit" if paid else "none")


def renewal(p: Profile) -> None:
    end = timedelta(seconds=p.renewal.refund_window_s or 0)
    renewed = RENTAL | {"renewed_at": timedelta(0), "renewal_price_minor": 400}
    assert ask(p, "cancel", now=end, **renewed).reason.value == "renewal_cancelled"
    assert ask(p, "cancel", now=end + US, **renewed).reason.value != "renewal_cancelled"


def outage(p: Profile) -> None:
    contact, end = HOUR, HOUR + timedelta(seconds=p.outage.threshold_s or 0)
    facts = {key: RENTAL[key] for key in ("rental_start", "rental_end", "price_minor")}
    facts |= {"contacted_at": contact}
    short = ask(p, "outage_tick", now=29 * DAY, restored_at=end, **facts)
    long = ask(p, "outage_tick", now=29 * DAY, restored_at=end + US, **facts)
    assert answer(short) == ("deny", "outage_not_over_24h")
    assert long.reason.value != "outage_not_over_24h"


def withdraws(p: Profile) -> bool:
    return p.withdrawal.mode not in {None, choices.WithdrawalMode.NEVER}


def withdrawal(p: Profile) -> None:
    asked = ask(p, "withdrawal", **WITHDRAWAL)
    if p.withdrawal.mode is None:
        assert answer(asked) == ("needs_review", "policy_silent")
    elif not withdraws(p):
        assert answer(asked) == ("deny", "unused_funds")
    elif p.withdrawal.least_minor <= PRICE:
        assert asked.outcome.value == "payout"
        assert asked.destination is p.withdrawal.destination


def least_minor(p: Profile) -> None:
    small = WITHDRAWAL | {"amount_minor": p.withdrawal.least_minor - 1}
    assert ask(p, "withdrawal", **small).reason.value == "below_least_sum"


def fee_steps(p: Profile) -> None:
    if not withdraws(p) or p.payout.fee_bp or p.payout.fee_minor:
        return
    for years, bp in p.payout.fee_steps:
        old = WITHDRAWAL | {"last_deposit_at": -(366 * years + 1) * DAY}
        assert ask(p, "withdrawal", **old).fee_minor == PRICE * bp // 10_000


def event(p: Profile, name: str, **facts: Any) -> str:
    return ask(p, "account_event", event=name, balance_minor=PRICE, **facts).outcome.value


def expires(p: Profile) -> None:
    asked = ask(p, "account_event", event="idle", balance_minor=PRICE, idle_since=-900 * DAY)
    expected = "never_expires" if p.balance.expires is False else "policy_silent"
    assert asked.reason.value == expected


def idle(p: Profile) -> None:
    months = Duration(Unit.MONTHS, p.balance.idle_months or 0)
    over = lasting(p, months) + US
    facts: dict[str, Any] = {"event": "idle", "balance_minor": PRICE, "idle_since": timedelta(0)}
    assert ask(p, "account_event", now=over - US, **facts).outcome.value == "balance_kept"
    assert ask(p, "account_event", now=over, **facts).outcome.value == (
        "balance_void" if p.balance.idle_then is choices.IdleThen.VOID else "needs_review"
    )


def deletion(p: Profile) -> None:
    asked = event(p, "delete_requested", withdrawal_offer="declined", deletion_confirmed=True)
    assert asked == ("balance_void" if p.balance.deletion_voids else "needs_review")


def rules_block(p: Profile) -> None:
    void = p.balance.rules_block is choices.RulesBlock.VOID
    assert (event(p, "rules_block") == "balance_void") is void


def chargeback(p: Profile) -> None:
    expected = {
        choices.Chargeback.FREEZE: "balance_frozen",
        choices.Chargeback.VOID: "balance_void",
    }
    said = p.balance.chargeback
    assert event(p, "chargeback") == (
        expected.get(said, "needs_review") if said else "needs_review"
    )


def promise(sla: str, time_of: Callable[[Profile], Duration | None]) -> Callable[[Profile], None]:
    def check(p: Profile) -> None:
        time = time_of(p)
        assert time is not None
        end = lasting(p, time)
        facts: dict[str, Any] = {"sla": sla, "start_at": timedelta(0)}
        in_time = ask(p, "sla_tick", now=end, **facts)
        assert (in_time.outcome.value, in_time.deadline) == ("wait", BOUGHT + end)
        assert ask(p, "sla_tick", now=end + US, **facts).outcome.value != "wait"

    return check


def _days(count: int | None, unit: Unit = Unit.DAYS) -> Duration | None:
    return None if count is None else Duration(unit, count)


CASES: Mapping[str, Callable[[Profile], None]] = {
    "effective_from": effective_from,
    "sms.sms_window_s": window,
    "sms.auto_credit_mode": mode,
    "sms.undisplayed_in_time": undisplayed,
    "sms.hold_for": hold_for,
    "cancel.button": button,
    "cancel.from_s": cancel_from,
    "cancel.until_s": cancel_until,
    "cancel.late": cancel_until,
    "cancel.max_per_day": max_per_day,
    "cancel.over_limit": max_per_day,
    "cancel.max_ratio_bp": max_ratio,
    **{f"bars.{name}": barred(name) for name in _FLAGS},
    "bars.restrictions": restrictions,
    "claims.window": claim_window,
    "claims.late": claim_window,
    "claims.channels": form({"claim_channel": "unheard_of"}, "wrong_channel"),
    "claims.required_fields": form({"request_fields": []}, "request_incomplete"),
    "claims.reasons_required": form({"reasons_given": False}, "reasons_missing"),
    "rectify.seconds": rectify,
    "rental.cancel_until_s": rental_cancel,
    "rental.early_end": early_end,
    "rental.empty_at_end": empty_at_end,
    "renewal.refund_window_s": renewal,
    "outage.threshold_s": outage,
    "withdrawal.mode": withdrawal,
    "withdrawal.destination": withdrawal,
    "withdrawal.least_minor": least_minor,
    "payout.fee_steps": fee_steps,
    "balance.expires": expires,
    "balance.idle_months": idle,
    "balance.idle_then": idle,
    "balance.deletion_voids": deletion,
    "balance.rules_block": rules_block,
    "balance.chargeback": chargeback,
    "processing.credit": promise("balance_credit", lambda p: p.processing.credit),
    "processing.review": promise("review", lambda p: p.processing.review),
    "processing.pay": promise("refund_payment", lambda p: p.processing.pay),
    "processing.payment_info_days": promise(
        "payment_info", lambda p: _days(p.processing.payment_info_days)
    ),
    "claims.honour_days": promise("honour", lambda p: _days(p.claims.honour_days)),
    "obligations.answer_days": promise("answer", lambda p: _days(p.obligations.answer_days)),
    "obligations.kyc_days": promise("kyc", lambda p: _days(p.obligations.kyc_days)),
    "obligations.access_days": promise("access", lambda p: _days(p.obligations.access_days)),
    "obligations.alternative_days": promise(
        "alternative", lambda p: _days(p.obligations.alternative_days)
    ),
    "obligations.replacement_business_days": promise(
        "replacement",
        lambda p: _days(p.obligations.replacement_business_days, Unit.BUSINESS_DAYS),
    ),
}
