"""Orders of long rentals: the intent with its hold, and what became of it."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_rows, rentals
from worker.adapters.store.database import Database, statement
from worker.adapters.store.policies import state_for_orders
from worker.adapters.store.rental_order_ends import NewOrderState, end, move, source
from worker.adapters.store.writes_in_turn import write_of
from worker.domain import transfer
from worker.domain.ids import AccountId, ProviderName
from worker.domain.transfer import Charge, TransferKind
from worker.ports.store.case_view import Timer, TimerKind
from worker.ports.store.rentals import (
    BOOKED,
    OrderStanding,
    OrderVerdict,
    ProlongedLong,
    Rental,
    RentalOrder,
    RentalOrderKind,
    RentalOrderResult,
    RentalOrderState,
    RentedLong,
    rental_id,
)

FORGOTTEN_AFTER: Final = timedelta(seconds=60)  #: No provider is waited for so long.

_TABLE: Final = "rental_order"
_ORDER = text("SELECT * FROM rental_order WHERE id = CAST(:id AS uuid)")
_LOCKED = text("SELECT * FROM rental_order WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_ACCOUNT = text("SELECT account FROM rental_order WHERE id = CAST(:id AS uuid)")


async def begin(
    db: Database, order: RentalOrder, now: datetime | None, keeping: Collection[str]
) -> RentalOrderResult:
    """*keeping*: the policies under which a blocked account may still order."""
    # One for all tries of this call: where a commit's answer was lost, it is still ours.
    call = uuid4().hex
    return await db.write_in_turn([order.account], lambda c: _begin(c, order, call, now, keeping))


async def _begin(
    connection: AsyncConnection,
    order: RentalOrder,
    call: str,
    now: datetime | None,
    keeping: Collection[str],
) -> RentalOrderResult:
    found = await locks.locked(connection, order.account)
    # Read after the lock: another call with the same key is either done or still waits for us.
    known = (await connection.execute(_ORDER, {"id": order.id})).mappings().one_or_none()
    if known is not None:
        return await _known(connection, known, order, call)
    account = await rentals.account_of(connection, order.account) if found else None
    if account is None or account["state"] == "deleted":
        return RentalOrderResult(RentalOrderState.UNKNOWN_ACCOUNT)
    refused = await _refused(connection, order, account, keeping)
    if refused is not None:
        return refused
    clock = await locks.clock(connection, now)
    await connection.execute(
        statement("cases/begin_rental_order"),
        {
            "id": order.id,
            "kind": order.kind.value,
            "content_hash": _hash(order),
            "call": call,
            "account": order.account,
            "provider": order.provider,
            "service": order.service,
            "country": order.country,
            "seconds": order.length // timedelta(seconds=1),
            "rental": order.rental,
            "price": order.price_minor,
            "currency": account["currency"],
            "charge": order.charge.value,
            "policy": order.policy,
            "policy_version": order.policy_version,
            "order_ref": order.order_ref,
            "order_facts": case_rows.as_json(order.order_facts),
            "now": clock,
            "forgotten_after": FORGOTTEN_AFTER,
        },
    )
    began = (await connection.execute(_ORDER, {"id": order.id})).mappings().one()
    held = transfer.held(order.account)
    await move(connection, began, TransferKind.RENTHOLD, source(began), held, clock)
    return RentalOrderResult(RentalOrderState.NEW)


async def _refused(
    connection: AsyncConnection, order: RentalOrder, account: RowMapping, keeping: Collection[str]
) -> RentalOrderResult | None:
    """Why this order does not begin; the balances are locked."""
    state = await state_for_orders(connection, order.account, account["state"], keeping)
    if state != "open":
        return RentalOrderResult(RentalOrderState(f"account_{state}"))
    if order.rental is not None and await _given_back(connection, order.rental):
        return RentalOrderResult(RentalOrderState.FAILED, None, "not_offered")
    if order.charge is Charge.HOLD and account["amount_minor"] < order.price_minor:
        return RentalOrderResult(RentalOrderState.BALANCE_TOO_LOW)
    return None


async def bought(
    db: Database, id_: UUID, sold: RentedLong, now: datetime | None, event_state: str
) -> Rental | None:
    """The rental it became; None where the order had ended without one."""
    return await write_of(db, _TABLE, id_, lambda c: _bought(c, id_, sold, now, event_state))


async def _bought(
    connection: AsyncConnection, id_: UUID, sold: RentedLong, now: datetime | None, event_state: str
) -> Rental | None:
    order = await _open(connection, id_)
    if order is None:
        return await _became(connection, id_)
    clock = await locks.clock(connection, now)
    provider, account = ProviderName(order["provider"]), AccountId(order["account"])
    number = {"number": f"{provider}\n{sold.ref}"}
    await connection.execute(statement("cases/lock_number"), number)
    booked = await rentals.newest(connection, provider, sold.ref)
    if booked is not None and booked.ended_at is None and clock <= booked.ends_at:
        # Of another account: it is told as one that is bought and cannot be kept.
        mine = booked if booked.account == account else None
        theirs = NewOrderState(RentalOrderState.FAILED, BOOKED, mine.id if mine else None)
        await end(connection, id_, theirs, clock, event_state)
        return mine
    rental = Rental(
        id=rental_id(provider, sold.ref, clock),
        provider=provider,
        ref=sold.ref,
        account=account,
        phone=sold.phone,
        service=order["service"],
        country=order["country"],
        price_minor=order["price_minor"],
        currency=order["currency"],
        charge=Charge(order["charge"]),
        policy=order["policy"],
        policy_version=order["policy_version"],
        rented_at=clock,
        ends_at=sold.ends_at,
        order_ref=order["order_ref"],
        order_facts=order["order_facts"],
    )
    await rentals.insert(connection, rental, transfer.held(account), clock)
    await rentals.keep_cost(connection, rental.id, sold.cost_minor, sold.cost_currency)
    done = NewOrderState(RentalOrderState.DONE, rental=rental.id)
    await end(connection, id_, done, clock, event_state)
    return await rentals.by_id(connection, rental.id)


async def prolonged(
    db: Database, id_: UUID, longer: ProlongedLong, now: datetime | None, event_state: str
) -> Rental | None:
    return await write_of(db, _TABLE, id_, lambda c: _prolonged(c, id_, longer, now, event_state))


async def _prolonged(
    connection: AsyncConnection,
    id_: UUID,
    longer: ProlongedLong,
    now: datetime | None,
    event_state: str,
) -> Rental | None:
    """The rental, which ends later; None where it came to nothing, and the hold went back."""
    order = await _open(connection, id_)
    if order is None:
        return await _became(connection, id_)
    clock = await locks.clock(connection, now)
    if await _given_back(connection, order["rental_id"]):  # While its provider was asked.
        lost = NewOrderState(RentalOrderState.FAILED, "provider_unavailable")
        await end(connection, id_, lost, clock, event_state)
        return None
    await _prolong(connection, order, longer, clock)
    await end(connection, id_, NewOrderState(RentalOrderState.DONE), clock, event_state)
    return await rentals.by_id(connection, order["rental_id"])


async def _prolong(
    connection: AsyncConnection, order: RowMapping, longer: ProlongedLong, now: datetime
) -> None:
    """Its rental ends later and its hold is paid; who calls ends the order."""
    await connection.execute(
        statement("cases/prolong_rental"),
        {
            "rental": order["rental_id"],
            "seconds": order["seconds"],
            **asdict(longer),
            "price": order["price_minor"],
            "now": now,
        },
    )
    held = transfer.held(AccountId(order["account"]))
    await move(connection, order, TransferKind.PROLONG, held, transfer.REVENUE, now)


async def failed(
    db: Database, id_: UUID, failure: str, now: datetime | None, event_state: str
) -> bool:
    """Certainly nothing was bought: the hold goes back, once; False: a human has said otherwise."""
    return await write_of(db, _TABLE, id_, lambda c: _failed(c, id_, failure, now, event_state))


async def _failed(
    connection: AsyncConnection, id_: UUID, failure: str, now: datetime | None, event_state: str
) -> bool:
    if await _open(connection, id_) is not None:
        clock = await locks.clock(connection, now)
        ending = NewOrderState(RentalOrderState.FAILED, failure)
        await end(connection, id_, ending, clock, event_state)
    found = await standing(connection, id_)
    return found is not None and found.state == RentalOrderState.FAILED.value


async def unknown(
    connection: AsyncConnection, id_: UUID, event_state: str, now: datetime | None
) -> None:
    """Nobody knows whether it was bought: the hold stays, the shop is told, a human decides."""
    if await _open(connection, id_) is not None:
        clock = await locks.clock(connection, now)
        await end(connection, id_, NewOrderState(RentalOrderState.UNKNOWN), clock, event_state)


async def decide(
    connection: AsyncConnection,
    id_: UUID,
    verdict: OrderVerdict,
    now: datetime | None,
    event_state: str,
) -> OrderStanding:
    """Its balances are locked: a booking, a late answer or another verdict is before or after."""
    order = await _open(connection, id_)
    if (
        order is not None
        and order["state"] == "unknown"
        and (verdict.grant or not await _given_back(connection, order["rental_id"]))
    ):
        clock = await locks.clock(connection, now)
        kept = {"grant": verdict.grant, **verdict.said._asdict()}
        if verdict.grant:
            ending = NewOrderState(RentalOrderState.FAILED, verdict.failure, verdict=kept)
        else:
            assert order["kind"] == RentalOrderKind.PROLONG.value  # A number is booked instead.
            await _prolong(connection, order, _as_ordered(order), clock)
            ending = NewOrderState(RentalOrderState.DONE, verdict=kept)
        await end(connection, id_, ending, clock, event_state)
        if verdict.said.note is not None:
            await _note(connection, order, verdict, clock)
    found = await standing(connection, id_)
    assert found is not None
    return found


def _as_ordered(order: RowMapping) -> ProlongedLong:
    """Its end as it was to be: one that another prolongation was told may hold this one."""
    read_end: datetime | None = order["read_end"]
    if read_end is None:  # It was ordered by older code: it is what was paid later than it is now.
        return ProlongedLong(None, order["asked_at"], None)
    told_end = read_end + timedelta(seconds=order["seconds"])
    return ProlongedLong(told_end, read_end, order["read_renewal"])


async def _given_back(connection: AsyncConnection, rental_id: UUID) -> bool:
    """Whether it was given back before its end: it must not run again.

    Whoever gives it back holds the balances of its account, which are locked here.
    """
    rental = await rentals.by_id(connection, rental_id)
    return rental is not None and rental.was_given_back


async def _note(
    connection: AsyncConnection, order: RowMapping, verdict: OrderVerdict, now: datetime
) -> None:
    """What was said stands with its account: an order that came to nothing has no page."""
    what = "given back" if verdict.grant else "prolonged"
    note = f"Order {order['order_ref'] or order['id']} of a rental was {what}: {verdict.said.note}"
    kept = {"account": order["account"], "note": note, "by": verdict.said.by, "now": now}
    await connection.execute(statement("books/note"), kept)


async def standing(connection: AsyncConnection, id_: UUID) -> OrderStanding | None:
    row = (await connection.execute(_ORDER, {"id": id_})).mappings().one_or_none()
    if row is None:
        return None
    return OrderStanding(
        id=row["id"],
        kind=RentalOrderKind(row["kind"]),
        state=row["state"],
        account=AccountId(row["account"]),
        provider=ProviderName(row["provider"]),
        price_minor=row["price_minor"],
        currency=row["currency"],
        order_ref=row["order_ref"],
        rental=row["rental_id"],
        ended_at=row["ended_at"],
        verdict=row["verdict"],
    )


async def forgotten(
    connection: AsyncConnection, timer: Timer, event_state: str, now: datetime | None
) -> bool:
    """Whoever asked for it has said nothing since: it may have died, or waits no more."""
    account = (await connection.execute(_ACCOUNT, {"id": timer.subject})).scalar_one()
    await locks.locked(connection, account)
    clock = await locks.clock(connection, now)
    if not await locks.rings(connection, timer, clock):
        return False
    await unknown(connection, timer.subject, event_state, clock)
    return True


async def _open(connection: AsyncConnection, id_: UUID) -> RowMapping | None:
    """The order, locked after its account's balances, while nobody knows its end."""
    account = (await connection.execute(_ACCOUNT, {"id": id_})).scalar_one()
    await locks.locked(connection, account)
    order = (await connection.execute(_LOCKED, {"id": id_})).mappings().one()
    return order if order["ended_at"] is None else None


