"""What a policy file may say: every key, the field it sets, and how its value is read."""

import enum
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.domain.policy import profile
from worker.domain.policy.vocabulary import Channel, ClaimKind, RequestField, WithdrawReason

ValueReader: TypeAlias = Callable[[object], object]
E = TypeVar("E", bound=enum.Enum)

SECONDS_MAX = 366 * 86_400
WINDOW_SECONDS_MAX = 86_400
DAYS_MAX = 3_660
MONTHS_MAX = 120
HOLIDAYS_MAX = 1_000


class BadValue(ValueError):
    """A value that a policy file may not have; the message says what it may be."""


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValue("must be true or false")
    return value


def only_false(value: object) -> bool:
    if value is not False:
        raise BadValue("can only be false: what an expiring balance means is not defined")
    return value


def whole_number(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadValue(f"must be a whole number from {least} to {most}")
        return value

    return read


def one_of(kind: type[E]) -> Callable[[object], E]:
    known = {member.value: member for member in kind}

    def read(value: object) -> E:
        if not isinstance(value, str) or value not in known:
            raise BadValue("must be one of " + ", ".join(sorted(known)))
        return known[value]

    return read


def set_of(kind: type[E]) -> Callable[[object], frozenset[E]]:
    read_member = one_of(kind)

    def read(value: object) -> frozenset[E]:
        if not isinstance(value, list):
            raise BadValue("must be a list")
        return frozenset(map(read_member, value))

    return read


def instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadValue("must be an instant with its offset, like 2024-04-02T00:00:00Z")
    return value.astimezone(UTC)


def days_off(value: object) -> frozenset[date]:
    if not isinstance(value, list) or len(value) > HOLIDAYS_MAX:
        raise BadValue(f"must be a list of at most {HOLIDAYS_MAX} dates")
    return frozenset(map(_day, value))


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise BadValue("must be dates like 2026-12-25")
    return value


def time_zone(value: object) -> tzinfo:
    if value == "UTC":
        return UTC
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue("must be a time zone of the IANA database, like Europe/Berlin") from None


def days_per_kind(value: object) -> tuple[tuple[ClaimKind, int], ...]:
    if not isinstance(value, Mapping):
        raise BadValue("must be a table of claim kinds and days")
    kind, days = one_of(ClaimKind), whole_number(1, DAYS_MAX)
    return tuple(
        sorted(((kind(k), days(v)) for k, v in value.items()), key=lambda row: row[0].value)
    )


def fee_table(value: object) -> tuple[tuple[int, int], ...]:
    """`[[0, 500], [1, 1500]]`: years since the last deposit, basis points."""
    if not isinstance(value, list) or not all(isinstance(r, list) and len(r) == 2 for r in value):
        raise BadValue("must be a list of [years, basis points]")
    steps = tuple(
        (whole_number(0, 100)(years), whole_number(0, profile.BASIS_POINTS)(bp))
        for years, bp in value
    )
    years = [step[0] for step in steps]
    if steps and (years[0] != 0 or years != sorted(set(years))):
        raise BadValue("must begin at year 0 and rise")
    return steps


_days = whole_number(1, DAYS_MAX)

#: "section.key" in the file -> (field of the profile, reader).
KEYS: Mapping[str, tuple[str, ValueReader]] = {
    "effective_from": ("effective_from", instant),
    "sms.sms_window_s": ("sms_window_s", whole_number(1, WINDOW_SECONDS_MAX)),
    "sms.auto_credit_mode": ("auto_credit_mode", one_of(profile.AutoCredit)),
    "sms.cancel_button": ("cancel_button", yes_or_no),
    "sms.undisplayed_in_time": ("undisplayed_in_time", one_of(profile.Undisplayed)),
    "sms.min_cancel_age_s": ("min_cancel_age_s", whole_number(0, WINDOW_SECONDS_MAX)),
    "claims.request_channel": ("request_channel", one_of(Channel)),
    "claims.reasons_required": ("reasons_required", yes_or_no),
    "claims.general_window_days": ("general_window_days", _days),
    "claims.window_days": ("window_days", days_per_kind),
    "claims.honour_days": ("honour_days", _days),
    "claims.telegram_2fa_video": ("telegram_2fa_video", yes_or_no),
    "claims.api_telegram_2fa_refundable": ("api_telegram_2fa_refundable", yes_or_no),
    "claims.exclude": ("exclude", set_of(ClaimKind)),
    "claims.compat_exception": ("compat_exception", yes_or_no),
    "claims.unlawful_bars": ("unlawful_bars", one_of(profile.Bars)),
    "claims.fraud_bars": ("fraud_bars", one_of(profile.Bars)),
    "claims.complaint_bars": ("complaint_bars", one_of(profile.Bars)),
    "claims.restrictions_bar": ("restrictions_bar", yes_or_no),
    "claims.documents_bar": ("documents_bar", one_of(profile.Bars)),
    "claims.early_deactivation_bars": ("early_deactivation_bars", yes_or_no),
    "claims.required_fields": ("required_fields", set_of(RequestField)),
    "claims.balance_grounds": ("balance_grounds", set_of(ClaimKind)),
    "claims.client_grounds": ("client_grounds", set_of(ClaimKind)),
    "claims.replacement_first": ("replacement_first", set_of(ClaimKind)),
    "claims.from_log": ("from_log", set_of(ClaimKind)),
    "claims.with_evidence": ("with_evidence", set_of(ClaimKind)),
    "rectify.seconds": ("rectify_s", whole_number(1, SECONDS_MAX)),
    "rectify.replacement_offered": ("replacement_offered", yes_or_no),
    "rectify.replacement_tolerance_bp": (
        "replacement_tolerance_bp",
        whole_number(0, profile.BASIS_POINTS),
    ),
    "rectify.host_access_grace_s": ("host_access_grace_s", whole_number(0, SECONDS_MAX)),
    "payout.route": ("payout_route", one_of(profile.PayoutRoute)),
    "payout.fee": ("payout_fee", one_of(profile.PayoutFee)),
    "outage.threshold_s": ("outage_threshold_s", whole_number(0, SECONDS_MAX)),
    "outage.day_count": ("outage_day_count", one_of(profile.OutageDays)),
    "outage.refund_cap_months": ("refund_cap_months", whole_number(1, MONTHS_MAX)),
    "processing.credit_business_days": ("credit_business_days", _days),
    "processing.review_business_days": ("review_business_days", _days),
    "processing.refund_days": ("refund_days", _days),
    "processing.extendable": ("refund_extendable", yes_or_no),
    "processing.payment_info_days": ("payment_info_days", _days),
    "withdrawal.mode": ("withdrawal_mode", one_of(profile.WithdrawalMode)),
    "withdrawal.topup_max_age_days": ("topup_max_age_days", _days),
    "withdrawal.required_fields": ("required_fields", set_of(RequestField)),
    "withdrawal.exclude_reasons": ("exclude_reasons", set_of(WithdrawReason)),
    "withdrawal.evidence_for": ("evidence_for", set_of(WithdrawReason)),
    "withdrawal.psp_commission": ("psp_commission", yes_or_no),
    "withdrawal.fee_steps": ("fee_steps", fee_table),
    "withdrawal.kyc": ("kyc", yes_or_no),
    "balance.expires": ("balance_expires", only_false),
    "balance.deletion_voids": ("deletion_voids_balance", yes_or_no),
    "balance.law_enforcement_freezes": ("law_enforcement_freezes", yes_or_no),
    "balance.rules_block_bars_withdrawal": ("rules_block_bars_withdrawal", yes_or_no),
    "calendar.day_count": ("day_count", one_of(profile.DayCount)),
    "calendar.timezone": ("timezone", time_zone),
    "calendar.holidays": ("holidays", days_off),
}
SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)
