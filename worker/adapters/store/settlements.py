"""Endings: leased, settled with their money in batches, and pursued at the provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.database import Database
from worker.adapters.store.statements import statement
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.store.settlements import (
    DueNumber,
    Ending,
    ForeignRow,
    Postponed,
    Resolved,
    SettledNumber,
    Settlements,
)


class SettlementRepository:
    """How numbers end (E2 to E7): leased, settled, and pursued at their provider."""

    def __init__(self, db: Database, event_state: str) -> None:
        self._db = db
        self._event_state = event_state

    async def lease_cancels(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due(
            "lease_cancels", provider=provider, limit=limit, lease=lease, id=None, now=now
        )

    async def lease_cancel(
        self,
        id_: ActivationId,
        provider: ProviderName,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> list[DueNumber]:
        return await self._due(
            "lease_cancels", provider=provider, limit=1, lease=lease, id=id_, now=now
        )

    async def lease_pursuits(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due(
            "lease_pursuits", provider=provider, limit=limit, lease=lease, now=now
        )

    async def due_deliveries(self, limit: int, *, now: datetime | None = None) -> list[DueNumber]:
        return await self._due("due_deliveries", limit=limit, now=now)

    async def due_delivery(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due("due_delivery", id=id_, now=now)

    async def past_grace(
        self, grace: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due("past_grace", grace=grace, limit=limit, now=now)

    async def provider_ended(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due("provider_ended", ids=list(ids), now=now) if ids else []

    async def give_up(
        self, provider: ProviderName, limit: int, *, now: datetime | None = None
    ) -> list[DueNumber]:
        return await self._due("give_up", provider=provider, limit=limit, now=now)

    async def foreign_rows(
        self, by: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[ForeignRow]:
        async def work(connection: AsyncConnection) -> list[ForeignRow]:
            parameters = {"by": by, "limit": limit, "now": now, **rows.KNOWN}
            found = await connection.execute(statement("foreign_rows"), parameters)
            return [ForeignRow(*row) for row in found]

        return await self._db.read(work)

    async def behind(
        self, provider: ProviderName, by: timedelta, *, now: datetime | None = None
    ) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            parameters = {"provider": provider, "by": by, "now": now, **rows.KNOWN}
            return bool((await connection.execute(statement("behind"), parameters)).scalar_one())

        return await self._db.read(work)

    async def mark_expired(
        self, behind: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        async def work(connection: AsyncConnection) -> int:
            parameters = {"behind": behind, "limit": limit, "now": now}
            result = await connection.execute(statement("mark_expired"), parameters)
            return int(result.scalar_one())

        return await self._db.write(work)

    async def settle(
        self, endings: Sequence[Ending], *, now: datetime | None = None
    ) -> Settlements:
        """One row the database refuses does not hold up the others: halve until it stands alone."""
        if not endings:
            return Settlements([], [])
        try:
            done = await self._db.write(lambda c: _settle(c, endings, now, self._event_state))
        except IntegrityError:
            if len(endings) == 1:
                return Settlements([], [endings[0].id])
        else:
            return Settlements(done, [])
        half = len(endings) // 2
        first = await self.settle(endings[:half], now=now)
        second = await self.settle(endings[half:], now=now)
        return Settlements([*first.settled, *second.settled], [*first.refused, *second.refused])

    async def postpone(
        self, postponed: Sequence[Postponed], *, now: datetime | None = None
    ) -> None:
        if not postponed:
            return
        await self._run(
            "postpone",
            ids=[p.id for p in postponed],
            epochs=[p.epoch for p in postponed],
            delays=[p.delay for p in postponed],
            too_early=[p.too_early for p in postponed],
            unknown_reads=[p.unknown_reads for p in postponed],
            now=now,
        )

    async def resolve(self, resolved: Sequence[Resolved], *, now: datetime | None = None) -> None:
        if not resolved:
            return
        await self._run(
            "resolve",
            ids=[r.id for r in resolved],
            epochs=[r.epoch for r in resolved],
            provider_states=[r.provider_state.value for r in resolved],
            now=now,
        )

    async def _due(self, name: str, **parameters: object) -> list[DueNumber]:
        async def work(connection: AsyncConnection) -> list[DueNumber]:
            result = await connection.execute(statement(name), {**parameters, **rows.KNOWN})
            return [rows.due(row) for row in result]

        return await self._db.write(work)

    async def _run(self, name: str, **parameters: object) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement(name), parameters)

        await self._db.write(work)


async def _settle(
    connection: AsyncConnection,
    endings: Sequence[Ending],
    now: datetime | None,
    event_state: str,
) -> list[SettledNumber]:
    accounts = sorted({ending.account for ending in endings})
    await connection.execute(statement("lock_balances"), {"accounts": accounts})
    result = await connection.execute(
        statement("settle"),
        {
            "ids": [e.id for e in endings],
            "sources": [e.source.value for e in endings],
            "outcomes": [e.outcome.value for e in endings],
            "provider_states": [e.provider_state and e.provider_state.value for e in endings],
            "reasons": [e.reason for e in endings],
            "act_after": [e.act_after for e in endings],
            "exposed": [e.exposure for e in endings],
            "now": now,
            "event_state": event_state,
        },
    )
    return [rows.settled(row) for row in result]
