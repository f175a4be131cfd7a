"""Loads policies: `config/policies/NAME.toml` to a `Profile`; replaces single values of one."""

import enum
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

from worker.domain.policy.contradictions import contradiction
from worker.domain.policy.profile import Profile
from worker.domain.policy.schema import KEYS, SECTIONS, BadValue, days_per_kind
from worker.domain.shipped import config_directory

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEFAULTS = {field.name: field.default for field in fields(Profile)}
#: Other names of fields in `override`, besides the key of the file and the field itself.
_ALIASES = {
    "tz": "timezone",
    "withdrawal": "withdrawal_mode",
    "excluded_reasons": "exclude",
    "fee_other": "payout_fee",
    "tolerance_bp": "replacement_tolerance_bp",
    "extendable": "refund_extendable",
    "deletion_voids": "deletion_voids_balance",
    "le_freezes": "law_enforcement_freezes",
}
_READERS = {field: (field, read) for field, read in KEYS.values()}
_BY_ANY_NAME = _READERS | dict(KEYS) | {alias: _READERS[f] for alias, f in _ALIASES.items()}


class ProfileError(ValueError):
    """A policy that cannot be used: which file, which field, and what is wrong with it."""

    def __init__(self, file: str, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem


def policy_names(directory: Path | None = None) -> list[str]:
    """The policies in *directory* (the shipped ones without it), sorted."""
    return sorted(file.stem for file in policy_directory(directory).glob("*.toml"))


def load_profile(name: str, directory: Path | str | None = None) -> Profile:
    """The policy *name* from *directory* (the shipped ones without it), or a `ProfileError`."""
    folder = policy_directory(directory)
    file = folder / f"{name}.toml"
    if NAME.fullmatch(name) is None or not file.is_file():
        known = ", ".join(policy_names(folder)) or "none"
        raise ProfileError(
            str(folder), "", f"no policy of the name {name[:64]!r}; there are: {known}"
        )
    try:
        document = tomllib.loads(file.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ProfileError(str(file), "", str(error)) from error
    return profile_from(document, name=name, file=str(file))


def profile_from(document: Mapping[str, object], *, name: str, file: str) -> Profile:
    """The policy that *document* (the parsed file) describes."""
    values: dict[str, object] = {}
    for key, value in _flat(document).items():
        if key not in KEYS:
            raise ProfileError(file, key, "unknown field")
        field, read = KEYS[key]
        if field in values:
            raise ProfileError(file, key, "is given twice, in two sections")
        try:
            values[field] = read(value)
        except BadValue as error:
            raise ProfileError(file, key, str(error)) from None
    states_window = "sms_window_s" in values
    profile = Profile(name=name, states_window=states_window, **values)  # type: ignore[arg-type]  # each KEYS reader returns its field's type
    return _checked(profile, file)


def override(profile: Profile, changes: Mapping[str, object]) -> Profile:
    """*profile* with single values replaced; null makes it silent on that point."""
    values: dict[str, object] = {}
    for key, value in _flat(changes).items():
        try:
            field, new = _replacement(profile, key, value)
        except BadValue as error:
            raise ProfileError(profile.name, key, str(error)) from None
        values[field] = new
    return _checked(replace(profile, **values), profile.name)  # type: ignore[arg-type]  # as above


def _replacement(profile: Profile, key: str, value: object) -> tuple[str, object]:
    table, _, kind = key.removeprefix("claims.").partition(".")
    if table == "window_days" and kind:
        merged = {kind.value: days for kind, days in profile.window_days} | {kind: value}
        return "window_days", days_per_kind({k: v for k, v in merged.items() if v is not None})
    if key not in _BY_ANY_NAME:
        raise BadValue("unknown field")
    field, read = _BY_ANY_NAME[key]
    return field, _DEFAULTS[field] if value is None else read(value)


def _flat(document: Mapping[str, object]) -> dict[str, object]:
    """Sections opened up: `{"sms": {"x": 1}}` to `{"sms.x": 1}`."""
    flat: dict[str, object] = {}
    for key, value in document.items():
        if key in SECTIONS and isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            flat[key] = value
    return flat


def _checked(profile: Profile, file: str) -> Profile:
    wrong = contradiction(profile)
    if wrong is not None:
        raise ProfileError(file, wrong.field, wrong.problem)
    return replace(profile, version=version_of(profile))


_NOT_CONTENT = {"version", "states_window"}  #: What is derived from the text, not stated in it.


def version_of(profile: Profile) -> str:
    """Twelve hex digits that follow from what the policy says, comments and order aside."""
    content = {
        name: plain(value) for name, value in asdict(profile).items() if name not in _NOT_CONTENT
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def plain(value: object) -> object:
    """*value* as JSON can hold it."""
    match value:
        case enum.Enum():
            return value.value
        case frozenset():
            return sorted(str(plain(item)) for item in value)
        case tuple():
            return [plain(item) for item in value]
        case date():
            return value.isoformat()
        case bool() | int() | str() | None:
            return value
        case _:
            return str(value)  # The name of a time zone.


@lru_cache(maxsize=1)
def _shipped() -> Path:
    return config_directory() / "policies"


def policy_directory(directory: Path | str | None) -> Path:
    return _shipped() if directory is None else Path(directory)
