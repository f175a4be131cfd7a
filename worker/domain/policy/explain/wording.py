"""How values are said: times, shares, lists, and a sentence with the decisions it is about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.calendar import DayCount, Duration, Unit
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import Reason

_DAY = 86_400
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence about one key, and what it rests on."""

    key: str  #: As it stands in the file; `claims.kinds.NAME` for a kind.
    words: str
    said: bool  #: False: the file does not say it, and the default holds.
    reasons: frozenset[Reason]  #: Of the decisions that the sentence is about.


class Template(NamedTuple):
    """How one key is said; None: it decides nothing in this policy."""

    key: str
    say: Callable[[Profile], str | None]
    reasons: tuple[Reason, ...] = ()


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seconds(count: int) -> str:
    """In the largest units that are whole; a day of a time in seconds has 24 hours."""
    if count and count % _DAY == 0:
        return _elapsed_days(count // _DAY)
    parts: list[str] = []
    left = count
    for size, noun in _UNITS:
        if (whole := left // size) or (noun == "second" and not parts):
            parts.append(counted(whole, noun))
        left %= size
        if not left and parts:
            break
    return " and ".join(parts) if len(parts) < 3 else ", ".join(parts)


def _elapsed_days(count: int) -> str:
    return "24 hours" if count == 1 else f"{count} days of 24 hours"


def lasting(time: Duration, profile: Profile) -> str:
    match time.unit:
        case Unit.SECONDS:
            return seconds(time.count)
        case Unit.DAYS:
            if profile.calendar.day_count is DayCount.ELAPSED_24H:
                return _elapsed_days(time.count)
            return counted(time.count, "calendar day")
        case Unit.BUSINESS_DAYS:
            return counted(time.count, "business day")
        case Unit.MONTHS:
            return counted(time.count, "calendar month")


def days(count: int, profile: Profile) -> str:
    return lasting(Duration(Unit.DAYS, count), profile)


def percent(bp: int) -> str:
    whole, rest = divmod(bp, 100)
    return f"{whole} %" if not rest else f"{whole}.{rest:02d} %"


def listed(words: Iterable[object], joint: str = "and") -> str:
    texts = sorted(str(word) for word in words)
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {joint} {texts[-1]}"


def minor(amount: int) -> str:
    return f"{amount} in minor units"
