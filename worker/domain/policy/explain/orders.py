"""Sentences about orders: version, window, Cancel, what bars money, rentals and outages."""

from worker.domain.policy.explain.wording import (
    Template,
    counted,
    listed,
    minor,
    percent,
    seconds,
)
from worker.domain.policy.language import choices
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import Reason

_LATE = {
    choices.LateCancel.WAIT: "changes nothing: the window decides",
    choices.LateCancel.CLOSE: "closes the number without a credit",
    choices.LateCancel.DENY: "is denied",
    choices.LateCancel.REVIEW: "goes to a human",
}
_SEEN = {choices.SmsSeen.DISPLAYED: "was shown", choices.SmsSeen.RECEIVED: "arrived"}


def _effective_from(p: Profile) -> str | None:
    if p.effective_from is None:
        return None
    return f"An order older than {p.effective_from:%Y-%m-%d %H:%M} UTC goes to a human."


def _window(p: Profile) -> str:
    window = seconds(p.sms.sms_window_s)
    if p.states_window:
        return f"A one-time number waits {window} for its SMS; an order may ask for less."
    return f"A one-time number waits {window} for its SMS, unless defaults.window_seconds differs."


def _mode(p: Profile) -> str:
    if p.credits_automatically:
        return "At the end of the window without an SMS the money goes back by itself."
    return "At the end of the window without an SMS the number is closed; money needs a claim."


def _undisplayed(p: Profile) -> str:
    if p.sms.undisplayed_in_time is choices.Undisplayed.REVIEW:
        return "An SMS that came in time and was never shown goes to a human."
    return "An SMS that came in time and was never shown counts as none."


def _hold_for(p: Profile) -> str | None:
    if not p.sms.hold_for:
        return None
    flags = listed((flag.value for flag in p.sms.hold_for), "or")
    held = (
        ("the automatic credit", p.credits_automatically),
        ("the credit of Cancel", p.cancel_credits),
        ("a rental that is given back", p.rental.may_be_given_back),
        ("an empty rental at its end", p.rental.empty_at_end is choices.EmptyAtEnd.AUTOMATIC),
    )
    if not any(holds for _, holds in held):
        return None
    what = listed(name for name, holds in held if holds)
    return f"For an account with {flags} a human decides about {what}."


def _button(p: Profile) -> str:
    if not p.cancel_offered:
        return "There is no Cancel; a press changes nothing."
    if p.cancel_credits:
        return "Cancel gives the money back while no SMS came."
    return "Cancel closes the number without a credit while no code was shown."


def _cancel_from(p: Profile) -> str | None:
    if not p.cancel_offered or not p.cancel.from_s:
        return None
    return f"Cancel opens {seconds(p.cancel.from_s)} after the purchase."


def _cancel_until(p: Profile) -> str | None:
    if not p.cancel_offered or p.cancel.until_s is None:
        return None
    return f"Cancel ends {seconds(p.cancel.until_s)} after the purchase."


def _cancel_late(p: Profile) -> str | None:
    if not p.cancel_offered or p.cancel.until_s is None:
        return None
    return f"A press after that {_LATE[p.cancel.late]}."


def _max_per_day(p: Profile) -> str | None:
    most = p.cancel.max_per_day
    if most is None:
        return None
    return f"An account has at most {counted(most, 'credited Cancel')} in any 24 hours."


def _max_ratio(p: Profile) -> str | None:
    if p.cancel.max_ratio_bp is None:
        return None
    share, orders = percent(p.cancel.max_ratio_bp), counted(p.cancel.ratio_of, "order")
    return (
        f"When more than {share} of an account's last {orders} already ended by Cancel, a press is"
        " over the limit; with fewer orders it is not asked."
    )


def _over_limit(p: Profile) -> str | None:
    if p.cancel.max_per_day is None and p.cancel.max_ratio_bp is None:
        return None
    return f"A press over such a limit {_LATE[p.cancel.over_limit]}."


_BARRED = {
    "unlawful": "Confirmed unlawful use",
    "fraud": "Confirmed fraud",
    "complaint": "A complaint of a provider or of law enforcement",
    "law_enforcement": "A block by law enforcement",
    "rules_block": "A block for breaking the rules",
    "documents": "Refusing documents that were announced with the order",
}


def _barred(name: str) -> Template:
    def say(p: Profile) -> str | None:
        bar: choices.Bar | None = getattr(p.bars, name)
        if bar is None:
            return None
        what = "bars money that leaves" if bar is choices.Bar.CLIENT else "bars every credit too"
        return f"{_BARRED[name]} {what}."

    return Template(f"bars.{name}", say, _BAR_REASONS[name])


