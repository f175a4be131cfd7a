"""Whether what a family of another package answers is an answer at all.

The lifecycle believes the types of `worker/ports/provider.py`, and the store what they say: a phone
with a line break, an amount beyond the database or an end without a zone would fail there, with the
numbers of others. So each answer is held against the port's own types, and each value against what
a value of its kind may be.
"""

import enum
from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from worker.adapters.providers import fields
from worker.domain.money import AMOUNT_MAX, is_currency
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended

TEXT_MAX: Final = 200
SPAN_MAX: Final = timedelta(seconds=fields.SPAN_MAX_S)
SMS_TEXTS: Final = frozenset({"code", "text"})
_ANY: Final = (Any, object)


def is_answer(value: object, hint: object) -> bool:
    """Whether *value* is what a method of a port promises with *hint*, down to its fields."""
    return _fits(value, hint, "")


def _fits(value: object, hint: object, name: str) -> bool:
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, option, name) for option in get_args(hint))
    if origin in {tuple, list, Sequence}:
        (of, *_) = get_args(hint)
        return isinstance(value, tuple | list) and all(_fits(each, of, name) for each in value)
    if hint in _ANY:
        return True
    supertype = getattr(hint, "__supertype__", None)
    if supertype is not None:
        return _fits(value, supertype, name)
    return isinstance(hint, type) and type(value) is hint and _holds(value, hint, name)


def _holds(value: object, type_: type, name: str) -> bool:
    if is_dataclass(type_) or hasattr(type_, "_fields"):
        hints = _hints(type_)
        names = [f.name for f in fields_of(type_)] if is_dataclass(type_) else hints
        return _is_sane(value) and all(_fits(getattr(value, n), hints[n], n) for n in names)
    if type_ is NoneType or type_ is bool or issubclass(type_, enum.Enum):
        return True
    return _is_value(value, name)


def _is_sane(value: object) -> bool:
    """An ending tells who has the price, or that nobody knows."""
    return not (isinstance(value, Ended) and value.fate is PriceFate.NOT_YET)


def _is_value(value: object, name: str) -> bool:
    match value:
        case int():
            signed = name == "minor"  # A balance may be below zero.
            return (-AMOUNT_MAX if signed else 0) <= value <= AMOUNT_MAX
        case datetime():
            return value.tzinfo is not None
        case timedelta():
            return timedelta(0) <= value <= SPAN_MAX
        case str():
            return _is_text(value, name)
        case _:
            return False


def _is_text(text: str, name: str) -> bool:
    if name in SMS_TEXTS:
        return 0 < len(text) <= fields.CODE_MAX and _is_storable(text)
    match name:
        case "ref":
            return fields.ref_of(text) == text
        case "phone":
            return fields.phone_of(text) == text
        case "currency":
            return is_currency(text)
        case _:
            return len(text) <= TEXT_MAX and _is_storable(text)


def _is_storable(text: str) -> bool:
    """PostgreSQL takes no NUL, and UTF-8 no half of a pair."""
    return ("\0" not in text and text.isascii()) or not any(
        char == "\0" or "\ud800" <= char <= "\udfff" for char in text
    )


@cache
def _hints(type_: type) -> dict[str, Any]:
    return get_type_hints(type_)
