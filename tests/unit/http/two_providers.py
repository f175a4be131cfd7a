"""Two providers as the API shows them, over any books."""

from datetime import timedelta
from typing import cast

from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.provider_overview import ProviderOverview, ProviderProtocol
from worker.ports.provider import Circuit, Provider
from worker.ports.store.books import BookStore
from worker.ports.store.purchases import PurchaseStore

HERO, SIM = ProviderName("hero"), ProviderName("sim")


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
