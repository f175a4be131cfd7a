"""Short forms: keys that are read as other keys, and those that one word no longer says."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language import choices
from worker.domain.policy.language.profile import ROW
from worker.domain.policy.language.schema import KEYS, WINDOW_SECONDS_MAX
from worker.domain.policy.language.value_readers import (
    DAYS_MAX,
    ValueReader,
    fee_table,
    name,
    names,
    one_of,
    whole_number,
    yes_or_no,
)
from worker.domain.policy.vocabulary import Destination

#: What a short form says: pairs of a full key and its value; None: that key is not said.
Says: TypeAlias = Iterable[tuple[str, object]]


class ShortForm(NamedTuple):
    read: Callable[[object], Says]
    unsaid: tuple[str, ...] = ()  #: What null makes the policy silent on.


def _as(key: str, read: ValueReader | None = None) -> ShortForm:
    reader, says = read or KEYS[key].read, KEYS[key].says
    return ShortForm(lambda value: [(says, reader(value))], (says,))


def _if_true(key: str, meant: object) -> ShortForm:
    return ShortForm(lambda value: [(key, meant if yes_or_no(value) else None)], (key,))


def kind_says(kind: str, key: str, value: object) -> Says:
    """A row of `[claims.kinds]` that says *key*."""
    return [(f"claims.kinds.{kind}", ROW), (f"claims.kinds.{kind}.{key}", value)]


def _decided(how: choices.Decided) -> ShortForm:
    return ShortForm(
        lambda value: [
            pair for kind in sorted(names(value)) for pair in kind_says(kind, "decided", how)
        ]
    )


def _compat_exception(value: object) -> Says:
    if yes_or_no(value):
        return kind_says("incompatibility", "unless_listed", True)  # noqa: FBT003 - the value of the key
    return [("claims.kinds.incompatibility.unless_listed", False)]


def window_days_of_kinds(table: Mapping[str, object]) -> Says:
    """`claims.window_days = { kind = days }`."""
    days = whole_number(1, DAYS_MAX)
    for kind, value in table.items():
        yield from kind_says(name(kind), "window", Duration(Unit.DAYS, days(value)))


_MODES: Mapping[str, Says] = {
    "none": [("withdrawal.mode", None)],
    "grounds": [("withdrawal.mode", choices.WithdrawalMode.NEVER)],
    "fee": [
        ("withdrawal.mode", choices.WithdrawalMode.BALANCE),
        ("withdrawal.destination", Destination.WALLET),
    ],
}


def _mode(value: object) -> Says:
    if isinstance(value, str) and value in _MODES:
        return _MODES[value]
    return [("withdrawal.mode", KEYS["withdrawal.mode"].read(value))]


SHORT_FORMS: Mapping[str, ShortForm] = {
    "sms.cancel_button": _as("cancel.button"),
    "sms.min_cancel_age_s": _as("cancel.from_s", whole_number(0, WINDOW_SECONDS_MAX)),
    "claims.request_channel": _as("claims.channels", lambda value: frozenset({name(value)})),
    "claims.general_window_days": _as("claims.window_days"),
    "claims.exclude": _decided(choices.Decided.DENY),
    "claims.from_log": _decided(choices.Decided.LOG),
    "claims.with_evidence": _decided(choices.Decided.EVIDENCE),
    "claims.compat_exception": ShortForm(_compat_exception),
    "claims.unlawful_bars": _as("bars.unlawful"),
    "claims.fraud_bars": _as("bars.fraud"),
    "claims.complaint_bars": _as("bars.complaint"),
    "claims.documents_bar": _as("bars.documents"),
    "claims.restrictions_bar": _as("bars.restrictions"),
    "claims.sms_bars": _as("bars.sms"),
    "claims.early_deactivation_bars": _if_true("rental.early_end", choices.EarlyEnd.DENY),
    "processing.refund_days": _as("processing.pay_days"),
    "withdrawal.mode": ShortForm(_mode, ("withdrawal.mode",)),
    "withdrawal.fee_steps": _as("payout.fee_steps", fee_table),
    "withdrawal.kyc": _as("payout.kyc"),
    "withdrawal.unable": _as("payout.unable", one_of(choices.Unable)),
    "balance.law_enforcement_freezes": _if_true("bars.law_enforcement", choices.Bar.CLIENT),
    "balance.rules_block_bars_withdrawal": _if_true("bars.rules_block", choices.Bar.CLIENT),
}


class ShortWhen(NamedTuple):
    """A key of `[claims]` that is read as a `[[when]]` before the written ones."""

    means_it: bool  #: With the other value there is no exception.
    when: Mapping[str, Any]


def _telegram(match: Mapping[str, object], row: Mapping[str, object]) -> Mapping[str, Any]:
    telegram = {"label": "telegram", "service_2fa": True}
    return {"match": telegram | dict(match), "claims": {"kinds": {"invalid_number": row}}}


SHORT_WHENS: Mapping[str, ShortWhen] = {
    "claims.telegram_2fa_video": ShortWhen(
        means_it=True, when=_telegram({}, {"evidence": ["video"]})
    ),
    "claims.api_telegram_2fa_refundable": ShortWhen(
        means_it=False,
        when=_telegram({"buy_channel": "api"}, {"decided": "deny", "reason": "api_telegram_2fa"}),
    ),
}

#: Keys of earlier files, and what to write instead.
GONE: Mapping[str, str] = {
    "claims.balance_grounds": 'write for each kind { decided = "log", to = "balance" }',
    "claims.client_grounds": 'write for each kind { decided = "log" } and payout.route = "client"',
    "claims.replacement_first": 'write remedy = "replacement_first" in the row of each kind',
}

#: Short names of keys among the `profile_overrides` of a question.
OVERRIDE_NAMES: Mapping[str, str] = {
    "day_count": "calendar.day_count",
    "holidays": "calendar.holidays",
    "timezone": "calendar.timezone",
    "auto_credit_mode": "sms.auto_credit_mode",
    "outage_day_count": "outage.day_count",
    "cancel_button": "cancel.button",
    "sms_window_s": "sms.sms_window_s",
}
