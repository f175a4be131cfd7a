"""Take pushes: keep what providers pushed, and have the numbers looked at now.

Many come in the same instant, each with a call of its own: they are kept in one transaction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from worker.domain.ids import ProviderName
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.service import Push
from worker.ports.store.activations import ActivationStore
from worker.ports.store.purchases import PurchaseStore

#: Pushes that are known to have been hinted, some 15 MB: a provider repeats one within minutes.
HINTED_MAX: Final = 100_000

PushedTo: TypeAlias = tuple[ProviderName, Push]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePushes:
    activations: ActivationStore
    purchases: PurchaseStore
    unscheduled: Unscheduled
    _hinted: dict[tuple[ProviderName, str], None] = field(default_factory=dict)  #: By content.

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
        new = set(await self.purchases.keep_pushes(provider, pushes))
        # One that lies in the inbox may never have been hinted: the COMMIT was not answered, or
        # something failed after it. Only this process knows that it was: elsewhere a repeat costs
        # one look.
        told = [
            push
            for push in pushes
            if push.ref in new or (provider, push.content_hash) not in self._hinted
        ]
        if not told:
            return
        # What is not handed over yet stays in the inbox until its intake, which looks there. Asked
        # only after the commit: of a push and an intake at once, one sees the other.
        refs = list(dict.fromkeys(push.ref for push in told))
        numbers = await self.activations.live_of_refs(provider, refs)
        await self.unscheduled.hint(provider, numbers)
        live = {number.ref for number in numbers}
        self._remember(provider, [push for push in told if push.ref in live])

    def _remember(self, provider: ProviderName, hinted: Sequence[Push]) -> None:
        self._hinted.update(((provider, push.content_hash), None) for push in hinted)
        for oldest in list(islice(self._hinted, max(0, len(self._hinted) - HINTED_MAX))):
            del self._hinted[oldest]
