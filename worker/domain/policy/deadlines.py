"""The dates a policy sets, and whether the shop itself keeps to them (`sla_tick`)."""

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from worker.domain import calendar
from worker.domain.policy.decision import Decision, nothing, review, wait
from worker.domain.policy.facts import SlaFacts
from worker.domain.policy.profile import DayCount, OutageDays, Profile
from worker.domain.policy.vocabulary import ClaimKind, Outcome, Reason, Sla


def days_after(profile: Profile, start: datetime, days: int) -> datetime:
    match profile.day_count:
        case DayCount.ELAPSED_24H:
            return calendar.after_days(start, days)
        case DayCount.CALENDAR_END_OF_DAY:
            return calendar.end_of_day_after(start, days, profile.timezone)
        case _:
            assert_never(profile.day_count)


def business_days_after(profile: Profile, start: datetime, days: int | None) -> datetime | None:
    if days is None:
        return None
    return calendar.after_business_days(start, days, profile.holidays, profile.timezone)


def review_by(profile: Profile, asked_at: datetime) -> datetime | None:
    """Until when a human has to decide what was asked at *asked_at*."""
    return business_days_after(profile, asked_at, profile.review_business_days)


def credit_by(profile: Profile, arose_at: datetime) -> datetime | None:
    """Until when a credit that arose at *arose_at* has to be on the balance."""
    return business_days_after(profile, arose_at, profile.credit_business_days)


def claim_window_end(
    profile: Profile, purchased_at: datetime, kind: ClaimKind | None = None
) -> datetime | None:
    """Until when the order can be complained about (None: the policy sets no limit)."""
    days = profile.general_window_days if kind is None else profile.window_days_for(kind)
    return None if days is None else days_after(profile, purchased_at, days)


def honour_by(profile: Profile, purchased_at: datetime) -> datetime | None:
    """Until when the shop settles a claim about the order."""
    if profile.honour_days is None:
        return None
    return days_after(profile, purchased_at, profile.honour_days)


def pay_by(profile: Profile, approved_at: datetime) -> datetime | None:
    """Until when an approved payout has to be on its way."""
    if profile.refund_days is None:
        return None
    return days_after(profile, approved_at, profile.refund_days)


def sla_tick(profile: Profile, facts: SlaFacts, now: datetime) -> Decision:
    due_at = _due_at(profile, facts)
    if due_at is None:
        return review(Reason.POLICY_SILENT)
    if facts.done_at is not None:
        return nothing(Reason.DONE if facts.done_at <= due_at else Reason.DONE_LATE)
    due, overdue = _SLA_REASONS[facts.sla]
    if now <= due_at:
        return wait(due, due_at)
    return Decision(Outcome.OVERDUE, overdue)


_SLA_REASONS = {
    Sla.REVIEW: (Reason.REVIEW_DUE, Reason.REVIEW_OVERDUE),
    Sla.BALANCE_CREDIT: (Reason.BALANCE_CREDIT_DUE, Reason.BALANCE_CREDIT_OVERDUE),
    Sla.REFUND_PAYMENT: (Reason.REFUND_PAYMENT_DUE, Reason.REFUND_PAYMENT_OVERDUE),
    Sla.HONOUR: (Reason.HONOUR_DUE, Reason.HONOUR_OVERDUE),
}


def _due_at(profile: Profile, facts: SlaFacts) -> datetime | None:
    match facts.sla:
        case Sla.REVIEW:
            return review_by(profile, facts.start_at)
        case Sla.BALANCE_CREDIT:
            return credit_by(profile, facts.start_at)
        case Sla.REFUND_PAYMENT:
            return _extended(profile, facts, pay_by(profile, facts.start_at))
        case Sla.HONOUR:
            return honour_by(profile, facts.start_at)
        case _:
            assert_never(facts.sla)


def _extended(profile: Profile, facts: SlaFacts, due_at: datetime | None) -> datetime | None:
    """Only a recorded reason beyond the shop's control moves the date, and only to a later one."""
    if due_at is None or facts.extension_until is None:
        return due_at
    allowed = profile.refund_extendable and facts.extension_beyond_control
    return max(due_at, facts.extension_until) if allowed else due_at


Period: TypeAlias = tuple[datetime, datetime]


def prorated(profile: Profile, price_minor: int, *, rental: Period, lost: Period) -> int:
    """Price times days lost by days rented, a fraction to the customer, never above the price."""
    start, end = lost
    end = min(end, rental[1], capped_end(profile, start))
    days = _days(profile, max(end - start, timedelta(0)))
    rented = (rental[1] - rental[0]) // calendar.MICROSECOND
    owed = -(-price_minor * days * (calendar.DAY // calendar.MICROSECOND) // rented)
    return min(owed, price_minor)


def capped_end(profile: Profile, start: datetime) -> datetime:
    """Service is refunded for so many calendar months at most."""
    if profile.refund_cap_months is None:
        return datetime.max.replace(tzinfo=start.tzinfo)
    return calendar.after_months(start, profile.refund_cap_months)


def _days(profile: Profile, length: timedelta) -> int:
    match profile.outage_day_count:
        case OutageDays.COMPLETE_24H:
            return calendar.complete_days(length)
        case OutageDays.STARTED_24H:
            return calendar.started_days(length)
        case _:
            assert_never(profile.outage_day_count)
