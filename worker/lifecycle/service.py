"""The service: what shops may ask for, over HTTP, arq or the command line."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.domain.activation import FINAL, CancelAnswer, State
from worker.domain.ids import ActivationId, ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.batcher import Batcher
from worker.lifecycle.budget import Budget
from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import Expire
from worker.lifecycle.press_cancel import PressCancel
from worker.lifecycle.rent import Rent
from worker.lifecycle.report_bad import ReportBad
from worker.lifecycle.settle import delivery
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.take_pushes import PushedTo
from worker.ports.errors import ProviderError
from worker.ports.provider import Provider
from worker.ports.schedule import Need, Schedule
from worker.ports.service import ActionOutcome, ActionResult, PurchaseOrder, PurchaseResult, Push
from worker.ports.store.activations import (
    AcceptOutcome,
    AcceptResult,
    Activation,
    ActivationStore,
    NumberIntake,
)
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.said import StaffNote
from worker.ports.store.settlements import SettlementStore

PATIENCE: Final = timedelta(seconds=5)  #: What a resend waits for its turn at the provider.


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationService:
    """`worker.ports.service.Service`, done by the lifecycle."""

    activations: ActivationStore
    settlements: SettlementStore
    purchases: PurchaseStore
    schedule: Schedule
    providers: Mapping[ProviderName, Provider]
    accepting: Accept
    renting: Rent
    expire: Expire
    pressing: PressCancel
    reporting: ReportBad
    reading: Batcher[ActivationId, Activation]
    sweep: Sweep
    pushing: Batcher[PushedTo, bool]
    clock: Clock

    async def accept(
        self, handed: Sequence[NumberIntake], *, patient: bool = True
    ) -> list[AcceptResult]:
        if len(handed) == 1:
            results = [await self.accepting.one(handed[0], patient=patient)]
        else:
            results = await self.accepting(handed, patient=patient)
        over = self._sold_again(handed, results)
        if not over or not await self.sweep.end_sold_again([old.id for old in over.values()]):
            return results
        again = await self.accepting([handed[index] for index in over])
        for index, result in zip(over, again, strict=True):
            results[index] = result
        return results

    def _sold_again(
        self, handed: Sequence[NumberIntake], results: Sequence[AcceptResult]
    ) -> dict[int, Activation]:
        """By index: numbers past their deadline that wait for a provider which sold their ref."""
        now = self.clock.now()
        return {
            index: result.activation
            for index, (number, result) in enumerate(zip(handed, results, strict=True))
            if result.how is AcceptOutcome.OTHER_CONTENT
            and result.activation is not None
            and result.activation.state in {State.WAITING, State.EXPIRING}
            and result.activation.deadline_at < now
            and _is_newer_rental(number, result.activation)
        }

    async def rent(self, order: PurchaseOrder) -> PurchaseResult:
        return await self.renting(order)

    async def read(self, id_: ActivationId) -> Activation | None:
        return await self.reading(id_)

    async def cancel(self, id_: ActivationId) -> ActionResult:
        press = await self.pressing(id_)
        if press is None:
            return ActionResult(ActionOutcome.UNKNOWN)
        activation = await self.reading(id_)
        if press.answer is not CancelAnswer.ACCEPTED:
            return ActionResult(_REFUSED[press.answer], activation)
        return _as_found(activation)

    async def finish(self, id_: ActivationId) -> ActionResult:
        state = await self.activations.ask_finish(id_)
        if state is None:
            return ActionResult(ActionOutcome.UNKNOWN)
        if state is State.RECEIVED:
            due = await self.settlements.due_delivery(id_)
            await self.sweep.settle([delivery(number) for number in due])
        activation = await self.activations.activation(id_)
        if activation is not None and activation.state is State.DELIVERED:
            return ActionResult(ActionOutcome.DONE, activation)
        return ActionResult(ActionOutcome.NO_CODE, activation)

    async def resend(self, id_: ActivationId) -> ActionResult:
        activation = await self.activations.activation(id_)
        if activation is None:
            return ActionResult(ActionOutcome.UNKNOWN)
        if activation.state is State.WAITING:
            return ActionResult(ActionOutcome.NO_CODE, activation)
        if activation.state is not State.RECEIVED or self.clock.now() > activation.deadline_at:
            return ActionResult(ActionOutcome.ENDED, activation)
        provider = self.providers.get(activation.provider)
        if provider is None or not provider.capabilities.resend or activation.ref is None:
            return ActionResult(ActionOutcome.NOT_OFFERED, activation)
        terms = self.expire.terms[provider.name]
        budget = Budget(self.schedule, terms, self.clock, most=1, need=Need.PRESSED)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await budget.take()
            asked = await provider.ask_again(activation.ref)
        except (ProviderError, TimeoutError):
            return ActionResult(ActionOutcome.PROVIDER_UNAVAILABLE, activation)
        return ActionResult(ActionOutcome.DONE if asked else ActionOutcome.NOT_OFFERED, activation)

    async def report(self, id_: ActivationId, said: StaffNote) -> ActionResult:
        return await self.reporting(id_, said)

    async def push(self, provider: ProviderName, pushes: Sequence[Push]) -> None:
        await asyncio.gather(*(self.pushing((provider, push)) for push in pushes))


_REFUSED: Final = {
    CancelAnswer.CODE_RECEIVED: ActionOutcome.CODE_RECEIVED,
    CancelAnswer.NO_CANCEL: ActionOutcome.NO_CANCEL,
    CancelAnswer.NOT_YET: ActionOutcome.CANCEL_NOT_YET,
    CancelAnswer.OVER: ActionOutcome.CANCEL_OVER,
    CancelAnswer.LIMIT: ActionOutcome.CANCEL_LIMIT,
    CancelAnswer.RESTRICTIONS_IGNORED: ActionOutcome.RESTRICTIONS_IGNORED,
}


def _is_newer_rental(number: NumberIntake, old: Activation) -> bool:
    """Whether this is another rental of a ref: rented later, and of another phone or after it."""
    if number.rented_at is None:
        return number.phone != old.phone
    if number.rented_at <= old.rented_at:
        return False
    return number.phone != old.phone or number.rented_at > old.deadline_at


def _as_found(activation: Activation | None) -> ActionResult:
    assert activation is not None
    if activation.state in FINAL or activation.state is State.IN_REVIEW:
        return ActionResult(ActionOutcome.DONE, activation)
    if activation.state is State.RECEIVED:
        return ActionResult(
            ActionOutcome.CODE_RECEIVED, activation
        )  # It came while we asked to cancel.
    return ActionResult(ActionOutcome.PENDING, activation)
