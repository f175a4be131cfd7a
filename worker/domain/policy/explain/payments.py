"""Sentences about money that leaves, dates, limits, and how days are counted."""

from worker.domain.calendar import DayCount, Duration, Unit
from worker.domain.policy.explain.accounts import withdraws
from worker.domain.policy.explain.wording import (
    Template,
    counted,
    days,
    lasting,
    listed,
    minor,
    percent,
)
from worker.domain.policy.language import choices
from worker.domain.policy.language.kinds import OTHER
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.schema import duration_of
from worker.domain.policy.language.sections import Limit, MethodRules
from worker.domain.policy.vocabulary import Reason

_ROUTES = {
    None: "The money of a claim goes to the balance, whatever is asked.",
    choices.PayoutRoute.METHOD_OF_PAYMENT: "The money of a claim goes back the way it was paid.",
    choices.PayoutRoute.WALLET: "The money of a claim goes to the wallet, where that is asked for.",
    choices.PayoutRoute.CLIENT: "The money of a claim goes to the client, where that is asked for.",
    choices.PayoutRoute.AS_DECIDED: "The money of a claim goes where the verdict says.",
}
_UNABLE = {
    choices.Unable.REVIEW: "A human finds another way where the method cannot take money back.",
    choices.Unable.BALANCE: (
        "Where the method cannot take money back, that of a claim goes to the balance;"
        " a withdrawal is denied."
    ),
    choices.Unable.DENY: "Where the method cannot take money back, it is denied.",
}


def _money_leaves(p: Profile) -> bool:
    return p.payout.route is not None or withdraws(p)


def _route(p: Profile) -> str | None:
    return _ROUTES[p.payout.route] if p.has_kinds else None


def _judged(p: Profile) -> str | None:
    if p.payout.route is None or not p.payout.judged:
        return None
    return "No money of a claim leaves without a human's yes."


def _kyc(p: Profile) -> str | None:
    if not p.payout.kyc:
        return None
    return "Before money goes to a wallet a human may ask who holds it; failed is a denial."


def _unable(p: Profile) -> str | None:
    return _UNABLE[p.payout.unable] if _money_leaves(p) else None


_FEES = {
    choices.PayoutFee.DISCLOSED: "the fee is withheld that was disclosed with the order",
    choices.PayoutFee.BY_DEPOSIT_AGE: "a fee by the age of the last deposit is withheld",
}


def _fee(p: Profile) -> str | None:
    if p.payout.fee is None:
        return None
    return f"Of a claim that leaves, {_FEES[p.payout.fee]}{_save_repairs(p)}."


def _save_repairs(p: Profile) -> str:
    """A repair that was missed pays the whole price, whatever the fees are."""
    repairs = any(rule.decided is choices.Decided.REPAIR for rule in p.claims.kinds.values())
    return ", save of a missed repair" if repairs and p.payout.route is not None else ""


def _fee_steps(p: Profile) -> str | None:
    if not p.payout.fee_steps:
        return None
    steps = [
        f"{percent(bp)} from {counted(year, 'year')} on" if year else percent(bp)
        for year, bp in p.payout.fee_steps
    ]
    return f"By whole years since the last deposit {_by_age(p)} is {', '.join(steps)}."


def _by_age(p: Profile) -> str:
    """Whose fee it is: a withdrawal pays it whatever a claim pays."""
    if p.payout.fee is not choices.PayoutFee.BY_DEPOSIT_AGE:
        return "the fee of a withdrawal"
    return "that fee, and that of a withdrawal," if withdraws(p) else "that fee"


def _fee_bp(p: Profile) -> str | None:
    return _common_fee(p, percent(p.payout.fee_bp)) if p.payout.fee_bp else None


def _fee_minor(p: Profile) -> str | None:
    return _common_fee(p, minor(p.payout.fee_minor)) if p.payout.fee_minor else None


def _common_fee(p: Profile, fee: str) -> str:
    other = f"besides any other{_save_repairs(p)}"
    return f"Of all money that leaves a fee of {fee} is withheld, {other}."


def method_sentence(p: Profile, name: str, rules: MethodRules) -> str:
    """What holds for one payment method."""
    if not rules.refundable:
        return f"Money does not go back to {name}: it is denied."
    parts = [f"from {minor(rules.least_minor)} on"] if rules.least_minor else []
    if rules.business_days is not None:
        parts.append(f"within {counted(rules.business_days, 'business day')}")
    fees = [percent(rules.fee_bp)] if rules.fee_bp else []
    fees += [minor(rules.fee_minor)] if rules.fee_minor else []
    if fees:
        parts.append(f"less a fee of {' and '.join(fees)}{_save_repairs(p)}")
    return f"Money goes back to {name}{' ' if parts else ''}{', '.join(parts)}."


def _honour(p: Profile) -> str | None:
    if p.claims.honour_days is None:
        return None
    return f"Every claim is settled within {days(p.claims.honour_days, p)} from the purchase."


def _credit_time(p: Profile) -> str | None:
    time = p.processing.credit
    return None if time is None else f"A credit is booked within {lasting(time, p)}."


def _review_time(p: Profile) -> str | None:
    time = p.processing.review
    return None if time is None else f"A human decides within {lasting(time, p)}."


def _pay_time(p: Profile) -> str | None:
    time = p.processing.pay
    if time is None:
        return None
    return f"A payout is on its way within {lasting(time, p)} from its approval."


