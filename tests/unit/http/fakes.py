"""The ports behind the API, in dicts: small enough to read, strict enough to be wrong against."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from worker.domain.activation import FINAL, WINDOW, ProviderState, State, deadline_of
from worker.domain.ids import (
    AccountId,
    ActivationId,
    ProviderName,
    ProviderRef,
    SmsCode,
    activation_id,
    purchase_id,
)
from worker.ports.books import Account, Entry, Opened, ToppedUp
from worker.ports.desk import Done, HandedOver, Order, Ordered, OrderResult, Push, WishResult
from worker.ports.events import Event
from worker.ports.store import Activation, Happened, IntakeResult, Intook, Settlement, ShownCode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROVIDER = ProviderName("alpha")
POLICIES = frozenset({"default", "P1"})


@dataclass
class FakeLog:
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))
        self.written.set()

    error = info


@dataclass
class FakeBooks:
    """`AccountStore`"""

    found: dict[AccountId, Account] = field(default_factory=dict)
    topups: dict[str, tuple[AccountId, int]] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)

    async def open_account(self, account: AccountId, currency: str) -> tuple[Opened, Account]:
        known = self.found.get(account)
        if known is None:
            self.found[account] = Account(account, currency, 0, 0, "open")
            return Opened.NEW, self.found[account]
        same = known.currency == currency
        return (Opened.SAME if same else Opened.OTHER_CONTENT), known

    async def account(self, account: AccountId) -> Account | None:
        return self.found.get(account)

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int
    ) -> tuple[ToppedUp, Account | None]:
        if account not in self.found:
            return ToppedUp.UNKNOWN_ACCOUNT, None
        known = self.topups.setdefault(reference, (account, amount_minor))
        if known != (account, amount_minor):
            return ToppedUp.OTHER_CONTENT, None
        if any(entry.key == f"topup:{reference}" for entry in self.ledger):
            return ToppedUp.SAME, self.found[account]
        self.move(account, "topup", reference, available=amount_minor, held=0)
        return ToppedUp.NEW, self.found[account]

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        mine = [
            entry
            for entry in reversed(self.ledger)
            if entry.destination.endswith(f":{account}") and (before is None or entry.id < before)
        ]
        return mine[:limit]

    def move(
        self, account: AccountId, kind: str, thing: object, *, available: int, held: int
    ) -> None:
        was = self.found[account]
        self.found[account] = replace(
            was,
            available_minor=was.available_minor + available,
            held_minor=was.held_minor + held,
        )
        source, destination = (
            ("house:outside", f"available:{account}")
            if kind == "topup"
            else (f"available:{account}", f"held:{account}")
        )
        entry = Entry(
            id=len(self.ledger) + 1,
            at=NOW,
            kind=kind,
            key=f"{kind}:{thing}",
            source=source,
            destination=destination,
            amount_minor=available,
            currency=was.currency,
            activation=None,
        )
        self.ledger.append(entry)


@dataclass
class FakeActivations:
    """The reading half of `ActivationStore`."""

    found: dict[ActivationId, Activation] = field(default_factory=dict)
    grown: dict[ActivationId, int] = field(default_factory=dict)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, activation: Activation) -> Activation:
        self.found[activation.id] = activation
        self.grown[activation.id] = self.grown.get(activation.id, 0) + 1
        return activation

    async def activation(self, id_: ActivationId) -> Activation | None:
        return self.found.get(id_)

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[Activation]:
        newest = sorted(self.found.values(), key=lambda one: (one.rented_at, one.id), reverse=True)
        return [
            replace(one, timeline=())
            for one in newest
            if state in {None, one.state}
            and provider in {None, one.provider}
            and account in {None, one.account}
            and (before is None or (one.rented_at, one.id) < before)
        ][:limit]

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        self.asked.set()
        return {id_: self.grown[id_] for id_ in ids if id_ in self.grown}


@dataclass
class FakeEvents:
    rows: list[Event] = field(default_factory=list)

    async def events(self, *, before: int | None, limit: int) -> list[tuple[int, Event]]:
        newest = [(at, event) for at, event in enumerate(self.rows, start=1)][::-1]
        return [row for row in newest if before is None or row[0] < before][:limit]


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


def refunded(activation: Activation) -> Activation:
    return replace(
        activation,
        state=State.REFUNDED,
        provider_state=ProviderState.CANCELLED,
        settlement=Settlement(
            outcome=State.REFUNDED, amount_minor=activation.price_minor, reason="cancel", at=NOW
        ),
    )


def with_code(activation: Activation, code: str = "123456") -> Activation:
    return replace(
        activation,
        state=State.RECEIVED,
        codes=(*activation.codes, ShownCode(SmsCode(code), f"Your code is {code}", NOW)),
    )
