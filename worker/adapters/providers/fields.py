"""A field of a reply as a value: ids, phones, SMS, times, and money in minor units.

What cannot be read is None, and no amount of money goes through a float.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from worker.domain.money import AMOUNT_MAX, minor_digits
from worker.ports.provider import Sms

SPAN_MAX_S: Final = 2 * 366 * 86_400
UNIX_MAX: Final = 4_102_444_800  #: The year 2100: more is no time in seconds.
CODE_MAX = 2000  #: Characters of a code or an SMS; ten concatenated SMS.
_QUOTES: Final = ("'", '"')
_REF: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")  #: The longest known are 32 hex digits.
_PHONE: Final = re.compile(r"\+?([0-9]{4,20})")
#: ISO 4217 numbers seen in replies.
_BY_NUMBER = {156: "CNY", 398: "KZT", 643: "RUB", 840: "USD", 978: "EUR", 980: "UAH"}
_MOST = AMOUNT_MAX // 1000


def unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] in _QUOTES and text[0] == text[-1]:
        return text[1:-1].strip()
    return text


def ref_of(value: object) -> str | None:
    """A provider's id of a number as text: an integer, a numeric string, 32 hex digits."""
    if type(value) is int:  # Not isinstance: a bool is no id.
        value = str(value)
    if isinstance(value, str) and value.isalnum() and value.isascii() and len(value) <= 64:
        return value  # Nearly all ids pass here, without the regex: lists have many.
    return value if isinstance(value, str) and _REF.fullmatch(value) else None


def phone_of(value: object) -> str | None:
    """A phone as digits, without the `+` some put before it."""
    if type(value) is int:
        value = str(value)
    if isinstance(value, str) and value.isdecimal() and value.isascii() and 4 <= len(value) <= 20:
        return value
    match = _PHONE.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    return match[1] if match else None


def str_of(value: object) -> str | None:
    """A text, or None for whatever else is there."""
    return value if isinstance(value, str) else None


def objects_in(rows: object) -> list[dict[str, Any]]:
    """The JSON objects of a list; none where it is no list."""
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


class RawSms(NamedTuple):
    """One SMS of a rental as a reply has it. `at` only sorts; `received_at` has a zone."""

    code: object
    text: object
    at: object
    received_at: datetime | None = None

    def __repr__(self) -> str:
        return "RawSms(…)"  # What the SMS says is nobody's but the customer's.


def sms_of(code: object, text: object = None, received_at: object = None) -> Sms | None:
    """One SMS, or None where there is none; an SMS without a code is its text.

    The provider charges for that one too, and only the customer can find the code in it.
    """
    if not code and not text:
        return None
    words = text.strip() if isinstance(text, str) else ""
    if type(code) is int:
        code = str(code)
    digits = unquoted(code) if isinstance(code, str) else ""
    if not digits and not words:
        return None
    return Sms((digits or words)[:CODE_MAX], words[:CODE_MAX] or None, instant_of(received_at))


def several_sms(rows: Iterable[tuple[object, object, object]]) -> tuple[Sms, ...]:
    """Those of (code, text, received_at) that have a code; only where none has one, the texts.

    A second SMS often comes without a code and must not pass for a new one.
    """
    kept = [(sms_of(*row), bool(row[0])) for row in rows]
    coded = tuple(sms for sms, has_code in kept if sms and has_code)
    return coded or tuple(sms for sms, _ in kept if sms)


def all_sms(rows: Iterable[RawSms]) -> tuple[Sms, ...]:
    """Every SMS with something in it, oldest first where all of them say when they came."""
    ordered = list(rows)
    times = [row.at for row in ordered]
    if all(isinstance(at, str) for at in times) or all(type(at) is int for at in times):
        ordered.sort(key=lambda row: row.at)  # type: ignore[arg-type, return-value]  # One type, seen above.
    read = [(sms_of(row.code, row.text), row.received_at) for row in ordered]
    return tuple(sms._replace(received_at=at) for sms, at in read if sms is not None)


def instant_of(value: object) -> datetime | None:
    """An RFC 3339 instant in UTC, or None: a time without a zone proves nothing."""
    if not isinstance(value, str):
        return None
    try:
        # Nanoseconds (5sim) are cut to microseconds by fromisoformat.
        instant = datetime.fromisoformat(value)
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unix_of(value: object) -> datetime | None:
    """Seconds since 1970, as an integer or as its digits."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) <= 10:
        value = int(value)
    if type(value) is not int or not 0 < value <= UNIX_MAX:
        return None
    return datetime.fromtimestamp(value, UTC)


def count_of(value: object) -> int:
    """How many there are, as an integer or as its digits; 0 where it does not say."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
        return int(value)
    return value if type(value) is int else 0


def span_of(seconds: object, longest_s: int = SPAN_MAX_S) -> timedelta | None:
    """Seconds as a reply has them; None where they are none, or more than *longest_s*."""
    if type(seconds) is not int or not 0 < seconds <= longest_s:
        return None
    return timedelta(seconds=seconds)


def cost_minor(value: object, currency: str) -> int | None:
    """A price, rounded up: what is owed is never understated. None where it is none."""
    return _minor(value, currency, ROUND_CEILING)


def cost_in(value: object, currency: str) -> tuple[int, str] | tuple[None, None]:
    """A price with its currency; None for both where there is none."""
    cost = cost_minor(value, currency)
    return (None, None) if cost is None else (cost, currency)


def balance_minor(value: object, currency: str) -> int | None:
    """A balance, rounded down; it may be below zero."""
    return _minor(value, currency, ROUND_FLOOR, below_zero=True)


def major(minor: int, currency: str) -> str:
    """A price as providers take it: `21` cents are `0.21`."""
    return f"{Decimal(minor).scaleb(-minor_digits(currency)):f}"


def currency_of(value: object, default: str) -> str:
    """The currency a reply names by its ISO 4217 number, else the configured one."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 3:
        value = int(value)
    return _BY_NUMBER.get(value, default) if type(value) is int else default


def _minor(value: object, currency: str, rounding: str, *, below_zero: bool = False) -> int | None:
    amount = _decimal(value)
    # Compared before it is turned into an int: 1e999999 would be a very long one.
    if amount is None or not -_MOST <= amount <= _MOST or (amount < 0 and not below_zero):
        return None
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(rounding))


def _decimal(value: object) -> Decimal | None:
    if type(value) is int:
        return Decimal(value)
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    return value if isinstance(value, Decimal) and value.is_finite() else None
