"""The service behind the API, over the same dicts as the reading half.

It passes the tests of the real one: tests/contracts/service_contract.py.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from tests.unit.http.fakes import NOW, PROVIDER, FakeActivations, FakeBooks, delivered, refunded
from worker.domain.activation import FINAL, WINDOW, ProviderState, State, deadline_of
from worker.domain.families import RentOption
from worker.domain.ids import (
    AccountId,
    ActivationId,
    ProviderName,
    ProviderRef,
    activation_id,
    purchase_id,
)
from worker.domain.transfer import Charge
from worker.ports.service import (
    ActionOutcome,
    ActionResult,
    PurchaseOrder,
    PurchaseOutcome,
    PurchaseResult,
    Push,
    RefusedOption,
    TriedProvider,
)
from worker.ports.store.activations import (
    AcceptOutcome,
    AcceptResult,
    Activation,
    NumberIntake,
    TimelineEntry,
)
from worker.ports.store.said import StaffNote

POLICIES = frozenset({"default", "P1"})
PROVIDERS = frozenset({PROVIDER, *map(ProviderName, "abc")})


Read: TypeAlias = Callable[[ActivationId], Awaitable[Activation | None]]

NONE_SOLD = (TriedProvider(ProviderName("a"), "has no numbers"),)


def _sold(order: PurchaseOrder) -> tuple[TriedProvider, ...]:
    return (TriedProvider(order.provider, "sold the number"),)


@dataclass
class FakeService:
    """`Service`. The `forced_…` fields force an outcome that the dicts cannot lead to."""

    books: FakeBooks
    reads: FakeActivations
    intakes: dict[ActivationId, NumberIntake] = field(default_factory=dict)
    orders: dict[ActivationId, PurchaseOrder] = field(default_factory=dict)
    pushed: list[tuple[ProviderName, tuple[Push, ...]]] = field(default_factory=list)
    forced_purchase: PurchaseOutcome | None = None
    failed_order: Activation | None = None
    forced_action: ActionOutcome | None = None
    fails_with: Exception | None = None
    read_from: Read | None = None  #: Where activations are in a store of their own.

    async def accept(
        self, handed: Sequence[NumberIntake], *, patient: bool = True
    ) -> list[AcceptResult]:
        assert patient, "a call waits for its answer"
        self._fail()
        return [self._accept(intake) for intake in handed]

    def _accept(self, intake: NumberIntake) -> AcceptResult:
        rented_at = intake.rented_at or NOW
        id_ = activation_id(intake.provider, intake.ref, rented_at)
        if id_ in self.intakes:
            same = self.intakes[id_] == intake
            how = AcceptOutcome.SAME if same else AcceptOutcome.OTHER_CONTENT
            return AcceptResult(how, self.reads.found[id_])
        refused = self._refused(intake, rented_at)
        if refused is not None:
            return AcceptResult(refused, None)
        self.intakes[id_] = intake
        self._hold(intake.account, id_, intake.price_minor, intake.charge)
        return AcceptResult(
            AcceptOutcome.NEW, self.reads.put(self._activation(id_, intake, rented_at))
        )

    def _hold(self, account: AccountId, id_: ActivationId, price: int, charge: Charge) -> None:
        available = -price if charge is Charge.HOLD else 0
        self.books.move(account, "hold", id_, available=available, held=price)

    def _refused(self, intake: NumberIntake, rented_at: datetime) -> AcceptOutcome | None:
        account = self.books.found.get(intake.account)
        if intake.provider not in PROVIDERS:
            return AcceptOutcome.UNKNOWN_PROVIDER
        if intake.policy is not None and intake.policy not in POLICIES:
            return AcceptOutcome.UNKNOWN_POLICY
        if account is None:
            return AcceptOutcome.UNKNOWN_ACCOUNT
        if rented_at > NOW + timedelta(minutes=1):
            return AcceptOutcome.RENTED_IN_FUTURE
        return (
            AcceptOutcome.BALANCE_TOO_LOW if account.available_minor < intake.price_minor else None
        )

    def _activation(
        self, id_: ActivationId, intake: NumberIntake, rented_at: datetime
    ) -> Activation:
        return Activation(
            id=id_,
            provider=intake.provider,
            ref=intake.ref,
            account=intake.account,
            phone=intake.phone,
            service=intake.service,
            country=intake.country,
            price_minor=intake.price_minor,
            currency=self.books.found[intake.account].currency,
            policy=intake.policy or "default",
            state=State.RECEIVED if intake.codes else State.WAITING,
            codes=intake.codes,
            provider_state=ProviderState.OPEN,
            rented_at=rented_at,
            deadline_at=deadline_of(rented_at, intake.window or WINDOW, intake.expires_at),
            order_ref=intake.order_ref,
            order_facts=intake.order_facts,
            timeline=(TimelineEntry(NOW, "accepted", {"state": "waiting"}),),
        )

    async def rent(self, order: PurchaseOrder) -> PurchaseResult:
        self._fail()
        if self.forced_purchase is not None and self.forced_purchase is not PurchaseOutcome.PENDING:
            return PurchaseResult(self.forced_purchase, self.failed_order, NONE_SOLD)
        given = order.options.given()
        if RentOption.AREA_CODE in given:  # As of a provider that knows every other one.
            refused_option = RefusedOption(RentOption.AREA_CODE, f"{PROVIDER} does not know it")
            return PurchaseResult(PurchaseOutcome.BAD_OPTION, refused=refused_option)
        id_ = purchase_id(order.account, order.idempotency_key)
        if id_ in self.orders:
            same = self.orders[id_] == order
            how = PurchaseOutcome.SAME if same else PurchaseOutcome.OTHER_CONTENT
            return PurchaseResult(how, self.reads.found[id_] if same else None, _sold(order))
        refused = self._refused_order(order)
        if refused is not None:
            return PurchaseResult(refused)
        self.orders[id_] = order
        self._hold(order.account, id_, order.price_minor, order.charge)
        pending = self.forced_purchase is PurchaseOutcome.PENDING
        bought = Activation(
            id=id_,
            provider=order.provider,
            ref=None if pending else order_ref(id_),
            account=order.account,
            phone=None if pending else "79990000001",
            service=order.service,
            country=order.country,
            price_minor=order.price_minor,
            currency=self.books.found[order.account].currency,
            policy=order.policy or "default",
            state=State.WAITING,
            provider_state=ProviderState.OPEN,
            rented_at=NOW,
            deadline_at=NOW + (order.window or WINDOW),
            order_ref=order.order_ref,
            order_facts=order.order_facts,
            timeline=(TimelineEntry(NOW, "accepted", {"state": "waiting"}),),
        )
        how = PurchaseOutcome.PENDING if pending else PurchaseOutcome.RENTED
        return PurchaseResult(how, self.reads.put(bought), _sold(order))

    def _refused_order(self, order: PurchaseOrder) -> PurchaseOutcome | None:
        account = self.books.found.get(order.account)
        if not {order.provider, *order.otherwise} <= PROVIDERS:
            return PurchaseOutcome.UNKNOWN_PROVIDER
        if order.policy is not None and order.policy not in POLICIES:
            return PurchaseOutcome.UNKNOWN_POLICY
        if account is None:
            return PurchaseOutcome.UNKNOWN_ACCOUNT
        outside = order.charge is Charge.EXTERNAL
        too_low = not outside and account.available_minor < order.price_minor
        return PurchaseOutcome.BALANCE_TOO_LOW if too_low else None

    async def cancel(self, id_: ActivationId) -> ActionResult:
        self._fail()
        found = self.reads.found.get(id_)
        if self.forced_action is not None or found is None:
            return ActionResult(self.forced_action or ActionOutcome.UNKNOWN, found)
        if found.codes:
            return ActionResult(ActionOutcome.CODE_RECEIVED, found)
        if found.state not in FINAL:
            price = found.price_minor
            external = id_ in self.intakes and self.intakes[id_].charge is Charge.EXTERNAL
            available = 0 if external else price
            self.books.move(found.account, "release", id_, available=available, held=-price)
            found = self.reads.put(refunded(found))
        return ActionResult(ActionOutcome.DONE, found)

    async def read(self, id_: ActivationId) -> Activation | None:
        return await (self.read_from or self.reads.activation)(id_)

    async def finish(self, id_: ActivationId) -> ActionResult:
        found = self.reads.found.get(id_)
        if self.forced_action is not None or found is None:
            return ActionResult(self.forced_action or ActionOutcome.UNKNOWN, found)
        if not found.codes:
            return ActionResult(ActionOutcome.NO_CODE, found)
        if found.state not in FINAL:
            self.books.move(found.account, "capture", id_, available=0, held=-found.price_minor)
            found = self.reads.put(delivered(found))
        return ActionResult(ActionOutcome.DONE, found)

    async def resend(self, id_: ActivationId) -> ActionResult:
        found = self.reads.found.get(id_)
        if self.forced_action is not None or found is None:
            return ActionResult(self.forced_action or ActionOutcome.UNKNOWN, found)
        if found.state in FINAL:
            return ActionResult(ActionOutcome.ENDED, found)
        return ActionResult(ActionOutcome.DONE if found.codes else ActionOutcome.NO_CODE)

    async def report(self, id_: ActivationId, said: StaffNote) -> ActionResult:
        found = self.reads.found.get(id_)
        if self.forced_action is not None or found is None:
            return ActionResult(self.forced_action or ActionOutcome.UNKNOWN, found)
        if found.codes:
            return ActionResult(ActionOutcome.CODE_RECEIVED, found)
        if found.state in FINAL:
            how = (
                ActionOutcome.DONE
                if any(line.what == "reported" for line in found.timeline)
                else ActionOutcome.ENDED
            )
            return ActionResult(how, found)
        await self.reads.tell(id_, "reported", said)
        ended = await self.cancel(id_)
        return ActionResult(ActionOutcome.DONE, ended.activation)

    async def push(self, provider: ProviderName, pushes: Sequence[Push]) -> None:
        self._fail()
        self.pushed.append((provider, tuple(pushes)))

    def _fail(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with


def order_ref(id_: ActivationId) -> ProviderRef:
    return ProviderRef(f"ref-{id_.hex[:8]}")
