"""Questions to a policy from the record: what our log, the order call and the books say.

A fact has one source. What our log knows beats what anybody said; what the order call told beats
what a claim said. Cases that were opened before the record was kept have facts that their callers
stated: those hold where the record says nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from worker.domain.policy import Op, Outcome
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases.questions import (
    ALTERNATIVE_OFFERED,
    ClauseLookup,
    ask_policy,
    instant_fact,
    instant_in,
    without_none,
)
from worker.ports.store.case_record import AccountRecord, CaseRecord, PastDeed, RecordedSum
from worker.ports.store.case_view import CaseFacts, CaseView
from worker.ports.store.obligations import ASKED_OVERDUE, OVERDUE

#: What is told with an order and is no fact of a policy: it is kept, and shown.
_SHOWN_ONLY: Final = frozenset({"terms"})
#: What is owed by a date that a policy is told.
_DUE: Final = {
    Sla.REPLACEMENT: "replacement_due_at",
    Sla.ANSWER: "answer_due_at",
    Sla.ACCESS: "answer_due_at",
    Sla.KYC: "answer_due_at",
    Sla.PAYMENT_INFO: "answer_due_at",
}
#: What a human found of when a rental stopped.
_FOUND: Final = ("blocked_at", "stopped_found_at")
_OVERDUE: Final = {reason.value for what, reason in ASKED_OVERDUE.items() if what in _DUE}
#: Until when a customer takes or declines what a deletion offers him.
OFFER: Final = timedelta(days=14)
#: Of a withdrawal that a deletion offers: whether its customer has still to take it.
OFFERED: Final = "offered"
_OF_THE_CASE: Final = {OFFERED, ALTERNATIVE_OFFERED}


def of_order(record: CaseRecord, account: AccountRecord, facts: CaseFacts) -> dict[str, Any]:
    """What every question about an order is asked from."""
    instants = {
        "sms_received_at": record.sms_received_at,
        "sms_displayed_at": record.sms_displayed_at,
        "replacement_linked_at": record.replacement_linked_at,
        "rental_start": record.purchased_at if record.rental else None,
        "rental_end": record.ends_at if record.rental else None,
        "renewed_at": record.renewed_at,
    }
    return {
        **_asked(facts),
        **told_with(record.order_facts),
        **_restrictions(record, facts),
        "purchased_at": instant_fact(record.purchased_at),
        "price_minor": record.price_minor,
        "credited_minor": record.credited_minor,
        "paid_out_minor": record.paid_out_minor,
        "unused_returned_minor": record.unused_returned_minor,
        "renewal_price_minor": record.renewal_price_minor,
        "renewal_credited_minor": record.renewal_credited_minor,
        "product": "rental" if record.rental else "one_time",
        "service": record.service,
        "country": record.country,
        **_instants(instants),
        **_flags(account, facts),
        **_past(account),
    }


def _restrictions(record: CaseRecord, facts: CaseFacts) -> dict[str, Any]:
    """What a human finds later holds, whatever the order call had told."""
    found = facts.get("restrictions_ignored", False) or record.restrictions_found
    return {"restrictions_ignored": True} if found else {}


def _asked(facts: CaseFacts) -> dict[str, Any]:
    """Without what a case keeps for itself."""
    return {name: told for name, told in facts.items() if name not in _OF_THE_CASE}


def of_claim(view: CaseView, facts: CaseFacts) -> dict[str, Any]:
    record, account = view.record, view.account
    assert record is not None
    from_log = without_none(
        {
            "allocation_failed": record.allocation_failed,
            "cancel_failed": record.cancel_failed,
            "last_deposit_at": _fact(account.last_deposit_at),
            "first_refund_from": _fact(record.first_refund_from),
            "cancel_attempt_at": _fact(record.cancel_attempt_at),
            "credit_available_minor": record.credit_available_minor,
        }
    )
    return {
        **of_order(record, account, facts),
        **_beside_credited_outages(view, facts),
        **from_log,
        **_owed_dates(view),
        "charge": record.charge.value,
        "arrived_at": instant_fact(view.case.opened_at),
        "first_purchase": record.first_purchase,
    }


def _owed_dates(view: CaseView) -> dict[str, str]:
    """Until when the worker awaits what is owed here.

    An end that a human judges stays one; after a missed replacement the money is owed for good.
    """
    decided = view.case.decided
    asked = decided is not None and decided.reason in _OVERDUE
    kept = {what for what in _DUE if asked or what is Sla.REPLACEMENT}
    due = {
        _DUE[owed.what]: owed.by_when
        for owed in view.case.obligations
        if owed.what in _DUE
        and (owed.ended_at is None or (owed.what in kept and owed.end == OVERDUE))
    }
    return _instants(due)


def _beside_credited_outages(view: CaseView, facts: CaseFacts) -> dict[str, Any]:
    """The days that outages were credited for are not paid twice.

    A stop within an outage counts from its end; what later ones gave is taken off.
    """
    order, record = view.order, view.record
    if order is None or record is None or not order.outages:
        return {}
    found = {name: at for name in _FOUND if (at := instant_in(facts, name)) is not None}
    told_at = instant_in(facts, "claim_at") or view.case.opened_at
    stopped_at = min(found.values(), default=max(told_at, order.purchased_at))
    counts_from = stopped_at
    for outage in order.outages:
        if outage.start <= counts_from < outage.end:
            counts_from = outage.end
    later = sum(each.amount_minor for each in order.outages if each.start >= counts_from < each.end)
    moved = counts_from > stopped_at
    stops = {name: max(at, counts_from) for name, at in found.items()} or {
        "stopped_found_at": counts_from
    }
    return {
        **(_instants(stops) if moved else {}),
        **({"unused_returned_minor": record.unused_returned_minor + later} if later else {}),
    }


def of_outage(view: CaseView, facts: CaseFacts) -> dict[str, Any]:
    record = view.record
    assert record is not None
    sms_at = record.sms_after_arrival_at
    from_log = without_none(
        {
            "first_refund_from": _fact(record.first_refund_from),
            "sms_after_arrival_at": None if sms_at == record.sms_received_at else _fact(sms_at),
        }
    )
    return {
        **of_order(record, view.account, facts),
        **from_log,
        "credited_minor": record.credited_minor + record.paid_out_minor,
        "arrived_at": instant_fact(view.case.opened_at),
    }


def of_withdrawal(view: CaseView, facts: CaseFacts) -> dict[str, Any]:
    """*facts* of the request; what this case set aside is still the customer's to take."""
    account = view.account
    return {
        **_asked(facts),
        **_flags(account, facts),
        **_instants(
            {
                "last_deposit_at": account.last_deposit_at,
                "open_order_window_end": account.open_order_window_end,
            }
        ),
        **_owed_dates(view),
        "arrived_at": instant_fact(view.case.opened_at),
        "balance_minor": view.case.withheld_minor or account.balance_minor,
        "topups": _sums(account.topups),
        "payouts": _sums(account.payouts),
        "purchases": _sums(account.purchases),
        "activations": [
            {"at": instant_fact(taken.at), "refunded": taken.refunded}
            for taken in account.activations
        ],
        **({} if account.spent_minor is None else {"spent_minor": max(0, account.spent_minor)}),
        **_past(account),
    }


