"""What ops see of providers: figures that settlements counted, balances, exposures and stops."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ProviderName
from worker.ports.store.books import (
    OTHER_SERVICES,
    ProviderFigures,
    ProviderStanding,
    ProviderStop,
    ReadBalance,
)

DAY: Final = timedelta(hours=23)  #: And the hour that goes on.
WEEK: Final = timedelta(days=6)  #: And the day that goes on.
#: How long codes took is kept as numbers per step: they can be added up, medians cannot.
#: Where each step but the first begins, in seconds; the last one has no end.
STEPS: Final = (
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 180, 240, 300, 360,
    480, 600, 720, 900, 1080, 1200, 1800, 3600,
)  # fmt: skip

assert all(a < b for a, b in pairwise(STEPS))
_STEPS: Final = (0, *STEPS)  #: Where each begins.
SERVICES: Final = 20  #: Of each provider; a label's values have to stay few.
ADDED_UP_EVERY: Final = timedelta(minutes=1)
OUTCOMES: Final = ("delivered", "refunded", "closed")
_CANCELS: Final = {ProviderState.CANCELLING.value, ProviderState.CANCELLED.value}
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


async def of_service(
    connection: AsyncConnection,
    currencies: Mapping[ProviderName, str],
    service: str,
    country: str,
    now: datetime | None,
) -> dict[ProviderName, ProviderFigures]:
    day = (await _now(connection, now)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = await _rows(
        connection,
        "books/figures_of_service",
        providers=list(currencies),
        currencies=list(currencies.values()),
        service=service,
        country=country,
        since=day - WEEK,
    )
    return {
        ProviderName(row["provider"]): replace(
            _figures(row), cost_minor=row["cost_minor"], costed=row["costed"]
        )
        for row in found
    }


@dataclass(slots=True)
class ServiceEndings:
    """Endings by provider, service and outcome, of the newest two days.

    A gauge; two days of a large shop have many figures, so they are added up once a minute. Of
    none the sum is had at once.
    """

    _at: datetime | None = None
    _found: Mapping[tuple[ProviderName, str, str], int] = field(default_factory=dict)

    async def read(
        self, connection: AsyncConnection, now: datetime | None
    ) -> Mapping[tuple[ProviderName, str, str], int]:
        at = await _now(connection, now)
        if self._at is None or not self._found or abs(at - self._at) >= ADDED_UP_EVERY:
            asked = {"now": now, "most": SERVICES, "others": OTHER_SERVICES}
            found = await _rows(connection, "books/service_endings", **asked)
            self._found = {
                (ProviderName(row["provider"]), row["service"], outcome): row[outcome]
                for row in found
                for outcome in OUTCOMES
            }
            self._at = at
        return self._found


@dataclass(slots=True)
class _Counted:
    """Of one service in one span of time."""

    outcomes: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    costed: int = 0
    cost_minor: int = 0
    cost_currency: str | None = None
    code_waits: list[int] = field(default_factory=lambda: [0] * len(_STEPS))

    def add(self, alike: "_Alike", number: int, cost_minor: int) -> None:
        self.outcomes[alike.state] += number
        if alike.provider_state in _CANCELS:
            self.cancelled += number
        if alike.step is not None:
            self.code_waits[alike.step] += number
        if alike.cost_currency is None:
            return
        if alike.cost_currency != self.cost_currency:
            self.costed, self.cost_minor, self.cost_currency = 0, 0, alike.cost_currency
        self.costed += number
        self.cost_minor += cost_minor


class _Alike(NamedTuple):
    """What numbers have in common that are counted as one."""

    provider: str
    service: str
    country: str
    hour: datetime  #: Of its rental.
    state: str
    provider_state: str
    cost_currency: str | None
    step: int | None


async def count_settled(connection: AsyncConnection, won: Sequence[Sequence[Any]]) -> None:
    """Add what `settle.sql` has settled to the figures, in its transaction."""
    counted: dict[tuple[str, str, str, datetime], _Counted] = {}
    for alike, (number, cost_minor) in _alike(won).items():
        for key in (
            (alike.provider, "", "", alike.hour),
            (alike.provider, alike.service, alike.country, alike.hour.replace(hour=0)),
        ):
            counted.setdefault(key, _Counted()).add(alike, number, cost_minor)
    if counted:
        await connection.execute(statement("settlements/count_figures"), _columns(counted))


def _alike(won: Iterable[Sequence[Any]]) -> dict[_Alike, list[int]]:
    """How many there are of each kind, and what they cost; thousands end in a second."""
    found: dict[tuple[Any, ...], list[int]] = {}
    hour = next_hour = datetime.min.replace(tzinfo=UTC)
    for row in won:
        _, provider, state, *_, ended_as, service, country, rented_at, cost, currency, code_at = row
        if state == State.IN_REVIEW.value:
            continue
        if not hour <= rented_at < next_hour:
            hour = rented_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            next_hour = hour + timedelta(hours=1)
        if cost is None:
            currency = None
        step = None if code_at is None else _step(code_at - rented_at)
        key = (provider, service, country, hour, state, ended_as, currency, step)
        one = found.get(key)
        if one is None:
            one = found[key] = [0, 0]
        one[0] += 1
        if currency is not None:
            one[1] += cost
    return {_Alike(*key): one for key, one in found.items()}


def _step(wait: timedelta) -> int:
    return bisect_right(STEPS, wait.total_seconds())


def _columns(counted: Mapping[tuple[str, str, str, datetime], _Counted]) -> dict[str, object]:
    providers, services, countries, since = zip(*counted, strict=True)
    figures = counted.values()
    return {
        "providers": list(providers),
        "services": list(services),
        "countries": list(countries),
        "since": list(since),
        **{state: [each.outcomes[state] for each in figures] for state in OUTCOMES},
        "cancelled": [each.cancelled for each in figures],
        "costed": [each.costed for each in figures],
        "cost_minor": [each.cost_minor for each in figures],
        "cost_currencies": [each.cost_currency for each in figures],
        "code_waits": [wait for each in figures for wait in each.code_waits],
        "steps": len(_STEPS),
    }


def _figures(row: RowMapping) -> ProviderFigures:
    waits = [sum(numbers) for numbers in zip(*row["code_waits"], strict=True)]
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


def median_seconds(numbers: Sequence[int]) -> float | None:
    """As if the numbers of a step were spread evenly in it; None where there are none."""
    total = sum(numbers)
    if not total:
        return None
    for step, (number, so_far) in enumerate(zip(numbers, accumulate(numbers), strict=True)):
        if so_far * 2 >= total:
            begin, end = _STEPS[step], _STEPS[min(step + 1, len(STEPS))]
            part = (total / 2 - (so_far - number)) / number
            return round(begin + (end - begin) * part, 1)
    raise AssertionError("half of the numbers are in some step")


async def _rows(
    connection: AsyncConnection, name: str, **parameters: object
) -> Sequence[RowMapping]:
    return (await connection.execute(statement(name), parameters)).mappings().all()


async def _now(connection: AsyncConnection, now: datetime | None) -> datetime:
    """In UTC: the driver gives it so."""
    at: datetime = (await connection.execute(_NOW, {"now": now})).scalar_one()
    return at
