"""The rules every provider here plays by; the faces only put them into words.

Synchronous and without a clock of its own: `now` is always an argument. Same seed, same script and
the same order of rentals give the same numbers, whatever else is asked in between.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from worker.simulator.behaviours import (
    AFTER_LATE,
    Choice,
    OnCancel,
    Plan,
    UnreadableBehaviour,
    drawn_from,
    forced_by,
    plan,
    sms,
)
from worker.simulator.books import SOME, Books, Observer
from worker.simulator.config import SimulatorConfig
from worker.simulator.numbers import NEVER_AGAIN, Number, Sms, Status
from worker.simulator.operations import Operation
from worker.simulator.problems import Denied, Problem

HOUR = timedelta(hours=1)
FIRST_ID = 100_000_001
# Service names that are refused, so that every refusal can be had without a script.
REFUSED_SERVICES = {
    each.value: each
    for each in (Problem.NO_NUMBERS, Problem.NO_BALANCE, Problem.BAD_SERVICE, Problem.BAD_COUNTRY)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a buyer asks for."""

    service: str
    country: str
    operator: str = "any"
    max_minor: int | None = None
    reference: str | None = None  #: The buyer's own id, never bought twice.
    hours: int | None = None  #: A long rental.

    @property
    def rental(self) -> timedelta | None:
        return None if self.hours is None else timedelta(hours=self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The times a family gives its numbers, where the configuration does not say otherwise."""

    lifetime: timedelta
    min_cancel_age: timedelta
    lifetimes: dict[str, timedelta]
    rental_refund: timedelta = timedelta(minutes=20)  #: How long a rental can be given back.
    rental_min_cancel_age: timedelta = timedelta(0)


class Engine:
    def __init__(self, config: SimulatorConfig, terms: Terms) -> None:
        self.config = config
        self.terms = terms
        self.purchases = 0
        self._first = FIRST_ID
        self.books = Books(config.balance_minor, FIRST_ID)

    def reset(self) -> None:
        """Empty books. Ids go on, so that nobody mistakes a new number for an old one."""
        observer = self.books.observer
        self._first = self.books.next_id
        self.books = Books(self.config.balance_minor, self._first)
        self.books.observer = observer
        self.purchases = 0

    def observe(self, observer: Observer) -> None:
        self.books.observer = observer

    def rent(self, order: Order, now: datetime) -> Number | Denied:
        price = self.price_of(order.service, order.rental)
        refusal = self._refusal(order, price, now)
        if refusal is not None:
            return refusal
        rng = Random(f"{self.config.seed}:{self.books.next_id - self._first}")  # noqa: S311 - repeatable
        try:
            choice = forced_by(order.service) or drawn_from(self.config.mix, rng)
        except UnreadableBehaviour:
            return Denied(Problem.BAD_SERVICE)
        number = self._number(order, price, plan(choice, self.window, rng), now)
        self.books.open(number)
        self.purchases += 1
        return number

    def rent_many(
        self, order: Order, choice: Choice | None, count: int, now: datetime
    ) -> list[Number]:
        """Numbers for a test, whatever the balance; *choice* instead of what the service says."""
        numbers = []
        for _ in range(count):
            rng = Random(f"{self.config.seed}:{self.books.next_id - self._first}")  # noqa: S311 - the same
            chosen = choice or forced_by(order.service) or drawn_from(self.config.mix, rng)
            number = self._number(
                order, self.price_of(order.service), plan(chosen, self.window, rng), now
            )
            self.books.open(number)
            numbers.append(number)
        return numbers

    @property
    def window(self) -> timedelta:
        """How long a buyer waits for a code."""
        seconds = self.config.window_seconds
        return self.lifetime_of("") if seconds is None else timedelta(seconds=seconds)

    def price_of(self, service: str, rental: timedelta | None = None) -> int:
        """Of an activation, or of a rental by the hour."""
        price = self.config.prices.get(service, self.config.price_minor)
        return price if rental is None else price * max(1, rental // HOUR)

    def lifetime_of(self, service: str) -> timedelta:
        if service in self.config.lifetimes:
            return timedelta(seconds=self.config.lifetimes[service])
        if self.config.lifetime_seconds is not None:
            return timedelta(seconds=self.config.lifetime_seconds)
        return self.terms.lifetimes.get(service, self.terms.lifetime)

    @property
    def min_cancel_age(self) -> timedelta:
        seconds = self.config.min_cancel_age_seconds
        return self.terms.min_cancel_age if seconds is None else timedelta(seconds=seconds)

    def find(self, number_id: int, now: datetime) -> Number | None:
        self.books.catch_up(now, SOME)
        number = self.books.get(number_id)
        if number is not None and number.next_at <= now:
            self.books.advance(number, now)
        return number

    def trouble(self, number: Number, operation: Operation, now: datetime) -> Denied | None:
        """What a number's own behaviour makes of calls about it, from its first cancel on."""
        kind = number.plan.on_cancel
        if kind is None or kind is OnCancel.SMS:
            return None
        if number.trouble_from is None:
            if operation is not Operation.CANCEL or self._early(number, now):
                return None
            number.trouble_from = now
        left = number.trouble_from + number.plan.trouble - now
        if left <= timedelta(0):
            return None
        return Denied(Problem.UNAVAILABLE if kind is OnCancel.DOWN else Problem.RATE_LIMITED, left)

    def cancel(
        self, number: Number, now: datetime, ending: Status = Status.CANCELLED
    ) -> Denied | None:
        """Give a number back. None: done."""
        if not number.live:
            return Denied(Problem.ENDED)
        if number.sms:
            return self._has_sms(number)
        if wait := self._early(number, now):
            min_age = number.cancel_from - number.created_at
            return Denied(Problem.EARLY_CANCEL, wait, min_age=min_age)
        if now > number.cancel_until:
            return Denied(Problem.TOO_LATE)
        if number.plan.on_cancel is OnCancel.SMS:
            rng = Random(f"{self.config.seed}:race:{number.id - self._first}")  # noqa: S311 - repeatable
            arrival = sms(timedelta(0), rng)
            self.books.receive(number, Sms(now, arrival.code, arrival.text))
            return self._has_sms(number)
        self.books.move(number, ending, now)
        return None

    def finish(self, number: Number, now: datetime) -> Denied | None:
        if not number.live:
            return Denied(Problem.ENDED)
        if not number.sms and not number.rental:
            return Denied(Problem.NO_CODE)
        self.books.move(number, Status.FINISHED, now)
        return None

    def ask_again(self, number: Number, now: datetime) -> Denied | None:
        if not number.live:
            return Denied(Problem.ENDED)
        if not number.sms:
            return Denied(Problem.NO_CODE)
        if number.status is Status.RETRYING:
            return Denied(Problem.BAD_STATUS)
        self.books.move(number, Status.RETRYING, now)
        return None

    def ready(self, number: Number) -> Denied | None:
        if number.ready or number.status is not Status.WAITING:
            return Denied(Problem.BAD_STATUS)
        number.ready = True
        return None

    def show(self, number: Number) -> None:
        """The buyer has been told all SMS there are."""
        number.shown = len(number.sms)

    def active(self, offset: int, limit: int, now: datetime) -> list[Number]:
        """A page of live numbers, oldest first; their SMS have been told then."""
        rows = self.books.page(offset, limit, now)
        for number in rows:
            number.shown = len(number.sms)
        return rows

    def ended_of(self, start: int, end: int, now: datetime) -> Iterator[Number]:
        """Ended numbers rented between two UNIX times, oldest first."""
        for number in self.books.rented_between(
            datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        ):
            self.books.advance(number, now)
            if not number.live:
                yield number

    def rentals(self, offset: int, limit: int, now: datetime) -> list[Number]:
        return self.books.page(offset, limit, now, rentals=True)

    def live_count(self, now: datetime) -> int:
        self.books.catch_up(now)
        return len(self.books.live)

    def lifetimes(self) -> Mapping[str, timedelta]:
        """The services whose numbers live longer or shorter than the others."""
        return {
            each: self.lifetime_of(each)
            for each in {**self.terms.lifetimes, **self.config.lifetimes}
        }

    def extend(self, number: Number, by: timedelta, now: datetime) -> Denied | None:
        """Prolong a number for another price."""
        if not number.live:
            return Denied(Problem.ENDED)
        price = self.price_of(number.service, by if number.rental else None)
        if self.balance_minor(now) < price:
            return Denied(Problem.NO_BALANCE)
        self.books.extend(number, by, price)
        return None

    def balance_minor(self, now: datetime) -> int:
        self.books.catch_up(now)
        return self.books.balance_minor

    def _refusal(self, order: Order, price: int, now: datetime) -> Denied | None:
        known = self.config.services
        if order.service in REFUSED_SERVICES:
            return Denied(REFUSED_SERVICES[order.service])
        if not order.service or (known and order.service.partition(":")[0] not in known):
            return Denied(Problem.BAD_SERVICE)
        if order.reference is not None and order.reference in self.books.by_order:
            return Denied(Problem.ORDER_EXISTS)
        if order.max_minor is not None and order.max_minor < price:
            return Denied(Problem.PRICE_TOO_LOW, minimum_minor=price)
        if self.balance_minor(now) < price:
            return Denied(Problem.NO_BALANCE)
        return None

    def _number(self, order: Order, price: int, made: Plan, now: datetime) -> Number:
        lifetime = order.rental or self.lifetime_of(order.service)
        youngest = self.terms.rental_min_cancel_age if order.rental else self.min_cancel_age
        # A late SMS is late for the buyer, not for the provider: the number is still alive then.
        for arrival in made.arrivals:
            if arrival.after >= lifetime:
                lifetime = arrival.after + AFTER_LATE
        number_id = self.books.next_id
        return Number(
            id=number_id,
            phone=f"79{number_id % 10**9:09d}",
            service=order.service,
            country=order.country,
            operator=order.operator,
            cost_minor=price,
            created_at=now,
            expires_at=now + lifetime,
            cancel_from=now + youngest,
            cancel_until=now + self.terms.rental_refund if order.rental else NEVER_AGAIN,
            plan=made,
            order=order.reference,
            rental=order.rental is not None,
        )

    def _early(self, number: Number, now: datetime) -> timedelta | None:
        return number.cancel_from - now if now < number.cancel_from else None

    def _has_sms(self, number: Number) -> Denied:
        unread = number.new_sms
        problem = Problem.NEW_CODE_RECEIVED if unread else Problem.CODE_RECEIVED
        return Denied(problem, sms=tuple(unread))
