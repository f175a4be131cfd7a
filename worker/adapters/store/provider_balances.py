"""Balances of providers, held against our books, and the report on one provider."""

from dataclasses import fields
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import disputes
from worker.adapters.store.statements import statement
from worker.domain.balance_check import BalanceBounds, BalanceCheck, ProviderSums, check_balance
from worker.domain.ids import ProviderName
from worker.ports.provider import Balance
from worker.ports.store.purchases import (
    BalanceDifference,
    BalanceReading,
    CountedSums,
    ProviderReport,
)

DIFFERENCES: Final = 20  #: Shown in a report.
DRAINED = text("SELECT provider, drained_at FROM provider_drain ORDER BY provider")
_EXPOSURE = text(
    "SELECT state, currency, sum(amount_minor)::bigint AS minor FROM exposure"
    " WHERE provider = :provider GROUP BY state, currency ORDER BY state, currency"
)
_DIFFERENCES = text(
    "SELECT at, since, amount_minor, currency FROM provider_difference"
    " WHERE provider = :provider ORDER BY id DESC LIMIT :most"
).bindparams(most=DIFFERENCES)
_KNOWN = text("SELECT EXISTS (SELECT FROM activation WHERE provider = :provider)")


async def count(connection: AsyncConnection, provider: ProviderName, currency: str) -> CountedSums:
    last = await _last(connection, provider)
    return await _counted(connection, provider, currency, last)


async def _last(connection: AsyncConnection, provider: ProviderName) -> RowMapping | None:
    found = await connection.execute(statement("purchases/last_reading"), {"provider": provider})
    return found.mappings().one_or_none()


async def _counted(
    connection: AsyncConnection,
    provider: ProviderName,
    currency: str,
    last: RowMapping | None,
) -> CountedSums:
    """Over the span of the last reading, which a reading in another currency says nothing of."""
    if last is not None and last["currency"] == currency:
        since = last["counted_from"]
    else:
        found = await connection.execute(
            statement("purchases/counted_span"), {"provider": provider}
        )
        since = found.scalar_one()
    return CountedSums(since, await _sums(connection, provider, currency, since))


async def _sums(
    connection: AsyncConnection, provider: ProviderName, currency: str, since: datetime
) -> ProviderSums:
    found = await connection.execute(
        statement("purchases/count_sums"),
        {"provider": provider, "currency": currency, "since": since},
    )
    row = found.mappings().one()
    return ProviderSums(**{field.name: row[field.name] for field in fields(ProviderSums)})


async def keep_reading(
    connection: AsyncConnection, provider: ProviderName, balance: Balance, before: CountedSums
) -> BalanceDifference | None:
    await connection.execute(statement("purchases/lock_readings"), {"provider": provider})
    last = await _last(connection, provider)
    comparable = last is not None and last["currency"] == balance.currency
    if comparable and last is not None and last["counted_from"] != before.since:
        return None  # Another daemon has moved on since: its reading stands.
    after = await _sums(connection, provider, balance.currency, before.since)
    bounds = _bounds(last) if last is not None and comparable else None
    reckoned = check_balance(bounds, balance.minor, before.sums, after)
    since = before.since
    if last is not None and last["long"]:
        since, reckoned = await _shortened(connection, provider, balance.currency, after, reckoned)
    kept = await connection.execute(
        statement("purchases/keep_reading"),
        {
            "provider": provider,
            "currency": balance.currency,
            "balance_minor": balance.minor,
            "since": since,
            **{field.name: getattr(reckoned.bounds, field.name) for field in fields(BalanceBounds)},
            "proven": reckoned.proven,
            "last_at": None if last is None else last["at"],
            "difference_minor": reckoned.difference_minor,
        },
    )
    row = kept.mappings().one_or_none()
    return None if row is None else BalanceDifference(**row)


async def _shortened(
    connection: AsyncConnection,
    provider: ProviderName,
    currency: str,
    after: ProviderSums,
    reckoned: BalanceCheck,
) -> tuple[datetime, BalanceCheck]:
    """The same bounds over a shorter span, so that no reading ever costs more than a few days."""
    found = await connection.execute(statement("purchases/counted_span"), {"provider": provider})
    since: datetime = found.scalar_one()
    newer = await _sums(connection, provider, currency, since)
    return since, reckoned._replace(bounds=reckoned.bounds.without(after, newer))


def _bounds(reading: RowMapping) -> BalanceBounds:
    return BalanceBounds(**{field.name: reading[field.name] for field in fields(BalanceBounds)})


async def report(
    connection: AsyncConnection, provider: ProviderName, currency: str
) -> ProviderReport:
    this = {"provider": provider}
    drained = (await connection.execute(DRAINED)).mappings().all()
    live = (await connection.execute(statement("purchases/count_live"), this)).mappings().all()
    exposure = (await connection.execute(_EXPOSURE, this)).mappings()
    differences = (await connection.execute(_DIFFERENCES, this)).mappings()
    last = await _last(connection, provider)
    return ProviderReport(
        known=(await connection.execute(_KNOWN, this)).scalar_one(),
        drained_at={row["provider"]: row["drained_at"] for row in drained}.get(provider),
        live={row["state"]: row["live"] for row in live},
        last_deadline_at=max((row["last_deadline_at"] for row in live), default=None),
        counted=await _counted(connection, provider, currency, last),
        exposure_minor={(row["state"], row["currency"]): row["minor"] for row in exposure},
        reading=None
        if last is None
        else BalanceReading(last["at"], last["balance_minor"], last["currency"], last["proven"]),
        differences=[BalanceDifference(**row) for row in differences],
        disputed=await disputes.sums_of(connection, provider),
        disputes=await disputes.newest_of(connection, provider),
    )
