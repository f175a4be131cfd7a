"""The part of a rental's price that belongs to days the customer could not use."""

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from worker.domain.calendar import DAY, MICROSECOND, after_months, complete_days, started_days
from worker.domain.policy.profile import OutageDays, Profile

Period: TypeAlias = tuple[datetime, datetime]


def prorated(profile: Profile, price_minor: int, *, rental: Period, lost: Period) -> int:
    """Price times days lost by days rented, a fraction to the customer, never above the price."""
    start, end = lost
    end = min(end, rental[1], capped_end(profile, start))
    days = _days(profile, max(end - start, timedelta(0)))
    rented = (rental[1] - rental[0]) // MICROSECOND
    owed = -(-price_minor * days * (DAY // MICROSECOND) // rented)
    return min(owed, price_minor)


def capped_end(profile: Profile, start: datetime) -> datetime:
    """Service is refunded for so many calendar months at most."""
    if profile.refund_cap_months is None:
        return datetime.max.replace(tzinfo=start.tzinfo)
    return after_months(start, profile.refund_cap_months)


def _days(profile: Profile, length: timedelta) -> int:
    match profile.outage_day_count:
        case OutageDays.COMPLETE_24H:
            return complete_days(length)
        case OutageDays.STARTED_24H:
            return started_days(length)
        case _:
            assert_never(profile.outage_day_count)
