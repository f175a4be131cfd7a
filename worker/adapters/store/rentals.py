"""Rentals: booked and paid once, ended when the paid period is over."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_rows
from worker.adapters.store.database import statement
from worker.domain import transfer
from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.store import cases as port
from worker.ports.store.case_view import CaseKind, Timer, TimerKind

_NEWEST = text(
    "SELECT * FROM rental WHERE provider = :provider AND provider_ref = :ref"
    " ORDER BY rented_at DESC LIMIT 1"
)
_ONE = text("SELECT * FROM rental WHERE id = CAST(:id AS uuid)")
_ACCOUNT = text(
    "SELECT a.currency, a.state, b.amount_minor FROM account a JOIN balance b USING (account)"
    " WHERE a.account = :account AND b.bucket = 'available'"
)
_END = text(
    "UPDATE rental SET ended_at = ends_at WHERE id = CAST(:id AS uuid) AND ended_at IS NULL"
)
#: The words of the event `rental.closed`.
_CLOSINGS: Final[Mapping[port.RentalClosing, str]] = {
    PriceFate.GIVEN_BACK: "given_back",
    PriceFate.KEPT: "kept",
    PriceFate.UNKNOWN: "not_told",
    **{reason: reason.value for reason in port.NoClosing},
}


async def newest(
    connection: AsyncConnection, provider: ProviderName, ref: ProviderRef
) -> port.Rental | None:
    row = await _newest(connection, provider, ref)
    return None if row is None else await _whole(connection, row)


async def by_id(connection: AsyncConnection, id_: UUID) -> port.Rental | None:
    row = (await connection.execute(_ONE, {"id": id_})).mappings().one_or_none()
    return None if row is None else await _whole(connection, row)


async def closed(
    connection: AsyncConnection,
    timer: Timer,
    how: port.RentalClosing,
    now: datetime | None,
    event_state: str,
) -> bool:
    clock = await locks.clock(connection, now)
    if not await locks.rings(connection, timer, clock):
        return False
    row = (await connection.execute(_ONE, {"id": timer.subject})).mappings().one()
    payload = {
        "rental": str(row["id"]),
        "provider": row["provider"],
        "provider_ref": row["provider_ref"],
        "account": row["account"],
        "at_provider": _CLOSINGS[how],
    }
    await connection.execute(
        statement("cases/write_event"),
        {
            "subject": str(row["id"]),
            "type": "rental.closed",
            "activation": None,
            "account": row["account"],
            "now": clock,
            "payload": json.dumps(payload),
            "event_state": event_state,
        },
    )
    return True


async def put_off(
    connection: AsyncConnection, timer: Timer, by: timedelta, now: datetime | None
) -> None:
    clock = await locks.clock(connection, now)
    later = {"kind": timer.kind.value, "id": timer.subject, "due_at": timer.due_at}
    await connection.execute(statement("cases/put_off_timer"), {**later, "until": clock + by})


async def end(connection: AsyncConnection, timer: Timer, now: datetime | None) -> bool:
    clock = await locks.clock(connection, now)
    if not await locks.rings(connection, timer, clock):
        return False
    return (await connection.execute(_END, {"id": timer.subject})).rowcount == 1


async def book(
    connection: AsyncConnection, rental: port.Rental, now: datetime | None
) -> port.RentalBookingResult:
    number = {"number": f"{rental.provider}\n{rental.ref}"}
    await connection.execute(statement("cases/lock_number"), number)
    if not await locks.locked(connection, rental.account):
        return port.RentalBookingResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
    known = await _newest(connection, rental.provider, rental.ref)
    if known is not None and rental.rented_at <= known["ends_at"]:
        found = await _whole(connection, known)
        repeated = (
            port.CaseOpenOutcome.SAME
            if _same(found, rental)
            else port.CaseOpenOutcome.OTHER_CONTENT
        )
        return port.RentalBookingResult(repeated, found)
    account = (await connection.execute(_ACCOUNT, {"account": rental.account})).mappings().one()
    if account["state"] == "deleted":
        return port.RentalBookingResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
    if account["state"] != "open":
        return port.RentalBookingResult(port.CaseOpenOutcome(f"account_{account['state']}"))
    if rental.charge is transfer.Charge.HOLD and account["amount_minor"] < rental.price_minor:
        return port.RentalBookingResult(port.CaseOpenOutcome.BALANCE_TOO_LOW)
    clock = await locks.clock(connection, now)
    columns = _columns(rental, account["currency"], clock)
    await connection.execute(statement("cases/book_rental"), columns)
    await connection.execute(
        statement("cases/move"),
        {
            "key": transfer.transfer_key(transfer.TransferKind.RENTAL, rental.id),
            "account": rental.account,
            "activation": None,
            "source": transfer.available(rental.account)
            if rental.charge is transfer.Charge.HOLD
            else transfer.OUTSIDE,
            "destination": transfer.REVENUE,
            "amount": rental.price_minor,
            "currency": account["currency"],
            "now": clock,
        },
    )
    booked = await _newest(connection, rental.provider, rental.ref)
    assert booked is not None
    return port.RentalBookingResult(port.CaseOpenOutcome.NEW, await _whole(connection, booked))


def _columns(rental: port.Rental, currency: str, now: datetime) -> dict[str, object]:
    return {
        "id": rental.id,
        "provider": rental.provider,
        "ref": rental.ref,
        "account": rental.account,
        "phone": rental.phone,
        "service": rental.service,
        "country": rental.country,
        "price": rental.price_minor,
        "currency": currency,
        "charge": rental.charge.value,
        "policy": rental.policy,
        "policy_version": rental.policy_version,
        "rented_at": rental.rented_at,
        "ends_at": rental.ends_at,
        "now": now,
    }


def _same(found: port.Rental, asked: port.Rental) -> bool:
    """Whether it is the same rental told again; under which version it was booked stays."""
    return asked == replace(
        found,
        id=asked.id,
        currency=asked.currency,
        policy_version=asked.policy_version,
        ended_at=None,
        outages=(),
        claims=(),
    )


async def _newest(
    connection: AsyncConnection, provider: ProviderName, ref: ProviderRef
) -> RowMapping | None:
    found = await connection.execute(_NEWEST, {"provider": provider, "ref": ref})
    return found.mappings().one_or_none()


async def _whole(connection: AsyncConnection, row: RowMapping) -> port.Rental:
    cases = await case_rows.of_rental(connection, row["id"])
    return port.Rental(
        id=row["id"],
        provider=ProviderName(row["provider"]),
        ref=ProviderRef(row["provider_ref"]),
        account=AccountId(row["account"]),
        phone=row["phone"],
        service=row["service"],
        country=row["country"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        charge=transfer.Charge(row["charge"]),
        policy=row["policy"],
        policy_version=row["policy_version"],
        rented_at=row["rented_at"],
        ends_at=row["ends_at"],
        ended_at=row["ended_at"],
        outages=tuple(one for one in cases if one.kind is CaseKind.OUTAGE),
        claims=tuple(one for one in cases if one.kind is CaseKind.CLAIM),
    )


# As `cases/book_rental.sql` and `cases/end_rental.sql` write them.
assert TimerKind.RENTAL_END.value == "rental_end"
assert TimerKind.RENTAL_CLOSE.value == "rental_close"