async def _became(connection: AsyncConnection, id_: UUID) -> Rental | None:
    order = (await connection.execute(_ORDER, {"id": id_})).mappings().one()
    if order["rental_id"] is None or (order["state"] == "failed" and order["failure"] != BOOKED):
        return None
    return await rentals.by_id(connection, order["rental_id"])


async def _known(
    connection: AsyncConnection, known: RowMapping, order: RentalOrder, call: str
) -> RentalOrderResult:
    if known["state"] == "asked" and known["call"] == call:
        return RentalOrderResult(RentalOrderState.NEW)
    if known["content_hash"] != _hash(order.begun_under(known["policy"])):
        return RentalOrderResult(RentalOrderState.OTHER_CONTENT)
    if known["ended_at"] is None:
        return RentalOrderResult(RentalOrderState.UNKNOWN)
    rental = await _became(connection, known["id"])
    if rental is None:
        return RentalOrderResult(RentalOrderState.FAILED, None, known["failure"])
    return RentalOrderResult(RentalOrderState.DONE, rental)


def _hash(order: RentalOrder) -> str:
    """What makes two orders the same; under which version of its policy it was made does not."""
    content: dict[str, Any] = asdict(order)
    del content["idempotency_key"], content["policy_version"], content["policy_told"]
    for told in ("order_ref", "order_facts"):
        if content[told] is None:
            del content[told]  # Else an order of before these were told would be another one.
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


# As `cases/begin_rental_order.sql` writes them.
assert {kind.value for kind in RentalOrderKind} == {"rent", "prolong"}
assert TimerKind.RENTAL_ORDER.value == "rental_order"
