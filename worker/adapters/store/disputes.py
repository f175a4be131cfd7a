"""Where a provider says something else than our books: of single numbers, or of its balance."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.adapters.store.rows import KNOWN
from worker.domain.activation import ProviderState
from worker.domain.balance_check import BalanceBounds, BalanceCheck, ProviderSums, check_balance
from worker.domain.history_check import BookedNumber, check_history
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import ActiveRow, Balance, PastNumber
from worker.ports.store import purchases as port

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
) -> port.HistoryComparison:
    past = _unambiguous(rows)
    asked = {
        "provider": provider,
        "refs": [row.ref for row in past],
        "phones": [row.phone for row in past],
        "rented": [row.rented_at for row in past],
        "provider_states": KNOWN["provider_states"],
        "ended_for": ended_for,
    }
    found = await connection.execute(statement("purchases/numbers_of_history"), asked)
    corrections = [
        correction
        for row in found.mappings()
        if (correction := _correction(row, past[row["place"] - 1])) is not None
    ]
    if not corrections:
        return port.HistoryComparison({}, 0)
    columns = {name: [getattr(each, name) for each in corrections] for name in _Correction._fields}
    moved = await connection.execute(statement("purchases/correct_by_history"), columns)
    return _comparison(moved.mappings())


def _unambiguous(rows: Sequence[PastNumber]) -> list[PastNumber]:
    """One for each number: two rows of one that differ say nothing.

    A ref that was sold again is two numbers, by their phones.
    """
    contents: dict[tuple[ProviderRef, str | None], set[tuple[object, ...]]] = {}
    phones: dict[ProviderRef, set[str | None]] = {}
    for row in rows:
        content = (row.fate, row.cost_minor, row.currency, row.rented_at)
        contents.setdefault((row.ref, row.phone), set()).add(content)
        phones.setdefault(row.ref, set()).add(row.phone)
    numbers = {(row.ref, row.phone): row for row in rows}
    return [
        row
        for number, row in numbers.items()
        if len(contents[number]) == 1 and (None not in phones[row.ref] or len(phones[row.ref]) == 1)
    ]


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
) -> port.ReopenedNumbers:
    parameters = {
        "provider": provider,
        "refs": [row.ref for row in rows],
        "phones": [row.phone for row in rows],
        "ended_for": ended_for,
    }
    found = await connection.execute(statement("purchases/reopen_listed"), parameters)
    return port.ReopenedNumbers(**found.mappings().one())


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


async def newest_of(connection: AsyncConnection, provider: ProviderName) -> list[port.Dispute]:
    found = await connection.execute(
        statement("purchases/newest_disputes"), {"provider": provider, "most": SHOWN}
    )
    return [_dispute(row) for row in found.mappings()]


def _dispute(row: RowMapping) -> port.Dispute:
    told: dict[str, Any] = dict(row)
    return port.Dispute(ref=told.pop("provider_ref"), **told)


def _comparison(moved: Iterable[RowMapping]) -> port.HistoryComparison:
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
    return port.HistoryComparison(sums, agreed)


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


async def count(
    connection: AsyncConnection, provider: ProviderName, currency: str
) -> port.CountedSums:
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
) -> port.CountedSums:
    """Over the span of the last reading, which a reading in another currency says nothing of."""
    if last is not None and last["currency"] == currency:
        since = last["counted_from"]
    else:
        found = await connection.execute(
            statement("purchases/counted_span"), {"provider": provider}
        )
        since = found.scalar_one()
    return port.CountedSums(since, await _sums(connection, provider, currency, since))


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
    connection: AsyncConnection, provider: ProviderName, balance: Balance, before: port.CountedSums
) -> port.BalanceDifference | None:
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
    return None if row is None else port.BalanceDifference(**row)


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
) -> port.ProviderReport:
    this = {"provider": provider}
    drained = (await connection.execute(DRAINED)).mappings().all()
    live = (await connection.execute(statement("purchases/count_live"), this)).mappings().all()
    exposure = (await connection.execute(_EXPOSURE, this)).mappings()
    differences = (await connection.execute(_DIFFERENCES, this)).mappings()
    last = await _last(connection, provider)
    return port.ProviderReport(
        known=(await connection.execute(_KNOWN, this)).scalar_one(),
        drained_at={row["provider"]: row["drained_at"] for row in drained}.get(provider),
        live={row["state"]: row["live"] for row in live},
        last_deadline_at=max((row["last_deadline_at"] for row in live), default=None),
        counted=await _counted(connection, provider, currency, last),
        exposure_minor={(row["state"], row["currency"]): row["minor"] for row in exposure},
        reading=None
        if last is None
        else port.BalanceReading(
            last["at"], last["balance_minor"], last["currency"], last["proven"]
        ),
        differences=[port.BalanceDifference(**row) for row in differences],
        disputed=await sums_of(connection, provider),
        disputes=await newest_of(connection, provider),
    )


async def end_exposures(
    connection: AsyncConnection,
    how: Executable,
    provider: ProviderName,
    ids: Sequence[ActivationId],
    said: tuple[port.ExposureEnd, str],
) -> list[port.EndedExposure]:
    """A person's word on exposures, or the correction of one: who says it, and what."""
    end, by = said
    this = {"provider": provider, "ids": list(ids), "state": end.value, "by": by}
    by_us = set((await connection.execute(how, this)).scalars())
    # A statement of its own: it sees what others ended while the first one waited.
    ended = await connection.execute(statement("purchases/ended_exposures"), this)
    return [
        port.EndedExposure(
            row.activation_id,
            row.amount_minor,
            row.currency,
            port.ExposureEnd(row.state),
            row.activation_id in by_us,
        )
        for row in ended
    ]