def of_account(view: CaseView, facts: CaseFacts, refundable_minor: int) -> dict[str, Any]:
    account = view.account
    return {
        "event": facts["event"],
        **({"deletion_confirmed": facts["deletion_confirmed"]} if _confirmed(facts) else {}),
        "balance_minor": account.balance_minor,
        "idle_since": instant_fact(account.idle_since),
        "withdrawal_open": account.withdrawal_open,
        "refundable_minor": refundable_minor,
        **without_none({"withdrawal_offer": _offer(view)}),
    }


def refundable_minor(view: CaseView, clauses: ClauseLookup) -> int:
    """What could leave the account now, its fee included."""
    asked = ask_policy(view, Op.WITHDRAWAL, _refundable_question(view), clauses).decision
    return asked.amount_minor + asked.fee_minor if asked.outcome is Outcome.PAYOUT else 0


def _refundable_question(view: CaseView) -> dict[str, Any]:
    """Asked as a withdrawal that lacks nothing."""
    now = instant_fact(view.now)
    wanted = {
        "withdraw_reason": "account_deletion",
        "claim_at": now,
        "verified": True,
        "approved_at": now,
    }
    return {**of_withdrawal(view, wanted), "arrived_at": now}


def _offer(view: CaseView) -> str | None:
    """What became of the withdrawal that a deletion offers first."""
    asked = view.case.opened_at
    since = [state for at, state in view.account.withdrawals if at >= asked]
    if since:
        return "paid" if "paid" in since else "declined"
    return "expired" if view.now > asked + OFFER else None


def _confirmed(facts: CaseFacts) -> bool:
    return facts.get("deletion_confirmed") is not None


def told_with(order_facts: CaseFacts) -> dict[str, Any]:
    """Of what was told with an order: what decides something."""
    return {name: told for name, told in order_facts.items() if name not in _SHOWN_ONLY}


def _flags(account: AccountRecord, facts: CaseFacts) -> dict[str, Any]:
    flags = sorted({*facts.get("account_flags", []), *account.account_flags})
    return {"account_flags": flags} if flags else {}


def _past(account: AccountRecord) -> dict[str, Any]:
    """What the limits count; where nothing is counted a decision keeps nothing of it."""
    recent = {"recent_orders": account.recent_orders, "recent_cancels": account.recent_cancels}
    return {
        **({"history": [_deed(deed) for deed in account.history]} if account.history else {}),
        **(recent if account.recent_orders else {}),
    }


def _deed(deed: PastDeed) -> dict[str, Any]:
    return {
        "what": deed.what.value,
        "at": instant_fact(deed.at),
        "amount_minor": deed.amount_minor,
        **without_none({"kind": deed.kind}),
        **({"times": deed.times} if deed.times > 1 else {}),
    }


def _sums(sums: Iterable[RecordedSum]) -> list[dict[str, Any]]:
    return [{"at": instant_fact(at), "amount_minor": minor} for at, minor in sums]


def _instants(instants: Mapping[str, datetime | None]) -> dict[str, str]:
    return {name: instant_fact(at) for name, at in instants.items() if at is not None}


def _fact(at: datetime | None) -> str | None:
    return None if at is None else instant_fact(at)
