"""The price of a number, and the times it comes with: lifetime, earliest and latest cancel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.simulator.behaviours import AFTER_LATE, NumberPlan
from worker.simulator.config import SimulatorConfig
from worker.simulator.numbers import NEVER_AGAIN, SimulatedNumber

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerOrder:
    """A purchase as a buyer orders it."""

    service: str
    country: str
    operator: str = "any"
    area_code: str = ""
    voice: bool = False
    again: SimulatedNumber | None = None  #: On the same line as this one.
    max_minor: int | None = None
    reference: str | None = None  #: The buyer's own id, never bought twice.
    hours: int | None = None  #: A long rental.

    @property
    def rental(self) -> timedelta | None:
        return None if self.hours is None else timedelta(hours=self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyTerms:
    """The times a family gives its numbers, where the configuration does not say otherwise."""

    lifetime: timedelta
    min_cancel_age: timedelta
    lifetimes: dict[str, timedelta]
    rental_refund: timedelta = timedelta(minutes=20)  #: How long a rental can be given back.
    rental_min_cancel_age: timedelta = timedelta(0)


class Tariff:
    def __init__(self, config: SimulatorConfig, terms: FamilyTerms) -> None:
        self._config = config
        self._terms = terms

    @property
    def window(self) -> timedelta:
        """How long a buyer waits for a code."""
        seconds = self._config.window_seconds
        return self.lifetime_of("") if seconds is None else timedelta(seconds=seconds)

    def price_of(self, service: str, rental: timedelta | None = None) -> int:
        """Of an activation, or of a rental by the hour."""
        price = self._config.prices.get(service, self._config.price_minor)
        return price if rental is None else price * max(1, rental // HOUR)

    def lifetime_of(self, service: str) -> timedelta:
        if service in self._config.lifetimes:
            return timedelta(seconds=self._config.lifetimes[service])
        if self._config.lifetime_seconds is not None:
            return timedelta(seconds=self._config.lifetime_seconds)
        return self._terms.lifetimes.get(service, self._terms.lifetime)

    @property
    def min_cancel_age(self) -> timedelta:
        seconds = self._config.min_cancel_age_seconds
        return self._terms.min_cancel_age if seconds is None else timedelta(seconds=seconds)

    def lifetimes(self) -> Mapping[str, timedelta]:
        """The services whose numbers live longer or shorter than the others."""
        return {
            each: self.lifetime_of(each)
            for each in {**self._terms.lifetimes, **self._config.lifetimes}
        }

    def number(
        self, number_id: int, order: BuyerOrder, plan: NumberPlan, now: datetime
    ) -> SimulatedNumber:
        lifetime = order.rental or self.lifetime_of(order.service)
        min_age = self._terms.rental_min_cancel_age if order.rental else self.min_cancel_age
        # A late SMS is late for the buyer, not for the provider: the number is still alive then.
        for arrival in plan.arrivals:
            if arrival.after >= lifetime:
                lifetime = arrival.after + AFTER_LATE
        return SimulatedNumber(
            id=number_id,
            service=order.service,
            country=order.country,
            operator=order.operator,
            area_code=order.area_code,
            voice=order.voice,
            line_of=None if order.again is None else order.again.line,
            cost_minor=self.price_of(order.service, order.rental),
            created_at=now,
            expires_at=now + lifetime,
            cancel_from=now + min_age,
            cancel_until=now + self._terms.rental_refund if order.rental else NEVER_AGAIN,
            plan=plan,
            order=order.reference,
            rental=order.rental is not None,
        )
