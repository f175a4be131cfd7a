"""Orders of numbers: the intent with its hold, and what became of it."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.database import Database, lock_accounts, statement
from worker.adapters.store.policies import state_for_orders
from worker.domain.ids import ActivationId, ProviderName
from worker.domain.policy.at_intake import CancelTerms
from worker.domain.transfer import Charge
from worker.ports.service import Preference, PurchaseOrder
from worker.ports.store import purchases as port
from worker.ports.store.activations import Activation

_PURCHASE = text("SELECT * FROM purchase WHERE id = CAST(:id AS uuid)")

#: What only matters where the activation is made with its number.
TIMING: Final = ("expires_at", "expires_in", "cancel_not_before", "ago")


async def begin(
    db: Database,
    id_: ActivationId,
    order: PurchaseOrder,
    content: dict[str, Any],
    cancel: CancelTerms,
    keeping: Collection[str],
) -> port.PurchaseStart:
    """*keeping*: the policies under which a blocked account may still order."""
    # One for all tries of this call: where a commit's answer was lost, it is how the next try
    # knows that the intent is its own, and nobody else's to buy.
    begun = {"call": uuid4().hex, "cancel": _terms(cancel), "because": order.because}
    return await db.write_account(
        order.account, lambda c: _begin(c, id_, order, content, begun, keeping)
    )


async def known(
    connection: AsyncConnection, id_: ActivationId, same_as: PurchaseOrder | None
) -> port.PurchaseStart | None:
    found = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one_or_none()
    return None if found is None else await _known(connection, found, same_as)


async def keep_bought(
    connection: AsyncConnection, id_: ActivationId, bought: port.Bought, min_cancel_age: timedelta
) -> Activation | None:
    this = {"id": id_, "ref": bought.ref, "phone": bought.phone}
    await connection.execute(statement("purchases/lock_ref"), {"ref": bought.ref})
    if (await connection.execute(statement("purchases/ref_is_taken"), this)).scalar_one():
        return await keep_unknown(connection, id_)
    await connection.execute(
        statement("purchases/purchase_activation"),
        {"id": id_, "state": "rented", "min_cancel_age": min_cancel_age, **_number(bought)},
    )
    adopted = {name: value for name, value in _number(bought).items() if name not in TIMING}
    await connection.execute(statement("purchases/adopt"), {"id": id_, **adopted})
    return (await rows.by_ids(connection, [id_])).get(id_)


async def keep_failed(
    connection: AsyncConnection, id_: ActivationId, failure: str, *, is_order: bool
) -> port.FailedPurchase:
    asked = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one_or_none()
    if asked is None:  # A failover lost the order, and its hold with it.
        return port.FailedPurchase(None, in_doubt=False)
    await connection.execute(statement("books/lock_balances"), {"accounts": [asked["account"]]})
    failed = {"id": id_, "failure": failure, "is_order": is_order}
    await connection.execute(statement("purchases/purchase_failed"), failed)
    kept = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one()
    activation = (await rows.by_ids(connection, [id_])).get(id_)
    return port.FailedPurchase(activation, in_doubt=kept["state"] != "failed")


async def keep_unknown(connection: AsyncConnection, id_: ActivationId) -> Activation | None:
    nothing = dict.fromkeys(("ref", "phone", "cost", "cost_currency", *TIMING))
    await connection.execute(
        statement("purchases/purchase_activation"),
        {"id": id_, "state": "unknown", "min_cancel_age": timedelta(0), **nothing},
    )
    return (await rows.by_ids(connection, [id_])).get(id_)


def content_of(
    order: PurchaseOrder, policy: str, policy_version: str, window: timedelta
) -> dict[str, Any]:
    """What makes two orders the same, and all that the activation is made of later."""
    content = {f.name: getattr(order, f.name) for f in fields(order)}
    del content["idempotency_key"], content["window"], content["because"]
    content["charge"] = None if order.charge is Charge.HOLD else order.charge.value
    content["prefer"] = None if order.prefer is Preference.ORDER else order.prefer.value
    content["options"] = order.options.given()
    for told in ("otherwise", "charge", "order_ref", "order_facts", "options", "prefer", "named"):
        if not content[told]:
            del content[told]  # Orders of before these could be told keep their hash.
    return {
        **content,
        "policy": policy,
        "policy_version": policy_version,
        "window_seconds": int(window.total_seconds()),
    }


def _terms(cancel: CancelTerms) -> dict[str, Any]:
    """Follow from the policy and the order, so they make no two orders different."""
    return {**cancel._asdict(), "from_s": cancel.from_s or None}


def _number(bought: port.Bought) -> dict[str, object]:
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
    begun: dict[str, Any],
    keeping: Collection[str],
) -> port.PurchaseStart:
    balances = await lock_accounts(connection, [order.account])
    account = {row["bucket"]: row for row in balances}.get("available")
    # Read after the lock: another call with the same key is either done or still waits for us.
    known = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one_or_none()
    if known is not None and _is_ours(known, begun["call"]):
        return port.PurchaseStart(port.PurchaseState.NEW, None)
    if known is not None:
        return await _known(connection, known, order)
    if account is None or account["state"] == "deleted":
        return port.PurchaseStart(port.PurchaseState.UNKNOWN_ACCOUNT, None)
    state = await state_for_orders(connection, order.account, account["state"], keeping)
    if state != "open":
        return port.PurchaseStart(port.PurchaseState(f"account_{state}"), None)
    if order.charge is Charge.HOLD and account["amount_minor"] < order.price_minor:
        return port.PurchaseStart(port.PurchaseState.BALANCE_TOO_LOW, None)
    begins = await connection.execute(
        statement("purchases/begin_purchase"),
        {
            "id": id_,
            "content_hash": _hash(order, content),
            "account": order.account,
            "provider": order.provider,
            "order": json.dumps({**content, **begun}),
            "price": order.price_minor,
            "currency": account["currency"],
        },
    )
    new = begins.rowcount > 0  # Of its account's balances.
    return port.PurchaseStart(port.PurchaseState["NEW" if new else "OTHER_CONTENT"], None)


def _is_ours(known: RowMapping, call: str) -> bool:
    """Begun by this very call and not found forgotten since: it is still to be asked."""
    return bool(known["state"] == "asked" and known["order"].get("call") == call)


async def _known(
    connection: AsyncConnection, known: RowMapping, same_as: PurchaseOrder | None
) -> port.PurchaseStart:
    if same_as is not None and known["content_hash"] != _hash(same_as, _filled(same_as, known)):
        return port.PurchaseStart(port.PurchaseState.OTHER_CONTENT, None)
    id_ = ActivationId(known["id"])
    number = (await rows.by_ids(connection, [id_])).get(id_)
    whom = (ProviderName(known["provider"]), known["order"].get("because", ""))
    if known["state"] == "failed":
        return port.PurchaseStart(port.PurchaseState.FAILED, number, known["failure"], *whom)
    # Read a moment after the purchase: its number may have come in between.
    rented = known["state"] == "rented" or (number is not None and number.ref is not None)
    state = port.PurchaseState.RENTED if rented else port.PurchaseState.UNKNOWN
    return port.PurchaseStart(state, number, None, *whom)


def _filled(order: PurchaseOrder, known: RowMapping) -> dict[str, Any]:
    """Its content with the defaults of the day on which it began; those of today may differ."""
    began = known["order"]
    window = order.window or timedelta(seconds=began["window_seconds"])
    return content_of(order, order.policy or began["policy"], began["policy_version"], window)


def _hash(order: PurchaseOrder, content: dict[str, Any]) -> str:
    # Where a preference chose this provider, another call with the same key may choose another one.
    chosen = {"provider": None} if order.named else {}
    hashed = {**content, "policy_version": None, **chosen}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()
