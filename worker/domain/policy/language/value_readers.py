"""How one value of a policy file is read: checked, and made what the profile holds."""

import difflib
import enum
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language.kinds import KIND_NAME

ValueReader: TypeAlias = Callable[[object], object]
E = TypeVar("E", bound=enum.Enum)
T = TypeVar("T")

SECONDS_MAX = 366 * 86_400
DAYS_MAX = 3_660
MONTHS_MAX = 120
COUNT_MAX = 1_000_000
MINOR_MAX = 10**15
BP_MAX = 10_000
YEARS_MAX = 100
LIST_MAX = 1_000
WORD_CHARS_MAX = 64
YEAR_MIN, YEAR_MAX = 1970, 8999  #: As of facts: no date counted from one falls off the calendar.
LIKE = 0.75  #: As `difflib` counts: such a name was probably meant to be the known one.

_MOST: Mapping[Unit, int] = {
    Unit.SECONDS: SECONDS_MAX,
    Unit.DAYS: DAYS_MAX,
    Unit.BUSINESS_DAYS: DAYS_MAX,
    Unit.MONTHS: MONTHS_MAX,
}


class BadValue(ValueError):
    """A value that a policy file may not have; the message says what it may be."""


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValue("must be true or false")
    return value


def only_false(value: object) -> bool:
    if value is not False:
        raise BadValue("can only be false: a balance expires after idle_months, or never")
    return value


def whole_number(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadValue(f"must be a whole number from {least} to {most}")
        return value

    return read


def duration(unit: Unit) -> Callable[[object], Duration]:
    count = whole_number(1, _MOST[unit])
    return lambda value: Duration(unit, count(value))


def one_of(kind: type[E], *allowed: E) -> Callable[[object], E]:
    known = {member.value: member for member in (allowed or kind)}

    def read(value: object) -> E:
        if not isinstance(value, str) or value not in known:
            words = ", ".join(known)
            raise BadValue(f"must be one of {words}{did_you_mean(value, known)}")
        return known[value]

    return read


def set_of(read_member: Callable[[object], T]) -> Callable[[object], frozenset[T]]:
    def read(value: object) -> frozenset[T]:
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise BadValue(f"must be a list of at most {LIST_MAX}")
        return frozenset(map(read_member, value))

    return read


def name(value: object) -> str:
    """A kind, a payment method, a label, a channel, a field, a kind of evidence."""
    if not isinstance(value, str) or KIND_NAME.fullmatch(value) is None:
        raise BadValue("must be a name: a lower-case letter, then letters, digits or _, at most 64")
    return value


def names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > LIST_MAX:
        raise BadValue("must be a list of names")
    return frozenset(map(name, value))


def some_names(value: object) -> frozenset[str]:
    read = names(value)
    if not read:
        raise BadValue("must name at least one: an empty list would refuse everything")
    return read


def word(value: object) -> str:
    """What providers and shops call a thing: kept without regard to case."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= WORD_CHARS_MAX:
        raise BadValue(f"must be a text of at most {WORD_CHARS_MAX} characters")
    return value.strip().casefold()


def words(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not 0 < len(value) <= LIST_MAX:
        raise BadValue("must be a list of at least one word")
    return frozenset(map(word, value))


def one_or_several(read_one: Callable[[object], T]) -> Callable[[object], frozenset[T]]:
    """A list means one of."""

    def read(value: object) -> frozenset[T]:
        several = value if isinstance(value, list) else [value]
        if not several:
            raise BadValue("must name at least one: an empty list never matches")
        return frozenset(map(read_one, several))

    return read


def instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime) and value.tzinfo is not None and _is_in_range(value):
        at = value.astimezone(UTC)
        if _is_in_range(at):
            return at
    raise BadValue(
        f"must be an instant with its offset, of the years {YEAR_MIN} to {YEAR_MAX},"
        " like 2024-04-02T00:00:00Z"
    )


def _is_in_range(day: date) -> bool:
    return YEAR_MIN <= day.year <= YEAR_MAX


def days_off(value: object) -> frozenset[date]:
    if not isinstance(value, list) or len(value) > LIST_MAX:
        raise BadValue(f"must be a list of at most {LIST_MAX} dates")
    return frozenset(map(_day, value))


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date) or isinstance(value, datetime) or not _is_in_range(value):
        raise BadValue(f"must be dates of the years {YEAR_MIN} to {YEAR_MAX}, like 2026-12-25")
    return value


def time_zone(value: object) -> tzinfo:
    if value == "UTC":
        return UTC
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue("must be a time zone of the IANA database, like Europe/Berlin") from None


def fee_table(value: object) -> tuple[tuple[int, int], ...]:
    """`[[0, 500], [1, 1500]]`: years since the last deposit, basis points."""
    if not isinstance(value, list) or not all(isinstance(r, list) and len(r) == 2 for r in value):
        raise BadValue("must be a list of [years, basis points]")
    steps = tuple(
        (whole_number(0, YEARS_MAX)(years), whole_number(0, BP_MAX)(bp)) for years, bp in value
    )
    years = [step[0] for step in steps]
    if steps and (years[0] != 0 or years != sorted(set(years))):
        raise BadValue("must begin at year 0 and rise")
    return steps


def did_you_mean(found: object, known: "Mapping[str, object] | list[str]") -> str:
    """A hint, where a known name is like the one that was found."""
    if not isinstance(found, str) or len(found) > WORD_CHARS_MAX:
        return ""
    near = difflib.get_close_matches(found, known, n=1, cutoff=LIKE)
    return f"; did you mean {near[0]!r}?" if near else ""
