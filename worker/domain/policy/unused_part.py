"""How much of a rental was not used, and what that is worth.

Units are counted from the start of the rental. Sums are rounded up: a fraction is the customer's.
"""

from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from worker.domain import calendar
from worker.domain.policy.language.choices import OutageDays, RentalUnit, UsedCounts
from worker.domain.policy.language.profile import Profile

_HOUR = timedelta(hours=1)


class RentalTime(NamedTuple):
    """The paid time of a rental; at least a microsecond."""

    price_minor: int
    start: datetime
    end: datetime

    def worth(self, time: timedelta) -> int:
        """The price of this time, at most that of the whole rental."""
        rented = (self.end - self.start) // calendar.MICROSECOND
        part = rounded_up(self.price_minor * (time // calendar.MICROSECOND), rented)
        return min(part, self.price_minor)


def rounded_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def unused_part(profile: Profile, rental: RentalTime, stopped_at: datetime) -> int:
    """What the units are worth that were not used when it stopped, whatever the months say."""
    every, used = _units(profile, rental, stopped_at)
    return rounded_up(rental.price_minor * (every - used), every)


def unused_since(profile: Profile, rental: RentalTime, stopped_at: datetime) -> datetime:
    """From when on the units were not used."""
    _, used = _units(profile, rental, stopped_at)
    unit = profile.rental.unit
    if unit is RentalUnit.MONTH:
        return min(calendar.after_months(rental.start, used), rental.end)
    return min(rental.start + used * _LENGTHS[unit], rental.end)


def month_sum(profile: Profile, rental: RentalTime, since: datetime) -> int | None:
    """R-MONTH: what all credits of this rental together may be, the first of them *since* then."""
    months = profile.outage.refund_cap_months
    if months is None:
        return None
    days = (calendar.after_months(since, months) - since) // calendar.DAY
    return rental.worth(days * calendar.DAY)


def outage_worth(profile: Profile, rental: RentalTime, length: timedelta) -> int:
    match profile.outage.day_count:
        case OutageDays.COMPLETE_24H:
            return rental.worth(calendar.complete_days(length) * calendar.DAY)
        case OutageDays.STARTED_24H:
            return rental.worth(calendar.started_days(length) * calendar.DAY)
        case OutageDays.EXACT:
            return rental.worth(length)
        case _:
            assert_never(profile.outage.day_count)


def _units(profile: Profile, rental: RentalTime, stopped_at: datetime) -> tuple[int, int]:
    """All units of the rental, and how many of them were used until it stopped."""
    every = _begun(profile.rental.unit, rental.start, rental.end)
    if stopped_at >= rental.end:
        return every, every
    if stopped_at <= rental.start:
        return every, 0
    match profile.rental.used_counts:
        case UsedCounts.STARTED:
            used = _begun(profile.rental.unit, rental.start, stopped_at)
        case UsedCounts.COMPLETE:
            used = _complete(profile.rental.unit, rental.start, stopped_at)
        case _:
            assert_never(profile.rental.used_counts)
    return every, used


def _begun(unit: RentalUnit, start: datetime, end: datetime) -> int:
    if unit is RentalUnit.MONTH:
        months = _complete(unit, start, end)
        return months + (calendar.after_months(start, months) < end)
    return -((start - end) // _LENGTHS[unit])


def _complete(unit: RentalUnit, start: datetime, end: datetime) -> int:
    if unit is RentalUnit.MONTH:
        months = (end.year - start.year) * 12 + end.month - start.month
        return months if calendar.after_months(start, months) <= end else months - 1
    return (end - start) // _LENGTHS[unit]


_LENGTHS = {
    RentalUnit.DAY: calendar.DAY,
    RentalUnit.HOUR: _HOUR,
    RentalUnit.EXACT: calendar.MICROSECOND,
}
