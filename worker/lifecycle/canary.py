"""Canary: a number of our own, rented once per slot of time, that has to get its code and end.

It goes the way of every order, so what keeps it from its end keeps customers from theirs. A tick
takes the next small step and waits for no code. What was done is read from the database: whichever
host has the next tick goes on where the last one was, and a slot has one canary.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from worker.domain.activation import State
from worker.domain.ids import ActivationId, ProviderName, purchase_id
from worker.lifecycle.clock import Clock
from worker.ports.reporter import Reporter
from worker.ports.service import PurchaseOrder, PurchaseOutcome, Service
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.purchases import CANARY_ACCOUNT, PurchaseStore

WINDOW_MAX: Final = timedelta(minutes=5)
#: A number whose window ended with a code counts too: the sweep delivers it within a second.
WELL: Final = frozenset({State.RECEIVED, State.DELIVERED})
#: Its outcome is not known yet.
UNDER_WAY: Final = frozenset(
    {PurchaseOutcome.RENTED, PurchaseOutcome.SAME, PurchaseOutcome.PENDING}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryOrder:
    """What is ordered, as configured."""

    provider: ProviderName
    service: str
    country: str
    every: timedelta  #: Whole seconds: the length of a slot.
    currency: str  #: The provider's; the price is 0, so none of it moves.

    @property
    def window(self) -> timedelta:
        """Half a slot at the most: one sent late in its slot is over before the next one is."""
        return min(WINDOW_MAX, self.every // 2)


@dataclass(slots=True, kw_only=True)
class Canary:
    purchases: PurchaseStore
    books: BookStore
    activations: ActivationStore
    service: Service
    reporter: Reporter
    clock: Clock
    order: CanaryOrder
    _asked: datetime | None = (
        None  #: The slot this process ordered for, also where nothing was stored.
    )

    async def tick(self) -> None:
        """Finish what has its code; at the first tick of a slot, look back and order the next."""
        slot = self._slot()
        for recent in (slot, self._before(slot)):
            await self._finish(_id(recent))
        if slot != self._asked and not await self.purchases.ordered(_id(slot)):
            lost = await self._lost_before(slot)
            await self._order(slot)
            self._asked = slot
            for canary in lost:  # Reported last: had the store failed, it would be reported again.
                self._failed(canary.state.value, canary.id)

    async def _order(self, slot: datetime) -> None:
        await self.books.open_account(CANARY_ACCOUNT, self.order.currency)
        result = await self.service.rent(
            PurchaseOrder(
                idempotency_key=_key(slot),
                account=CANARY_ACCOUNT,
                provider=self.order.provider,
                service=self.order.service,
                country=self.order.country,
                price_minor=0,
                window=self.order.window,
            )
        )
        if result.how not in UNDER_WAY:
            self._failed(result.how.value, _id(slot))

    async def _finish(self, id_: ActivationId) -> None:
        """Finish it as a customer who has the code would."""
        canary = await self.activations.activation(id_)
        if canary is not None and canary.state is State.RECEIVED:
            await self.service.finish(id_)

    async def _lost_before(self, slot: datetime) -> list[Activation]:
        """Those without a code whose window ended in the slot before this one.

        Every window ends in one slot, so each of them is found once.
        """
        before = self._before(slot)
        recent = [
            await self.activations.activation(_id(sent)) for sent in (before, self._before(before))
        ]
        return [
            canary
            for canary in recent
            if canary is not None
            and before < canary.deadline_at <= slot
            and canary.state not in WELL
        ]

    def _failed(self, how: str, id_: ActivationId) -> None:
        provider = self.order.provider
        self.reporter.trouble("canary.failed", provider=provider, detail=how, activation=id_)

    def _slot(self) -> datetime:
        """The beginning of the slot that goes on, the same on every host."""
        seconds = int(self.order.every.total_seconds())
        now = int(self.clock.now().timestamp())
        return datetime.fromtimestamp(now - now % seconds, UTC)

    def _before(self, slot: datetime) -> datetime:
        return slot - self.order.every


def _key(slot: datetime) -> str:
    """By its instant, not its number: another length of slots must not meet old numbers again."""
    return f"canary-{int(slot.timestamp())}"


def _id(slot: datetime) -> ActivationId:
    return purchase_id(CANARY_ACCOUNT, _key(slot))
