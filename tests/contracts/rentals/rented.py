"""The long rentals of an adapter and the simulated provider they are at, on one clock."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.unit.providers.adapter_world import World, built, config
from worker.adapters.providers.registry import build_rentals
from worker.domain.families import capabilities_of, every_dialect
from worker.domain.ids import ProviderRef
from worker.ports.long_rental import LongRentals, RentalRequest, RentalTerms
from worker.ports.provider import Rented
from worker.testing.simulated_provider import Simulated, SimulatedPair, simulated

PAIRS: list[SimulatedPair] = [
    (family, dialect or "classic")
    for family, dialect in every_dialect()
    if capabilities_of(family, dialect).rentals
]
COUNTRIES: Mapping[str, str] = {"textverified": "us"}  #: Where it has no numbers of Russia.
OLD_ENOUGH_S = 150  #: To be given back.
TOO_OLD_S = 21 * 60  #: For a refund.


def terms_of(pair: SimulatedPair) -> RentalTerms:
    configured = config("http://127.0.0.1:9", *pair)
    rentals = build_rentals(configured, built(configured, World()))
    assert rentals is not None
    return rentals.terms


@dataclass
class Renting:
    rentals: LongRentals
    at: Simulated
    family: str

    @property
    def terms(self) -> RentalTerms:
        return self.rentals.terms

    @property
    def length(self) -> timedelta:
        """The shortest that can be had."""
        return self.terms.lengths.shortest

    def asked(self, max_cost_minor: int | None = None) -> RentalRequest:
        country = COUNTRIES.get(self.family, "7")
        return RentalRequest("timeout", country, self.length, max_cost_minor)

    async def opened(self) -> Rented:
        bought = await self.rentals.open(self.asked())
        assert isinstance(bought, Rented)
        return bought

    async def books(self, ref: ProviderRef) -> Any:
        return await self.at.books(ref)

    async def switch(self, ref: ProviderRef, *, offline: bool) -> None:
        await self.at.control("POST", "offline", {"id": ref, "offline": offline})


#: So that a fault is the answer to the call and not to a sign-in before it.
KNOBS: Mapping[str, Mapping[str, object]] = {"textverified": {"token_seconds": 7200}}


@asynccontextmanager
async def renting(family: str, dialect: str, **settings: Any) -> AsyncIterator[Renting]:
    settings = {"mix": {"timeout": 1}, "knobs": KNOBS.get(family, {}), **settings}
    async with simulated(family, dialect, **settings) as both:
        rentals = build_rentals(config(both.url, family, dialect), both.provider)
        assert rentals is not None
        yield Renting(rentals, both, family)