_BAR_REASONS: dict[str, tuple[Reason, ...]] = {
    "unlawful": (Reason.UNLAWFUL_USE,),
    "fraud": (Reason.FRAUD,),
    "complaint": (Reason.COMPLAINT_RECEIVED,),
    "law_enforcement": (Reason.ACCOUNT_FROZEN, Reason.BLOCKED_BY_LAW_ENFORCEMENT),
    "rules_block": (Reason.ACCOUNT_BLOCKED_RULES, Reason.WITHDRAWAL_BARRED),
    "documents": (Reason.DOCUMENTS_REFUSED, Reason.DOCUMENTS_NOT_ANNOUNCED),
}


def _restrictions(p: Profile) -> str | None:
    if not p.bars.restrictions:
        return None
    return (
        "Restrictions that were shown and ignored bar every credit, Cancel, replacement and claim."
    )


_FULFILMENT = {
    choices.Fulfilment.ACTIVATED: (
        "A shown code of a one-time number bars all that nobody judged (sms_received)."
    ),
    choices.Fulfilment.DISPLAYED: (
        "A shown code of a one-time number bars all that nobody judged (code_displayed)."
    ),
    choices.Fulfilment.RECEIVED: (
        "An SMS of a one-time number that arrived bars all that nobody judged (sms_received)."
    ),
    choices.Fulfilment.NOTHING: (
        "A shown code of a one-time number bars only the statement that no SMS came."
    ),
}


def _sms_bars(p: Profile) -> str | None:
    if p.bars.sms is None:
        return None
    return f"An SMS that {_SEEN[p.bars.sms]} bars every claim, judged or not."


def _rental_cancel(p: Profile) -> str | None:
    if not p.rental.may_be_given_back:
        return None
    end = p.rental.cancel_until_s
    until = "to its end" if end is None else f"for {seconds(end)} after the purchase"
    return f"A rental can be given back at its whole price {until}."


def _rental_unless(p: Profile) -> str | None:
    if not p.rental.may_be_given_back:
        return None
    return f"That right ends with the first SMS that {_SEEN[p.rental.given_back_unless]}."


def _rental_from(p: Profile) -> str | None:
    if not p.rental.may_be_given_back or not p.rental.cancel_from_s:
        return None
    return f"That right begins {seconds(p.rental.cancel_from_s)} after the purchase."


_EARLY = {
    None: "About a rental that is ended early a human decides: the policy is silent.",
    choices.EarlyEnd.DENY: (
        "A rental that is ended early gives nothing back; where that is due to a problem, a human"
        " decides."
    ),
    choices.EarlyEnd.UNUSED: "A rental that is ended early gives its unused part back.",
    choices.EarlyEnd.REVIEW: "About a rental that is ended early a human decides.",
}


def _early_end(p: Profile) -> str | None:
    if p.rental.early_end is None and p.rental.may_be_given_back:
        return None  # Then the right above has its own denial.
    return _EARLY[p.rental.early_end]


def _counts_units(p: Profile) -> bool:
    """Whether an unused part is given back at all."""
    return p.has_kinds or p.rental.early_end is choices.EarlyEnd.UNUSED


def _unit(p: Profile) -> str | None:
    if not _counts_units(p):
        return None
    if p.rental.unit is choices.RentalUnit.EXACT:
        return "The used part of a rental is counted to the microsecond."
    return f"The used part of a rental is counted in {p.rental.unit.value}s from its start."


def _used_counts(p: Profile) -> str | None:
    if not _counts_units(p) or p.rental.unit is choices.RentalUnit.EXACT:
        return None
    begun = p.rental.used_counts is choices.UsedCounts.STARTED
    article = "An" if p.rental.unit is choices.RentalUnit.HOUR else "A"
    return f"{article} {p.rental.unit.value} is used when it has {'begun' if begun else 'ended'}."


def _rental_fee(p: Profile) -> str | None:
    if p.rental.early_end is not choices.EarlyEnd.UNUSED or not p.rental.fee_minor:
        return None
    return f"Of that part a fee of {minor(p.rental.fee_minor)} is withheld."


_EMPTY = {
    choices.EmptyAtEnd.AUTOMATIC: "gives its price back by itself",
    choices.EmptyAtEnd.ON_CLAIM: "gives its price back on a claim after its end",
    choices.EmptyAtEnd.NOTHING: "gives nothing back",
}


def _empty(p: Profile) -> str | None:
    if p.rental.empty_at_end is None:
        claimed = any(rule.log is choices.LogTest.NO_SMS for rule in p.claims.kinds.values())
        return "A claim that a rental got no SMS goes to a human." if claimed else None
    return f"A rental that ends without one SMS {_EMPTY[p.rental.empty_at_end]}."


