"""Exposures: what is at risk with a provider, one by one, and a person's word on it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.store.purchases import EndedExposure, ExposureCause, ExposureEnd, OpenExposure

_BY_CURRENCY = text(
    "SELECT currency, sum(amount_minor)::bigint AS minor FROM exposure"
    " WHERE provider = :provider AND state = 'open' GROUP BY currency ORDER BY currency"
)
_ENDED = text(
    "SELECT activation_id, amount_minor, currency, state FROM exposure"
    " WHERE provider = :provider AND activation_id = ANY(CAST(:ids AS uuid[])) AND state <> 'open'"
    " ORDER BY opened_at, activation_id"
)


async def by_currency(connection: AsyncConnection, provider: ProviderName) -> Mapping[str, int]:
    found = (await connection.execute(_BY_CURRENCY, {"provider": provider})).mappings()
    return {row["currency"]: row["minor"] for row in found}


async def open_ones(
    connection: AsyncConnection, provider: ProviderName, limit: int, older_than: timedelta
) -> list[OpenExposure]:
    this = {"provider": provider, "older_than": older_than, "limit": limit}
    found = await connection.execute(statement("purchases/open_exposures"), this)
    return [_open(row) for row in found.mappings()]


async def end(
    connection: AsyncConnection,
    provider: ProviderName,
    ids: Sequence[ActivationId],
    end_: ExposureEnd,
    by: str,
) -> list[EndedExposure]:
    this = {"provider": provider, "ids": list(ids), "state": end_.value, "by": by}
    ended = set((await connection.execute(statement("purchases/end_exposures"), this)).scalars())
    # A statement of its own: it sees what others ended while the first one waited.
    found = (await connection.execute(_ENDED, this)).mappings()
    return [_ended(row, now=row["activation_id"] in ended) for row in found]


def _open(row: RowMapping) -> OpenExposure:
    told: dict[str, Any] = dict(row)
    return OpenExposure(ref=told.pop("provider_ref"), why=ExposureCause(told.pop("why")), **told)


def _ended(row: RowMapping, *, now: bool) -> EndedExposure:
    told: dict[str, Any] = dict(row)
    return EndedExposure(end=ExposureEnd(told.pop("state")), now=now, **told)
