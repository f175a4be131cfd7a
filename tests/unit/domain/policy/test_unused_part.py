"""The units of a rental: which were used, from when on none was, and what the rest is worth."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, US
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.unused_part import (
    RentalTime,
    month_sum,
    outage_worth,
    unused_part,
    unused_since,
)

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def policy(**rental: Any) -> Profile:
    return profile_from({"rental": {"early_end": "unused"} | rental}, name="mine", file="mine")


def outages(**outage: Any) -> Profile:
    return profile_from({"outage": {"threshold_s": 0} | outage}, name="mine", file="mine")


def rented(price_minor: int, length: timedelta) -> RentalTime:
    return RentalTime(price_minor, START, START + length)


@pytest.mark.parametrize(
    ("rules", "stopped_after", "since"),
    [
        ({"unit": "day"}, 3 * DAY + US, 4 * DAY),
        ({"unit": "day"}, 3 * DAY, 3 * DAY),
        ({"unit": "day", "used_counts": "complete"}, 4 * DAY - US, 3 * DAY),
        ({"unit": "hour"}, 3 * HOUR + US, 4 * HOUR),
        ({"unit": "hour", "used_counts": "complete"}, 4 * HOUR - US, 3 * HOUR),
        ({"unit": "exact"}, 3 * DAY + US, 3 * DAY + US),
        ({"unit": "month"}, 30 * DAY + US, 61 * DAY),  # 10 December, then 10 January.
        ({"unit": "month"}, 30 * DAY, 30 * DAY),
        ({"unit": "month", "used_counts": "complete"}, 61 * DAY - US, 30 * DAY),
        ({"unit": "month", "used_counts": "complete"}, 92 * DAY - US, 61 * DAY),
    ],
)
def test_the_unused_time_begins_where_the_last_used_unit_ends(
    rules: dict[str, Any], stopped_after: timedelta, since: timedelta
) -> None:
    rental = rented(1000, 100 * DAY)
    assert unused_since(policy(**rules), rental, START + stopped_after) == START + since


@pytest.mark.parametrize("unit", ["day", "hour", "month", "exact"])
def test_a_last_unit_longer_than_the_rest_ends_with_the_rental(unit: str) -> None:
    rental = rented(1000, 70 * DAY + HOUR / 2)
    for stopped_at in (rental.end - US, rental.end, rental.end + US, rental.end + 90 * DAY):
        since = unused_since(policy(unit=unit), rental, stopped_at)
        assert since == (stopped_at if unit == "exact" and stopped_at < rental.end else rental.end)
    assert unused_part(policy(unit=unit), rental, rental.end + DAY) == 0


def test_a_rental_of_years_counts_their_months() -> None:
    start = datetime(2025, 11, 10, 12, tzinfo=UTC)
    rental = RentalTime(2600, start, datetime(2028, 1, 10, 12, tzinfo=UTC))
    assert unused_part(policy(unit="month"), rental, datetime(2027, 12, 10, 12, tzinfo=UTC)) == 100


@pytest.mark.parametrize("unit", ["day", "hour", "month", "exact"])
@pytest.mark.parametrize("counts", ["started", "complete"])
@pytest.mark.parametrize("before", [timedelta(0), US, 40 * DAY])
def test_nothing_is_used_before_the_start(unit: str, counts: str, before: timedelta) -> None:
    rental = rented(1000, 70 * DAY)
    rules = policy(unit=unit) if unit == "exact" else policy(unit=unit, used_counts=counts)
    assert unused_since(rules, rental, START - before) == START
    assert unused_part(rules, rental, START - before) == 1000


@pytest.mark.parametrize(
    ("end", "stopped_at", "minor"),
    [
        # Thirteen months and a day: fourteen have begun.
        (datetime(2027, 12, 11, 12, tzinfo=UTC), NEW_YEAR, 1200),
        # The same of thirteen months to the day.
        (datetime(2027, 12, 10, 12, tzinfo=UTC), NEW_YEAR, 1100),
        (datetime(2027, 12, 10, 12, tzinfo=UTC), datetime(2027, 11, 10, 12, tzinfo=UTC), 100),
        (datetime(2027, 12, 10, 12, tzinfo=UTC), datetime(2027, 11, 10, 13, tzinfo=UTC), 0),
    ],
)
def test_months_of_another_year_are_counted_too(
    end: datetime, stopped_at: datetime, minor: int
) -> None:
    units = 14 if end.day == 11 else 13
    rental = RentalTime(units * 100, START, end)
    assert unused_part(policy(unit="month"), rental, stopped_at) == minor


def test_a_fraction_of_the_smallest_unit_is_the_customers() -> None:
    rental = rented(100, 3 * DAY)
    assert unused_part(policy(unit="day"), rental, START + DAY) == 67
    assert rental.worth(DAY) == 34
    assert rental.worth(3 * DAY - US) == 100
    assert rental.worth(4 * DAY) == 100


def test_the_months_of_credit_are_calendar_months_from_the_first_of_them() -> None:
    rental = rented(3000, 100 * DAY)
    limited = outages(refund_cap_months=1)
    assert month_sum(limited, rental, START) == 900  # 10 November to 10 December.
    assert month_sum(limited, rental, START + 30 * DAY + HOUR) == 930
    assert month_sum(outages(refund_cap_months=2), rental, START) == 1830
    assert month_sum(outages(), rental, START) is None


@pytest.mark.parametrize(
    ("count", "length", "minor"),
    [
        ("complete_24h", 2 * DAY - US, 100),
        ("complete_24h", 2 * DAY, 200),
        ("started_24h", 2 * DAY, 200),
        ("started_24h", 2 * DAY + US, 300),
        ("exact", DAY + DAY / 2, 150),
        ("exact", DAY + US, 101),
    ],
)
def test_an_outage_is_worth_the_days_that_the_policy_counts(
    count: str, length: timedelta, minor: int
) -> None:
    assert outage_worth(outages(day_count=count), rented(1000, 10 * DAY), length) == minor
