"""Make endings final, in batches, and tell ops what really changed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.activation import ProviderState, State
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import (
    DueNumber,
    Ending,
    Postponed,
    Resolved,
    SettledNumber,
    SettlementStore,
)

BATCH: Final = 1000  #: Rows per statement: beyond it nothing gets cheaper per row.
GATHER: Final = timedelta(milliseconds=50)  #: What a confirmed cancel waits for company.


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The one place that settles; everything else hands it endings."""

    settlements: SettlementStore
    reporter: Reporter

    async def __call__(self, endings: Sequence[Ending]) -> list[SettledNumber]:
        settled: list[SettledNumber] = []
        for start in range(0, len(endings), BATCH):
            done, refused = await self.settlements.settle(endings[start : start + BATCH])
            settled += done
            for id_ in refused:
                self.reporter.quarantined(id_, "settle.refused")
        if settled:
            self.reporter.settled(settled)
        return settled


@dataclass(slots=True, kw_only=True)
class BatchCommitter:
    """Collects what many concurrent calls learnt and commits it in groups.

    A thousand single commits cost as much as fifty thousand rows of one statement.
    """

    settle: Settle
    sleep: Callable[[float], Awaitable[None]]
    _endings: list[Ending] = field(default_factory=list)
    _postponed: list[Postponed] = field(default_factory=list)
    _resolved: list[Resolved] = field(default_factory=list)
    _resolved_of: list[DueNumber] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def ended(self, ending: Ending) -> None:
        self._endings.append(ending)
        self._news.set()

    def postponed(self, postponed: Postponed) -> None:
        self._postponed.append(postponed)
        self._news.set()

    def resolved(self, due: DueNumber, state: ProviderState) -> None:
        self._resolved.append(Resolved(due.id, due.epoch, state))
        self._resolved_of.append(due)
        self._news.set()

    def close(self) -> None:
        """No more is coming: `run` commits what is left and returns."""
        self._closed = True
        self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            if not self._closed and len(self._endings) < BATCH:
                await self.sleep(GATHER.total_seconds())
            self._news.clear()
            await self._commit()
            if self._closed and not (self._endings or self._postponed or self._resolved):
                return

    async def _commit(self) -> None:
        endings, self._endings = self._endings, []
        postponed, self._postponed = self._postponed, []
        resolved, self._resolved = self._resolved, []
        resolved_of, self._resolved_of = self._resolved_of, []
        if endings:
            await self.settle(endings)
        settlements, reporter = self.settle.settlements, self.settle.reporter
        await settlements.postpone(postponed)
        await settlements.resolve(resolved)
        for due, result in zip(resolved_of, resolved, strict=True):
            reporter.resolved(due.provider, result.provider_state, 1)
        if self._closed:
            self._news.set()


def delivery(due: DueNumber) -> Ending:
    """A code was shown: the charge is kept, and the provider is told (E7)."""
    return Ending(
        id=due.id,
        account=due.account,
        source=State.RECEIVED,
        outcome=State.DELIVERED,
        provider_state=ProviderState.FINISHING,
        reason="code",
        act_after=timedelta(0),
    )
