"""Rows of cases as the port's values, and facts as JSON."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping

from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Profile, Reason
from worker.domain.policy.deadlines import review_by
from worker.domain.transfer import Charge
from worker.ports.store.case_view import (
    AccountHoldings,
    Case,
    CaseKind,
    CaseOrder,
    CaseState,
    DecisionRow,
    Payout,
    Timer,
    TimerKind,
)
from worker.ports.store.cases import NewCase, Review

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Where no policy says anything, none says by when.
_UNDATED = {Reason.POLICY_VERSION.value, Reason.POLICY_SILENT.value}
#: What an account's events say about it when money is to leave.
_FLAGS = {
    "delete_requested": "deleted_by_customer",
    "law_enforcement_block": "blocked_law_enforcement",
    "rules_block": "blocked_rules",
}


def instant(at: datetime) -> str:
    """As events tell it: UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def hash_of(new: NewCase) -> str:
    """What makes two openings of one case the same."""
    return hashlib.sha256(json.dumps(new.content, sort_keys=True).encode()).hexdigest()


def case(row: RowMapping, **history: Any) -> Case:
    activation = row["activation_id"]
    return Case(
        id=row["id"],
        kind=CaseKind(row["kind"]),
        subject=row["subject"],
        activation=None if activation is None else ActivationId(activation),
        rental=row["rental_id"],
        account=AccountId(row["account"]),
        currency=row["currency"],
        state=CaseState(row["state"]),
        facts=row["facts"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        verdict=row["verdict"],
        withheld_minor=row["withheld_minor"],
        moved_minor=row["moved_minor"],
        **history,
    )


def decision(row: RowMapping) -> DecisionRow:
    return DecisionRow(
        at=row["at"],
        op=row["op"],
        outcome=row["outcome"],
        reason=row["reason"],
        amount_minor=row["amount_minor"],
        fee_minor=row["fee_minor"],
        destination=row["destination"],
        deadline=row["deadline"],
        as_of=row["as_of"],
        clauses=tuple(row["clauses"]),
        policy_version=row["policy_version"],
        by=row["by"],
    )


def timer(row: RowMapping) -> Timer:
    return Timer(TimerKind(row["kind"]), row["subject"], row["due_at"])


def ordered(row: RowMapping, *, rental: bool) -> CaseOrder:
    return CaseOrder(
        rental=rental,
        purchased_at=row["rented_at"],
        ends_at=row["deadline_at"],
        price_minor=row["price_minor"],
        charge=Charge(row["charge"]),
        service=row["service"],
        settled=row["settled"],
        credited_minor=row["credited_minor"],
        outages_minor=row["outages_minor"] if rental else 0,
        covered_until=row["covered_until"] if rental else None,
        blocked_from=row["blocked_from"] if rental else None,
        sms_received_at=row["sms_received_at"],
        sms_displayed_at=row["sms_displayed_at"],
    )


def holdings(row: RowMapping) -> AccountHoldings:
    activated = row["activated_at"]
    return AccountHoldings(
        available_minor=row["available_minor"],
        held_minor=row["held_minor"],
        state=row["state"],
        topups=tuple((_instant(at), amount) for at, amount in row["topups"]),
        paid_out=tuple(
            Payout(_instant(asked), _instant(granted), amount)
            for asked, granted, amount in row["paid_out"]
        ),
        activated=() if activated is None else (activated,),
        open_order_end=row["open_order_end"],
        withdrawal_open=row["withdrawal_open"],
        flags=frozenset(_FLAGS[event] for event in row["events"] if event in _FLAGS),
    )


def _instant(micros: float) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def review(row: RowMapping, profile: Profile | None) -> Review:
    by_when = row["by_when"]
    if row["kind"] == "activation" and profile is not None and row["reason"] not in _UNDATED:
        by_when = review_by(profile, row["opened_at"])
    return Review(
        id=row["id"],
        kind=row["kind"],
        account=AccountId(row["account"]),
        subject=row["subject"],
        opened_at=row["opened_at"],
        reason=row["reason"],
        clauses=tuple(row["clauses"]),
        proposed_minor=row["proposed_minor"],
        currency=row["currency"],
        destination=row["destination"],
        by_when=by_when,
        facts=row["facts"],
        policy=row["policy"],
        rank=row["rank"],
    )
