"""Take pushes: keep what providers pushed, and have the numbers looked at now.

Many come in the same instant, each with a call of its own: they are kept in one transaction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import Schedule
from worker.ports.service import Push
from worker.ports.store.activations import ActivationStore
from worker.ports.store.purchases import PurchaseStore

PushedTo: TypeAlias = tuple[ProviderName, Push]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePushes:
    activations: ActivationStore
    purchases: PurchaseStore
    schedule: Schedule

    async def together(self, pushed: Sequence[PushedTo]) -> Mapping[PushedTo, bool]:
        of_providers: dict[ProviderName, list[Push]] = defaultdict(list)
        for provider, push in pushed:
            of_providers[provider].append(push)
        for provider, pushes in of_providers.items():
            await self._take(provider, pushes)
        return dict.fromkeys(pushed, True)

    async def alone(self, pushed: PushedTo) -> bool:
        await self._take(pushed[0], [pushed[1]])
        return True

    async def _take(self, provider: ProviderName, pushes: Sequence[Push]) -> None:
        new = await self.purchases.keep_pushes(provider, pushes)
        if not new:
            return
        # What is not handed over yet stays in the inbox until its intake, which looks there. Asked
        # only after the commit: of a push and an intake at once, one sees the other.
        numbers = await self.activations.live_of_refs(provider, new)
        try:
            await self.schedule.hint(provider, *numbers)
        except ScheduleUnavailable:
            return  # Polling is the backstop.
