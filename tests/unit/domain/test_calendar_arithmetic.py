"""Days, business days, months and years, at their edges."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from worker.domain.calendar import (
    MICROSECOND,
    CalendarRules,
    DayCount,
    Duration,
    Unit,
    after,
    after_business_days,
    after_days,
    after_months,
    complete_days,
    end_of_day_after,
    is_business_day,
    started_days,
    whole_years,
)

BERLIN = ZoneInfo("Europe/Berlin")
NO_HOLIDAYS: frozenset[date] = frozenset()
DAY = timedelta(days=1)
instants = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
#: A slow machine is no failure.
any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def test_elapsed_days_are_24_hours_each_and_keep_the_microsecond() -> None:
    start = utc("2026-03-02T10:00:00.000001")

    assert after_days(start, 5) == utc("2026-03-07T10:00:00.000001")


def test_a_calendar_day_closes_with_its_last_microsecond_and_the_first_day_is_not_counted() -> None:
    assert end_of_day_after(utc("2026-03-02T00:00"), 5, UTC) == utc("2026-03-07T23:59:59.999999")
    assert end_of_day_after(utc("2026-03-02T23:59:59.999999"), 5, UTC) == utc(
        "2026-03-07T23:59:59.999999"
    )


def test_a_calendar_day_closes_where_the_shop_is() -> None:
    # 23:30 UTC is already the next day in Berlin; summer time begins in between.
    assert end_of_day_after(utc("2026-03-27T23:30"), 2, BERLIN) == utc("2026-03-30T21:59:59.999999")


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-06-05T15:00:00", 1, "2026-06-08T15:00:00"),  # Friday to Monday
        ("2026-06-05T15:00:00", 5, "2026-06-12T15:00:00"),
        ("2026-06-05T23:59:59.999999", 1, "2026-06-08T23:59:59.999999"),
        ("2026-06-06T00:00:00", 1, "2026-06-09T00:00:00"),  # Saturday counts as Monday 00:00
        ("2026-06-07T18:00:00", 2, "2026-06-10T00:00:00"),
        ("2026-06-08T00:00:00", 2, "2026-06-10T00:00:00"),
        ("2026-06-06T12:00:00", 0, "2026-06-08T00:00:00"),
        ("2026-06-08T12:00:00", 0, "2026-06-08T12:00:00"),
    ],
)
def test_business_days_keep_the_clock_time_and_skip_weekends(
    start: str, days: int, end: str
) -> None:
    assert after_business_days(utc(start), days, NO_HOLIDAYS, UTC) == utc(end)


def test_holidays_are_skipped_at_the_start_and_on_the_way() -> None:
    off = frozenset({date(2026, 6, 9), date(2026, 6, 11), date(2026, 6, 12)})

    assert after_business_days(utc("2026-06-09T10:00"), 1, off, UTC) == utc("2026-06-15T00:00")
    assert after_business_days(utc("2026-06-08T10:00"), 1, off, UTC) == utc("2026-06-10T10:00")
    assert not is_business_day(date(2026, 6, 9), off)
    assert is_business_day(date(2026, 6, 10), off)


def test_business_days_are_those_of_the_zone() -> None:
    # Sunday 22:30 UTC is Monday 00:30 in Berlin: a business day there, none in UTC.
    start = utc("2026-06-07T22:30")

    assert after_business_days(start, 1, NO_HOLIDAYS, BERLIN) == utc("2026-06-08T22:30")
    assert after_business_days(start, 1, NO_HOLIDAYS, UTC) == utc("2026-06-09T00:00")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-06-10T00:00:00", 1, "2026-07-10T00:00:00"),
        ("2026-01-31T08:00:00", 1, "2026-02-28T08:00:00"),
        ("2024-01-31T08:00:00", 1, "2024-02-29T08:00:00"),
        ("2026-12-15T00:00:00.000001", 1, "2027-01-15T00:00:00.000001"),
        ("2024-02-29T06:00:00", 12, "2025-02-28T06:00:00"),
        ("2024-02-29T06:00:00", 48, "2028-02-29T06:00:00"),
        ("2026-11-30T00:00:00", 13, "2027-12-30T00:00:00"),
        ("2026-05-05T00:00:00", 0, "2026-05-05T00:00:00"),
    ],
)
def test_a_missing_day_becomes_the_last_of_the_month(start: str, months: int, end: str) -> None:
    assert after_months(utc(start), months) == utc(end)


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [
        ("2025-01-10T06:00:00", "2026-01-10T05:59:59.999999", 0),
        ("2025-01-10T06:00:00", "2026-01-10T06:00:00", 1),
        ("2024-02-29T06:00:00", "2025-02-28T05:59:59.999999", 0),
        ("2024-02-29T06:00:00", "2025-02-28T06:00:00", 1),
        ("2024-01-10T06:00:00", "2026-01-10T05:59:59.999999", 1),
        ("2016-01-01T00:00:00", "2026-09-17T12:00:00", 10),
        ("2026-05-05T00:00:00", "2026-05-05T00:00:00", 0),
        ("2026-05-05T00:00:01", "2026-05-05T00:00:00", -1),
        ("2026-05-05T00:00:00", "2024-05-05T00:00:00", -2),
    ],
)
def test_an_anniversary_counts_from_its_instant_on(start: str, end: str, years: int) -> None:
    assert whole_years(utc(start), utc(end)) == years


def test_complete_days_are_full_and_started_days_begun() -> None:
    lengths = (timedelta(0), MICROSECOND, DAY - MICROSECOND, DAY, DAY + MICROSECOND)

    assert [complete_days(length) for length in lengths] == [0, 0, 0, 1, 1]
    assert [started_days(length) for length in lengths] == [0, 1, 1, 1, 2]


@any_speed
@given(instants, st.integers(0, 60), st.sampled_from([UTC, BERLIN]))
def test_a_later_start_never_gives_an_earlier_deadline(
    start: datetime, days: int, zone: ZoneInfo
) -> None:
    later = start + timedelta(hours=1)

    assert end_of_day_after(start, days, zone) <= end_of_day_after(later, days, zone)
    assert after_business_days(start, days, NO_HOLIDAYS, zone) <= after_business_days(
        later, days, NO_HOLIDAYS, zone
    )


@any_speed
@given(instants, st.integers(0, 60), st.timedeltas(timedelta(0), 40 * DAY))
@example(utc("2000-11-29T23:00"), 39, timedelta(hours=1))
def test_a_later_start_never_gives_a_deadline_on_an_earlier_day_months_later(
    start: datetime, months: int, by: timedelta
) -> None:
    """The clock time is that of the start also where a missing day becomes the month's last."""
    later = start + by

    assert after_months(start, months).date() <= after_months(later, months).date()
    if later.time() >= start.time():
        assert after_months(start, months) <= after_months(later, months)


