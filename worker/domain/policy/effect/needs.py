"""What must stand beside a key for it to decide something: the words of the message."""

from collections.abc import Iterator, Mapping

from worker.domain.calendar import Duration, Unit, is_business_day
from worker.domain.policy.language.choices import WithdrawalMode
from worker.domain.policy.language.profile import Profile, kind_of

_ROUTE = "no payout.route"
_PAID_OUT = "no payout.route and no withdrawals (withdrawal.mode)"
_REPAIR = 'no kind with decided = "repair"'
_WITHDRAWALS = 'no withdrawal.mode = "balance" or "unused_topups"'

NEEDS: Mapping[str, str] = {
    "sms.undisplayed_in_time": "nothing here credits a number without an SMS",
    "sms.hold_for": (
        'no sms.auto_credit_mode = "automatic", no Cancel that credits and no rental that is'
        " credited by itself or given back"
    ),
    "cancel.from_s": "no Cancel: cancel.button is false",
    "cancel.until_s": "no Cancel: cancel.button is false",
    "cancel.late": "no cancel.until_s",
    "cancel.max_per_day": "no Cancel that credits",
    "cancel.max_ratio_bp": "no Cancel that credits",
    "cancel.ratio_of": "no cancel.max_ratio_bp",
    "cancel.over_limit": "no limit on a Cancel that credits (cancel.max_per_day, max_ratio_bp)",
    "claims.form_for": "no claims.channels, required_fields or reasons_required",
    "claims.window_from": "no claims.window_days, window_s or window_months",
    "claims.late": "no claims.window_days, window_s or window_months",
    "rectify.replacement_tolerance_bp": "no rectify.replacement_offered",
    "rental.cancel_from_s": "no rental.cancel_until_s and no rental.cancel_unless",
    "rental.used_counts": 'rental.unit is "exact", or nothing gives back an unused part',
    "rental.unit": "nothing gives back an unused part of a rental",
    "rental.fee_minor": 'no rental.early_end = "unused"',
    "renewal.unless": "no renewal.refund_window_s",
    "outage.day_count": "no outage.threshold_s",
    "outage.refund_cap_months": "no outage.threshold_s",
    "payout.judged": _ROUTE,
    "payout.kyc": "no claims (payout.route) and no withdrawals to the wallet",
    "payout.unable": _PAID_OUT,
    "payout.fee": _ROUTE,
    "payout.fee_steps": 'no payout.fee = "by_deposit_age" and no withdrawals',
    "payout.fee_bp": _PAID_OUT,
    "payout.fee_minor": _PAID_OUT,
    "processing.extendable": "no processing.pay_s, pay_days or pay_business_days",
    "processing.payment_info_days": "no withdrawals (withdrawal.mode)",
    "withdrawal.spent_bars": 'no withdrawal.mode = "balance"',
    "withdrawal.required_fields": f"{_WITHDRAWALS}; fields of claims are claims.required_fields",
    "balance.idle_then": "no balance.idle_months",
    "obligations.answer_days": (
        "nothing can be missing of a claim that has no window (claims.window_days) or of a"
        " withdrawal"
    ),
    "obligations.kyc_days": "no payout.kyc with money that goes to the wallet",
    "obligations.access_days": (f"{_REPAIR} that gives more time than rectify.host_access_grace_s"),
    "obligations.alternative_days": (
        'no payout.unable = "review" with a payout.route or withdrawals (withdrawal.mode)'
    ),
    "obligations.replacement_business_days": (
        "nothing owes a replacement: no rectify.replacement_offered and no kind with"
        ' remedy = "replacement_first"'
    ),
    "calendar.holidays": "no key in business days",
    "calendar.timezone": 'no key in business days and no day_count = "calendar_end_of_day"',
    "calendar.day_count": "no key in days",
}
_SECTIONS: Mapping[str, str] = {
    "rectify": _REPAIR,
    "renewal": "no renewal.refund_window_s",
    "outage": "no outage.threshold_s",
    "withdrawal": _WITHDRAWALS,
    "labels": "no [[when]] that matches this label",
}
_KIND_KEYS: Mapping[str, str] = {
    "log": 'needs decided = "log"',
    "unlogged": 'needs decided = "log" and the test not_provided or cancel_failed',
    "to": "needs payout.route",
    "client_if": "needs payout.route",
    "remedy": 'needs decided = "log" and log = "stopped"',
    "share_bp": 'needs a kind that pays, not decided = "deny"',
    "evidence": 'needs decided = "evidence" or unlogged = "evidence"',
    "unless_listed": 'needs decided = "deny"',
    "reason": 'needs decided = "deny"',
    "any_channel": "needs claims.channels",
    "window_from": "needs a window",
    "late": "needs a window",
}


def missing_neighbour(profile: Profile, key: str) -> str:
    """Why *key* decides nothing, as far as it can be said in general."""
    section, _, last = key.partition(".")
    if kind_of(key):
        missing = _KIND_KEYS.get(key.rpartition(".")[2])
    elif key.endswith(".refundable"):
        missing = "nothing leaves the platform to this method here"
    elif key.startswith("payout.methods."):
        method = profile.payout.method(last.split(".")[1])
        missing = _PAID_OUT if method.refundable else "nothing goes there: refundable is false"
    elif key == "calendar.holidays" and _never_worked_on(profile):
        missing = "each of them is a Saturday or a Sunday"
    else:
        missing = NEEDS.get(key) or _SECTIONS.get(section)
    if missing is None or missing in _there(profile):
        return "the rest of the file says the same"
    return missing


def _in_business_days(said: tuple[str, object]) -> bool:
    key, value = said
    by_unit = isinstance(value, Duration) and value.unit is Unit.BUSINESS_DAYS
    return by_unit or key.endswith("business_days")


def _never_worked_on(profile: Profile) -> bool:
    return not any(is_business_day(day, set()) for day in profile.calendar.holidays)


def _there(profile: Profile) -> Iterator[str]:
    """What is not missing here."""
    if any(map(_in_business_days, profile.said.items())):
        yield from (NEEDS["calendar.holidays"], NEEDS["calendar.timezone"])
    routed = bool(profile.payout_routes)
    withdrawn = profile.withdrawal.mode not in {None, WithdrawalMode.NEVER}
    if routed:
        yield from (_ROUTE, "needs payout.route")
    if withdrawn:
        yield from (_WITHDRAWALS, NEEDS["withdrawal.required_fields"])
    if routed or withdrawn:
        yield _PAID_OUT
