"""What a policy file may say: every key, and how its value is read.

One row per key. A time that may be stated in several units has a row for each; all of them say
the same thing, so that two of them are a contradiction.
"""

from collections.abc import Mapping
from typing import NamedTuple

from worker.domain.calendar import DayCount, Duration, Unit
from worker.domain.policy.language import choices
from worker.domain.policy.language.value_readers import (
    BP_MAX,
    COUNT_MAX,
    DAYS_MAX,
    MINOR_MAX,
    MONTHS_MAX,
    SECONDS_MAX,
    ValueReader,
    days_off,
    duration,
    fee_table,
    instant,
    name,
    names,
    one_of,
    one_or_several,
    only_false,
    set_of,
    some_names,
    time_zone,
    whole_number,
    word,
    yes_or_no,
)
from worker.domain.policy.vocabulary import (
    AccountFlag,
    BuyChannel,
    Destination,
    Product,
    Reason,
    WithdrawReason,
)

WINDOW_SECONDS_MAX = 86_400
RATIO_OF_MAX = 1_000


class FileKey(NamedTuple):
    """`says` is what the key says, as `Profile.said` names it: `claims.window` of `window_days`."""

    says: str
    read: ValueReader


def _row(key: str, read: ValueReader) -> tuple[str, FileKey]:
    return key, FileKey(key, read)


def _times(key: str, *units: Unit) -> dict[str, FileKey]:
    return {f"{key}_{unit.value}": FileKey(key, duration(unit)) for unit in units}


_seconds = whole_number(1, SECONDS_MAX)
_seconds_or_none = whole_number(0, SECONDS_MAX)
_days = whole_number(1, DAYS_MAX)
_months = whole_number(1, MONTHS_MAX)
_bp = whole_number(0, BP_MAX)
_minor = whole_number(0, MINOR_MAX)
_count = whole_number(1, COUNT_MAX)
_ratio_of = whole_number(1, RATIO_OF_MAX)
_window_from = one_of(choices.WindowFrom)
_late_claim = one_of(choices.LateClaim)
_bar = one_of(choices.Bar)
_sms_seen = one_of(choices.SmsSeen)
_WINDOW_UNITS = (Unit.SECONDS, Unit.DAYS, Unit.MONTHS)

KEYS: Mapping[str, FileKey] = dict(
    [
        _row("effective_from", instant),
        _row("sms.sms_window_s", whole_number(1, WINDOW_SECONDS_MAX)),
        _row("sms.auto_credit_mode", one_of(choices.AutoCredit)),
        _row("sms.undisplayed_in_time", one_of(choices.Undisplayed)),
        _row("sms.hold_for", set_of(one_of(AccountFlag))),
        _row("cancel.button", yes_or_no),
        _row("cancel.from_s", whole_number(0, WINDOW_SECONDS_MAX)),
        _row("cancel.until_s", whole_number(1, WINDOW_SECONDS_MAX)),
        _row("cancel.late", one_of(choices.LateCancel)),
        _row("cancel.max_per_day", _count),
        _row("cancel.max_ratio_bp", _bp),
        _row("cancel.ratio_of", _ratio_of),
        _row("cancel.over_limit", one_of(choices.LateCancel)),
        _row("bars.unlawful", _bar),
        _row("bars.fraud", _bar),
        _row("bars.complaint", _bar),
        _row("bars.law_enforcement", _bar),
        _row("bars.rules_block", _bar),
        _row("bars.documents", _bar),
        _row("bars.restrictions", yes_or_no),
        _row("bars.fulfilment", one_of(choices.Fulfilment)),
        _row("bars.sms", _sms_seen),
        _row("claims.channels", some_names),
        _row("claims.required_fields", names),
        _row("claims.reasons_required", yes_or_no),
        _row("claims.form_for", one_of(choices.FormFor)),
        *_times("claims.window", *_WINDOW_UNITS).items(),
        _row("claims.window_from", _window_from),
        _row("claims.late", _late_claim),
        _row("claims.honour_days", _days),
        _row("claims.first_purchase_only", yes_or_no),
        _row("claims.usage_max_bp", _bp),
        _row("rectify.seconds", _seconds),
        _row("rectify.replacement_offered", yes_or_no),
        _row("rectify.replacement_tolerance_bp", _bp),
        _row("rectify.host_access_grace_s", _seconds_or_none),
        _row("rental.cancel_until_s", _seconds),
        _row("rental.cancel_unless", _sms_seen),
        _row("rental.cancel_from_s", _seconds_or_none),
        _row("rental.early_end", one_of(choices.EarlyEnd)),
        _row("rental.unit", one_of(choices.RentalUnit)),
        _row("rental.used_counts", one_of(choices.UsedCounts)),
        _row("rental.fee_minor", _minor),
        _row("rental.empty_at_end", one_of(choices.EmptyAtEnd)),
        _row("renewal.refund_window_s", _seconds),
        _row("renewal.unless", _sms_seen),
        _row("outage.threshold_s", _seconds_or_none),
        _row("outage.day_count", one_of(choices.OutageDays)),
        _row("outage.refund_cap_months", _months),
        _row("payout.route", one_of(choices.PayoutRoute)),
        _row("payout.judged", yes_or_no),
        _row("payout.kyc", yes_or_no),
        _row("payout.unable", one_of(choices.Unable)),
        _row("payout.fee", one_of(choices.PayoutFee)),
        _row("payout.fee_steps", fee_table),
        _row("payout.fee_bp", _bp),
        _row("payout.fee_minor", _minor),
        *_times("processing.credit", Unit.SECONDS, Unit.BUSINESS_DAYS).items(),
        *_times("processing.review", Unit.SECONDS, Unit.BUSINESS_DAYS).items(),
        *_times("processing.pay", Unit.SECONDS, Unit.DAYS, Unit.BUSINESS_DAYS).items(),
        _row("processing.extendable", yes_or_no),
        _row("processing.payment_info_days", _days),
        _row("withdrawal.mode", one_of(choices.WithdrawalMode)),
        _row(
            "withdrawal.destination",
            one_of(
                Destination, Destination.CLIENT, Destination.WALLET, Destination.ORIGINAL_METHOD
            ),
        ),
        _row("withdrawal.decided", one_of(choices.WithdrawalDecided)),
        _row("withdrawal.spent_bars", one_of(choices.SpentBars)),
        _row("withdrawal.least_minor", _minor),
        _row("withdrawal.topup_max_age_days", _days),
        _row("withdrawal.channels", some_names),
        _row("withdrawal.reasons_required", yes_or_no),
        _row("withdrawal.required_fields", names),
        _row("withdrawal.email_must_match", yes_or_no),
        _row("withdrawal.exclude_reasons", set_of(one_of(WithdrawReason))),
        _row("withdrawal.evidence_for", set_of(one_of(WithdrawReason))),
        _row("withdrawal.psp_commission", yes_or_no),
        _row("balance.expires", only_false),
        _row("balance.idle_months", _months),
        _row("balance.idle_then", one_of(choices.IdleThen)),
        _row("balance.deletion_voids", yes_or_no),
        _row("balance.rules_block", one_of(choices.RulesBlock)),
        _row("balance.chargeback", one_of(choices.Chargeback)),
        _row("obligations.answer_days", _days),
        _row("obligations.kyc_days", _days),
        _row("obligations.access_days", _days),
        _row("obligations.alternative_days", _days),
        _row("obligations.replacement_business_days", _days),
        _row("calendar.day_count", one_of(DayCount)),
        _row("calendar.timezone", time_zone),
        _row("calendar.holidays", days_off),
    ]
)

