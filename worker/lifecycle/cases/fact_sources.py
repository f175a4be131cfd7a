"""Each fact of a policy has one source: who else states it is told who tells it."""

from collections.abc import Mapping
from typing import Final

#: Facts that a human finds, given with a verdict.
FINDINGS: Final = frozenset(
    {
        "account_flags", "alternative_method", "approved", "blocked_at", "client_caused",
        "contradicts_terms", "deletion_confirmed", "email_matches", "freeze_seen",
        "outage_verified", "payment_method_refundable", "psp_commission_minor",
        "replacement_available", "replacement_value_minor", "restored_at",
        "restrictions_ignored", "sms_correct", "stopped_found_at", "used_bp",
    }
)  # fmt: skip
_LOG: Final = frozenset(
    {
        "activations", "allocation_failed", "answer_due_at", "arrived_at", "balance_minor",
        "cancel_attempt_at", "cancel_failed", "charge", "credit_available_minor",
        "credited_minor", "first_purchase", "first_refund_from", "history", "idle_since",
        "last_deposit_at", "messages_missing", "open_order_window_end", "paid_out_minor",
        "payouts", "price_minor", "purchased_at", "purchases", "recent_cancels",
        "recent_orders", "refundable_minor", "sms_after_arrival_at",
        "renewal_credited_minor", "renewal_price_minor", "renewed_at", "rental_end",
        "rental_start", "replacement_due_at", "replacement_linked_at", "service", "country",
        "sms_displayed_at", "sms_received_at", "spent_minor", "topups", "unused_returned_minor",
        "withdrawal_offer", "withdrawal_open",
    }
)  # fmt: skip
_ORDER_CALL: Final = frozenset(
    {
        "buy_channel", "compat_listed", "documents_shown_at_order", "labels", "operator",
        "payment_method", "refund_fee_minor", "restrictions_shown", "service_2fa", "terms",
        "was_listed",
    }
)  # fmt: skip
_STATEMENT: Final = frozenset(
    {
        "amount_minor", "claim_channel", "claim_kind", "contacted_at", "contested_at",
        "customer_choice", "destination", "due_to_problem", "evidence", "issue_at", "reason",
        "request_fields", "stopped_at", "unavailable_since", "withdraw_reason", "claim_at",
    }
)  # fmt: skip
#: Facts that are told by doing what they say: by a call of their own.
_BY_CALL: Final[Mapping[str, str]] = {
    "access_granted_at": "access",
    "access_refused_at": "access",
    "access_requested_at": "access",
    "approved_at": "verdict",
    "evidence_at": "evidence",
    "kyc": "kyc",
    "kyc_requested_at": "kyc",
    "payment_info_provided_at": "payment-info",
    "payment_info_requested_at": "payment-info",
    "rectified_at": "rectified",
    "taken_back_at": "cancel",
    "verified": "verdict",
    "extension_until": "paid",
    "extension_beyond_control": "paid",
}


def teller_of(fact: str) -> str | None:
    """Who tells it; None: it is no fact that anybody tells."""
    if fact in _BY_CALL:
        return f"a named human, by the call …/{_BY_CALL[fact]}"
    tellers = (
        (_LOG, "our own log"),
        (_ORDER_CALL, "the order call, in order_facts"),
        (FINDINGS, "a named human, in the findings of a verdict"),
        (_STATEMENT, "the customer, in his statement"),
    )
    return next((who for facts, who in tellers if fact in facts), None)
