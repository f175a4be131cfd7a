"""What a step does to the database: decision, money, review, timers and event, all or none.

What a case hangs on is locked in one order for everybody: balances, the order, then the case.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import obligations, review_events
from worker.adapters.store.case_rows import as_json, instant, order_ref_told
from worker.adapters.store.database import scalar, statement
from worker.domain import transfer
from worker.domain.policy import Outcome
from worker.domain.policy.vocabulary import Sla
from worker.ports.store import case_view as port
from worker.ports.store.cases import NumberTaken
from worker.ports.store.obligations import ASKED_OVERDUE, OVERDUE, Obligation

_RANG = text(
    "UPDATE timer SET fired_at = CAST(:now AS timestamptz)"
    " WHERE kind = :kind AND subject = CAST(:id AS uuid)"
)
_POLICY = text("SELECT policy FROM account WHERE account = :account")


async def belongs_to(connection: AsyncConnection, account: str, policy: str) -> bool:
    """Whether the account belongs to this policy: the default, where nothing else says which."""
    unbound = {"account": account, "default": policy}
    await connection.execute(statement("cases/bind_account"), unbound)
    found = (await connection.execute(_POLICY, {"account": account})).scalar_one()
    return bool(found == policy)


async def locked(connection: AsyncConnection, account: str) -> bool:
    """Lock the account's balances, before anything else: everybody takes them in this order."""
    rows = await connection.execute(statement("books/lock_balances"), {"accounts": [account]})
    return bool(rows.all())


_ORDERS = {
    "activation": ("cases/order_activation", "cases/read_activation"),
    "rental": ("cases/order_rental", "cases/read_rental"),
}


async def order(
    connection: AsyncConnection,
    activation: UUID | None,
    rental: UUID | None,
    *,
    lock: bool = True,
) -> RowMapping | None:
    id_ = activation or rental
    if id_ is None:
        return None
    locking, reading = _ORDERS["rental" if activation is None else "activation"]
    name = locking if lock else reading
    return (await connection.execute(statement(name), {"id": id_})).mappings().one()


async def clock(connection: AsyncConnection, now: datetime | None) -> datetime:
    """The time after the locks were won: what waited for them is judged by when it got them."""
    found: datetime = now or await scalar(connection, "SELECT clock_timestamp()")
    return found


async def rings(connection: AsyncConnection, timer: port.Timer, now: datetime) -> bool:
    """Whether this timer still has to act; it has fired with this transaction."""
    thing = {"kind": timer.kind.value, "id": timer.subject, "due_at": timer.due_at, "now": now}
    if (await connection.execute(statement("cases/lock_timer"), thing)).scalar() is None:
        return False
    await connection.execute(_RANG, {key: thing[key] for key in ("kind", "id", "now")})
    return True


_ADD = text(
    "INSERT INTO evidence (case_id, at, what, content, by)"
    " VALUES (CAST(:id AS uuid), CAST(:now AS timestamptz), :what, CAST(:content AS jsonb), :by)"
)
_ACCOUNT = text("UPDATE account SET state = :state WHERE account = :account AND state <> :state")
_WITHHELD = {
    transfer.TransferKind.WITHHOLD: 1,
    transfer.TransferKind.GIVEBACK: -1,
    transfer.TransferKind.EXCESS: -1,
    transfer.TransferKind.WITHDRAW: -1,
    transfer.TransferKind.FEE: -1,
}
#: What a case sets aside follows what it would take, up and down.
_AGAIN = frozenset(
    {transfer.TransferKind.WITHHOLD, transfer.TransferKind.GIVEBACK, transfer.TransferKind.EXCESS}
)
_MOVED = text("SELECT count(*) FROM transfer WHERE key = :key OR key LIKE :key || ':%'")


