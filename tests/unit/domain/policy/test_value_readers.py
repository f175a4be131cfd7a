"""What each value of a policy file may be, at its edges and just beyond them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language import value_readers
from worker.domain.policy.language.schema import KEYS, MATCH_KEYS
from worker.domain.policy.language.value_readers import LIST_MAX, BadValue, did_you_mean

TOO_MANY = LIST_MAX + 1
DAYS = [(date(2026, 1, 1) + timedelta(days=day)).isoformat() for day in range(TOO_MANY)]


def refused(reader: Callable[[object], object], value: object) -> str:
    with pytest.raises(BadValue) as caught:
        reader(value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("reader", "entries"),
    [
        (value_readers.names, [f"n{number}" for number in range(TOO_MANY)]),
        (value_readers.words, [f"w{number}" for number in range(TOO_MANY)]),
        (value_readers.set_of(str), [f"m{number}" for number in range(TOO_MANY)]),
        (value_readers.days_off, DAYS),
    ],
)
def test_a_list_holds_as_many_entries_as_it_may_and_no_more(
    reader: Callable[[object], frozenset[object]], entries: list[str]
) -> None:
    assert len(reader(entries[:LIST_MAX])) == LIST_MAX
    with pytest.raises(BadValue):
        reader(entries)


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("sms.sms_window_s", 1, 86_400),
        ("cancel.from_s", 0, 86_400),
        ("rectify.seconds", 1, 31_622_400),
        ("cancel.max_per_day", 1, 1_000_000),
        ("cancel.ratio_of", 1, 1_000),
        ("cancel.max_ratio_bp", 0, 10_000),
        ("claims.honour_days", 1, 3_660),
        ("outage.refund_cap_months", 1, 120),
        ("payout.fee_minor", 0, 10**15),
    ],
)
def test_a_number_has_its_least_and_its_most(key: str, least: int, most: int) -> None:
    read = KEYS[key].read
    assert (read(least), read(most)) == (least, most)
    for value in (least - 1, most + 1):
        assert refused(read, value) == f"must be a whole number from {least} to {most}"
    for other in (True, float(most), str(most), None, [most]):
        refused(read, other)


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        (Unit.SECONDS, 31_622_400),
        (Unit.DAYS, 3_660),
        (Unit.BUSINESS_DAYS, 3_660),
        (Unit.MONTHS, 120),
    ],
)
def test_a_time_is_at_least_one_of_its_unit(unit: Unit, most: int) -> None:
    read = value_readers.duration(unit)
    assert (read(1), read(most)) == (Duration(unit, 1), Duration(unit, most))
    refused(read, 0)
    refused(read, most + 1)


@pytest.mark.parametrize("value", [True, None, 0, -1, "false", []])
def test_that_a_balance_expires_can_only_be_denied(value: object) -> None:
    denied = False
    assert value_readers.only_false(denied) is False
    assert "can only be false" in refused(value_readers.only_false, value)


def test_a_word_is_kept_without_spaces_and_capitals() -> None:
    assert value_readers.word(" TG ") == "tg"
    assert value_readers.word("x" * 64) == value_readers.word(f" {'X' * 64} ") == "x" * 64
    for value in ("", "  ", "x" * 65, 5, None):
        refused(value_readers.word, value)


def test_a_list_of_words_or_of_choices_is_not_empty() -> None:
    for read in (value_readers.words, value_readers.some_names, MATCH_KEYS["product"].read):
        refused(read, [])
    assert value_readers.words(["a"]) == MATCH_KEYS["service"].read("a") == {"a"}
    no_lists: tuple[object, ...] = ("tg", 5, {}, None)
    for value in no_lists:
        refused(value_readers.words, value)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1970-01-01T00:00:00Z", True),
        ("1969-12-31T23:59:59Z", False),
        ("1970-01-01T00:30:00+01:00", False),  # In UTC it is of the year before.
        ("8999-12-31T23:59:59.999999Z", True),
        ("9000-01-01T00:00:00Z", False),
        ("8999-12-31T23:30:00-01:00", False),
        ("2026-03-02T10:00:00", False),
        ("2026-03-02", False),
        ("soon", False),
    ],
)
def test_an_instant_has_its_offset_and_lies_within_the_years_of_facts(
    text: str, *, is_one: bool
) -> None:
    if is_one:
        assert value_readers.instant(text).tzinfo is UTC
    else:
        assert "of the years 1970 to 8999" in refused(value_readers.instant, text)
    for value in (5, None, [text]):
        refused(value_readers.instant, value)


def test_a_day_off_is_a_date_without_a_time() -> None:
    first, last = date(1970, 1, 1), date(8999, 12, 31)
    assert value_readers.days_off([first, last.isoformat()]) == {first, last}
    for day in (
        date(1969, 12, 31),
        date(9000, 1, 1),
        datetime(2026, 12, 25, tzinfo=UTC),
        "2026-12-25T00:00:00",
        "25.12.2026",
        20261225,
        None,
    ):
        assert "must be dates of the years 1970 to 8999" in refused(value_readers.days_off, [day])
    no_lists: tuple[object, ...] = (first, "2026-12-25", {})
    for value in no_lists:
        refused(value_readers.days_off, value)


def test_a_time_zone_is_one_of_the_database() -> None:
    assert value_readers.time_zone("UTC") is UTC
    for name in ("Europe/Berlin", "Zulu"):  # One of a name behind `UTC` in the alphabet, too.
        assert value_readers.time_zone(name) == ZoneInfo(name)
    for value in ("Europe/Atlantis", "", "../etc/passwd", "\x00", 5, None):
        refused(value_readers.time_zone, value)


def test_fees_by_age_begin_at_year_0_and_rise() -> None:
    read = value_readers.fee_table
    assert read([]) == ()
    assert read([[0, 0], [1, 10_000], [100, 5]]) == ((0, 0), (1, 10_000), (100, 5))
    wrong: tuple[object, ...] = (
        [[1, 5]],
        [[-1, 5]],
        [[-1, 5], [0, 5]],
        [[0, 5], [0, 6]],
        [[0, 5], [2, 6], [1, 7]],
        [[0, -1]],
        [[0, 10_001]],
        [[0, 5], [101, 5]],
        [[0]],
        [[0, 5, 6]],
        [[]],
        [5],
        [{"0": 5, "1": 6}],
        {"0": 5},
        None,
    )
    for table in wrong:
        refused(read, table)


def test_a_hint_names_what_is_like_it_and_nothing_for_what_is_too_long() -> None:
    known = ["grant", "deny", "x" * 64]
    assert did_you_mean("gramt", known) == "; did you mean 'grant'?"
    assert did_you_mean("x" * 63 + "y", known) == f"; did you mean {'x' * 64!r}?"
    assert did_you_mean("x" * 64 + "y", known) == ""
    assert did_you_mean("elephant", known) == did_you_mean(5, known) == ""
