"""Two providers as the API shows them, over any books or those that are here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from tests.fakes.stores import UnaskedBooks
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.provider_overview import ProviderOverview, ProviderProtocol
from worker.ports.provider import Circuit, Provider
from worker.ports.store.books import (
    BookStore,
    ProviderFigures,
    ProviderStanding,
    ProviderStop,
    ReadBalance,
)
from worker.ports.store.purchases import PurchaseStore, StopKind
from worker.ports.store.said import NOTHING_SAID, StaffNote

HERO, SIM = ProviderName("hero"), ProviderName("sim")
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Account:
    circuit = Circuit.CLOSED


def _terms(name: ProviderName) -> ProviderTerms:
    return ProviderTerms(
        name=name,
        poll=timedelta(seconds=3),
        requests_per_second=50,
        max_in_flight=100,
        min_cancel_age=timedelta(0),
        lifetime=timedelta(minutes=20),
        exposure_limit_minor=10_000,
        currency="USD",
    )


def overview_over(books: BookStore, purchases: PurchaseStore) -> ProviderOverview:
    return ProviderOverview(
        books=books,
        purchases=purchases,
        providers={name: cast("Provider", Account()) for name in (SIM, HERO)},
        terms={name: _terms(name) for name in (HERO, SIM)},
        protocols={
            HERO: ProviderProtocol("handler_api", "hero"),
            SIM: ProviderProtocol("fivesim", None),
        },
    )


@dataclass
class Standings(UnaskedBooks):
    """What the database knows of two providers."""

    stops: dict[ProviderName, ProviderStop] = field(default_factory=dict)
    exposure: dict[str, int] = field(default_factory=dict)

    async def provider_standings(
        self, providers: Sequence[ProviderName], *, now: datetime | None = None
    ) -> dict[ProviderName, ProviderStanding]:
        del now
        return {
            name: ProviderStanding(
                stop=self.stops.get(name),
                balance=ReadBalance(4_200, "USD", AT) if name == HERO else None,
                exposure_minor=self.exposure if name == HERO else {},
                day=ProviderFigures(
                    provider=name, live=2, delivered=3, refunded=1, code_seconds_median=8.5
                ),
            )
            for name in providers
        }

    async def provider_services(
        self, provider: ProviderName, *, now: datetime | None = None
    ) -> list[ProviderFigures]:
        del now
        return [ProviderFigures(provider=provider, service="wa", country="de", live=1)]


@dataclass
class Stops:
    """The stopping half of `PurchaseStore`."""

    books: Standings
    said: list[tuple[str, StaffNote]] = field(default_factory=list)

    async def drain(
        self,
        provider: ProviderName,
        kind: StopKind = StopKind.DRAIN,
        said: StaffNote = NOTHING_SAID,
    ) -> datetime:
        self.said.append((kind.value, said))
        self.books.stops[provider] = ProviderStop(kind.value, AT, said.note, said.by)
        return AT

    async def resume(self, provider: ProviderName, said: StaffNote = NOTHING_SAID) -> bool:
        self.said.append(("resume", said))
        return self.books.stops.pop(provider, None) is not None