@any_speed
@given(instants, st.integers(1, 30))
def test_a_business_deadline_ends_on_a_business_day_and_not_before_its_days(
    start: datetime, days: int
) -> None:
    end = after_business_days(start, days, NO_HOLIDAYS, UTC)

    assert is_business_day(end.date(), NO_HOLIDAYS)
    assert end >= start + days * DAY


@pytest.mark.parametrize(
    ("duration", "day_count", "expected"),
    [
        (Duration(Unit.SECONDS, 90), DayCount.ELAPSED_24H, "2026-03-06T10:01:30"),
        (Duration(Unit.SECONDS, 90), DayCount.CALENDAR_END_OF_DAY, "2026-03-06T10:01:30"),
        (Duration(Unit.DAYS, 2), DayCount.ELAPSED_24H, "2026-03-08T10:00:00"),
        (Duration(Unit.DAYS, 2), DayCount.CALENDAR_END_OF_DAY, "2026-03-08T22:59:59.999999"),
        (Duration(Unit.BUSINESS_DAYS, 1), DayCount.ELAPSED_24H, "2026-03-10T10:00:00"),
        (Duration(Unit.MONTHS, 1), DayCount.CALENDAR_END_OF_DAY, "2026-04-06T10:00:00"),
    ],
)
def test_a_duration_is_counted_by_its_unit_and_the_rules_of_the_policy(
    duration: Duration, day_count: DayCount, expected: str
) -> None:
    friday = datetime(2026, 3, 6, 10, tzinfo=UTC)
    rules = CalendarRules(
        day_count=day_count,
        timezone=BERLIN,
        holidays=frozenset({date(2026, 3, 9)}),
    )
    assert after(friday, duration, rules) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