async def apply(
    connection: AsyncConnection,
    view: port.CaseView,
    step: port.CaseStep,
    event_state: str,
    by: str | None = None,
) -> None:
    case = view.case
    if step.evidence is not None and (step.evidence[1] or by is not None):
        what, content = step.evidence
        added = {"id": case.id, "now": view.now, "what": what, "content": as_json(content)}
        added |= {"by": by}
        await connection.execute(_ADD, added)
    if step.record is not None:
        await decide(connection, case.id, case.policy, case.policy_version, step.record, view.now)
    for move in step.moves:
        await _move(connection, view, move)
    await _update(connection, view, step)
    reviewed = await _review(connection, view, step)
    await _timers(connection, case, step)
    await _rental(connection, case.rental, step, view.now)
    await _owed(connection, view, step, by)
    if step.account_state is not None:
        await connection.execute(_ACCOUNT, {"state": step.account_state, "account": case.account})
    if step.event is not None:
        await _tell(connection, view, step, event_state)
    if reviewed is not None:
        await review_events.of_case(connection, view, step, reviewed, event_state)


async def _rental(
    connection: AsyncConnection, rental: UUID | None, step: port.CaseStep, now: datetime
) -> None:
    changed = {"id": rental, "now": now}
    if step.ends_rental:
        await connection.execute(statement("cases/end_rental"), changed)
    if step.gives_renewal_back:
        await connection.execute(statement("cases/give_renewal_back"), changed)


async def _owed(
    connection: AsyncConnection, view: port.CaseView, step: port.CaseStep, by: str | None
) -> None:
    """What is owed from now on, the replacement that ends it, and what was found beside it."""
    case = view.case
    if step.owed is not None or step.state in port.CLOSED:
        end = _end(view, step)
        await obligations.keep(connection, case, step.owed or (), view.now, otherwise=end)
    if step.replaced_by is not None:
        linked = {"id": case.id, "by": by, "now": view.now, "new": step.replaced_by}
        linked["old"] = case.activation or case.rental
        made = await connection.execute(statement("cases/link_replacement"), linked)
        if made.first() is None:
            raise NumberTaken
    for flag in step.account_flags:
        found = {"account": case.account, "flag": flag, "id": case.id, "now": view.now, "by": by}
        await connection.execute(statement("cases/find_flag"), found)
    if step.lifted_flags:
        lifted = {"account": case.account, "id": case.id, "now": view.now}
        lifted["flags"] = list(step.lifted_flags)
        await connection.execute(statement("cases/lift_flags"), lifted)


def _end(view: port.CaseView, step: port.CaseStep) -> str:
    """How what is owed no more has ended.

    What was missed is overdue by whichever timer or call that is decided.
    """
    rang = view.timer is not None and view.timer.kind is port.TimerKind.OBLIGATION
    if rang or any(_was_missed(view, step, owed) for owed in view.case.obligations):
        return OVERDUE
    return step.state.value if step.state in port.CLOSED else "done"


def _was_missed(view: port.CaseView, step: port.CaseStep, owed: Obligation) -> bool:
    """Whether its date is over and something else is decided because of that."""
    if step.record is None or owed.ended_at is not None or owed.by_when >= view.now:
        return False
    asked = ASKED_OVERDUE.get(owed.what) is step.record.decision.reason
    return asked or owed.what is Sla.REPLACEMENT


async def decide(
    connection: AsyncConnection,
    subject: object,
    policy: str,
    policy_version: str,
    made: port.DecisionRecord,
    now: object,
) -> None:
    decision = made.decision
    to = decision.destination
    await connection.execute(
        statement("cases/decide"),
        {
            "subject": subject,
            "now": now,
            "op": made.op.value,
            "facts": as_json(made.facts),
            "policy": policy,
            "policy_version": policy_version,
            "clauses": list(made.clauses),
            "outcome": decision.outcome.value,
            "reason": decision.reason.value,
            "amount": decision.amount_minor,
            "fee": decision.fee_minor,
            "destination": None if to is None else to.value,
            "deadline": decision.deadline,
            "as_of": made.as_of or now,
            "by": "verdict" if made.by_human else "policy",
        },
    )


async def _move(connection: AsyncConnection, view: port.CaseView, move: port.MoneyMove) -> None:
    source, destination = _sides(view, move)
    key = transfer.transfer_key(move.kind, view.case.id)
    if move.kind in _AGAIN:
        before = (await connection.execute(_MOVED, {"key": key})).scalar_one()
        key = f"{key}:{before + 1}" if before else key
    await connection.execute(
        statement("cases/move"),
        {
            "key": key,
            "account": view.case.account,
            "activation": view.case.activation,
            "source": source,
            "destination": destination,
            "amount": move.amount_minor,
            "currency": view.case.currency,
            "now": view.now,
        },
    )


