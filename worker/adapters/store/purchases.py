"""Purchases: what we asked providers for, what they told us unasked, and what they owe."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import disputes, provider_balances, purchase_intents
from worker.adapters.store.database import Database, scalar
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.statements import statement
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.history import PastNumber
from worker.ports.provider import ActiveRow, Balance
from worker.ports.service import PurchaseOrder, Push
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import (
    BalanceDifference,
    Bought,
    CountedSums,
    EndedExposure,
    ExposureCause,
    ExposureEnd,
    HistoryComparison,
    OpenExposure,
    OpenPurchase,
    ProviderReport,
    PurchaseStart,
    ReopenedNumbers,
)

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
_UNDRAIN = text("DELETE FROM provider_drain WHERE provider = :provider RETURNING provider")
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
    ) -> PurchaseStart:
        await self._policies.keep(policy, policy_version)
        return await purchase_intents.begin(self._db, id_, order, (policy, policy_version), window)

    async def purchase_bought(
        self, id_: ActivationId, bought: Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        return await self._db.write(
            lambda c: purchase_intents.keep_bought(c, id_, bought, min_cancel_age)
        )

    async def purchase_unknown(self, id_: ActivationId) -> Activation | None:
        return await self._db.write(lambda c: purchase_intents.keep_unknown(c, id_))

    async def purchase_failed(self, id_: ActivationId, failure: str) -> None:
        await self._db.write(lambda c: purchase_intents.keep_failed(c, id_, failure))

    async def forgotten_purchases(self, older_than: timedelta) -> list[ActivationId]:
        found = await self._rows(_FORGOTTEN, older_than=older_than)
        return [ActivationId(row["id"]) for row in found]

    async def open_purchases(
        self, provider: ProviderName, *, settled_for: timedelta = timedelta(0)
    ) -> list[OpenPurchase]:
        found = await self._rows(
            statement("purchases/open_purchases"), provider=provider, settled_for=settled_for
        )
        return [OpenPurchase(**row) for row in found]

    async def unknown_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> list[ProviderRef]:
        found = await self._rows(
            statement("purchases/unknown_refs"), provider=provider, refs=list(refs)
        )
        return [ProviderRef(row["ref"]) for row in found]

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

    async def count_provider(self, provider: ProviderName, currency: str) -> CountedSums:
        return await self._db.read(lambda c: provider_balances.count(c, provider, currency))

    async def keep_reading(
        self, provider: ProviderName, balance: Balance, before: CountedSums
    ) -> BalanceDifference | None:
        return await self._db.write(
            lambda c: provider_balances.keep_reading(c, provider, balance, before)
        )

    async def reopen_listed(
        self, provider: ProviderName, rows: Sequence[ActiveRow], *, ended_for: timedelta
    ) -> ReopenedNumbers:
        if not rows:
            return ReopenedNumbers(0, 0)
        return await self._db.write(lambda c: disputes.reopen_listed(c, provider, rows, ended_for))

    async def compare_history(
        self, provider: ProviderName, rows: Sequence[PastNumber], *, ended_for: timedelta
    ) -> HistoryComparison:
        if not rows:
            return HistoryComparison({}, 0)
        return await self._db.write(
            lambda c: disputes.compare_history(c, provider, rows, ended_for)
        )

    async def disputed_since(
        self, provider: ProviderName, oldest: timedelta, newest: timedelta
    ) -> list[datetime]:
        return await self._db.read(lambda c: disputes.rented_at(c, provider, oldest, newest))

    async def provider_report(self, provider: ProviderName, currency: str) -> ProviderReport:
        return await self._db.read(lambda c: provider_balances.report(c, provider, currency))

    async def exposure_by_currency(self, provider: ProviderName) -> Mapping[str, int]:
        found = await self._rows(_EXPOSURE, provider=provider)
        return {row["currency"]: row["minor"] for row in found}

    async def open_exposures(
        self, provider: ProviderName, limit: int, *, older_than: timedelta = timedelta(0)
    ) -> list[OpenExposure]:
        found = await self._rows(
            statement("purchases/open_exposures"),
            provider=provider,
            older_than=older_than,
            limit=limit,
        )
        return [_open_exposure(row) for row in found]

    async def end_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: ExposureEnd, by: str
    ) -> list[EndedExposure]:
        async def work(connection: AsyncConnection) -> list[EndedExposure]:
            this = {"provider": provider, "ids": list(ids), "state": end.value, "by": by}
            ending = await connection.execute(statement("purchases/end_exposures"), this)
            by_us = set(ending.scalars())
            # A statement of its own: it sees what others ended while the first one waited.
            ended = await connection.execute(statement("purchases/ended_exposures"), this)
            return [
                _ended_exposure(row, now=row["activation_id"] in by_us) for row in ended.mappings()
            ]

        return await self._db.write(work)

    async def drain(self, provider: ProviderName) -> datetime:
        async def work(connection: AsyncConnection) -> datetime:
            drained: datetime = (
                await connection.execute(statement("purchases/drain"), {"provider": provider})
            ).scalar_one()
            return drained

        return await self._db.write(work)

    async def resume(self, provider: ProviderName) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            found = await connection.execute(_UNDRAIN, {"provider": provider})
            return found.scalar() is not None

        return await self._db.write(work)

    async def drained(self) -> Mapping[ProviderName, datetime]:
        async def work(connection: AsyncConnection) -> Mapping[ProviderName, datetime]:
            found = (await connection.execute(provider_balances.DRAINED)).mappings()
            return {ProviderName(row["provider"]): row["drained_at"] for row in found}

        return await self._db.read(work)

    async def _rows(self, sql: Executable, **parameters: object) -> Sequence[RowMapping]:
        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            return (await connection.execute(sql, parameters)).mappings().all()

        return await self._db.write(work)


def _open_exposure(row: RowMapping) -> OpenExposure:
    columns: dict[str, Any] = dict(row)
    cause = ExposureCause(columns.pop("why"))
    return OpenExposure(ref=columns.pop("provider_ref"), why=cause, **columns)


def _ended_exposure(row: RowMapping, *, now: bool) -> EndedExposure:
    columns: dict[str, Any] = dict(row)
    return EndedExposure(end=ExposureEnd(columns.pop("state")), now=now, **columns)
