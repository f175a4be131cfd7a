"""Loads policies: `config/policies/NAME.toml` to a `Profile`; replaces single values of one.

A policy that the store keeps is read back here too, and each is checked not to contradict itself.
"""

import enum
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from worker.domain.policy.profile import (
    PayoutFee,
    PayoutRoute,
    Profile,
    WithdrawalMode,
)
from worker.domain.policy.schema import KEYS, SECTIONS, BadValue, days_per_kind
from worker.domain.policy.vocabulary import Reason
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


_FIELDS = {field for field, _ in KEYS.values()}


def content_of(profile: Profile) -> dict[str, Any]:
    """A policy as JSON that `profile_of` reads back."""
    content = {
        field: plain(value)
        for field, value in asdict(profile).items()
        if field in _FIELDS  # The others say something about the text, not what it says.
    }
    content["window_days"] = {kind.value: days for kind, days in profile.window_days}
    return content


def profile_of(name: str, content: Mapping[str, Any]) -> Profile:
    """Checked like a policy file; a field this version of the code lacks is a `ProfileError`."""
    return override(Profile(name=name), content)


@dataclass(frozen=True, slots=True)
class Contradiction:
    field: str  #: As it stands in the policy file.
    problem: str


def contradiction(profile: Profile) -> Contradiction | None:
    """The first contradiction, or None."""
    return next(_contradictions(profile), None)


def _contradictions(profile: Profile) -> Iterator[Contradiction]:
    yield from _in_claims(profile)
    yield from _in_money_out(profile)
    yield from _in_times(profile)


def _in_claims(p: Profile) -> Iterator[Contradiction]:
    windowed = p.general_window_days is not None
    grounds = p.balance_grounds | p.client_grounds
    record = p.from_log | p.with_evidence
    if (windowed, bool(grounds), bool(record)).count(True) > 1:
        yield Contradiction(
            "claims",
            "general_window_days, balance_grounds/client_grounds and from_log/with_evidence are"
            " three different ways to decide claims: use one",
        )
    if p.window_days and not windowed:
        yield Contradiction("claims.window_days", "needs general_window_days")
    if p.with_evidence and not p.from_log:
        yield Contradiction("claims.with_evidence", "needs from_log")
    if twice := (p.balance_grounds & p.client_grounds) | (p.from_log & p.with_evidence):
        yield Contradiction("claims", "listed twice: " + _listed(twice))
    if barred := p.exclude & (grounds | record):
        yield Contradiction("claims.exclude", "also granted: " + _listed(barred))
    if p.replacement_first - p.client_grounds:
        yield Contradiction("claims.replacement_first", "must be among client_grounds")
    if p.replacement_offered and p.rectify_s is None:
        yield Contradiction("rectify.replacement_offered", "needs rectify.seconds")


def _in_money_out(p: Profile) -> Iterator[Contradiction]:
    needs_steps = (
        p.withdrawal_mode is WithdrawalMode.FEE or p.payout_fee is PayoutFee.BY_DEPOSIT_AGE
    )
    if needs_steps and not p.fee_steps:
        yield Contradiction("withdrawal.fee_steps", "is needed for a fee by the age of the deposit")
    if p.withdrawal_mode is WithdrawalMode.UNUSED_TOPUPS and p.topup_max_age_days is None:
        yield Contradiction("withdrawal.topup_max_age_days", "is needed for unused_topups")
    if p.payout_fee is not None and p.payout_route not in {
        PayoutRoute.METHOD_OF_PAYMENT,
        PayoutRoute.WALLET,
    }:
        yield Contradiction("payout.fee", "needs a route on which money leaves with a fee")
    if p.client_grounds and p.payout_route is not PayoutRoute.CLIENT:
        yield Contradiction("claims.client_grounds", 'needs payout.route = "client"')
    if p.refund_extendable and p.refund_days is None:
        yield Contradiction("processing.extendable", "needs refund_days")


def _in_times(p: Profile) -> Iterator[Contradiction]:
    if p.min_cancel_age_s > p.sms_window_s:
        yield Contradiction("sms.min_cancel_age_s", "is longer than the window")
    if p.cancel_button is False and p.min_cancel_age_s:
        yield Contradiction("sms.min_cancel_age_s", "needs a Cancel button")
    if p.honour_days is not None and p.honour_days < (p.general_window_days or 0):
        yield Contradiction("claims.honour_days", "is over before claims are")
    if p.refund_cap_months is not None and p.outage_threshold_s is None:
        yield Contradiction("outage.refund_cap_months", "needs threshold_s")


def _listed(kinds: frozenset[object]) -> str:
    return ", ".join(sorted(str(getattr(kind, "value", kind)) for kind in kinds))


CLAUSE_ID = re.compile(r"[A-Za-z0-9_-]+\.[0-9]{2}")
_REASONS = {reason.value: reason for reason in Reason}
_KEYS = {"id", "says", "worker", "reasons"}


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    says: str
    worker: str  #: What the worker does about it.
    reasons: frozenset[Reason]


def load_clauses(policy: str, directory: Path | str | None = None) -> tuple[Clause, ...]:
    """The clauses of *policy*, in their order; none where it has no file of clauses."""
    file = policy_directory(directory) / "clauses" / f"{policy}.toml"
    if not file.is_file():
        return ()
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ProfileError(str(file), "", str(error)) from error
    rows = document.get("clause")
    if not isinstance(rows, list) or document.keys() != {"clause"}:
        raise ProfileError(str(file), "clause", "must be the list of clauses, and all there is")
    return tuple(_clause(row, str(file), f"clause[{index}]") for index, row in enumerate(rows))


def grounds(clauses: tuple[Clause, ...], reason: Reason) -> tuple[str, ...]:
    """The ids of the clauses a decision with *reason* rests on."""
    return tuple(clause.id for clause in clauses if reason in clause.reasons)


def _clause(row: object, file: str, field: str) -> Clause:
    if not isinstance(row, dict) or row.keys() != _KEYS:
        raise ProfileError(
            file, field, "must have " + ", ".join(sorted(_KEYS)) + ", and only these"
        )
    texts = [row[key] for key in ("id", "says", "worker")]
    if not all(isinstance(text, str) and text for text in texts):
        raise ProfileError(file, field, "id, says and worker must be texts")
    id_, says, worker = texts
    if CLAUSE_ID.fullmatch(id_) is None:
        raise ProfileError(file, f"{field}.id", "must be like P0.01")
    if not isinstance(row["reasons"], list) or not all(
        isinstance(name, str) and name in _REASONS for name in row["reasons"]
    ):
        raise ProfileError(file, f"{field}.reasons", "must be a list of reasons of decisions")
    return Clause(id_, says, worker, frozenset(_REASONS[name] for name in row["reasons"]))
