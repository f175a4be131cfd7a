"""Providers as ops see them: how each stands, whether we rent there, and who stopped that."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.ids import ProviderName
from worker.domain.money import decimal_text
from worker.lifecycle.budget import ProviderTerms
from worker.ports.provider import Circuit, Provider
from worker.ports.store.books import BookStore, ProviderFigures, ProviderStanding
from worker.ports.store.purchases import PurchaseStore, StopKind
from worker.ports.store.said import StaffNote


class Taking(enum.Enum):
    """Whether numbers are rented at a provider."""

    TAKING = "taking"
    PAUSED = "paused"  #: Somebody stopped it, to go on later.
    HALTED = "halted"  #: Too much of our money is open there.
    DRAINING = "draining"  #: Somebody leaves it.


class ProviderProtocol(NamedTuple):
    """What a provider speaks; the dialect of a family that has some."""

    family: str
    dialect: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """One provider, in this instant."""

    name: ProviderName
    protocol: ProviderProtocol
    state: Taking
    why: str | None
    by: str | None  #: Who stopped it; None: nobody did.
    circuit: Circuit
    terms: ProviderTerms
    standing: ProviderStanding

    @property
    def exposure_minor(self) -> int:
        """In the currency of its limit, which counts no other."""
        return self.standing.exposure_minor.get(self.terms.currency, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOverview:
    books: BookStore
    purchases: PurchaseStore
    providers: Mapping[ProviderName, Provider]
    terms: Mapping[ProviderName, ProviderTerms]
    protocols: Mapping[ProviderName, ProviderProtocol]

    async def views(self) -> list[ProviderView]:
        """Of all that are configured, by name."""
        return await self._views(sorted(self.providers))

    async def view(self, name: ProviderName) -> ProviderView | None:
        """None: no such provider is configured."""
        return (await self._views([name]))[0] if name in self.providers else None

    async def services(self, name: ProviderName) -> list[ProviderFigures]:
        """What became of its numbers in seven days, by service and country."""
        return await self.books.provider_services(name)

    async def stop(
        self, name: ProviderName, kind: StopKind, said: StaffNote
    ) -> ProviderView | None:
        """No new rentals there, in every process."""
        if name in self.providers:
            await self.purchases.drain(name, kind, said)
        return await self.view(name)

    async def resume(self, name: ProviderName, said: StaffNote) -> ProviderView | None:
        if name in self.providers:
            await self.purchases.resume(name, said)
        return await self.view(name)

    async def _views(self, names: Sequence[ProviderName]) -> list[ProviderView]:
        standings = await self.books.provider_standings(names)
        return [self._view(name, standings[name]) for name in names]

    def _view(self, name: ProviderName, standing: ProviderStanding) -> ProviderView:
        terms = self.terms[name]
        state, why = _state(standing, terms)
        return ProviderView(
            name=name,
            protocol=self.protocols[name],
            state=state,
            why=why,
            by=None if standing.stop is None else standing.stop.by,
            circuit=self.providers[name].circuit,
            terms=terms,
            standing=standing,
        )


def _state(standing: ProviderStanding, terms: ProviderTerms) -> tuple[Taking, str | None]:
    stop = standing.stop
    if stop is not None:
        state = Taking.PAUSED if stop.kind == StopKind.PAUSE.value else Taking.DRAINING
        return state, stop.note
    limit, open_ = terms.exposure_limit_minor, standing.exposure_minor.get(terms.currency, 0)
    if 0 < limit <= open_:
        exposed, most = (decimal_text(minor, terms.currency) for minor in (open_, limit))
        return Taking.HALTED, f"{exposed} {terms.currency} are open there, of at most {most}"
    return Taking.TAKING, None
