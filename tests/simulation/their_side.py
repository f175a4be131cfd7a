"""The provider of the simulations: the simulator's engine with its own books, without a wire.

What is done in its books and what is answered are two things here, so that an answer can be lost
after its effect.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tests.integration.lifecycle.world import SIM, utc_now
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import (
    ActivePage,
    ActiveRow,
    CancelReply,
    Circuit,
    CodesArrived,
    Ended,
    HistoryPage,
    NoRent,
    NotKnown,
    Observation,
    PastNumber,
    Refusal,
    Refused,
    Rented,
    RentRequest,
    Sms,
    Waiting,
)
from worker.simulator.behaviours import Behaviour, BehaviourChoice
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.numbers import REFUNDED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder, FamilyTerms

COST: Final = 20  #: Less than the customer's price, so that nobody takes one for the other.
CURRENCY: Final = "USD"
LIFETIME: Final = timedelta(days=30)  #: Nothing ends by itself: only what a test says happens.
PAGE: Final = 100


class TheirSide:
    """`Provider` over the books of the simulator; SMS and endings happen when a test says so."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.name: ProviderName = SIM
        self.capabilities = Capabilities()
        self.offers(has_list=True)
        self.circuit = Circuit.CLOSED
        self.down = False
        self.calls = 0
        self.bought: dict[
            str, list[SimulatedNumber]
        ] = {}  #: By the buyer's own id: it may buy twice.
        told = SimulatorConfig(
            mix={Behaviour.TIMEOUT: 1},
            price_minor=COST,
            lifetime_seconds=LIFETIME.total_seconds(),
            min_cancel_age_seconds=0,
        )
        self.engine = Engine(
            told, FamilyTerms(lifetime=LIFETIME, min_cancel_age=timedelta(0), lifetimes={})
        )

    def offers(self, *, has_list: bool, has_history: bool = False) -> None:
        """Whether it tells its active numbers, and its past ones; it pushes SMS in any case."""
        self.capabilities = Capabilities(
            list_page_size=PAGE if has_list else None, history=has_history, push=True
        )

    @property
    def books(self) -> list[SimulatedNumber]:
        return self.engine.ledger.numbers

    def sell(self, behaviour: Behaviour, ago: timedelta) -> SimulatedNumber:
        """A number that a shop rented by itself."""
        choice, order = BehaviourChoice(behaviour), BuyerOrder(service="any", country="1")
        return self.engine.rent_many(order, choice, 1, self._now() - ago)[0]

    def find(self, ref: str) -> SimulatedNumber | None:
        return self.engine.ledger.get(int(ref)) if ref.isdecimal() else None

    def receive(self, number: SimulatedNumber, code: str) -> None:
        """An SMS arrives, where the number still lives."""
        if number.live:
            self.engine.ledger.receive(number, ArrivedSms(self._now(), code, f"code {code}"))

    def end(self, number: SimulatedNumber) -> None:
        """The provider ends a number by itself and takes nothing, where it can."""
        if number.live and not number.sms:
            self.engine.ledger.move(number, Status.PROVIDER_CANCELLED, self._now())

    async def reachable(self) -> None:
        """Its circuit stays closed."""

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        self._asked()
        number = self.engine.rent(
            BuyerOrder(service=request.service, country=request.country), self._now()
        )
        assert isinstance(number, SimulatedNumber)
        assert request.order is not None
        self.bought.setdefault(request.order, []).append(number)
        return Rented(ProviderRef(str(number.id)), number.phone, number.cost_minor, CURRENCY)

    async def look(self, ref: ProviderRef) -> Observation:
        self._asked()
        return self._status(self.find(ref))

    async def list_active(self, page: int) -> ActivePage:
        self._asked()
        rows = self.engine.active(page * PAGE, PAGE, self._now())
        return ActivePage([_row(number) for number in rows], last=len(rows) < PAGE)

    async def list_whole(self, page: int) -> ActivePage:
        return await self.list_active(page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        self._asked()
        past = [number for number in self.books if since <= number.created_at <= until]
        return HistoryPage([_past(number) for number in past[skip:]], None)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        self._asked()
        number = self.find(ref)
        if number is None:
            return Refused(Refusal.UNCLEAR)
        denied = self.engine.cancel(number, self._now())
        return Ended(PriceFate.GIVEN_BACK) if denied is None else _refused(denied)

    async def finish(self, ref: ProviderRef) -> Observation:
        self._asked()
        number = self.find(ref)
        if number is not None:
            self.engine.finish(number, self._now())
        return self._status(number)

    async def ask_again(self, ref: ProviderRef) -> bool:
        self._asked()
        return self.find(ref) is not None

    async def report(self, ref: ProviderRef) -> CancelReply:
        return await self.cancel(ref)

    def _asked(self) -> None:
        self.calls += 1
        if self.down:
            raise ProviderUnavailable(self.name, "down", sent=False)

    @staticmethod
    def _status(number: SimulatedNumber | None) -> Observation:
        if number is None:
            return NotKnown()
        if number.status in REFUNDED:
            return Ended(PriceFate.GIVEN_BACK)
        if not number.live:
            return Ended(PriceFate.KEPT, _told(number))
        return CodesArrived(_told(number)) if number.sms else Waiting()


def older(number: SimulatedNumber, by: timedelta) -> None:
    """As if it had been rented earlier."""
    number.created_at -= by
    number.cancel_from -= by


def _told(number: SimulatedNumber) -> tuple[Sms, ...]:
    return tuple(Sms(sms.code, sms.text) for sms in number.sms)


def _row(number: SimulatedNumber) -> ActiveRow:
    rented: datetime = number.created_at
    return ActiveRow(
        ref=ProviderRef(str(number.id)),
        sms=_told(number),
        phone=number.phone,
        service=number.service,
        country=number.country,
        cost_minor=number.cost_minor,
        currency=CURRENCY,
        rented_at=rented,
    )


def _past(number: SimulatedNumber) -> PastNumber:
    if number.live:
        fate = PriceFate.NOT_YET
    else:
        fate = PriceFate.GIVEN_BACK if number.status in REFUNDED else PriceFate.KEPT
    return PastNumber(
        ref=ProviderRef(str(number.id)),
        fate=fate,
        phone=number.phone,
        service=number.service,
        country=number.country,
        cost_minor=number.cost_minor,
        currency=CURRENCY,
        rented_at=number.created_at,
    )


def _refused(denied: Denied) -> Refused:
    if denied.reason in {DenialReason.CODE_RECEIVED, DenialReason.NEW_CODE_RECEIVED}:
        return Refused(Refusal.CODE_ARRIVED)
    return Refused(Refusal.UNCLEAR)
