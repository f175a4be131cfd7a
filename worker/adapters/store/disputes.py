"""Disputes: single numbers of which a provider says something else than our books."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.ids import ProviderName
from worker.domain.price_fate import PriceFate
from worker.ports.history import PastNumber
from worker.ports.store.purchases import Dispute, HistoryComparison

#: The words of `compare_history`, and of the disputes it opens.
_FATES: Final = {
    PriceFate.KEPT: "charged",
    PriceFate.GIVEN_BACK: "given_back",
    PriceFate.NOT_YET: "live",
    PriceFate.UNKNOWN: "unknown",
}
SHOWN: Final = 20  #: In a report.
RENTALS_MAX: Final = 20  #: Whose history is read once more, at one time.


async def compare_history(
    connection: AsyncConnection,
    provider: ProviderName,
    rows: Sequence[PastNumber],
    ended_for: timedelta,
) -> HistoryComparison:
    parameters = {
        "provider": provider,
        "refs": [row.ref for row in rows],
        "phones": [row.phone for row in rows],
        "fates": [_FATES[row.fate] for row in rows],
        "costs": [row.cost_minor for row in rows],
        "currencies": [row.currency for row in rows],
        "rented": [row.rented_at for row in rows],
        "ended_for": ended_for,
    }
    found = await connection.execute(statement("purchases/compare_history"), parameters)
    return _told(found.mappings().all())


async def rented_at(
    connection: AsyncConnection, provider: ProviderName, oldest: timedelta, newest: timedelta
) -> list[datetime]:
    """When the numbers in doubt were rented."""
    this = {"provider": provider, "oldest": oldest, "newest": newest, "most": RENTALS_MAX}
    return list((await connection.execute(statement("purchases/disputed_since"), this)).scalars())


async def sums_of(
    connection: AsyncConnection, provider: ProviderName
) -> Mapping[str, tuple[int, int]]:
    found = (
        await connection.execute(statement("purchases/dispute_sums"), {"provider": provider})
    ).mappings()
    return {row["currency"]: (row["numbers"], row["minor"]) for row in found}


async def newest_of(connection: AsyncConnection, provider: ProviderName) -> list[Dispute]:
    found = await connection.execute(
        statement("purchases/newest_disputes"), {"provider": provider, "most": SHOWN}
    )
    return [_dispute(row) for row in found.mappings()]


def _dispute(row: RowMapping) -> Dispute:
    told: dict[str, Any] = dict(row)
    return Dispute(ref=told.pop("provider_ref"), **told)


def _told(moved: Iterable[RowMapping]) -> HistoryComparison:
    numbers: Counter[str] = Counter()
    minor: Counter[str] = Counter()
    agreed = 0
    for row in moved:
        if row["becomes"] == "disputed":
            numbers[row["currency"]] += 1
            minor[row["currency"]] += row["amount_minor"]
        else:
            agreed += row["was"] == "disputed"
    return HistoryComparison({one: (numbers[one], minor[one]) for one in sorted(numbers)}, agreed)
