"""Press Cancel: ask the policy, commit the press, then wait a moment for the end at the provider.

    callers ──► one transaction for all who press together ──► one lease and one run per provider
       ▲                                                                │
       └── settled, refused or postponed, or PATIENCE is over ◄─────────┘

No more callers wait than the provider's rate can serve within PATIENCE: the others are answered at
once. What was pressed is due, so that the ticks end whatever is not ended here.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.activation import CancelAnswer, State
from worker.domain.ids import ActivationId, ProviderName, the_one
from worker.lifecycle.batcher import Batcher
from worker.lifecycle.cancel_by_policy import CancelByPolicy
from worker.lifecycle.expire import Expire
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.provider import Provider
from worker.ports.store.activations import ActivationStore, CancelPress

#: What a caller waits in all, from his press on: for its commit, for his turn in the provider's
#: rate, and for its answer. Whatever happens, the commit is waited for.
PATIENCE: Final = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class PressCancel:
    activations: ActivationStore
    providers: Mapping[ProviderName, Provider]
    expire: Expire
    policies: PolicyBook
    _presses: Batcher[ActivationId, CancelPress] = field(init=False)
    #: What is being ended because of a press, by provider; each is set when it has ended.
    _ending: "dict[ProviderName, dict[ActivationId, asyncio.Future[None]]]" = field(
        default_factory=lambda: defaultdict(dict)
    )
    _running: "set[asyncio.Task[None]]" = field(default_factory=set)

    def __post_init__(self) -> None:
        self._presses = Batcher(
            together=self._press_together, alone=self._press_alone, sleep=self.expire.clock.sleep
        )
        self.expire.settle.changes.subscribe(self._changed)

    async def __call__(self, id_: ActivationId) -> CancelPress | None:
        """What the press did; it is committed, and the end was waited for. None: unknown id."""
        pressed_at = self.expire.clock.monotonic()
        press = await self._presses(id_)
        if press is not None and press.answer is CancelAnswer.JUDGED:
            press = await self._press_judged(id_)
        if press is not None:
            ended = self._ending[press.provider].get(id_)
            left = PATIENCE.total_seconds() - (self.expire.clock.monotonic() - pressed_at)
            if ended is not None and left > 0:
                await asyncio.wait({ended}, timeout=left)
        return press

    async def _press_together(
        self, ids: Sequence[ActivationId]
    ) -> Mapping[ActivationId, CancelPress]:
        presses = await self.activations.press_cancels(ids)
        self._begin(presses)
        return presses

    async def _press_alone(self, id_: ActivationId) -> CancelPress | None:
        press = await self.activations.press_cancel(id_)
        if press is not None:
            self._begin({id_: press})
        return press

    async def _press_judged(self, id_: ActivationId) -> CancelPress | None:
        """Of a policy that asks more than the instants of Cancel: each press is one transaction."""
        press = await self.policies.judged(
            lambda of: self.activations.press_judged(id_, CancelByPolicy(of))
        )
        if press is not None:
            self._begin({id_: press})
        return press

    def _begin(self, presses: Mapping[ActivationId, CancelPress]) -> None:
        """Begin to end what is due and what the provider's rate has room for."""
        due: dict[ProviderName, list[ActivationId]] = defaultdict(list)
        for id_, press in presses.items():
            if _is_due(press) and id_ not in self._ending[press.provider]:
                due[press.provider].append(id_)
        for name, ids in due.items():
            provider = self.providers.get(name)
            if provider is not None and (begun := ids[: self._room(name)]):
                self._start(provider, begun)

    def _room(self, name: ProviderName) -> int:
        soon = int(self.expire.terms[name].requests_per_second * PATIENCE.total_seconds())
        return max(0, max(1, soon) - len(self._ending[name]))

    def _start(self, provider: Provider, ids: Sequence[ActivationId]) -> None:
        loop = asyncio.get_running_loop()
        self._ending[provider.name].update((id_, loop.create_future()) for id_ in ids)
        task = asyncio.ensure_future(self._end(provider, ids))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _end(self, provider: Provider, ids: Sequence[ActivationId]) -> None:
        """End them without the callers: if it fails, the presses stand and the ticks go on."""
        try:
            await self.expire.end_now(provider, ids)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            detail = f"cancel: {type(error).__name__}"
            self.expire.reporter.trouble("job.failed", detail=detail, activation=the_one(ids))
        finally:
            self._changed(ids)
            for id_ in ids:
                del self._ending[provider.name][id_]

    def _changed(self, ids: Sequence[ActivationId]) -> None:
        for ending in self._ending.values():
            for id_ in ending.keys() & set(ids):
                if not ending[id_].done():
                    ending[id_].set_result(None)


def _is_due(press: CancelPress) -> bool:
    return (
        press.answer is CancelAnswer.ACCEPTED
        and press.state in {State.WAITING, State.EXPIRING}
        and press.not_before is None
    )