def _renewal(p: Profile) -> str | None:
    if p.renewal.refund_window_s is None:
        return None
    return f"A renewal can be given back for {seconds(p.renewal.refund_window_s)}."


def _renewal_unless(p: Profile) -> str | None:
    if p.renewal.refund_window_s is None or p.renewal.unless is None:
        return None
    return f"That right ends with the first SMS since the renewal that {_SEEN[p.renewal.unless]}."


def _outage(p: Profile) -> str | None:
    if p.outage.threshold_s is None:
        return None
    time = seconds(p.outage.threshold_s)
    return f"A rental that is down longer than {time} from the contact is credited for that time."


_OUTAGE_DAYS = {
    choices.OutageDays.COMPLETE_24H: "Complete periods of 24 hours count.",
    choices.OutageDays.STARTED_24H: "Begun periods of 24 hours count.",
    choices.OutageDays.EXACT: "The exact time of the outage counts.",
}


def _outage_days(p: Profile) -> str | None:
    return None if p.outage.threshold_s is None else _OUTAGE_DAYS[p.outage.day_count]


def _outage_cap(p: Profile) -> str | None:
    if p.outage.refund_cap_months is None:
        return None
    months = counted(p.outage.refund_cap_months, "calendar month")
    return f"All credits for days of one rental together cover at most {months}."


ENDINGS = (
    Template("effective_from", _effective_from, (Reason.POLICY_VERSION,)),
    Template("sms.sms_window_s", _window, (Reason.SMS_WINDOW_OPEN,)),
    Template("sms.auto_credit_mode", _mode, (Reason.NO_SMS_IN_WINDOW, Reason.AWAITING_CLAIM)),
    Template("sms.undisplayed_in_time", _undisplayed, (Reason.SMS_NOT_DISPLAYED,)),
    Template("sms.hold_for", _hold_for, (Reason.SUSPECTED_MISUSE,)),
    Template("cancel.button", _button, (Reason.CANCELLED_BEFORE_SMS,)),
    Template("cancel.from_s", _cancel_from, (Reason.SMS_WINDOW_OPEN,)),
    Template("cancel.until_s", _cancel_until, (Reason.CANCEL_WINDOW_OVER,)),
    Template("cancel.late", _cancel_late, (Reason.CANCEL_WINDOW_OVER,)),
    Template("cancel.max_per_day", _max_per_day, (Reason.CANCEL_LIMIT,)),
    Template("cancel.max_ratio_bp", _max_ratio, (Reason.CANCEL_LIMIT,)),
    Template("cancel.over_limit", _over_limit, (Reason.CANCEL_LIMIT,)),
)
BARS = (
    *map(_barred, _BARRED),
    Template("bars.restrictions", _restrictions, (Reason.RESTRICTIONS_IGNORED,)),
    Template(
        "bars.fulfilment",
        lambda p: _FULFILMENT[p.bars.fulfilment],
        (Reason.SMS_RECEIVED, Reason.CODE_DISPLAYED, Reason.ACTIVATED),
    ),
    Template("bars.sms", _sms_bars, (Reason.SMS_RECEIVED, Reason.CODE_DISPLAYED)),
)
RENTALS = (
    Template("rental.cancel_until_s", _rental_cancel, (Reason.CANCELLED_BEFORE_SMS,)),
    Template("rental.cancel_unless", _rental_unless, (Reason.CODE_DISPLAYED,)),
    Template("rental.cancel_from_s", _rental_from, (Reason.SMS_WINDOW_OPEN,)),
    Template(
        "rental.early_end",
        _early_end,
        (Reason.EARLY_DEACTIVATION, Reason.DEACTIVATION_DUE_TO_PROBLEM, Reason.UNUSED_TIME),
    ),
    Template("rental.unit", _unit, (Reason.UNUSED_TIME,)),
    Template("rental.used_counts", _used_counts, (Reason.UNUSED_TIME,)),
    Template("rental.fee_minor", _rental_fee, (Reason.UNUSED_TIME,)),
    Template("rental.empty_at_end", _empty, (Reason.RENTAL_RUNNING,)),
    Template("renewal.refund_window_s", _renewal, (Reason.RENEWAL_CANCELLED,)),
    Template("renewal.unless", _renewal_unless, (Reason.RENEWAL_CANCELLED,)),
    Template(
        "outage.threshold_s",
        _outage,
        (Reason.OUTAGE_OVER_24H, Reason.OUTAGE_NOT_OVER_24H, Reason.OUTAGE_RUNNING),
    ),
    Template("outage.day_count", _outage_days, (Reason.OUTAGE_OVER_24H,)),
    Template("outage.refund_cap_months", _outage_cap, (Reason.REFUND_MONTH_USED,)),
)