def _sides(view: port.CaseView, move: port.MoneyMove) -> tuple[str, str]:
    """From where to where; money that is not with us goes back where it came from."""
    account, order = view.case.account, view.order
    outside = move.leaves_platform or (
        order is not None and order.charge is transfer.Charge.EXTERNAL
    )
    return {
        transfer.TransferKind.CLAIM: (
            transfer.REVENUE,
            transfer.OUTSIDE if outside else transfer.available(account),
        ),
        transfer.TransferKind.WITHHOLD: (transfer.available(account), transfer.held(account)),
        transfer.TransferKind.GIVEBACK: (transfer.held(account), transfer.available(account)),
        transfer.TransferKind.EXCESS: (transfer.held(account), transfer.available(account)),
        transfer.TransferKind.WITHDRAW: (transfer.held(account), transfer.OUTSIDE),
        transfer.TransferKind.FEE: (transfer.held(account), transfer.REVENUE),
        transfer.TransferKind.VOID: (transfer.available(account), transfer.REVENUE),
    }[move.kind]


async def _update(connection: AsyncConnection, view: port.CaseView, step: port.CaseStep) -> None:
    withheld = sum(_WITHHELD.get(move.kind, 0) * move.amount_minor for move in step.moves)
    verdict = view.case.verdict if step.verdict is None else step.verdict
    await connection.execute(
        statement("cases/update"),
        {
            "id": view.case.id,
            "state": step.state.value,
            "facts": as_json(step.facts),
            "verdict": as_json(verdict),
            "withheld": withheld,
            "closed": step.state in port.CLOSED,
            "now": view.now,
        },
    )


async def _review(
    connection: AsyncConnection, view: port.CaseView, step: port.CaseStep
) -> RowMapping | None:
    wanted = step.state is port.CaseState.IN_REVIEW
    decision = None if step.record is None else step.record.decision
    if wanted and (decision is None or decision.outcome is not Outcome.NEEDS_REVIEW):
        return None  # Nothing else is asked: what waits goes on waiting, however late it is.
    to = None if decision is None else decision.destination
    changed = await connection.execute(
        statement("cases/review"),
        {
            "id": view.case.id,
            "now": view.now,
            "wanted": wanted,
            "reason": "" if decision is None else decision.reason.value,
            "clauses": [] if step.record is None else list(step.record.clauses),
            "proposed": 0 if decision is None else decision.amount_minor,
            "destination": None if to is None else to.value,
            "by_when": None if decision is None else decision.deadline,
        },
    )
    return changed.mappings().one()


async def _timers(connection: AsyncConnection, case: port.Case, step: port.CaseStep) -> None:
    timers = {} if step.state in port.CLOSED else step.timers
    await connection.execute(
        statement("cases/set_timers"),
        {
            "id": case.id,
            "kinds": [kind.value for kind in timers],
            "dues": list(timers.values()),
        },
    )


async def _tell(
    connection: AsyncConnection,
    view: port.CaseView,
    step: port.CaseStep,
    event_state: str,
) -> None:
    await connection.execute(
        statement("cases/write_event"),
        {
            "subject": str(view.case.id),
            "type": step.event,
            "activation": view.case.activation,
            "account": view.case.account,
            "now": view.now,
            "payload": json.dumps(_payload(view, step)),
            "event_state": event_state,
        },
    )


def _payload(view: port.CaseView, step: port.CaseStep) -> Mapping[str, Any]:
    case = view.case
    told: dict[str, Any] = {
        "id": str(case.id),
        "kind": case.kind.value,
        "subject": case.subject,
        "activation": None if case.activation is None else str(case.activation),
        "rental": None if case.rental is None else str(case.rental),
        "account": case.account,
        "state": step.state.value,
        "currency": case.currency,
        **({} if view.order is None else {"charge": view.order.charge.value}),
        **order_ref_told(None if view.order is None else view.order.order_ref),
    }
    if step.record is None:
        return told
    decision, clauses = step.record.decision, step.record.clauses
    return told | {
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "amount_minor": decision.amount_minor,
        "fee_minor": decision.fee_minor,
        "destination": None if decision.destination is None else decision.destination.value,
        "deadline": None if decision.deadline is None else instant(decision.deadline),
        "clauses": list(clauses),
    }
