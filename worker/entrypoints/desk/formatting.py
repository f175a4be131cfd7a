"""How the pages write money, instants and text from outside."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from worker.domain.money import AMOUNT_MAX, decimal_text, minor_digits

#: From the longest: how many seconds it has.
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_NOW_SECONDS: Final = 5
_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,4})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})")
#: They turn the text around them, not only their own.
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


NONE: Final = "\u2013"  #: Where there is no value.


class BadAmount(Exception):
    """What was typed is no amount of this currency."""


def money(minor: int, currency: str) -> str:
    """`1,234.50 USD`."""
    whole, point, rest = decimal_text(minor, currency).partition(".")
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(int(whole)):,}{point}{rest} {currency}"


def minor_in(text: str, currency: str) -> int | None:
    """What somebody typed, `1.20`, in minor units; None where nothing was typed."""
    typed = text.strip().removesuffix(currency).strip()
    if not typed:
        return None
    digits = minor_digits(currency)
    if _AMOUNT.fullmatch(typed) is None:
        raise BadAmount
    minor = Decimal(typed).scaleb(digits)
    if minor != minor.to_integral_value() or not 1 <= minor <= AMOUNT_MAX:
        raise BadAmount
    return int(minor)


def parse(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def away(instant: str | None, now: datetime) -> str:
    """`in 3 h`, `2 d ago`: as far as a person needs it."""
    if instant is None:
        return ""
    seconds = (parse(instant) - now).total_seconds()
    size = abs(seconds)
    if size < _NOW_SECONDS:
        return "now"
    unit, length = next(each for each in _UNITS if size >= each[1] * (2 if each[0] == "d" else 1))
    count = int(size // length)
    return f"in {count}\u00a0{unit}" if seconds > 0 else f"{count}\u00a0{unit} ago"


def is_past(instant: str | None, now: datetime) -> bool:
    return instant is not None and parse(instant) < now


def clock(instant: str | None) -> str:
    """`2026-01-01 00:00:00 UTC`."""
    return "" if instant is None else f"{parse(instant).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def minute(instant: str) -> str:
    """`2026-01-01 00:00 UTC`, for a sentence."""
    return f"{parse(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def visible(text: object) -> str:
    """The text with what cannot be seen made visible: it stays text, whatever it holds."""
    return "".join(map(_visible, str(text)))


def _visible(char: str) -> str:
    code = ord(char)
    if char in "\n\t":
        return char
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs"}:
        return f"\u27e8U+{code:04X}\u27e9"
    return char


def person(name: str) -> str:
    """Who did it: a name that is not ASCII is sent percent-encoded."""
    return unquote(name)


def words(name: str) -> str:
    """`in_review` as people write it."""
    return name.replace("_", " ").replace(".", " ")


def percent(ratio: float | None) -> str:
    return NONE if ratio is None else f"{ratio * 100:.0f}\u00a0%"


def plain(value: object) -> str:
    """A fact's value in one line."""
    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(plain, value)) or NONE
        case dict():
            return (
                ", ".join(f"{words(name)}: {plain(each)}" for name, each in value.items()) or NONE
            )
        case str() if _INSTANT.fullmatch(value):
            return clock(value)
        case _:
            return str(value)


def details(line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """What a line of a timeline has beside its instant, its name, who did it and why."""
    return {
        name.removesuffix("_minor"): money(value, currency) if name.endswith("_minor") else value
        for name, value in line.items()
        if name not in {"at", "what", "by", "note"} and value is not None
    }


def in_money(table: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Facts with their sums as people write them."""
    return {
        name.removesuffix("_minor"): money(value, currency)
        if name.endswith("_minor") and type(value) is int
        else value
        for name, value in table.items()
    }


_OF_SMS: Final = frozenset({"code", "text", "payload", "body_base64"})


def without_codes(value: object) -> object:
    """What is told outside without what the SMS in it say: codes are shown on request alone.

    One can stand anywhere in what was handed over and could not be taken.
    """
    match value:
        case dict():
            return {
                name: "\u2022" * 6 if name in _OF_SMS and each else without_codes(each)
                for name, each in value.items()
            }
        case list():
            return [without_codes(each) for each in value]
        case _:
            return value


def is_outside(about: Mapping[str, Any]) -> bool:
    """Whether the money of its order is in the shop's books: it never was on the balance."""
    return about.get("charge") == "external"


def goes(destination: str, about: Mapping[str, Any]) -> str:
    """Where the money of a case or a review goes."""
    if destination == "balance" and is_outside(about):
        return "by the shop"
    return f"to the {words(destination)}"


def kind_of(thing: Mapping[str, Any]) -> str:
    """Of a case or a review: what is claimed, what happened, or else its kind."""
    facts = thing["facts"]
    return str(facts.get("claim_kind") or facts.get("event") or thing["kind"])