#: Of a row of `[claims.kinds]`.
KIND_KEYS: Mapping[str, FileKey] = dict(
    [
        _row("decided", one_of(choices.Decided)),
        _row("log", one_of(choices.LogTest)),
        _row("unlogged", one_of(choices.Unlogged)),
        _row("to", one_of(Destination, Destination.BALANCE)),
        _row("client_if", one_of(choices.ClientIf)),
        _row("remedy", one_of(choices.Remedy)),
        _row("share_bp", _bp),
        _row("evidence", some_names),
        _row("before_sms", yes_or_no),
        _row("unless_listed", yes_or_no),
        _row("reason", one_of(Reason)),
        _row("any_channel", yes_or_no),
        *_times("window", *_WINDOW_UNITS).items(),
        _row("window_from", _window_from),
        _row("late", _late_claim),
    ]
)

#: Of a row of `[payout.methods]`.
METHOD_KEYS: Mapping[str, FileKey] = dict(
    [
        _row("refundable", yes_or_no),
        _row("least_minor", _minor),
        _row("business_days", _days),
        _row("fee_bp", _bp),
        _row("fee_minor", _minor),
    ]
)

#: Of one `[[limits]]`.
LIMIT_KEYS: Mapping[str, FileKey] = dict(
    [
        _row("of", name),
        _row("per", one_of(choices.LimitSpan)),
        _row("max_count", _count),
        _row("max_minor", _minor),
        _row("max_ratio_bp", _bp),
        _row("ratio_of", _ratio_of),
        _row("then", one_of(choices.OverLimit)),
    ]
)

#: Of the `match` of one `[[when]]`.
MATCH_KEYS: Mapping[str, FileKey] = dict(
    [
        _row("service", one_or_several(word)),
        _row("country", one_or_several(word)),
        _row("operator", one_or_several(word)),
        _row("label", one_or_several(word)),
        _row("product", one_or_several(one_of(Product))),
        _row("buy_channel", one_or_several(one_of(BuyChannel))),
        _row("payment_method", one_or_several(word)),
        _row("service_2fa", one_or_several(yes_or_no)),
        _row("price_from_minor", _minor),
        _row("price_to_minor", _minor),
    ]
)

SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)
TABLES = {"claims.kinds": KIND_KEYS, "payout.methods": METHOD_KEYS}  #: Tables with named rows.
TOP_LEVEL = frozenset({"effective_from", "labels", "limits", "when"}) | SECTIONS
NOT_IN_WHEN = frozenset(
    {"effective_from", "labels", "limits", "when", "withdrawal", "balance", "calendar"}
)

#: How long a count of each ending lasts; others are no times.
_ENDINGS: Mapping[str, Unit] = {
    "_business_days": Unit.BUSINESS_DAYS,
    "business_days": Unit.BUSINESS_DAYS,
    "_days": Unit.DAYS,
    "_months": Unit.MONTHS,
    "_s": Unit.SECONDS,
    "seconds": Unit.SECONDS,
}


def duration_of(key: str, value: object) -> Duration | None:
    """How long the value of *key* lasts, where it is a time."""
    if isinstance(value, Duration):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    name = key.rpartition(".")[2]
    for ending, unit in _ENDINGS.items():
        if name.endswith(ending):
            return Duration(unit, value)
    return None
