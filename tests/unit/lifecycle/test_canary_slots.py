"""A slot has one canary, whoever ticks; what does not get its code is told of once."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import SECOND, SIM, OwnTime, StubStore
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderRef, purchase_id
from worker.lifecycle.canary import WINDOW_MAX, Canary, CanaryOrder
from worker.ports.errors import StoreUnavailable
from worker.ports.service import (
    ActionOutcome,
    ActionResult,
    PurchaseOrder,
    PurchaseOutcome,
    PurchaseResult,
)
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import CANARY_ACCOUNT

EVERY = timedelta(minutes=5)
ERRAND = CanaryOrder(provider=SIM, service="any", country="7", every=EVERY, currency="USD")


@dataclass
class Shop:
    """The service and its store, in memory, for any number of processes."""

    time: OwnTime = field(default_factory=OwnTime)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    sells: PurchaseOutcome = PurchaseOutcome.RENTED
    kept: bool = True  #: Whether an order that comes to nothing is on record.
    settles: bool = True  #: Whether an ending is booked at once.
    failure: Exception | None = None
    orders: list[PurchaseOrder] = field(default_factory=list)
    numbers: dict[ActivationId, Activation | None] = field(default_factory=dict)
    accounts: set[AccountId] = field(default_factory=set)

    def process(self, errand: CanaryOrder = ERRAND) -> Canary:
        """One of the hosts."""
        store = cast(
            "Any",
            StubStore(
                open_account=lambda account, _: self.accounts.add(account),
                ordered=lambda id_: id_ in self.numbers,
                activation=self.numbers.get,
            ),
        )
        return Canary(
            purchases=store,
            books=store,
            activations=store,
            service=cast("Any", self),
            reporter=self.reporter,
            clock=self.time.clock(),
            order=errand,
        )

    async def rent(self, order: PurchaseOrder) -> PurchaseResult:
        assert order.account in self.accounts
        self.orders.append(order)
        if self.failure is not None:
            raise self.failure
        id_ = purchase_id(order.account, order.idempotency_key)
        if self.sells is PurchaseOutcome.RENTED:
            self.numbers[id_] = self._number(id_, order)
        elif self.kept:
            self.numbers[id_] = None
        return PurchaseResult(self.sells, self.numbers.get(id_))

    async def finish(self, id_: ActivationId) -> ActionResult:
        if not self.settles:
            return ActionResult(ActionOutcome.NO_CODE, self.numbers[id_])
        self.becomes(State.DELIVERED, id_)
        return ActionResult(ActionOutcome.DONE, self.numbers[id_])

    def becomes(self, state: State, id_: ActivationId | None = None) -> None:
        """A number, or the last one."""
        id_ = id_ or list(self.numbers)[-1]
        number = self.numbers[id_]
        assert number is not None
        self.numbers[id_] = replace(number, state=state)

    @property
    def states(self) -> list[State]:
        return [number.state for number in self.numbers.values() if number is not None]

    @property
    def told(self) -> list[str]:
        return [detail for _, _, detail in self.reporter.of("trouble")]

    def _number(self, id_: ActivationId, order: PurchaseOrder) -> Activation:
        assert order.window is not None
        return Activation(
            id=id_,
            provider=order.provider,
            ref=ProviderRef(str(len(self.numbers))),
            account=order.account,
            phone="15550001",
            service=order.service,
            country=order.country,
            price_minor=order.price_minor,
            currency="USD",
            policy="default",
            state=State.WAITING,
            provider_state=ProviderState.OPEN,
            rented_at=self.time.now(),
            deadline_at=self.time.now() + order.window,
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_it_orders_as_a_shop_does_for_an_account_of_its_own_at_no_price(shop: Shop) -> None:
    await shop.process().tick()

    (order,) = shop.orders
    at = int(shop.time.now().timestamp())
    assert order == PurchaseOrder(
        idempotency_key=f"canary-{at}",
        account=CANARY_ACCOUNT,
        provider=SIM,
        service="any",
        country="7",
        price_minor=0,
        window=EVERY / 2,
    )


async def test_a_slot_has_one_canary_whichever_host_ticks(shop: Shop) -> None:
    hosts = [shop.process(), shop.process()]

    for _ in range(20):
        for host in hosts:
            await host.tick()
        shop.time.pass_by(SECOND * 5)

    assert len(shop.orders) == 1


async def test_every_slot_has_one(shop: Shop) -> None:
    host = shop.process()
    shop.time.pass_by(EVERY - SECOND)

    await host.tick()
    shop.time.pass_by(SECOND)
    await host.tick()
    shop.time.pass_by(EVERY)
    await host.tick()

    assert len({order.idempotency_key for order in shop.orders}) == 3


async def test_another_length_of_slots_does_not_meet_old_numbers_again(shop: Shop) -> None:
    await shop.process().tick()
    # As a count of slots, this instant has the same number as that one had.
    longer = replace(ERRAND, every=timedelta(seconds=600))
    shop.time.pass_by(timedelta(seconds=shop.time.now().timestamp()))
    await shop.process(longer).tick()

    assert len({order.idempotency_key for order in shop.orders}) == 2


@pytest.mark.parametrize(("every", "window"), [(60, 30), (300, 150), (600, 300), (3600, 300)])
async def test_the_window_is_short_and_over_before_the_next_slot_is(
    shop: Shop, every: int, window: int
) -> None:
    await shop.process(replace(ERRAND, every=timedelta(seconds=every))).tick()

    assert shop.orders[0].window == timedelta(seconds=window) <= WINDOW_MAX


async def test_with_its_code_it_is_finished_by_whoever_ticks_next(shop: Shop) -> None:
    await shop.process().tick()
    await shop.process().tick()
    assert shop.states == [State.WAITING]
    shop.becomes(State.RECEIVED)

    await shop.process().tick()

    assert (shop.states, shop.told) == ([State.DELIVERED], [])


async def test_one_sent_late_in_its_slot_is_finished_in_the_next(shop: Shop) -> None:
    host = shop.process()
    shop.time.pass_by(EVERY - SECOND)
    await host.tick()
    shop.time.pass_by(SECOND * 2)
    await host.tick()
    shop.becomes(State.RECEIVED, next(iter(shop.numbers)))

    await host.tick()

    assert shop.states == [State.DELIVERED, State.WAITING]


@pytest.mark.parametrize(
    "sells", [PurchaseOutcome.NO_NUMBERS, PurchaseOutcome.PROVIDER_UNAVAILABLE]
)
async def test_one_that_is_not_sold_is_told_of_once_and_not_asked_for_again(
    shop: Shop, sells: PurchaseOutcome
) -> None:
    shop.sells = sells
    hosts = [shop.process(), shop.process()]

    for host in hosts * 3:
        await host.tick()

    assert shop.told == [sells.value]
    assert len(shop.orders) == 1


async def test_an_order_that_is_not_even_kept_is_tried_once_a_slot(shop: Shop) -> None:
    shop.sells, shop.kept = PurchaseOutcome.UNKNOWN_ACCOUNT, False
    host = shop.process()

    for _ in range(3):
        await host.tick()
    assert shop.told == ["unknown_account"]
    shop.time.pass_by(EVERY)
    await host.tick()

    assert len(shop.told) == 2


async def test_a_purchase_nobody_knows_the_outcome_of_is_no_failure_yet(shop: Shop) -> None:
    shop.sells = PurchaseOutcome.PENDING

    await shop.process().tick()

    assert shop.told == []


@pytest.mark.parametrize(
    "state",
    [State.WAITING, State.EXPIRING, State.REFUNDED, State.CLOSED, State.IN_REVIEW],
)
async def test_one_without_a_code_is_told_of_once_when_the_next_is_sent(
    shop: Shop, state: State
) -> None:
    hosts = [shop.process(), shop.process()]
    await hosts[0].tick()
    shop.becomes(state)
    shop.time.pass_by(EVERY - SECOND)
    await hosts[0].tick()
    assert shop.told == []

    for _ in range(3):
        shop.time.pass_by(SECOND)
        for host in hosts:
            await host.tick()
    shop.becomes(State.DELIVERED)
    shop.time.pass_by(EVERY)
    await hosts[1].tick()

    assert shop.told == [state.value]


@pytest.mark.parametrize("state", [State.RECEIVED, State.DELIVERED])
async def test_one_that_got_its_code_is_not_told_of(shop: Shop, state: State) -> None:
    shop.settles = False
    await shop.process().tick()
    shop.becomes(state)
    shop.time.pass_by(EVERY)

    await shop.process().tick()

    assert shop.told == []
    assert shop.states == [state, State.WAITING]


async def test_one_sent_late_is_told_of_after_its_window_and_once(shop: Shop) -> None:
    host = shop.process()
    shop.time.pass_by(EVERY - SECOND)
    await host.tick()
    late = next(iter(shop.numbers))
    for _ in range(4):
        shop.time.pass_by(SECOND)
        await host.tick()
    assert shop.told == []
    shop.becomes(State.REFUNDED, late)

    for _ in range(3):
        shop.becomes(State.DELIVERED)
        shop.time.pass_by(EVERY)
        await host.tick()

    assert shop.told == ["refunded"]


async def test_what_the_database_could_not_take_is_tried_again_in_the_same_slot(
    shop: Shop,
) -> None:
    host = shop.process()
    await host.tick()
    shop.becomes(State.CLOSED)
    shop.time.pass_by(EVERY)
    shop.failure = StoreUnavailable("database: gone")
    with pytest.raises(StoreUnavailable):
        await host.tick()
    shop.failure = None

    await host.tick()

    assert shop.states == [State.CLOSED, State.WAITING]
    assert shop.told == ["closed"]
