"""Purchases: what we asked providers for, what they told us unasked, and what they owe."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import disputes, purchase_orders
from worker.adapters.store.database import Database, scalar, statement
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.turns import LOCK_WAIT
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.policy.at_intake import ANY_TIME, CancelTerms
from worker.ports.provider import ActiveRow, Balance, PastNumber
from worker.ports.service import PurchaseOrder, Push
from worker.ports.store import purchases as port
from worker.ports.store.activations import Activation
from worker.ports.store.said import NOTHING_SAID, StaffNote

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
        content = purchase_orders.content_of(order, policy, policy_version, window)
        keeping = self._policies.keeping
        return await purchase_orders.begin(self._db, id_, order, content, cancel, keeping)

    async def known_purchase(
        self, id_: ActivationId, same_as: PurchaseOrder | None
    ) -> port.PurchaseStart | None:
        return await self._db.read(lambda c: purchase_orders.known(c, id_, same_as))

    async def purchase_bought(
        self, id_: ActivationId, bought: port.Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        return await self._db.write(
            lambda c: purchase_orders.keep_bought(c, id_, bought, min_cancel_age)
        )

    async def purchase_unknown(self, id_: ActivationId) -> Activation | None:
        return await self._db.write(lambda c: purchase_orders.keep_unknown(c, id_))

    async def purchase_failed(
        self, id_: ActivationId, failure: str, *, is_order: bool
    ) -> port.FailedPurchase:
        return await self._db.write(
            lambda c: purchase_orders.keep_failed(c, id_, failure, is_order=is_order),
            lock_wait=LOCK_WAIT,
        )

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
        found = await self._db.rows(_PUSHED, {"provider": provider, "refs": list(refs)})
        return {ProviderRef(row["provider_ref"]) for row in found}

    async def forget_pushes(self, time: timedelta, limit: int) -> int:
        asked = {"time": time, "limit": limit}

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement("purchases/forget_pushes"), asked)).rowcount

        return await self._db.write(work)

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
