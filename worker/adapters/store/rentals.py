"""Rentals: booked and paid once, ended when the paid period is over."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_rows, searching
from worker.adapters.store.activations import TEXT_MAX, keepable
from worker.adapters.store.database import Database, statement
from worker.adapters.store.policies import state_for_orders
from worker.adapters.store.rental_order_ends import NewOrderState
from worker.adapters.store.rental_order_ends import end as end_order
from worker.domain import transfer
from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Sms
from worker.ports.store import cases as port
from worker.ports.store import rentals as rental_port
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
_COST = text(
    "UPDATE rental SET cost_minor = CAST(:cost AS bigint), cost_currency = CAST(:currency AS text)"
    " WHERE id = CAST(:id AS uuid)"
)
#: What a booking takes over from the order that it settles.
_OF_ITS_ORDER: Final = ("policy", "policy_version", "order_ref", "order_facts")
#: The words of the event `rental.closed`.
_CLOSINGS: Final[Mapping[rental_port.RentalClosing, str]] = {
    PriceFate.GIVEN_BACK: "given_back",
    PriceFate.KEPT: "kept",
    PriceFate.UNKNOWN: "not_told",
    **{reason: reason.value for reason in rental_port.NoClosing},
}


async def newest(
    connection: AsyncConnection, provider: ProviderName, ref: ProviderRef
) -> rental_port.Rental | None:
    row = await _newest(connection, provider, ref)
    return None if row is None else await _whole(connection, row)


async def by_id(connection: AsyncConnection, id_: UUID) -> rental_port.Rental | None:
    row = (await connection.execute(_ONE, {"id": id_})).mappings().one_or_none()
    return None if row is None else await _whole(connection, row)


#: Phones are turned round, as in their index. Only what is asked for stands in the statement, as in
#: `rows.newest`.
_WANTED: Final = {
    "only": "id = CAST(:only AS uuid)",
    "account": "account = CAST(:account AS text)",
    "ended": "(ended_at IS NOT NULL) = CAST(:ended AS boolean)",
    "ref": "provider_ref = CAST(:ref AS text)",
    "order_ref": "order_ref = CAST(:order_ref AS text)",
    "phones": "reverse(phone) = ANY(CAST(:phones AS text[]))",
    "phone_tail": "reverse(phone) LIKE CAST(:phone_tail AS text)",
    "at": "(rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))",
}


@cache
def listed_sql(filters: frozenset[str]) -> TextClause:
    """The list of rentals, with these of the filters."""
    wanted = " AND ".join(sql for name, sql in _WANTED.items() if name in filters)
    return text(statement("cases/rentals").text.replace("wanted()", wanted or "true"))


async def listed(
    connection: AsyncConnection, search: rental_port.RentalSearch, limit: int
) -> list[rental_port.Rental]:
    before = search.before or (None, None)
    known = {
        "only": search.id,
        "account": search.account,
        "ended": search.ended,
        "ref": search.ref,
        "order_ref": search.order_ref,
        **searching.phone_sought(search.phone),
        "at": before[0],
        "id": before[1],
    }
    asked = {name: value for name, value in known.items() if value is not None}
    sql = listed_sql(frozenset(asked))
    found = (await connection.execute(sql, {**asked, "limit": limit})).mappings().all()
    return [await _whole(connection, row) for row in found]


async def closed(
    connection: AsyncConnection,
    timer: Timer,
    how: rental_port.RentalClosing,
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
        **case_rows.order_ref_told(row["order_ref"]),
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


class Booking(NamedTuple):
    rental: rental_port.Rental
    policy_told: bool  #: Else its policy is the default.
    keeping: Collection[str]  #: The policies under which a blocked account may still order.


async def book(
    db: Database, booking: Booking, now: datetime | None, event_state: str
) -> port.RentalBookingResult:
    return await db.write_in_turn(
        [booking.rental.account], lambda c: _book(c, booking, now, event_state)
    )


async def _book(
    connection: AsyncConnection, booking: Booking, now: datetime | None, event_state: str
) -> port.RentalBookingResult:
    rental = booking.rental
    # Balances before the number, as `rental_orders.bought` takes them: else the two deadlock.
    if not await locks.locked(connection, rental.account):
        return port.RentalBookingResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
    number = {"number": f"{rental.provider}\n{rental.ref}"}
    await connection.execute(statement("cases/lock_number"), number)
    known = await _newest(connection, rental.provider, rental.ref)
    if known is not None and rental.rented_at <= _end_of(known):
        found = await _whole(connection, known)
        repeated = (
            port.CaseOpenOutcome.SAME
            if _same(found, booking)
            else port.CaseOpenOutcome.OTHER_CONTENT
        )
        return port.RentalBookingResult(repeated, found)
    account = await account_of(connection, rental.account)
    if account["state"] == "deleted":
        return port.RentalBookingResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
    rental = replace(rental, currency=account["currency"])
    clock = await locks.clock(connection, now)
    paid = booking._replace(rental=rental)
    how = await _paid(connection, paid, account, clock, event_state)
    if how is not port.CaseOpenOutcome.NEW:
        return port.RentalBookingResult(how)
    return port.RentalBookingResult(how, await by_id(connection, rental.id))


async def _paid(
    connection: AsyncConnection,
    booking: Booking,
    account: RowMapping,
    now: datetime,
    event_state: str,
) -> port.CaseOpenOutcome:
    """Booked, and paid by the hold of an order in doubt, which says what the booking does not."""
    rental = booking.rental
    told = {"policy_told": rental.policy if booking.policy_told else None}
    columns = {**_columns(rental, now), **told}
    found = await connection.execute(statement("cases/order_to_book"), columns)
    ordered = found.mappings().one_or_none()
    if ordered is not None:
        if ordered["differs"]:
            return port.CaseOpenOutcome.OTHER_CONTENT
        whole = replace(rental, **{name: ordered[name] for name in _OF_ITS_ORDER})
        await insert(connection, whole, transfer.held(rental.account), now)
        done = NewOrderState(rental_port.RentalOrderState.DONE, rental=rental.id)
        await end_order(connection, ordered["id"], done, now, event_state)
        return port.CaseOpenOutcome.NEW
    # Of an order in doubt the money was held before anything stood against the account.
    state = await state_for_orders(connection, rental.account, account["state"], booking.keeping)
    if state != "open":
        return port.CaseOpenOutcome(f"account_{state}")
    held = rental.charge is transfer.Charge.HOLD
    if held and account["amount_minor"] < rental.price_minor:
        return port.CaseOpenOutcome.BALANCE_TOO_LOW
    paid_from = transfer.available(rental.account) if held else transfer.OUTSIDE
    await insert(connection, rental, paid_from, now)
    return port.CaseOpenOutcome.NEW


async def account_of(connection: AsyncConnection, account: AccountId) -> RowMapping:
    return (await connection.execute(_ACCOUNT, {"account": account})).mappings().one()


async def insert(
    connection: AsyncConnection, rental: rental_port.Rental, paid_from: str, now: datetime
) -> None:
    """The rental, paid from there; the balances are locked and were found high enough."""
    await connection.execute(statement("cases/book_rental"), _columns(rental, now))
    await connection.execute(
        statement("cases/move"),
        {
            "key": transfer.transfer_key(transfer.TransferKind.RENTAL, rental.id),
            "account": rental.account,
            "activation": None,
            "source": paid_from,
            "destination": transfer.REVENUE,
            "amount": rental.price_minor,
            "currency": rental.currency,
            "now": now,
        },
    )


async def keep_cost(
    connection: AsyncConnection, id_: UUID, cost_minor: int | None, currency: str | None
) -> None:
    await connection.execute(_COST, {"id": id_, "cost": cost_minor, "currency": currency})


def _columns(rental: rental_port.Rental, now: datetime) -> dict[str, object]:
    return {
        "id": rental.id,
        "provider": rental.provider,
        "ref": rental.ref,
        "account": rental.account,
        "phone": rental.phone,
        "service": rental.service,
        "country": rental.country,
        "price": rental.price_minor,
        "currency": rental.currency,
        "charge": rental.charge.value,
        "policy": rental.policy,
        "policy_version": rental.policy_version,
        "rented_at": rental.rented_at,
        "ends_at": rental.ends_at,
        "order_ref": rental.order_ref,
        "order_facts": case_rows.as_json(rental.order_facts),
        "now": now,
    }


def _same(found: rental_port.Rental, booking: Booking) -> bool:
    """Whether it is the same rental told again; under which version it was booked stays.

    Once it was prolonged, its end and its price are no longer those it was booked with. A phone
    that was forgotten is contradicted by none.
    """
    asked = booking.rental
    if not booking.policy_told:
        asked = replace(asked, policy=found.policy)
    if not found.phone:
        asked = replace(asked, phone=found.phone)
    if found.renewed_at is not None:
        asked = replace(asked, ends_at=found.ends_at, price_minor=found.price_minor)
    return asked == replace(
        found,
        id=asked.id,
        currency=asked.currency,
        policy_version=asked.policy_version,
        order_ref=asked.order_ref and found.order_ref,
        order_facts=asked.order_facts and found.order_facts,
        ended_at=None,
        renewed_at=None,
        renewal_price_minor=None,
        outages=(),
        cancels=(),
        claims=(),
    )


def _end_of(known: RowMapping) -> datetime:
    """One that was given back is over: its provider may have sold the number again."""
    ends_at: datetime = known["ends_at"]
    return ends_at if known["ended_at"] is None else min(known["ended_at"], ends_at)


async def _newest(
    connection: AsyncConnection, provider: ProviderName, ref: ProviderRef
) -> RowMapping | None:
    found = await connection.execute(_NEWEST, {"provider": provider, "ref": ref})
    return found.mappings().one_or_none()


async def _whole(connection: AsyncConnection, row: RowMapping) -> rental_port.Rental:
    cases = await case_rows.of_rental(connection, row["id"])
    return rental_port.Rental(
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
        renewed_at=row["renewed_at"],
        renewal_price_minor=row["renewal_price_minor"],
        order_ref=row["order_ref"],
        order_facts=row["order_facts"],
        outages=tuple(one for one in cases if one.kind is CaseKind.OUTAGE),
        cancels=tuple(one for one in cases if one.kind is CaseKind.RENTAL_CANCEL),
        claims=tuple(one for one in cases if one.kind is CaseKind.CLAIM),
    )


async def keep_messages(
    connection: AsyncConnection, rental: UUID, sms: Sequence[Sms], now: datetime | None
) -> None:
    await connection.execute(
        statement("cases/keep_messages"),
        {
            "rental": rental,
            "hashes": [_message_hash(one) for one in sms],
            "codes": [keepable(one.code, TEXT_MAX) for one in sms],
            "texts": [None if one.text is None else keepable(one.text, TEXT_MAX) for one in sms],
            "received": [one.received_at for one in sms],
            "now": now,
        },
    )


async def messages(connection: AsyncConnection, rental: UUID) -> list[rental_port.RentalMessage]:
    rows = await connection.execute(statement("cases/rental_messages"), {"rental": rental})
    return [rental_port.RentalMessage(*row) for row in rows]


def _message_hash(sms: Sms) -> str:
    """A provider may give no time, or no text: what it gives is what tells two messages apart.

    It is of what the provider gives, not of what is kept of it: rows of before stay the same.
    """
    parts = [sms.code, sms.text, None if sms.received_at is None else sms.received_at.isoformat()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# As `cases/book_rental.sql` and `cases/end_rental.sql` write them.
assert TimerKind.RENTAL_END.value == "rental_end"
assert TimerKind.RENTAL_EMPTY.value == "rental_empty"  # Set by a trigger beside the end.
assert TimerKind.RENTAL_CLOSE.value == "rental_close"
