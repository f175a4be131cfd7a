"""The dates a policy sets: windows of claims, and until when something is decided, booked, paid."""

from datetime import datetime, timedelta
from typing import assert_never

from worker.domain import calendar
from worker.domain.calendar import Duration, Unit
from worker.domain.policy.facts import OrderFacts
from worker.domain.policy.language.choices import LateClaim, WindowFrom
from worker.domain.policy.language.kinds import KNOWN_KINDS, NON_RECEIVING, OTHER, KindRule
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.sections import ClaimRules


def days_after(profile: Profile, start: datetime, days: int) -> datetime:
    return calendar.after(start, Duration(Unit.DAYS, days), profile.calendar)


def business_days_after(profile: Profile, start: datetime, days: int) -> datetime:
    return calendar.after(start, Duration(Unit.BUSINESS_DAYS, days), profile.calendar)


def _after(profile: Profile, start: datetime, duration: Duration | None) -> datetime | None:
    return None if duration is None else calendar.after(start, duration, profile.calendar)


def review_by(profile: Profile, asked_at: datetime) -> datetime | None:
    """Until when a human has to decide what was asked at *asked_at*."""
    return _after(profile, asked_at, profile.processing.review)


def credit_by(profile: Profile, arose_at: datetime) -> datetime | None:
    """Until when a credit that arose at *arose_at* has to be on the balance."""
    return _after(profile, arose_at, profile.processing.credit)


def pay_by(profile: Profile, approved_at: datetime, method: str | None = None) -> datetime | None:
    """Until when an approved payout has to be on its way; a method may have its own time."""
    own = None if method is None else profile.payout.method(method).business_days
    if own is not None:
        return business_days_after(profile, approved_at, own)
    return _after(profile, approved_at, profile.processing.pay)


def honour_by(profile: Profile, purchased_at: datetime) -> datetime | None:
    """Until when the shop settles a claim about the order."""
    days = profile.claims.honour_days
    return None if days is None else days_after(profile, purchased_at, days)


def claim_window_end(profile: Profile, purchased_at: datetime) -> datetime | None:
    """Until when an order of which only the purchase is known can be complained about."""
    return _after(profile, purchased_at, profile.claims.window)


def window_end_for(
    profile: Profile,
    rules: KindRule | ClaimRules,
    order: OrderFacts,
    issue_at: datetime | None = None,
) -> datetime | None:
    """Until when claims by these rules are accepted (None: there is no limit)."""
    if rules.window is None:
        return None
    start = _window_start(rules.window_from, order, issue_at) or order.purchased_at
    return calendar.after(start, rules.window, profile.calendar)


def _window_start(
    window_from: WindowFrom, order: OrderFacts, issue_at: datetime | None
) -> datetime | None:
    """From when a window counts; None: from the purchase, also where nobody told the instant."""
    match window_from:
        case WindowFrom.PURCHASE:
            return None
        case WindowFrom.ISSUE:
            return None if issue_at is None else max(issue_at, order.purchased_at)
        case WindowFrom.START:
            return order.rental_start
        case WindowFrom.RENEWAL:
            return order.renewed_at
        case _:
            assert_never(window_from)


def non_receiving_until(profile: Profile, order: OrderFacts) -> datetime | None:
    """Until when a claim that no SMS came is accepted: what a closed number still has."""
    rules = profile.kind(NON_RECEIVING) or profile.claims
    return window_end_for(profile, rules, order)


#: A step back in time: business days of different spans are of different length.
_STEP = timedelta(days=14)


def orders_over_for(profile: Profile, now: datetime) -> datetime | None:
    """No claim is accepted any more about what was bought until then; None: about anything.

    Where a policy says nothing of claims, none of its clauses asks for anything: a human decides.
    What a human still looks at when it comes late counts as accepted, and so does what counts from
    an issue, which may be found at any time.
    """
    variants = (profile, *(profile.with_whens((index,)) for index in range(len(profile.whens))))
    bought = now
    for variant in variants:
        silent = not variant.has_kinds and variant.claims.window is None
        for rules in () if silent else _all_rules(variant):
            if rules.window is None or rules.window_from is WindowFrom.ISSUE:
                return None
            if rules.late is not LateClaim.DENY:
                return None
            while calendar.after(bought, rules.window, variant.calendar) >= now:
                bought -= _STEP
    return bought


def _all_rules(profile: Profile) -> tuple[KindRule | ClaimRules, ...]:
    names = {*KNOWN_KINDS, OTHER, *profile.claims.kinds}
    kinds = (profile.kind(name) for name in sorted(names))
    return profile.claims, *(kind for kind in kinds if kind is not None)
