"""The desk behind the API, over the same dicts as the reading half."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.unit.http.fakes import NOW, PROVIDER, FakeActivations, FakeBooks, refunded
from worker.domain.activation import FINAL, WINDOW, ProviderState, State, deadline_of
from worker.domain.ids import (
    ActivationId,
    ProviderName,
    ProviderRef,
    activation_id,
    purchase_id,
)
from worker.ports.service import Done, HandedOver, Order, Ordered, OrderResult, Push, WishResult
from worker.ports.store.activations import Activation, Happened, IntakeResult, Intook

POLICIES = frozenset({"default", "P1"})


@dataclass
class FakeDesk:
    """`Desk`, over the same dicts. `forced` makes an answer that dicts cannot lead to."""

    books: FakeBooks
    reads: FakeActivations
    handed: dict[ActivationId, HandedOver] = field(default_factory=dict)
    orders: dict[ActivationId, Order] = field(default_factory=dict)
    pushed: list[tuple[ProviderName, tuple[Push, ...]]] = field(default_factory=list)
    ordered: Ordered | None = None
    wished: Done | None = None
    fails_with: Exception | None = None

    async def accept(self, handed: Sequence[HandedOver]) -> list[IntakeResult]:
        self._fail()
        return [self._accept(one) for one in handed]

    def _accept(self, handed: HandedOver) -> IntakeResult:
        rented_at = handed.rented_at or NOW
        id_ = activation_id(handed.provider, handed.ref, rented_at)
        if id_ in self.handed:
            same = self.handed[id_] == handed
            return IntakeResult(
                Intook.SAME if same else Intook.OTHER_CONTENT,
                self.reads.found[id_] if same else None,
            )
        refused = self._refused(handed, rented_at)
        if refused is not None:
            return IntakeResult(refused, None)
        self.handed[id_] = handed
        self.books.move(
            handed.account,
            "hold",
            id_,
            available=-handed.price_minor,
            held=handed.price_minor,
        )
        return IntakeResult(Intook.NEW, self.reads.put(self._activation(id_, handed, rented_at)))

    def _refused(self, handed: HandedOver, rented_at: datetime) -> Intook | None:
        account = self.books.found.get(handed.account)
        if handed.provider != PROVIDER:
            return Intook.UNKNOWN_PROVIDER
        if handed.policy is not None and handed.policy not in POLICIES:
            return Intook.UNKNOWN_POLICY
        if account is None:
            return Intook.UNKNOWN_ACCOUNT
        if rented_at > NOW + timedelta(minutes=1):
            return Intook.RENTED_IN_FUTURE
        return Intook.BALANCE_TOO_LOW if account.available_minor < handed.price_minor else None

    def _activation(self, id_: ActivationId, handed: HandedOver, rented_at: datetime) -> Activation:
        return Activation(
            id=id_,
            provider=handed.provider,
            ref=handed.ref,
            account=handed.account,
            phone=handed.phone,
            service=handed.service,
            country=handed.country,
            price_minor=handed.price_minor,
            currency=self.books.found[handed.account].currency,
            policy=handed.policy or "default",
            state=State.WAITING,
            provider_state=ProviderState.OPEN,
            rented_at=rented_at,
            deadline_at=deadline_of(rented_at, handed.window or WINDOW, handed.expires_at),
            timeline=(Happened(rented_at, "activation.accepted", {"attempt": 1}),),
        )

    async def rent(self, order: Order) -> OrderResult:
        self._fail()
        if self.ordered is not None and self.ordered is not Ordered.PENDING:
            return OrderResult(self.ordered)
        id_ = purchase_id(order.account, order.idempotency_key)
        if id_ in self.orders:
            same = self.orders[id_] == order
            how = Ordered.SAME if same else Ordered.OTHER_CONTENT
            return OrderResult(how, self.reads.found[id_] if same else None)
        if order.account not in self.books.found:
            return OrderResult(Ordered.UNKNOWN_ACCOUNT)
        self.orders[id_] = order
        pending = self.ordered is Ordered.PENDING
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
        )
        how = Ordered.PENDING if pending else Ordered.RENTED
        return OrderResult(how, self.reads.put(bought))

    async def cancel(self, id_: ActivationId) -> WishResult:
        self._fail()
        found = self.reads.found.get(id_)
        if self.wished is not None or found is None:
            return WishResult(self.wished or Done.UNKNOWN, found)
        if found.codes:
            return WishResult(Done.CODE_RECEIVED, found)
        if found.state not in FINAL:
            found = self.reads.put(refunded(found))
        return WishResult(Done.DONE, found)

    async def finish(self, id_: ActivationId) -> WishResult:
        found = self.reads.found.get(id_)
        if self.wished is not None or found is None:
            return WishResult(self.wished or Done.UNKNOWN, found)
        return WishResult(Done.DONE if found.codes else Done.NO_CODE, found)

    async def resend(self, id_: ActivationId) -> WishResult:
        found = self.reads.found.get(id_)
        if self.wished is not None or found is None:
            return WishResult(self.wished or Done.UNKNOWN, found)
        if found.state in FINAL:
            return WishResult(Done.ENDED, found)
        return WishResult(Done.DONE if found.codes else Done.NO_CODE)

    async def push(self, provider: ProviderName, pushes: Sequence[Push]) -> None:
        self._fail()
        self.pushed.append((provider, tuple(pushes)))

    def _fail(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with


def order_ref(id_: ActivationId) -> ProviderRef:
    return ProviderRef(f"ref-{id_.hex[:8]}")
