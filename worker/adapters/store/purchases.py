"""Purchases: what we asked providers for, what they told us unasked, and what they owe."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import disputes, rows
from worker.adapters.store.database import Database, lock_accounts, scalar, statement
from worker.adapters.store.policies import PolicyRepository, state_for_orders
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.policy.at_intake import ANY_TIME, CancelTerms
from worker.domain.transfer import Charge
from worker.ports.provider import ActiveRow, Balance, PastNumber
from worker.ports.service import Preference, PurchaseOrder, Push
from worker.ports.store import purchases as port
from worker.ports.store.activations import Activation
from worker.ports.store.said import NOTHING_SAID, StaffNote

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
) -> Activation | None:
    account = await scalar(
        connection, "SELECT account FROM purchase WHERE id = CAST(:id AS uuid)", id=id_
    )
    await connection.execute(statement("books/lock_balances"), {"accounts": [account]})
    failed = {"id": id_, "failure": failure, "is_order": is_order}
    await connection.execute(statement("purchases/purchase_failed"), failed)
    return (await rows.by_ids(connection, [id_])).get(id_)


async def keep_unknown(connection: AsyncConnection, id_: ActivationId) -> Activation | None:
    nothing = dict.fromkeys(("ref", "phone", "cost", "cost_currency", *TIMING))
    await connection.execute(
        statement("purchases/purchase_activation"),
        {"id": id_, "state": "unknown", "min_cancel_age": timedelta(0), **nothing},
    )
    return (await rows.by_ids(connection, [id_])).get(id_)


def _content(
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
    # Where a preference chose this provider, another call with the same key may choose another one.
    chosen = {"provider": None} if order.named else {}
    hashed = _hash({**content, "policy_version": None, **chosen})
    # Read after the lock: another call with the same key is either done or still waits for us.
    known = (await connection.execute(_PURCHASE, {"id": id_})).mappings().one_or_none()
    if known is not None and _is_ours(known, begun["call"]):
        return port.PurchaseStart(port.PurchaseState.NEW, None)
    if known is not None:
        return await _known(connection, id_, known, hashed)
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
            "content_hash": hashed,
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
    connection: AsyncConnection, id_: UUID, known: RowMapping, hashed: str
) -> port.PurchaseStart:
    if known["content_hash"] != hashed:
        return port.PurchaseStart(port.PurchaseState.OTHER_CONTENT, None)
    found = await rows.by_ids(connection, [ActivationId(id_)])
    number = found.get(ActivationId(id_))
    whom = (ProviderName(known["provider"]), known["order"].get("because", ""))
    if known["state"] == "failed":
        return port.PurchaseStart(port.PurchaseState.FAILED, number, known["failure"], *whom)
    # Read a moment after the purchase: its number may have come in between.
    rented = known["state"] == "rented" or (number is not None and number.ref is not None)
    state = port.PurchaseState.RENTED if rented else port.PurchaseState.UNKNOWN
    return port.PurchaseStart(state, number, None, *whom)


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_FORGOTTEN = text(
    "SELECT id FROM purchase WHERE state = 'asked'"
    " AND asked_at < now() - CAST(:older_than AS interval) ORDER BY asked_at LIMIT 100"
)
_PUSHED = text(
    "SELECT DISTINCT provider_ref FROM push"
    " WHERE provider = :provider AND provider_ref = ANY(CAST(:refs AS text[]))"
)
_EXPOSURE = text(
    "SELECT currency, sum(amount_minor)::bigint AS minor FROM exposure"
    " WHERE provider = :provider AND state = 'open' GROUP BY currency ORDER BY currency"
)
_ORDERED: Final = "SELECT EXISTS (SELECT FROM purchase WHERE id = CAST(:id AS uuid))"


class PurchaseRepository:
    """Purchases and pushes, balances and histories held against our books, exposures, drains."""

    def __init__(self, db: Database, policies: PolicyRepository) -> None:
        self._db = db
        self._policies = policies

    async def begin_purchase(
        self,
        id_: ActivationId,
        order: PurchaseOrder,
        policy: str,
        policy_version: str,
        window: timedelta,
        cancel: CancelTerms = ANY_TIME,
    ) -> port.PurchaseStart:
        await self._policies.keep(policy, policy_version)
        content, keeping = _content(order, policy, policy_version, window), self._policies.keeping
        return await begin(self._db, id_, order, content, cancel, keeping)

    async def purchase_bought(
        self, id_: ActivationId, bought: port.Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        return await self._db.write(lambda c: keep_bought(c, id_, bought, min_cancel_age))

    async def purchase_unknown(self, id_: ActivationId) -> Activation | None:
        return await self._db.write(lambda c: keep_unknown(c, id_))

    async def purchase_failed(
        self, id_: ActivationId, failure: str, *, is_order: bool
    ) -> Activation | None:
        return await self._db.write(lambda c: keep_failed(c, id_, failure, is_order=is_order))

    async def forgotten_purchases(self, older_than: timedelta) -> list[ActivationId]:
        found = await self._rows(_FORGOTTEN, older_than=older_than)
        return [ActivationId(row["id"]) for row in found]

    async def open_purchases(
        self, provider: ProviderName, *, settled_for: timedelta = timedelta(0)
    ) -> list[port.OpenPurchase]:
        found = await self._rows(
            statement("purchases/open_purchases"), provider=provider, settled_for=settled_for
        )
        return [port.OpenPurchase(**row) for row in found]

    async def purchases_in_doubt(
        self, provider: ProviderName, oldest: timedelta
    ) -> list[port.OpenPurchase]:
        found = await self._rows(
            statement("purchases/purchases_in_doubt"), provider=provider, oldest=oldest
        )
        return [port.OpenPurchase(**row) for row in found]

    async def note_absence(self, began: datetime, absent: Mapping[ActivationId, bool]) -> None:
        async def work(connection: AsyncConnection) -> None:
            told = {"began": began, "ids": list(absent), "absent": list(absent.values())}
            await connection.execute(statement("purchases/note_absence"), told)

        await self._db.write(work)

    async def prove_unsold(self, ids: Sequence[ActivationId]) -> list[ActivationId]:
        found = await self._rows(statement("purchases/prove_unsold"), ids=list(ids))
        return [ActivationId(row["id"]) for row in found]

    async def unknown_rows(
        self, provider: ProviderName, rows: Sequence[port.AnyNumber]
    ) -> list[port.AnyNumber]:
        found = await self._rows(
            statement("purchases/unknown_rows"),
            provider=provider,
            refs=[row.ref for row in rows],
            phones=[row.phone for row in rows],
            rented=[row.rented_at for row in rows],
            live=[isinstance(row, ActiveRow) for row in rows],
        )
        return [rows[row["place"] - 1] for row in found]

    async def keep_pushes(
        self, provider: ProviderName, pushes: Sequence[Push]
    ) -> list[ProviderRef]:
        found = await self._rows(
            statement("purchases/keep_pushes"),
            provider=provider,
            hashes=[push.content_hash for push in pushes],
            refs=[push.ref for push in pushes],
        )
        return [ProviderRef(row["provider_ref"]) for row in found]

    async def pushed_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> set[ProviderRef]:
        found = await self._rows(_PUSHED, provider=provider, refs=list(refs))
        return {ProviderRef(row["provider_ref"]) for row in found}

    async def ordered(self, id_: ActivationId) -> bool:
        return bool(await self._db.read(lambda c: scalar(c, _ORDERED, id=id_)))

    async def count_provider(self, provider: ProviderName, currency: str) -> port.CountedSums:
        return await self._db.read(lambda c: disputes.count(c, provider, currency))

    async def keep_reading(
        self, provider: ProviderName, balance: Balance, before: port.CountedSums
    ) -> port.BalanceDifference | None:
        return await self._db.write(lambda c: disputes.keep_reading(c, provider, balance, before))

    async def reopen_listed(
        self, provider: ProviderName, rows: Sequence[ActiveRow], *, ended_for: timedelta
    ) -> port.ReopenedNumbers:
        if not rows:
            return port.ReopenedNumbers(0, 0)
        return await self._db.write(lambda c: disputes.reopen_listed(c, provider, rows, ended_for))

    async def compare_history(
        self, provider: ProviderName, rows: Sequence[PastNumber], *, ended_for: timedelta
    ) -> port.HistoryComparison:
        if not rows:
            return port.HistoryComparison({}, 0)
        return await self._db.write(
            lambda c: disputes.compare_history(c, provider, rows, ended_for)
        )

    async def disputed_since(
        self, provider: ProviderName, oldest: timedelta, newest: timedelta
    ) -> list[datetime]:
        return await self._db.read(lambda c: disputes.rented_at(c, provider, oldest, newest))

    async def provider_report(self, provider: ProviderName, currency: str) -> port.ProviderReport:
        return await self._db.read(lambda c: disputes.report(c, provider, currency))

    async def exposure_by_currency(self, provider: ProviderName) -> Mapping[str, int]:
        found = await self._rows(_EXPOSURE, provider=provider)
        return {row["currency"]: row["minor"] for row in found}

    async def open_exposures(
        self, provider: ProviderName, limit: int, *, older_than: timedelta = timedelta(0)
    ) -> list[port.OpenExposure]:
        found = await self._rows(
            statement("purchases/open_exposures"),
            provider=provider,
            older_than=older_than,
            limit=limit,
        )
        return [_open_exposure(row) for row in found]

    async def end_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: port.ExposureEnd, by: str
    ) -> list[port.EndedExposure]:
        how = statement("purchases/end_exposures")
        return await self._db.write(
            lambda c: disputes.end_exposures(c, how, provider, ids, (end, by))
        )

    async def correct_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: port.ExposureEnd, by: str
    ) -> list[port.EndedExposure]:
        how = statement("purchases/correct_exposures")
        return await self._db.write(
            lambda c: disputes.end_exposures(c, how, provider, ids, (end, by))
        )

    async def drain(
        self,
        provider: ProviderName,
        kind: port.StopKind = port.StopKind.DRAIN,
        said: StaffNote = NOTHING_SAID,
    ) -> datetime:
        asked = {"provider": provider, "kind": kind.value, **said._asdict()}
        (row,) = await self._rows(statement("purchases/drain"), **asked)
        stopped: datetime = row["drained_at"]
        return stopped

    async def resume(self, provider: ProviderName, said: StaffNote = NOTHING_SAID) -> bool:
        asked = {"provider": provider, **said._asdict()}
        return bool(await self._rows(statement("purchases/resume"), **asked))

    async def forget_figures(self) -> None:
        await self._db.write(lambda c: c.execute(statement("purchases/forget_figures")))

    async def drained(self) -> Mapping[ProviderName, datetime]:
        found = await self._db.read(lambda c: c.execute(disputes.DRAINED))
        return {ProviderName(row.provider): row.drained_at for row in found}

    async def _rows(self, sql: Executable, **parameters: object) -> Sequence[RowMapping]:
        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            return (await connection.execute(sql, parameters)).mappings().all()

        return await self._db.write(work)


def _open_exposure(row: RowMapping) -> port.OpenExposure:
    columns: dict[str, Any] = dict(row)
    cause = port.ExposureCause(columns.pop("why"))
    return port.OpenExposure(ref=columns.pop("provider_ref"), why=cause, **columns)
