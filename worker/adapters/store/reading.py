"""Reading activations back: one, many, and what is still alive."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Executable, RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.database import Database
from worker.adapters.store.statements import statement
from worker.domain.activation import LIVE, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef, SmsCode
from worker.ports.store.activations import (
    Activation,
    LiveNumber,
    Settlement,
    ShownCode,
    TimelineEntry,
)

_CODES = text(
    "SELECT activation_id, code, text, received_at FROM code"
    " WHERE activation_id = ANY(CAST(:ids AS uuid[])) AND code IS NOT NULL"
    " ORDER BY activation_id, number"
)
_SETTLEMENTS = text("SELECT * FROM settlement WHERE activation_id = ANY(CAST(:ids AS uuid[]))")
_TIMELINES = text(
    "SELECT activation_id, at, what, state, detail FROM transition"
    " WHERE activation_id = ANY(CAST(:ids AS uuid[])) ORDER BY activation_id, seq"
)
_ACTIVATIONS = text("SELECT * FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
_VERSIONS = text("SELECT id, version FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
_BY_REF = text(
    "SELECT id, provider_ref, rented_at, deadline_at FROM activation"
    " WHERE provider = :provider AND provider_ref = :ref AND NOT settled"
)
#: Only what is asked for stands in the statement: with "or no filter" in it, PostgreSQL would plan
#: for all cases at once, and read an account's few numbers out of everything that was ever stored.
_FILTERS = {
    "live": "NOT settled",
    "state": "state = :state",
    "provider": "provider = :provider",
    "account": "account = :account",
    "at": "(rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))",
}


@cache
def newest(filters: frozenset[str]) -> TextClause:
    """The list of activations, newest first, with these of the filters."""
    conditions = " AND ".join(sql for name, sql in _FILTERS.items() if name in filters)
    return text(
        f"SELECT * FROM activation WHERE {conditions or 'true'}"  # noqa: S608 - constants above
        " ORDER BY rented_at DESC, id DESC LIMIT :limit"
    )


class Readings:
    """The part of the store that reads and changes nothing."""

    db: Database

    async def activation(self, id_: ActivationId) -> Activation | None:
        found = await self.db.read(lambda c: by_ids(c, [id_], timeline=True))
        return found.get(id_)

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
            result = await connection.execute(newest(filters), {**parameters, "limit": limit})
            found = result.mappings().all()
            return list((await _whole(connection, found, timeline=False)).values())

        return await self.db.read(work)

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        async def work(connection: AsyncConnection) -> dict[ActivationId, int]:
            result = await connection.execute(_VERSIONS, {"ids": list(ids)})
            return {ActivationId(row[0]): row[1] for row in result}

        return await self.db.read(work)

    async def live_numbers(
        self, provider: ProviderName, *, after: ActivationId | None, limit: int
    ) -> list[LiveNumber]:
        return await self._live(
            statement("live_numbers"), provider=provider, after=after, limit=limit
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
            statement("missing_from"),
            provider=provider,
            listed=list(listed),
            rented_before=rented_before,
            limit=limit,
        )

    async def _live(self, sql: Executable, **parameters: object) -> list[LiveNumber]:
        async def work(connection: AsyncConnection) -> list[LiveNumber]:
            result = await connection.execute(sql, parameters)
            return [rows.live_number(row) for row in result.mappings()]

        return await self.db.read(work)


async def by_ids(
    connection: AsyncConnection, ids: Iterable[ActivationId], *, timeline: bool
) -> dict[ActivationId, Activation]:
    found = (await connection.execute(_ACTIVATIONS, {"ids": list(ids)})).mappings().all()
    return await _whole(connection, found, timeline=timeline)


async def _whole(
    connection: AsyncConnection, found: Sequence[RowMapping], *, timeline: bool
) -> dict[ActivationId, Activation]:
    """Rows with their codes, settlement and, where asked for, timeline; in the rows' order."""
    if not found:
        return {}
    ids = {"ids": [row["id"] for row in found]}
    codes: dict[ActivationId, list[ShownCode]] = {}
    for row in (await connection.execute(_CODES, ids)).mappings():
        shown = ShownCode(SmsCode(row["code"]), row["text"], row["received_at"])
        codes.setdefault(row["activation_id"], []).append(shown)
    settlements = {
        row["activation_id"]: Settlement(
            State(row["outcome"]), row["amount_minor"], row["reason"], row["at"]
        )
        for row in (await connection.execute(_SETTLEMENTS, ids)).mappings()
    }
    timelines: dict[ActivationId, list[TimelineEntry]] = {}
    if timeline:
        for row in (await connection.execute(_TIMELINES, ids)).mappings():
            line = TimelineEntry(
                row["at"], row["what"], {"state": row["state"], **(row["detail"] or {})}
            )
            timelines.setdefault(row["activation_id"], []).append(line)
    return {
        ActivationId(row["id"]): rows.activation(
            row,
            codes=tuple(codes.get(row["id"], ())),
            settlement=settlements.get(row["id"]),
            timeline=tuple(timelines.get(row["id"], ())),
        )
        for row in found
    }
