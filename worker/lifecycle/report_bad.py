"""Report a number as bad: its provider ends it there, and the customer is settled at once.

Only a number that waits is reported. What the provider answers is taken as it takes a cancel: a
refusal changes nothing here, and the number is looked at to see why; a code that comes with it is
shown. Where nobody knows who has the price, that is pursued.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from worker.domain.activation import State
from worker.domain.ids import ActivationId, ProviderName
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import Budget
from worker.lifecycle.expire import Expire
from worker.lifecycle.look import Look
from worker.ports.errors import ProviderError, ScheduleUnavailable
from worker.ports.provider import CancelReply, Ended, Provider, Refused, Sms
from worker.ports.schedule import Need
from worker.ports.service import ActionOutcome, ActionResult
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.said import StaffNote

PATIENCE: Final = timedelta(seconds=5)  #: What a report waits for its turn at the provider.
REPORTED: Final = "reported"  #: In the timeline.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBad:
    activations: ActivationStore
    providers: Mapping[ProviderName, Provider]
    expire: Expire
    look: Look

    async def __call__(self, id_: ActivationId, said: StaffNote) -> ActionResult:
        activation = await self.activations.activation(id_)
        if activation is None:
            return ActionResult(ActionOutcome.UNKNOWN)
        refused = _refused(activation)
        if refused is not None:
            return ActionResult(refused, activation)
        provider = self.providers.get(activation.provider)
        if provider is None or not provider.capabilities.report or activation.ref is None:
            return ActionResult(ActionOutcome.NOT_OFFERED, activation)
        try:
            reply = await self._ask(provider, activation)
        except (ProviderError, TimeoutError):
            return ActionResult(ActionOutcome.PROVIDER_UNAVAILABLE, activation)
        return await self._answered(activation, reply, said)

    async def _ask(self, provider: Provider, activation: Activation) -> CancelReply:
        assert activation.ref is not None
        terms, schedule = self.expire.terms[provider.name], self.expire.schedule
        budget = Budget(schedule, terms, self.expire.clock, most=1, need=Need.PRESSED)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await budget.take()
        return await provider.report(activation.ref)

    async def _answered(
        self, activation: Activation, reply: CancelReply, said: StaffNote
    ) -> ActionResult:
        match reply:
            case Ended(fate=fate):
                if fate is PriceFate.UNKNOWN:
                    fate = PriceFate.NOT_YET  # It may be charged for still.
                # Ended first: one that is told and still waits would be asked for in vain.
                await self.look.ended([activation.id], fate)
                await self.activations.tell(activation.id, REPORTED, said)
                how = ActionOutcome.DONE
            case Refused(sms=sms):
                await self._look_soon(activation, sms)
                how = ActionOutcome.REPORT_REFUSED
            case _:
                assert_never(reply)
        found = await self.activations.activation(activation.id)
        # Reported twice at once, it is refused the second time, and reported all the same.
        return ActionResult(ActionOutcome.DONE if found and _is_reported(found) else how, found)

    async def _look_soon(self, activation: Activation, sms: Sequence[Sms]) -> None:
        assert activation.ref is not None
        live = await self.activations.live_number(activation.provider, activation.ref)
        if live is None:
            return
        await self.look.codes(self.look.as_seen(activation.provider, live, sms))
        try:
            await self.expire.schedule.hint(activation.provider, live)
        except ScheduleUnavailable:
            return  # It is looked at when it is due.


def _refused(activation: Activation) -> ActionOutcome | None:
    """How it ends without a word to the provider; None where that is asked."""
    if _is_reported(activation):
        return ActionOutcome.DONE
    if activation.codes:
        return ActionOutcome.CODE_RECEIVED
    return None if activation.state is State.WAITING else ActionOutcome.ENDED


def _is_reported(activation: Activation) -> bool:
    if activation.state is State.WAITING:
        return False  # It was said, and is still to be done.
    return any(line.what == REPORTED for line in activation.timeline)
