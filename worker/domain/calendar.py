"""Calendar arithmetic for deadlines: elapsed days, calendar days, business days, months, years.

Every function takes aware instants and gives UTC back; none reads a clock. Every result is the
*last* instant that is still in time: a deadline counts as missed from the first instant after it.
"""

import enum
from calendar import monthrange
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import assert_never

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


class Unit(enum.Enum):
    """In what a policy states a time; the value ends the name of the key."""

    SECONDS = "s"
    DAYS = "days"
    BUSINESS_DAYS = "business_days"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Duration:
    unit: Unit
    count: int


class DayCount(enum.Enum):
    """How `_days` are counted."""

    ELAPSED_24H = "elapsed_24h"
    CALENDAR_END_OF_DAY = "calendar_end_of_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRules:
    """How a policy counts days: its section `[calendar]`."""

    day_count: DayCount = DayCount.ELAPSED_24H
    timezone: tzinfo = UTC
    holidays: frozenset[date] = frozenset()


def after(start: datetime, duration: Duration, rules: CalendarRules) -> datetime:
    """Return the last instant of *duration* from *start*."""
    match duration.unit:
        case Unit.SECONDS:
            return start + timedelta(seconds=duration.count)
        case Unit.DAYS if rules.day_count is DayCount.ELAPSED_24H:
            return after_days(start, duration.count)
        case Unit.DAYS:
            return end_of_day_after(start, duration.count, rules.timezone)
        case Unit.BUSINESS_DAYS:
            return after_business_days(start, duration.count, rules.holidays, rules.timezone)
        case Unit.MONTHS:
            return after_months(start, duration.count)
        case _:
            assert_never(duration.unit)


_MIDNIGHT = time()
_SATURDAY = 5


def after_days(start: datetime, days: int) -> datetime:
    """*days* periods of 24 hours after *start*, whatever the clocks on the wall do."""
    return start + days * DAY


def end_of_day_after(start: datetime, days: int, zone: tzinfo) -> datetime:
    """Return the last microsecond of the *days*-th day in *zone*, not counting that of *start*."""
    following = start.astimezone(zone).date() + (days + 1) * DAY
    return datetime.combine(following, _MIDNIGHT, zone).astimezone(UTC) - MICROSECOND


def after_business_days(
    start: datetime, days: int, holidays: AbstractSet[date], zone: tzinfo
) -> datetime:
    """Return the instant *days* business days (Monday to Friday, no holiday) after *start*.

    A start on a day off counts as the beginning of the next business day; from there the
    clock time stays the same.
    """
    local = start.astimezone(zone)
    day, clock = local.date(), local.time()
    if not is_business_day(day, holidays):
        day, clock = _next_business_day(day, holidays), _MIDNIGHT
    for _ in range(days):
        day = _next_business_day(day, holidays)
    return datetime.combine(day, clock, zone).astimezone(UTC)


def is_business_day(day: date, holidays: AbstractSet[date]) -> bool:
    return day.weekday() < _SATURDAY and day not in holidays


def _next_business_day(day: date, holidays: AbstractSet[date]) -> date:
    day += DAY
    while not is_business_day(day, holidays):
        day += DAY
    return day


def after_months(start: datetime, months: int) -> datetime:
    """Return the same day and time *months* later; a missing day becomes the month's last."""
    year, month_index = divmod(start.year * 12 + start.month - 1 + months, 12)
    month = month_index + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def whole_years(start: datetime, end: datetime) -> int:
    """How many anniversaries of *start* lie at or before *end* (29 February: the 28th)."""
    years = end.year - start.year
    return years if after_months(start, 12 * years) <= end else years - 1


def complete_days(length: timedelta) -> int:
    """Full 24-hour periods in *length*."""
    return length // DAY


def started_days(length: timedelta) -> int:
    """24-hour periods begun in *length*."""
    return -(-length // DAY)
