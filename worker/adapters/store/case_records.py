"""The record of an order or an account, read whole from our own log and books."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_rows
from worker.adapters.store.database import statement
from worker.domain.activation import EndReason, State
from worker.domain.ids import AccountId, ActivationId
from worker.domain.transfer import Charge
from worker.ports.store import case_record as port
from worker.ports.store.case_view import Case

#: No limit of a policy looks further back than a year of the calendar, no withdrawal further than
#: its newest top-ups.
LOOK_BACK: Final = timedelta(days=366)
ROWS_MAX: Final = 10_000  #: Orders, and cases, of one account: the newest.
#: Why time of a rental was given back: of an outage, or of the part that was not used.
TIME_BACK: Final = ("operator_block", "outage_over_24h", "unused_time", "no_replacement")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMPUTED: Final = {"charge", "order_facts", "credit_available_minor"}
_CASE_COLUMNS: Final = tuple(
    name for name in port.CaseRecord.__dataclass_fields__ if name not in _COMPUTED
)


async def of_activation(
    connection: AsyncConnection, id_: ActivationId, case: UUID | None = None
) -> port.CaseRecord | None:
    """The order's record; what *case* itself gave is left out of it."""
    about = {"id": id_, "case_id": case}
    found = await connection.execute(statement("cases/record_activation"), about)
    return await _case_record(connection, found.mappings().one_or_none(), case)


async def of_rental(
    connection: AsyncConnection, id_: UUID, case: UUID | None = None
) -> port.CaseRecord | None:
    about = {"id": id_, "case_id": case, "time_back": list(TIME_BACK)}
    found = await connection.execute(statement("cases/record_rental"), about)
    return await _case_record(connection, found.mappings().one_or_none(), case)


async def of_account(
    connection: AsyncConnection,
    account: AccountId,
    now: datetime,
    case: UUID | None = None,
    *,
    recent: int = 10,
) -> port.AccountRecord | None:
    """The account's record, without *case*; among *recent* last orders Cancels are counted."""
    about = {"account": account, "case_id": case, "now": now}
    found = await connection.execute(statement("cases/record_account"), about)
    row = found.mappings().one_or_none()
    if row is None:
        return None
    span = {"account": account, "since": now - LOOK_BACK, "limit": ROWS_MAX}
    ordered = await connection.execute(statement("cases/record_orders"), span)
    orders = ordered.mappings().all()
    gave = await connection.execute(statement("cases/record_given"), {**span, "case_id": case})
    given = gave.mappings().all()
    last = [order for order in orders if order["allotted"]][:recent]
    columns: dict[str, Any] = dict(row)
    return port.AccountRecord(
        **columns
        | {
            "topups": _sums(row["topups"]),
            "payouts": _sums(row["payouts"]),
            "events": tuple(case_rows.account_event(*event) for event in row["events"]),
            "findings": frozenset(row["findings"]),
            "withdrawals": tuple((_instant(at), state) for at, state in row["withdrawals"]),
        },
        purchases=tuple(_purchases(orders)),
        activations=tuple(_activations(orders)),
        history=_history(orders, given),
        recent_orders=len(last),
        recent_cancels=sum(_cancelled(order) for order in last),
    )


async def _case_record(
    connection: AsyncConnection, row: RowMapping | None, case: UUID | None
) -> port.CaseRecord | None:
    if row is None:
        return None
    return port.CaseRecord(
        **{name: row[name] for name in _CASE_COLUMNS},
        charge=Charge(row["charge"]),
        order_facts=row["order_facts"] or {},
        credit_available_minor=await _still_there(connection, row, case),
    )


async def _still_there(connection: AsyncConnection, row: RowMapping, case: UUID | None) -> int:
    """The lesser of what was credited and the lowest balance since the first credit."""
    credited: int = row["credited_minor"]
    if row["credited_by"] is None:
        return 0
    since = {"account": row["account"], "since": row["credited_by"], "case_id": case}
    found = await connection.execute(statement("cases/lowest_balance"), since)
    lowest: int = found.scalar_one()
    return min(credited, lowest)


def _sums(pairs: Iterable[tuple[float, int]]) -> tuple[port.RecordedSum, ...]:
    return tuple(port.RecordedSum(_instant(at), minor) for at, minor in pairs)


def _instant(micros: float) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def _purchases(orders: Sequence[RowMapping]) -> Iterator[port.RecordedSum]:
    """What is still paid for from the balance, oldest first."""
    for order in reversed(orders):
        left = order["price_minor"] - order["back_minor"]
        if left > 0 and order["charge"] == Charge.HOLD.value:
            yield port.RecordedSum(order["at"], left)


def _activations(orders: Sequence[RowMapping]) -> Iterator[port.TakenOrder]:
    """Numbers that got a code and rentals that were taken, oldest first."""
    for order in reversed(orders):
        if order["rental"] or order["state"] in {State.RECEIVED.value, State.DELIVERED.value}:
            refunded = 0 < order["price_minor"] <= order["back_minor"]
            yield port.TakenOrder(order["at"], refunded)


def _cancelled(order: RowMapping) -> bool:
    """Whether Cancel credits it, or is about to."""
    by_cancel = order["reason"] == EndReason.CANCEL.value
    return by_cancel and order["state"] in {State.EXPIRING.value, State.REFUNDED.value}


_BY_ITSELF: Final = {EndReason.TIMEOUT.value, EndReason.PROVIDER.value}
_CASE_DEEDS: Final = {
    "claim": port.PastKind.CLAIM,
    "withdrawal": port.PastKind.PAYOUT,
    "rental_outage": port.PastKind.AUTO_CREDIT,
    "rental_cancel": port.PastKind.CANCEL,
}


def _history(
    orders: Sequence[RowMapping], given: Sequence[RowMapping]
) -> tuple[port.PastDeed, ...]:
    deeds = [deed for order in orders for deed in _deeds(order)]
    deeds += [
        port.PastDeed(_CASE_DEEDS[row["kind"]], row["at"], row["amount_minor"], row["claim_kind"])
        for row in given
        if row["kind"] in _CASE_DEEDS
    ]
    return tuple(sorted(deeds, key=lambda deed: (deed.at, deed.what.value)))


def _deeds(order: RowMapping) -> Iterator[port.PastDeed]:
    price = order["price_minor"]
    yield port.PastDeed(port.PastKind.ORDER, order["at"], price)
    if _cancelled(order):
        yield port.PastDeed(port.PastKind.CANCEL, order["pressed_at"], price)
    elif order["state"] == State.REFUNDED.value and order["settled_for"] in _BY_ITSELF:
        yield port.PastDeed(port.PastKind.AUTO_CREDIT, order["settled_at"], price)


async def of_case(connection: AsyncConnection, case: Case) -> port.CaseRecord | None:
    if case.activation is not None:
        return await of_activation(connection, case.activation, case.id)
    if case.rental is not None:
        return await of_rental(connection, case.rental, case.id)
    return None
