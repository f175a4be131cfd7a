"""Policies that were kept before the language of version 2: flat fields, three schemes of claims.

Orders that were made under one are judged by it for good, so it is read as the policy that says
the same today. What a scheme did by itself is written out: its kinds, its form, what it barred.
"""

from collections.abc import Mapping
from typing import Any

_A_FIELD_OF_ALL = "auto_credit_mode"  #: No document of today has it at its top.
_DAY_SECONDS = 86_400
_SAME: Mapping[str, str] = {
    "effective_from": "effective_from",
    "sms_window_s": "sms.sms_window_s",
    "auto_credit_mode": "sms.auto_credit_mode",
    "undisplayed_in_time": "sms.undisplayed_in_time",
    "cancel_button": "cancel.button",
    "min_cancel_age_s": "cancel.from_s",
    "request_channel": "claims.request_channel",
    "reasons_required": "claims.reasons_required",
    "general_window_days": "claims.general_window_days",
    "honour_days": "claims.honour_days",
    "telegram_2fa_video": "claims.telegram_2fa_video",
    "api_telegram_2fa_refundable": "claims.api_telegram_2fa_refundable",
    "unlawful_bars": "bars.unlawful",
    "fraud_bars": "bars.fraud",
    "complaint_bars": "bars.complaint",
    "restrictions_bar": "bars.restrictions",
    "documents_bar": "bars.documents",
    "early_deactivation_bars": "claims.early_deactivation_bars",
    "rectify_s": "rectify.seconds",
    "replacement_offered": "rectify.replacement_offered",
    "replacement_tolerance_bp": "rectify.replacement_tolerance_bp",
    "host_access_grace_s": "rectify.host_access_grace_s",
    "payout_route": "payout.route",
    "payout_fee": "payout.fee",
    "fee_steps": "payout.fee_steps",
    "kyc": "payout.kyc",
    "outage_threshold_s": "outage.threshold_s",
    "outage_day_count": "outage.day_count",
    "refund_cap_months": "outage.refund_cap_months",
    "credit_business_days": "processing.credit_business_days",
    "review_business_days": "processing.review_business_days",
    "refund_extendable": "processing.extendable",
    "payment_info_days": "processing.payment_info_days",
    "withdrawal_mode": "withdrawal.mode",
    "topup_max_age_days": "withdrawal.topup_max_age_days",
    "exclude_reasons": "withdrawal.exclude_reasons",
    "evidence_for": "withdrawal.evidence_for",
    "psp_commission": "withdrawal.psp_commission",
    "balance_expires": "balance.expires",
    "deletion_voids_balance": "balance.deletion_voids",
    "law_enforcement_freezes": "balance.law_enforcement_freezes",
    "rules_block_bars_withdrawal": "balance.rules_block_bars_withdrawal",
    "day_count": "calendar.day_count",
    "timezone": "calendar.timezone",
    "holidays": "calendar.holidays",
}
_BY_LOG: Mapping[str, Mapping[str, Any]] = {
    "cannot_provide": {"unlogged": "grant"},
    "no_numbers": {"unlogged": "grant", "client_if": "was_listed"},
    "carrier_fault": {},
}


def is_earlier(content: Mapping[str, Any]) -> bool:
    return _A_FIELD_OF_ALL in content


def document_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The document of today that says what the kept fields said."""
    given = {field: value for field, value in content.items() if value not in (None, [], {})}
    document: dict[str, Any] = {_SAME[field]: given[field] for field in given if field in _SAME}
    document["claims.kinds"] = _kinds(given)
    for kind, days in given.get("window_days", {}).items():
        if days != given.get("general_window_days"):
            document["claims.kinds"].setdefault(kind, {})["window_days"] = days
    document |= _scheme(given)
    document |= _payment_days(given)
    return document


def _scheme(given: Mapping[str, Any]) -> dict[str, Any]:
    """What each of the three ways to decide claims did by itself."""
    windowed = "general_window_days" in given
    scheme: dict[str, Any] = {"bars.fulfilment": "activated" if windowed else "displayed"}
    grounds = "balance_grounds" in given or "client_grounds" in given
    if grounds or "from_log" in given:
        scheme["claims.form_for"] = "judged"
    if grounds:
        scheme["payout.judged"] = True
    if "required_fields" in given:
        section = "claims" if grounds else "withdrawal"
        scheme[f"{section}.required_fields"] = given["required_fields"]
    return scheme


def _kinds(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    if "general_window_days" in given:
        kinds |= {"non_receiving": {"decided": "log"}, "invalid_number": {"decided": "evidence"}}
        if "rectify_s" in given:
            kinds["major_defect"] = {"decided": "repair"}
    for kind in given.get("from_log", []):
        unlogged = {"unlogged": "evidence"} if kind == "cancel_error" else {}
        kinds[kind] = {"decided": "log"} | unlogged
    for kind in given.get("with_evidence", []):
        kinds[kind] = {"decided": "evidence"}
    for field, to in (("balance_grounds", {"to": "balance"}), ("client_grounds", {})):
        for kind in given.get(field, []):
            kinds[kind] = {"decided": "log"} | dict(_BY_LOG.get(kind, {})) | to
    for kind in given.get("replacement_first", []):
        kinds[kind]["remedy"] = "replacement_first"
    for kind in given.get("exclude", []):
        kinds[kind] = {"decided": "deny"}
    if given.get("compat_exception") and "incompatibility" in kinds:
        kinds["incompatibility"]["unless_listed"] = True
    return kinds


def _payment_days(given: Mapping[str, Any]) -> dict[str, Any]:
    """Days of unused top-ups were those of the calendar; the days of a payment had 24 hours."""
    calendar: dict[str, Any] = {}
    if given.get("withdrawal_mode") == "unused_topups":
        calendar["calendar.day_count"] = "calendar_end_of_day"
    if "refund_days" in given:
        calendar["processing.pay_s"] = given["refund_days"] * _DAY_SECONDS
    return calendar
