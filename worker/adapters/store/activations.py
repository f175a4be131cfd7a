"""Rented numbers: taken in, given their codes, asked for their end, and read back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import activation_reading, codes, rows
from worker.adapters.store.accept import accept
from worker.adapters.store.database import Database
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.statements import statement
from worker.domain.activation import LIVE, State, answer_cancel
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.ports.intake import CompleteIntake
from worker.ports.store.activations import (
    AcceptResult,
    Activation,
    CancelPress,
    LiveNumber,
    RecordedCode,
    SeenSms,
)

_VERSIONS = text("SELECT id, version FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
_FREE = text(
    "SELECT id FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))"
    " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
)
_BY_REF = text(
    "SELECT id, provider_ref, rented_at, deadline_at FROM activation"
    " WHERE provider = :provider AND provider_ref = :ref AND NOT settled"
)


class ActivationRepository:
    """Rented numbers: intake (E0), codes (E1, E1a, E1b), and what customers ask for (E3)."""

    def __init__(self, db: Database, policies: PolicyRepository, event_state: str) -> None:
        self._db = db
        self._policies = policies
        self._event_state = event_state

    async def accept(
        self, intakes: Sequence[CompleteIntake], *, now: datetime | None = None
    ) -> list[AcceptResult]:
        for name, version in {(intake.policy, intake.policy_version) for intake in intakes}:
            await self._policies.keep(name, version)
        return await accept(self._db, intakes, now)

    async def record_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode]:
        if not seen:
            return []
        return await self._db.write(lambda c: codes.record(c, seen, now, self._event_state))

    async def forget_texts(self, limit: int, *, now: datetime | None = None) -> int:
        async def work(connection: AsyncConnection) -> int:
            asked = {"limit": limit, "now": now}
            return (await connection.execute(statement("activations/forget_texts"), asked)).rowcount

        return await self._db.write(work)

    async def press_cancel(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> CancelPress | None:
        return (await self._db.write(lambda c: _press(c, [id_], now))).get(id_)

    async def press_cancels(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> dict[ActivationId, CancelPress]:
        async def work(connection: AsyncConnection) -> dict[ActivationId, CancelPress]:
            free = [row[0] for row in await connection.execute(_FREE, {"ids": list(ids)})]
            return await _press(connection, free, now) if free else {}

        return await self._db.write(work)

    async def ask_finish(self, id_: ActivationId, *, now: datetime | None = None) -> State | None:
        async def work(connection: AsyncConnection) -> State | None:
            result = await connection.execute(
                statement("activations/ask_finish"), {"id": id_, "now": now}
            )
            found = result.scalar()
            return None if found is None else State(found)

        return await self._db.write(work)

    async def activation(self, id_: ActivationId) -> Activation | None:
        found = await self._db.read(lambda c: activation_reading.by_ids(c, [id_], timeline=True))
        return found.get(id_)

    async def activations_of(self, ids: Sequence[ActivationId]) -> dict[ActivationId, Activation]:
        return await self._db.read(lambda c: activation_reading.by_ids(c, ids, timeline=True))

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[Activation]:
        async def work(connection: AsyncConnection) -> list[Activation]:
            asked = {
                "live": True if state in LIVE else None,
                "state": None if state is None else state.value,
                "provider": provider,
                "account": account,
                "at": None if before is None else before[0],
            }
            filters = frozenset(name for name, value in asked.items() if value is not None)
            parameters: dict[str, object] = {name: asked[name] for name in filters - {"live"}}
            if before is not None:
                parameters["id"] = before[1]
            result = await connection.execute(
                activation_reading.newest(filters), {**parameters, "limit": limit}
            )
            found = result.mappings().all()
            return list(
                (await activation_reading.whole(connection, found, timeline=False)).values()
            )

        return await self._db.read(work)

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        async def work(connection: AsyncConnection) -> dict[ActivationId, int]:
            result = await connection.execute(_VERSIONS, {"ids": list(ids)})
            return {ActivationId(row[0]): row[1] for row in result}

        return await self._db.read(work)

    async def live_numbers(
        self, provider: ProviderName, *, after: ActivationId | None, limit: int
    ) -> list[LiveNumber]:
        return await self._live(
            statement("activations/live_numbers"), provider=provider, after=after, limit=limit
        )

    async def live_number(self, provider: ProviderName, ref: ProviderRef) -> LiveNumber | None:
        found = await self._live(_BY_REF, provider=provider, ref=ref)
        return found[0] if found else None

    async def missing_from(
        self,
        provider: ProviderName,
        listed: Sequence[ProviderRef],
        rented_before: datetime,
        limit: int,
    ) -> list[LiveNumber]:
        return await self._live(
            statement("activations/missing_from"),
            provider=provider,
            listed=list(listed),
            rented_before=rented_before,
            limit=limit,
        )

    async def _live(self, sql: Executable, **parameters: object) -> list[LiveNumber]:
        async def work(connection: AsyncConnection) -> list[LiveNumber]:
            result = await connection.execute(sql, parameters)
            return [rows.live_number(row) for row in result.mappings()]

        return await self._db.read(work)


async def _press(
    connection: AsyncConnection, ids: Sequence[ActivationId], now: datetime | None
) -> dict[ActivationId, CancelPress]:
    asked = {"ids": list(ids), "now": now}
    presses: dict[ActivationId, CancelPress] = {}
    for row in await connection.execute(statement("activations/press_cancel"), asked):
        id_, word, provider, not_before = row
        state = State(word)
        presses[ActivationId(id_)] = CancelPress(
            answer_cancel(state), state, ProviderName(provider), not_before
        )
    return presses
