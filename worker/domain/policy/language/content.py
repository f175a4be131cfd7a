"""A policy as JSON, as it is kept for the orders that were made under it; its version."""

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from worker.domain.calendar import Duration
from worker.domain.policy.language.matching import Match, When
from worker.domain.policy.language.profile import SECTION_DEFAULTS, Profile, Said
from worker.domain.policy.language.schema import KEYS
from worker.domain.policy.language.sections import Limit

_VERSION_DIGITS = 12
#: Its default is the worker's own, which may change without the file.
_NEVER_A_DEFAULT = "sms.sms_window_s"


def content_of(profile: Profile) -> dict[str, Any]:
    """The policy as a document in its full form, that can be read like a parsed file."""
    document = _document(profile.said)
    if profile.limits:
        document["limits"] = [_limit(limit) for limit in profile.limits]
    if profile.whens:
        document["when"] = [_when(when) for when in profile.whens]
    return document


def in_force(profile: Profile) -> Iterator[tuple[str, object]]:
    """Every key of the sections with its value, said or not."""
    for says in sorted({key.says for key in KEYS.values()}):
        section, _, name = says.rpartition(".")
        yield says, getattr(getattr(profile, section) if section else profile, name)


def version_of(profile: Profile) -> str:
    """Twelve hex digits that follow from what the policy says: not from comments, order, form."""
    said = {key: value for key, value in profile.said.items() if not is_default(key, value)}
    content = {
        "said": {key: plain(value) for key, value in said.items()},
        "limits": [_limit(limit) for limit in profile.limits],
        "when": [_when(when) for when in profile.whens],
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """*value* as JSON can hold it, and as a file may say it."""
    match value:
        case enum.Enum():
            return value.value
        case frozenset():
            return sorted(map(plain, value))
        case tuple():
            return [plain(item) for item in value]
        case Duration():
            return {value.unit.value: value.count}
        case bool() | int() | str() | None:
            return value
        case _:
            return value.isoformat() if isinstance(value, date) else str(value)  # A time zone.


def is_default(key: str, value: object) -> bool:
    return key != _NEVER_A_DEFAULT and key in SECTION_DEFAULTS and SECTION_DEFAULTS[key] == value


def _document(said: Said) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in sorted(said.items()):
        *parts, last = key.split(".")
        table = document
        for part in parts:
            table = table.setdefault(part, {})
        if isinstance(value, Duration):
            table[f"{last}_{value.unit.value}"] = value.count
        elif key.startswith(("claims.kinds.", "payout.methods.")) and len(parts) == 2:
            table.setdefault(last, {})
        else:
            table[last] = plain(value)
    return document


def _limit(limit: Limit) -> Mapping[str, object]:
    return _given(asdict(limit))


def _when(when: When) -> Mapping[str, object]:
    return {"match": _match(when.match), **_document(when.changes)}


def _match(match: Match) -> Mapping[str, object]:
    return _given(asdict(match))


def _given(row: Mapping[str, object]) -> Mapping[str, object]:
    return {key: plain(value) for key, value in row.items() if value is not None}
