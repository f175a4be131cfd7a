"""Strikes keys, phone numbers and codes out of log fields, should one ever get that far."""

import re
from collections.abc import Mapping
from typing import Final

STRUCK: Final = "[redacted]"
DEPTH_MAX: Final = 4  #: Fields are flat or nearly so; anything deeper is struck out whole.

# Fields whose value is never for a log, whatever it looks like.
SECRET_FIELDS: Final = frozenset(
    {
        "api_key",
        "authorization",
        "code",
        "codes",
        "key",
        "password",
        "phone",
        "secret",
        "sms",
        "text",
        "token",
    }
)

# Our own ids hold long runs of digits now and then: matched first, to be left alone.
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_SECRETS = re.compile(
    rf"""
    (?P<keep>\b{_UUID}\b)
  | (?P<named>\b(?:api[_-]?key|key|token|secret|password|sig)["']?\s*[=:]\s*)["']?[^\s&"',;)]+
  | (?P<header>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{{6,}}
  | (?P<signing>\bwhsec_)[A-Za-z0-9+/=]+
  | (?P<login>://)[^/\s:@]*:[^/\s@]+(?=@)
  | (?P<reply>\b(?:STATUS_OK|STATUS_WAIT_RETRY|FULL_SMS|ACCESS_NUMBER)\s*:)[^\n"']+
  | (?P<phone>\+\d[\d\s().-]{{6,}}\d|(?<![\w.])\d{{7,}}(?!\w))
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redacted(name: str, value: object) -> object:
    """The field as it may be written."""
    return STRUCK if _is_secret(name) and value is not None else _without(value, DEPTH_MAX)


def redacted_text(text: str) -> str:
    return _SECRETS.sub(_strike, text)


def _is_secret(name: str) -> bool:
    return name.lower().replace("-", "_") in SECRET_FIELDS


def _without(value: object, depth: int) -> object:
    match value:
        case str():
            return redacted_text(value)
        case None | bool() | int() | float():
            return value
        case _ if depth == 0:
            return STRUCK
        case Mapping():
            return {
                str(name): STRUCK if _is_secret(str(name)) else _without(inner, depth - 1)
                for name, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_without(inner, depth - 1) for inner in value]
        case _:
            return redacted_text(str(value))


def _strike(found: re.Match[str]) -> str:
    kept = found.lastgroup
    assert kept is not None
    if kept == "keep":
        return found.group()
    return STRUCK if kept == "phone" else f"{found.group(kept)}{STRUCK}"
