"""Disputes: single numbers of which a provider says something else than our books."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.rows import KNOWN
from worker.adapters.store.statements import statement
from worker.domain.activation import ProviderState
from worker.domain.history_check import BookedNumber, check_history
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.history import PastNumber
from worker.ports.provider import ActiveRow
from worker.ports.store.purchases import Dispute, HistoryComparison, ReopenedNumbers

#: The words of `provider_dispute.says` that a history has.
_SAYS: Final = {PriceFate.KEPT: "charged", PriceFate.GIVEN_BACK: "given_back"}
SHOWN: Final = 20  #: In a report.
RENTALS_MAX: Final = 20  #: Whose history is read once more, at one time.


class _Correction(NamedTuple):
    """One number to correct, as `correct_by_history` takes it."""

    id: UUID
    epoch: int
    was: str
    held: str | None
    becomes: str
    exposure: str | None
    says: str
    amount_minor: int
    currency: str | None


async def compare_history(
    connection: AsyncConnection,
    provider: ProviderName,
    rows: Sequence[PastNumber],
    ended_for: timedelta,
) -> HistoryComparison:
    past = _unambiguous(rows)
    asked = {
        "provider": provider,
        "refs": list(past),
        "phones": [row.phone for row in past.values()],
        "rented": [row.rented_at for row in past.values()],
        "provider_states": KNOWN["provider_states"],
        "ended_for": ended_for,
    }
    found = await connection.execute(statement("purchases/numbers_of_history"), asked)
    corrections = [
        correction
        for row in found.mappings()
        if (correction := _correction(row, past[row["provider_ref"]])) is not None
    ]
    if not corrections:
        return HistoryComparison({}, 0)
    columns = {name: [getattr(each, name) for each in corrections] for name in _Correction._fields}
    moved = await connection.execute(statement("purchases/correct_by_history"), columns)
    return _comparison(moved.mappings())


def _unambiguous(rows: Sequence[PastNumber]) -> dict[ProviderRef, PastNumber]:
    """By ref; two rows of one ref that differ say nothing."""
    contents: dict[ProviderRef, set[tuple[object, ...]]] = {}
    for row in rows:
        content = (row.phone, row.fate, row.cost_minor, row.currency, row.rented_at)
        contents.setdefault(row.ref, set()).add(content)
    return {row.ref: row for row in rows if len(contents[row.ref]) == 1}


def _correction(row: RowMapping, past: PastNumber) -> _Correction | None:
    was, held = row["provider_state"], row["held"]
    booked = BookedNumber(
        state=ProviderState(was),
        before_dispute=None if held is None else ProviderState(held),
        refunded=row["refunded"],
        exposed=row["exposed"],
    )
    outcome = check_history(booked, past.fate)
    if outcome is None:
        return None
    known = past.cost_minor is not None
    return _Correction(
        id=row["id"],
        epoch=row["epoch"],
        was=was,
        held=held,
        becomes=outcome.becomes.value,
        exposure=None if outcome.exposure is None else outcome.exposure.value,
        says=_SAYS[past.fate],
        amount_minor=past.cost_minor if past.cost_minor is not None else row["amount_minor"],
        currency=past.currency if known else row["currency"],
    )


async def reopen_listed(
    connection: AsyncConnection,
    provider: ProviderName,
    rows: Sequence[ActiveRow],
    ended_for: timedelta,
) -> ReopenedNumbers:
    parameters = {
        "provider": provider,
        "refs": [row.ref for row in rows],
        "phones": [row.phone for row in rows],
        "ended_for": ended_for,
    }
    found = await connection.execute(statement("purchases/reopen_listed"), parameters)
    return ReopenedNumbers(**found.mappings().one())


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


def _comparison(moved: Iterable[RowMapping]) -> HistoryComparison:
    numbers: Counter[str] = Counter()
    minor: Counter[str] = Counter()
    agreed = 0
    for row in moved:
        if row["becomes"] == ProviderState.DISPUTED.value:
            numbers[row["currency"]] += 1
            minor[row["currency"]] += row["amount_minor"]
        else:
            agreed += row["was"] == ProviderState.DISPUTED.value
    sums = {currency: (numbers[currency], minor[currency]) for currency in sorted(numbers)}
    return HistoryComparison(sums, agreed)