def _extendable(p: Profile) -> str | None:
    if p.processing.pay is None or not p.processing.extendable:
        return None
    return "A recorded reason beyond the shop's control moves that date."


def _payment_info(p: Profile) -> str | None:
    time = p.processing.payment_info_days
    if time is None:
        return None
    return f"Payment details that were asked for come within {days(time, p)}, or it is denied."


PAYOUTS = (
    Template("payout.route", _route, (Reason.NOT_A_CLIENT_REFUND_GROUND,)),
    Template("payout.judged", _judged, (Reason.JUDGE_REQUEST,)),
    Template("payout.kyc", _kyc, (Reason.KYC_REQUIRED, Reason.KYC_FAILED)),
    Template("payout.unable", _unable, (Reason.ALTERNATIVE_REFUND_METHOD,)),
    Template("payout.fee", _fee),
    Template("payout.fee_steps", _fee_steps),
    Template("payout.fee_bp", _fee_bp),
    Template("payout.fee_minor", _fee_minor),
)
DATES = (
    Template("claims.honour_days", _honour, (Reason.HONOUR_DUE, Reason.HONOUR_OVERDUE)),
    Template(
        "processing.credit",
        _credit_time,
        (Reason.BALANCE_CREDIT_DUE, Reason.BALANCE_CREDIT_OVERDUE),
    ),
    Template("processing.review", _review_time, (Reason.REVIEW_DUE, Reason.REVIEW_OVERDUE)),
    Template(
        "processing.pay", _pay_time, (Reason.REFUND_PAYMENT_DUE, Reason.REFUND_PAYMENT_OVERDUE)
    ),
    Template("processing.extendable", _extendable, (Reason.REFUND_PAYMENT_OVERDUE,)),
    Template("processing.payment_info_days", _payment_info, (Reason.PAYMENT_INFO_TIMEOUT,)),
)

_OWED = {
    "answer_days": ("What a customer must add", Reason.ANSWER_DUE),
    "kyc_days": ("An answer about who he is", Reason.KYC_OVERDUE),
    "access_days": ("Access to the customer's host", Reason.ACCESS_OVERDUE),
    "alternative_days": ("An agreement about another way of payment", Reason.ALTERNATIVE_OVERDUE),
    "replacement_business_days": ("A replacement", Reason.REPLACEMENT_OVERDUE),
}


def _obligation(key: str) -> Template:
    what, reason = _OWED[key]

    def say(p: Profile) -> str | None:
        count: int | None = getattr(p.obligations, key)
        if count is None:
            return None
        unit = Unit.BUSINESS_DAYS if key.endswith("business_days") else Unit.DAYS
        return f"{what} is due within {lasting(Duration(unit, count), p)}."

    return Template(f"obligations.{key}", say, (reason,))


def _counts(p: Profile, *units: Unit) -> bool:
    """Whether the policy names a time in one of these units."""
    times = (duration_of(key, value) for key, value in p.said.items())
    return any(time is not None and time.unit in units for time in times)


def _day_count(p: Profile) -> str | None:
    if not _counts(p, Unit.DAYS) and "calendar.day_count" not in p.said:
        return None
    if p.calendar.day_count is DayCount.ELAPSED_24H:
        return "A day is 24 hours from the instant that it counts from."
    return "The day of the start does not count; the last day ends at its last instant."


def _timezone(p: Profile) -> str | None:
    elapsed = p.calendar.day_count is DayCount.ELAPSED_24H
    if elapsed and not _counts(p, Unit.BUSINESS_DAYS) and "calendar.timezone" not in p.said:
        return None
    return f"Days begin and end in the time zone {p.calendar.timezone}."


def _holidays(p: Profile) -> str | None:
    if not p.calendar.holidays:
        return None
    return f"No business days are {listed(p.calendar.holidays)}."


OBLIGATIONS = tuple(map(_obligation, _OWED))
CALENDAR = (
    Template("calendar.day_count", _day_count),
    Template("calendar.timezone", _timezone),
    Template("calendar.holidays", _holidays),
)

_THEN = {
    choices.OverLimit.REVIEW: "a human decides",
    choices.OverLimit.DENY: "it is denied",
    choices.OverLimit.CLOSE: "the number is closed without a credit",
    choices.OverLimit.WAIT: "nothing changes until the end of the window or of the rental",
}
_SPANS = {
    choices.LimitSpan.DAY: "the last 24 hours",
    choices.LimitSpan.WEEK: "the last 7 times 24 hours",
    choices.LimitSpan.MONTH: "the last month",
    choices.LimitSpan.YEAR: "the last year",
}
_COUNTED = {
    "auto_credit": "credits without a request",
    "cancel": "credited Cancels",
    "claim": "paid claims",
    "payout": "withdrawals",
    "any": "credits and payouts of any sort",
    OTHER: "paid claims of kinds without a row here",
}


def limit_sentence(limit: Limit) -> str:
    what = _COUNTED.get(limit.of, f"paid claims of the kind {limit.of}")
    most = []
    if limit.max_count is not None:
        most.append(f"more than {limit.max_count}")
    if limit.max_minor is not None:
        most.append(f"more than {minor(limit.max_minor)} together")
    if limit.max_ratio_bp is not None:
        most.append(f"more than {percent(limit.max_ratio_bp)} of {limit.ratio_of} or more orders")
    over = listed(most, "or")
    account = f"of an account in {_SPANS[limit.per]}"
    return f"With {over} of the {what} {account}, this one included, {_THEN[limit.then]}."
