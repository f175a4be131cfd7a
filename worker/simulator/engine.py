"""The rules that every simulated provider follows; the faces only word them.

Synchronous and without a clock of its own: `now` is always an argument. Same seed, same script and
the same order of rentals give the same numbers, whatever other calls come in between.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from worker.simulator.behaviours import (
    Behaviour,
    BehaviourChoice,
    OnCancel,
    UnreadableBehaviour,
    drawn_from,
    forced_by,
    plan,
    sms,
    text_of,
)
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceOperation
from worker.simulator.ledger import ENDINGS_PER_CALL, Ledger, LedgerObserver
from worker.simulator.numbers import ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder, FamilyTerms, Tariff

LIST_MAX = 1_000_000
# Service names that are refused, so that every refusal can be had without a script.
REFUSED_SERVICES = {
    each.value: each
    for each in (
        DenialReason.NO_NUMBERS,
        DenialReason.NO_BALANCE,
        DenialReason.BAD_SERVICE,
        DenialReason.BAD_COUNTRY,
    )
}


class Engine:
    def __init__(self, config: SimulatorConfig, terms: FamilyTerms) -> None:
        self.config = config
        self.tariff = Tariff(config, terms)
        self.purchases = 0
        self._carried: list[ArrivedSms] = []  #: In the reply that is being made.
        self._again: deque[int] = deque()  #: Ids that the next rentals get.
        self._first = config.first_id
        self.ledger = Ledger(config.balance_minor, self._first)
        self._rng = self._plan_rng()

    def reset(self) -> None:
        """Empty books. Ids go on, so that nobody mistakes a new number for an old one."""
        observer = self.ledger.observer
        self._first = self.ledger.next_id
        self.ledger = Ledger(self.config.balance_minor, self._first)
        self.ledger.observer = observer
        self._rng = self._plan_rng()
        self._again.clear()
        self.purchases = 0

    def observe(self, observer: LedgerObserver) -> None:
        self.ledger.observer = observer

    def rent(self, order: BuyerOrder, now: datetime) -> SimulatedNumber | Denied:
        price = self.tariff.price_of(order.service, order.rental)
        refusal = self._refusal(order, price, now)
        if refusal is not None:
            return refusal
        try:
            number = self._open(order, forced_by(order.service), now)
        except UnreadableBehaviour:
            return Denied(DenialReason.BAD_SERVICE)
        self.purchases += 1
        return number

    def rent_many(
        self, order: BuyerOrder, choice: BehaviourChoice | None, count: int, now: datetime
    ) -> list[SimulatedNumber]:
        """Numbers for a test, whatever the balance; *choice* replaces what the service asks for."""
        return [self._open(order, choice or forced_by(order.service), now) for _ in range(count)]

    def _open(
        self, order: BuyerOrder, forced: BehaviourChoice | None, now: datetime
    ) -> SimulatedNumber:
        number_id = self._again.popleft() if self._again else self.ledger.next_id
        choice = self._timed(forced or drawn_from(self.config.mix, self._rng))
        number_plan = plan(choice, self.tariff.window, self._rng)
        number = self.tariff.number(number_id, order, number_plan, now)
        self.ledger.open(number)
        return number

    def _timed(self, choice: BehaviourChoice) -> BehaviourChoice:
        span = self.config.code_seconds
        if span is None or choice != BehaviourChoice(Behaviour.CODE_ARRIVES):
            return choice
        return choice._replace(seconds=self._rng.uniform(*span))

    def find(self, number_id: int, now: datetime) -> SimulatedNumber | None:
        self.ledger.catch_up(now, ENDINGS_PER_CALL)
        number = self.ledger.get(number_id)
        if number is not None and number.next_at <= now:
            self.ledger.advance(number, now)
        return number

    def trouble(
        self, number: SimulatedNumber, operation: FaceOperation, now: datetime
    ) -> Denied | None:
        """The refusal that a number's own behaviour demands, from its first cancel on."""
        kind = number.plan.on_cancel
        if kind is None or kind is OnCancel.SMS:
            return None
        if number.trouble_from is None:
            if operation is not FaceOperation.CANCEL or self._early(number, now):
                return None
            number.trouble_from = now
        wait = number.trouble_from + number.plan.trouble - now
        if wait <= timedelta(0):
            return None
        return Denied(
            DenialReason.UNAVAILABLE if kind is OnCancel.DOWN else DenialReason.RATE_LIMITED, wait
        )

    def cancel(
        self, number: SimulatedNumber, now: datetime, ending: Status = Status.CANCELLED
    ) -> Denied | None:
        """Give a number back. None: done."""
        if not number.live:
            return Denied(DenialReason.ENDED)
        if number.sms:
            return self._has_sms(number)
        if wait := self._early(number, now):
            min_age = number.cancel_from - number.created_at
            return Denied(DenialReason.EARLY_CANCEL, wait, min_age=min_age)
        if now > number.cancel_until:
            return Denied(DenialReason.TOO_LATE)
        if number.plan.on_cancel is OnCancel.SMS:
            rng = Random(f"{self.config.seed}:race:{number.id - self._first}")  # noqa: S311 - repeatable
            arrival = sms(timedelta(0), rng)
            self.ledger.receive(number, ArrivedSms(now, arrival.code, text_of(arrival.code)))
            return self._has_sms(number)
        self.ledger.move(number, ending, now)
        return None

    def finish(self, number: SimulatedNumber, now: datetime) -> Denied | None:
        if not number.live:
            return Denied(DenialReason.ENDED)
        if not number.sms and not number.rental:
            return Denied(DenialReason.NO_CODE)
        self.ledger.move(number, Status.FINISHED, now)
        return None

    def ask_again(self, number: SimulatedNumber, now: datetime) -> Denied | None:
        if not number.live:
            return Denied(DenialReason.ENDED)
        if not number.sms:
            return Denied(DenialReason.NO_CODE)
        if number.status is Status.RETRYING:
            return Denied(DenialReason.BAD_STATUS)
        self.ledger.move(number, Status.RETRYING, now)
        return None

    def ready(self, number: SimulatedNumber) -> Denied | None:
        if number.ready or number.status is not Status.WAITING:
            return Denied(DenialReason.BAD_STATUS)
        number.ready = True
        return None

    def rent_again(self, number: SimulatedNumber) -> bool:
        """Give its id to the next number that is rented; False where it lives, or will again."""
        if number.live or number.id in self._again:
            return False
        self._again.append(number.id)
        return True

    def show(self, number: SimulatedNumber, carried: Sequence[ArrivedSms] | None = None) -> None:
        """Note that the buyer has read every SMS, of which the reply holds those *carried*."""
        number.shown = len(number.sms)
        self.carry(number.sms if carried is None else carried)

    def carry(self, sms: Sequence[ArrivedSms]) -> None:
        """Note that the reply which is being made holds these SMS."""
        self._carried += sms

    def reply_made(self, now: datetime, *, whole: bool) -> None:
        """A reply goes out; one that is not *whole* tells the buyer nothing."""
        for each in self._carried if whole else ():
            each.told_at = each.told_at or now
        self._carried.clear()

    def active(self, offset: int, limit: int, now: datetime) -> list[SimulatedNumber]:
        """A page of live numbers, oldest first; the buyer has read their SMS then."""
        rows = self.ledger.page(offset, limit, now)
        for number in rows:
            number.shown = len(number.sms)
        return rows

    def rented_of(self, start: int, end: int, now: datetime) -> Iterator[SimulatedNumber]:
        """Numbers rented between two UNIX times, live or not, oldest first."""
        for number in self.ledger.rented_between(
            datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        ):
            self.ledger.advance(number, now)
            yield number

    def ended_of(self, start: int, end: int, now: datetime) -> Iterator[SimulatedNumber]:
        """Those of them that have ended."""
        return (number for number in self.rented_of(start, end, now) if not number.live)

    def live(self, now: datetime, *, rentals: bool = False) -> list[SimulatedNumber]:
        """All live numbers, or rentals, for the families whose list has no pages."""
        return self.ledger.page(0, LIST_MAX, now, rentals=rentals)

    def rented(
        self, offset: int, limit: int, now: datetime, *, newest_first: bool, rentals: bool
    ) -> tuple[list[SimulatedNumber], int]:
        """A page of everything ever rented, live or not, and how much there is."""
        page, total = self.ledger.rented(offset, limit, newest_first=newest_first, rentals=rentals)
        for number in page:
            self.ledger.advance(number, now)
            self.show(number)
        return page, total

    def live_count(self, now: datetime) -> int:
        self.ledger.catch_up(now)
        return len(self.ledger.live)

    def extend(self, number: SimulatedNumber, by: timedelta, now: datetime) -> Denied | None:
        """Prolong a number for another price."""
        if not number.live:
            return Denied(DenialReason.ENDED)
        price = self.tariff.price_of(number.service, by if number.rental else None)
        if self.balance_minor(now) < price:
            return Denied(DenialReason.NO_BALANCE)
        self.ledger.extend(number, by, price)
        return None

    def balance_minor(self, now: datetime) -> int:
        self.ledger.catch_up(now)
        return self.ledger.balance_minor

    def _refusal(self, order: BuyerOrder, price: int, now: datetime) -> Denied | None:
        known = self.config.services
        if order.service in REFUSED_SERVICES:
            return Denied(REFUSED_SERVICES[order.service])
        if not order.service or (known and order.service.partition(":")[0] not in known):
            return Denied(DenialReason.BAD_SERVICE)
        if order.reference is not None and order.reference in self.ledger.by_order:
            return Denied(DenialReason.ORDER_EXISTS)
        if order.max_minor is not None and order.max_minor < price:
            return Denied(DenialReason.PRICE_TOO_LOW, minimum_minor=price)
        if self.balance_minor(now) < price:
            return Denied(DenialReason.NO_BALANCE)
        return None

    def _plan_rng(self) -> Random:
        """The random numbers of rentals alone, so that no other call changes their plans."""
        return Random(f"{self.config.seed}:plans")  # noqa: S311 - repeatable on purpose

    def _early(self, number: SimulatedNumber, now: datetime) -> timedelta | None:
        return number.cancel_from - now if now < number.cancel_from else None

    def _has_sms(self, number: SimulatedNumber) -> Denied:
        unread = number.new_sms
        reason = DenialReason.NEW_CODE_RECEIVED if unread else DenialReason.CODE_RECEIVED
        return Denied(reason, sms=tuple(unread))
