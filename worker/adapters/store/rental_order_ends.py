"""How an order of a long rental ends or comes into doubt: its row, its hold, and its review."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_rows, review_events
from worker.adapters.store.database import statement
from worker.domain import transfer
from worker.domain.ids import AccountId
from worker.domain.transfer import Charge, TransferKind
from worker.ports.store.books import IN_DOUBT
from worker.ports.store.case_search import OUTCOME_UNKNOWN
from worker.ports.store.rentals import RentalOrderState

#: The customer has paid and has nothing: a person decides within a day, weekends included.
DECIDED_WITHIN: Final = timedelta(days=1)


class NewOrderState(NamedTuple):
    """What becomes of an order."""

    state: RentalOrderState
    failure: str | None = None
    rental: UUID | None = None
    verdict: Mapping[str, Any] | None = None  #: Of the human who ended it.


async def end(
    connection: AsyncConnection, id_: UUID, ending: NewOrderState, now: datetime, event_state: str
) -> None:
    """Once: an order that has ended, or is in doubt already, stays as it is."""
    columns = {
        **ending._asdict(),
        "id": id_,
        "state": ending.state.value,
        "verdict": case_rows.as_json(ending.verdict),
        "decided_within": DECIDED_WITHIN,
        "now": now,
    }
    ended = await connection.execute(statement("cases/end_rental_order"), columns)
    order = ended.mappings().one_or_none()
    if order is None:
        return
    if ending.state is RentalOrderState.FAILED:
        held = transfer.held(AccountId(order["account"]))
        await move(connection, order, TransferKind.RENTBACK, held, source(order), now)
    if ending.state is RentalOrderState.UNKNOWN:
        await _tell_doubt(connection, order, now, event_state)
    if order["doubted_at"] is not None:
        await _tell_review(connection, order, now, event_state)


async def move(
    connection: AsyncConnection,
    order: RowMapping,
    kind: TransferKind,
    origin: str,
    destination: str,
    now: datetime,
) -> None:
    await connection.execute(
        statement("cases/move"),
        {
            "key": transfer.transfer_key(kind, order["id"]),
            "account": order["account"],
            "activation": None,
            "source": origin,
            "destination": destination,
            "amount": order["price_minor"],
            "currency": order["currency"],
            "now": now,
        },
    )


def source(order: RowMapping) -> str:
    """Where the hold of an order came from, and goes back to."""
    if order["charge"] == Charge.EXTERNAL.value:
        return transfer.OUTSIDE
    return transfer.available(AccountId(order["account"]))


async def _tell_doubt(
    connection: AsyncConnection, order: RowMapping, now: datetime, event_state: str
) -> None:
    payload = {
        "order": str(order["id"]),
        "kind": order["kind"],
        "provider": order["provider"],
        "account": order["account"],
        "rental": None if order["rental_id"] is None else str(order["rental_id"]),
        **case_rows.order_ref_told(order["order_ref_told"]),
    }
    await connection.execute(
        statement("cases/write_event"),
        {
            "subject": str(order["id"]),
            "type": "rental.unknown",
            "activation": None,
            "account": order["account"],
            "now": now,
            "payload": json.dumps(payload),
            "event_state": event_state,
        },
    )


async def _tell_review(
    connection: AsyncConnection, order: RowMapping, now: datetime, event_state: str
) -> None:
    """Whatever ends its doubt ends its review: a verdict, a booking, a late answer."""
    told = {
        "id": str(order["id"]),
        "case": None,
        "kind": IN_DOUBT,
        "subject": str(order["id"]),
        "activation": None,
        "account": order["account"],
        "currency": order["currency"],
        **case_rows.order_ref_told(order["order_ref_told"]),
    }
    if order["ended_at"] is None:
        type_ = "review.opened"
        told |= {
            "reason": OUTCOME_UNKNOWN,
            "proposed_minor": order["price_minor"],
            "by_when": case_rows.instant(order["decide_by"]),
        }
    else:
        type_ = "review.decided"
        told |= {"state": order["state"], "by_verdict": order["verdict"] is not None}
    await review_events.write(connection, order["id"], type_, told, now, event_state, None)
