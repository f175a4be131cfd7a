"""One purchase: its intent is kept with its hold, then what came of it."""

import hashlib
import json
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import activation_reading
from worker.adapters.store.database import Database, scalar
from worker.adapters.store.statements import statement
from worker.domain.ids import ActivationId
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import Bought, PurchaseStart, PurchaseState

_PURCHASE = text("SELECT * FROM purchase WHERE id = CAST(:id AS uuid)")

#: What only matters where the activation is made with its number.
TIMING: Final = ("expires_at", "expires_in", "cancel_not_before", "ago")


async def begin(
    db: Database,
    id_: ActivationId,
    order: PurchaseOrder,
    policy: tuple[str, str],
    window: timedelta,
) -> PurchaseStart:
    content = _content(order, *policy, window)
    # One for all tries of this call: where a commit's answer was lost, it is how the next try
    # knows that the intent is its own, and nobody else's to buy.
    call = uuid4().hex
    return await db.write(lambda c: _begin(c, id_, order, content, call))


async def keep_bought(
    connection: AsyncConnection, id_: ActivationId, bought: Bought, min_cancel_age: timedelta
) -> Activation | None:
    this = {"id": id_, "ref": bought.ref}
    await connection.execute(statement("purchases/lock_ref"), {"ref": bought.ref})
    if (await connection.execute(statement("purchases/ref_is_taken"), this)).scalar_one():
        return await keep_unknown(connection, id_)
    await connection.execute(
        statement("purchases/purchase_activation"),
        {"id": id_, "state": "rented", "min_cancel_age": min_cancel_age, **_number(bought)},
    )
    adopted = {"id": id_, **_number(bought)}
    for timing in TIMING:
        del adopted[timing]
    await connection.execute(statement("purchases/adopt"), adopted)
    return (await activation_reading.by_ids(connection, [id_], timeline=True)).get(id_)


async def keep_failed(connection: AsyncConnection, id_: ActivationId, failure: str) -> None:
    account = await scalar(
        connection, "SELECT account FROM purchase WHERE id = CAST(:id AS uuid)", id=id_
    )
    await connection.execute(statement("books/lock_balances"), {"accounts": [account]})
    await connection.execute(
        statement("purchases/purchase_failed"), {"id": id_, "failure": failure}
    )


async def keep_unknown(connection: AsyncConnection, id_: ActivationId) -> Activation | None:
    nothing = dict.fromkeys(("ref", "phone", "cost", "cost_currency", *TIMING))
    await connection.execute(
        statement("purchases/purchase_activation"),
        {"id": id_, "state": "unknown", "min_cancel_age": timedelta(0), **nothing},
    )
    return (await activation_reading.by_ids(connection, [id_], timeline=True)).get(id_)


def _content(
    order: PurchaseOrder, policy: str, policy_version: str, window: timedelta
) -> dict[str, Any]:
    """What makes two orders the same, and all that the activation is made of later."""
    return {
        "account": order.account,
        "provider": order.provider,
        "service": order.service,
        "country": order.country,
        "price_minor": order.price_minor,
        "max_cost_minor": order.max_cost_minor,
        "policy": policy,
        "policy_version": policy_version,
        "window_seconds": int(window.total_seconds()),
        **({"otherwise": order.otherwise} if order.otherwise else {}),
    }


def _number(bought: Bought) -> dict[str, object]:
    return {
        "ref": bought.ref,
        "phone": bought.phone,
        "cost": bought.cost_minor,
        "cost_currency": bought.cost_currency,
        "expires_at": bought.expires_at,
        "expires_in": bought.expires_in,
        "ago": bought.ago,
        "cancel_not_before": bought.cancel_not_before,
    }


async def _begin(
    connection: AsyncConnection,
    id_: ActivationId,
    order: PurchaseOrder,
    content: dict[str, Any],
    call: str,
) -> PurchaseStart:
    balances = (
        await connection.execute(statement("books/lock_accounts"), {"accounts": [order.account]})
    ).mappings()
    account = {row["bucket"]: row for row in balances}.get("available")
    hashed = _hash({**content, "policy_version": None})
    # Read after the lock: another call with the same key is either done or still waits for us.
    known = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one_or_none()
    if known is not None and _is_ours(known, call):
        return PurchaseStart(PurchaseState.NEW, None)
    if known is not None:
        return await _known(connection, id_, known, hashed)
    if account is None or account["state"] != "open":
        return PurchaseStart(PurchaseState.UNKNOWN_ACCOUNT, None)
    if account["amount_minor"] < order.price_minor:
        return PurchaseStart(PurchaseState.BALANCE_TOO_LOW, None)
    await connection.execute(
        statement("purchases/begin_purchase"),
        {
            "id": id_,
            "content_hash": hashed,
            "account": order.account,
            "provider": order.provider,
            "order": json.dumps({**content, "call": call}),
            "price": order.price_minor,
            "currency": account["currency"],
        },
    )
    return PurchaseStart(PurchaseState.NEW, None)


def _is_ours(known: RowMapping, call: str) -> bool:
    """Begun by this very call and not found forgotten since: it is still to be asked."""
    return bool(known["state"] == "asked" and known["order"].get("call") == call)


async def _known(
    connection: AsyncConnection, id_: UUID, known: RowMapping, hashed: str
) -> PurchaseStart:
    if known["content_hash"] != hashed:
        return PurchaseStart(PurchaseState.OTHER_CONTENT, None)
    if known["state"] == "failed":
        return PurchaseStart(PurchaseState.FAILED, None, known["failure"])
    found = await activation_reading.by_ids(connection, [ActivationId(id_)], timeline=True)
    number = found.get(ActivationId(id_))
    # Read a moment after the purchase: its number may have come in between.
    rented = known["state"] == "rented" or (number is not None and number.ref is not None)
    return PurchaseStart(PurchaseState.RENTED if rented else PurchaseState.UNKNOWN, number)


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
