"""What ops see of providers: figures that settlements counted, balances, exposures and stops."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.domain.code_waits import STEPS, median_seconds
from worker.domain.ids import ProviderName
from worker.ports.store.books import ProviderFigures, ProviderStanding, ProviderStop, ReadBalance

DAY: Final = timedelta(hours=23)  #: And the hour that goes on.
WEEK: Final = timedelta(days=6)  #: And the day that goes on.
_NOW = text("SELECT coalesce(CAST(:now AS timestamptz), now())")
_STOPS = text("SELECT provider, kind, drained_at, note, by FROM provider_drain")


async def balances(connection: AsyncConnection) -> dict[ProviderName, ReadBalance]:
    found = await _rows(connection, "books/newest_balances")
    return {
        ProviderName(row["provider"]): ReadBalance(row["balance_minor"], row["currency"], row["at"])
        for row in found
    }


async def standings(
    connection: AsyncConnection, providers: Iterable[ProviderName], now: datetime | None
) -> dict[ProviderName, ProviderStanding]:
    hour = (await _now(connection, now)).replace(minute=0, second=0, microsecond=0)
    figures = {
        ProviderName(row["provider"]): _figures(row)
        for row in await _rows(
            connection, "books/provider_figures", since=hour - DAY, provider=None
        )
    }
    live = {
        row["provider"]: row["live"] for row in await _rows(connection, "books/live_by_provider")
    }
    exposed: dict[str, dict[str, int]] = {}
    for row in await _rows(connection, "books/exposed_sums"):
        exposed.setdefault(row["provider"], {})[row["currency"]] = row["amount_minor"]
    stops = {row[0]: ProviderStop(*row[1:]) for row in await connection.execute(_STOPS)}
    read = await balances(connection)
    return {
        name: ProviderStanding(
            stop=stops.get(name),
            balance=read.get(name),
            exposure_minor=exposed.get(name, {}),
            day=replace(figures.get(name, ProviderFigures(provider=name)), live=live.get(name, 0)),
        )
        for name in providers
    }


async def services(
    connection: AsyncConnection, provider: ProviderName, now: datetime | None
) -> list[ProviderFigures]:
    day = (await _now(connection, now)).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = await _rows(connection, "books/provider_figures", since=day - WEEK, provider=provider)
    figures = {(row["service"], row["country"]): _figures(row) for row in ended}
    for row in await _rows(connection, "books/live_services", provider=provider):
        key = (row["service"], row["country"])
        known = figures.get(key) or ProviderFigures(
            provider=provider, service=key[0], country=key[1]
        )
        figures[key] = replace(known, live=row["live"])
    return [figures[key] for key in sorted(figures)]


def _figures(row: RowMapping) -> ProviderFigures:
    columns = zip_longest(*row["code_waits"], fillvalue=0)
    waits = [sum(numbers) for numbers in columns]
    assert not waits or len(waits) == len(STEPS) + 1
    return ProviderFigures(
        provider=ProviderName(row["provider"]),
        service=row["service"],
        country=row["country"],
        delivered=row["delivered"],
        refunded=row["refunded"],
        closed=row["closed"],
        cancelled=row["cancelled"],
        code_seconds_median=median_seconds(waits),
    )


async def _rows(
    connection: AsyncConnection, name: str, **parameters: object
) -> Sequence[RowMapping]:
    return (await connection.execute(statement(name), parameters)).mappings().all()


async def _now(connection: AsyncConnection, now: datetime | None) -> datetime:
    """In UTC: the driver gives it so."""
    at: datetime = (await connection.execute(_NOW, {"now": now})).scalar_one()
    return at
