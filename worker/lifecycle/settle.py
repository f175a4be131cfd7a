"""Make endings final, in batches, and report what really changed."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from worker.domain.activation import ProviderState, State
from worker.domain.backoff import ACCOUNT_LOCKED
from worker.domain.ids import AccountId, ActivationId, the_one
from worker.lifecycle.changes import Changes
from worker.ports.errors import StoreError
from worker.ports.reporter import Reporter
from worker.ports.store import settlements as port

BATCH: Final = 1000  #: Rows per statement: beyond it nothing gets cheaper per row.
GATHER: Final = timedelta(milliseconds=50)  #: How long a result waits for others.
#: For an account that somebody else has locked. A settlement of ours holds one for less.
LOCK_WAIT: Final = timedelta(milliseconds=50)
#: Then its number is left to a later run, which has to ask the provider again. Runs at other
#: providers settle for the same customers, and on a busy host a transaction takes longer.
LOCKED_TRIES: Final = 12

#: Commits in a row, of all runs of this process, that found an account locked: then each of its
#: numbers is tried once. Otherwise they would wait for the same row with connections of all others.
LONG_LOCKED: Final = 4 * LOCKED_TRIES
GIVEN_BACK_MAX: Final = 100_000  #: Others may have settled the oldest of them.

assert timedelta(seconds=1) < LOCKED_TRIES * (LOCK_WAIT + GATHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The only step that settles; every other step hands it endings."""

    settlements: port.SettlementStore
    reporter: Reporter
    changes: Changes = field(default_factory=Changes)
    _locked: Counter[AccountId] = field(default_factory=Counter)  #: Since it was last free.

    def long_locked(self, account: AccountId) -> bool:
        return self._locked[account] >= LONG_LOCKED

    async def __call__(self, endings: Sequence[port.Ending]) -> list[port.SettledNumber]:
        """For a caller who waits: locked accounts are waited for. What was settled."""
        return (await self._settle(endings, None)).settled

    async def batch(self, endings: Sequence[port.Ending]) -> "BatchSettled":
        """For many accounts at once: one that stays locked holds up none of the others."""
        return await self._settle(endings, LOCK_WAIT)

    async def _settle(
        self, endings: Sequence[port.Ending], lock_wait: timedelta | None
    ) -> "BatchSettled":
        settled: list[port.SettledNumber] = []
        busy: set[ActivationId] = set()
        for start in range(0, len(endings), BATCH):
            batch = endings[start : start + BATCH]
            outcome = await self.settlements.settle(batch, lock_wait=lock_wait)
            self._count_locked(batch, outcome.busy)
            settled += outcome.settled
            busy |= set(outcome.busy)
            for id_ in outcome.refused:
                self.reporter.quarantined(id_, "settle.refused")
        if settled:
            self.reporter.settled(settled)
            self.changes.publish([number.id for number in settled])
        if busy:
            self.reporter.trouble(
                "settle.account_locked", detail=str(len(busy)), activation=the_one(busy)
            )
        return BatchSettled(settled, busy)

    def _count_locked(self, endings: Sequence[port.Ending], busy: Collection[ActivationId]) -> None:
        locked = {ending.account for ending in endings if ending.id in busy}
        self._locked.update(locked)
        for account in {ending.account for ending in endings} - locked:
            del self._locked[account]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Numbers that their provider gave back while their account was locked: it is not asked again.

    Only what spares calls. A process that does not know of one asks, and is told the same.
    """

    _ids: OrderedDict[ActivationId, None] = field(default_factory=OrderedDict)  #: The oldest first.

    def __contains__(self, id_: ActivationId) -> bool:
        return id_ in self._ids

    def add(self, id_: ActivationId) -> None:
        self._ids[id_] = None
        while len(self._ids) > GIVEN_BACK_MAX:
            self._ids.popitem(last=False)

    def forget(self, id_: ActivationId) -> None:
        self._ids.pop(id_, None)


class BatchSettled(NamedTuple):
    settled: list[port.SettledNumber]
    busy: set[ActivationId]  #: Their accounts are locked by somebody else: settle them later.


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """Results that the store failed to take; the next run commits them before it leases.

    Otherwise their numbers would wait for the end of leases that nobody works on.
    """

    _committers: "list[BatchCommitter]" = field(default_factory=list)

    def keep(self, committer: "BatchCommitter") -> None:
        self._committers.append(committer)

    async def commit(self) -> None:
        """Safe to repeat: settled numbers and newer leases are left alone."""
        while self._committers:
            committer = self._committers.pop()
            committer.close()
            committer.patient = False  # All other numbers wait for it.
            try:
                await committer.run()
            except (StoreError, asyncio.CancelledError):  # A tick that is over is cut off here.
                self.keep(committer)
                raise


@dataclass(slots=True, kw_only=True)
class BatchCommitter:
    """Collects the results of many concurrent calls and commits them in groups.

    A thousand single commits cost as much as fifty thousand rows of one statement.
    """

    settle: Settle
    sleep: Callable[[float], Awaitable[None]]
    uncommitted: Uncommitted = field(default_factory=Uncommitted)
    given_back: GivenBack = field(default_factory=GivenBack)
    patient: bool = True  #: Whether an account that is locked is tried again here.
    _endings: list[tuple[port.DueNumber, port.Ending]] = field(default_factory=list)
    _postponed: list[port.Postponed] = field(default_factory=list)
    _resolved: list[tuple[port.DueNumber, port.Resolved]] = field(default_factory=list)
    _locked: Counter[ActivationId] = field(default_factory=Counter)  #: How often, of `_endings`.
    _unresolved: Counter[ActivationId] = field(default_factory=Counter)  #: The same of `_resolved`.
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False
    _last: asyncio.Event = field(default_factory=asyncio.Event)  #: Set when it is closed.
    _running: "asyncio.Task[None] | None" = None
    _pass_on: Callable[[], None] = lambda: None

    def ended(self, due: port.DueNumber, ending: port.Ending) -> None:
        self._endings.append((due, ending))
        self._news.set()

    def postponed(self, postponed: port.Postponed) -> None:
        self._postponed.append(postponed)
        self._news.set()

    def handed_back(self, due: port.DueNumber) -> None:
        """Nobody acts on it any more: it is due again at once."""
        self.postponed(port.Postponed.of(due, timedelta(0)))

    async def hand_back_all(self, due: Sequence[port.DueNumber]) -> None:
        """Numbers of a run that never began are due again at once."""
        for number in due:
            self.handed_back(number)
        self.start()
        await self.finish()

    def resolved(self, due: port.DueNumber, state: ProviderState) -> None:
        self._resolved.append((due, port.Resolved(due.id, due.epoch, state)))
        self._news.set()

    def start(self) -> None:
        self._running = asyncio.ensure_future(self.run())

    def takes(self) -> bool:
        """Whether results are still committed: without commits no call is worth sending."""
        return self._running is not None and not self._running.done()

    async def finish(self, pass_on: Callable[[], None] = lambda: None) -> None:
        """Commit what is left; raises what the commits failed with.

        *pass_on* is called where nothing but what somebody has locked is left.
        """
        self._pass_on = pass_on
        self.close()
        assert self._running is not None
        try:
            await self._running
        except StoreError:
            self.uncommitted.keep(self)
            raise

    def close(self) -> None:
        """No more is coming: `run` commits what is left and returns."""
        self._closed = True
        self._last.set()
        self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            if (
                self._locked
                or self._unresolved
                or (not self._closed and len(self._endings) < BATCH)
            ):
                await self._gather()
            self._news.clear()
            await self._commit()
            if self._closed and not (self._endings or self._postponed or self._resolved):
                return
            if self._closed and (self._locked or self._unresolved):
                self._pass_on()

    async def _gather(self) -> None:
        """Wait for more results; no longer once it is known that no more are coming."""
        patience = asyncio.ensure_future(self.sleep(GATHER.total_seconds()))
        if self._locked or self._unresolved:
            await patience
            return
        last = asyncio.ensure_future(self._last.wait())
        try:
            await asyncio.wait({patience, last}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (patience, last):
                task.cancel()

    async def _commit(self) -> None:
        endings, self._endings = self._endings, []
        postponed, self._postponed = self._postponed, []
        resolved, self._resolved = self._resolved, []
        settlements, reporter = self.settle.settlements, self.settle.reporter
        try:
            if endings:
                settled = await self.settle.batch([ending for _, ending in endings])
                postponed += self._keep_locked(endings, settled.busy)
                endings = []
            await settlements.postpone(postponed)
            postponed = []
            locked = await settlements.resolve([result for _, result in resolved])
        except (StoreError, asyncio.CancelledError):
            self._endings[:0], self._postponed[:0] = endings, postponed
            self._resolved[:0] = resolved
            raise
        self._keep_unresolved([each for each in resolved if each[0].id in locked])
        for due, result in resolved:
            if due.id not in locked:
                reporter.resolved(due.provider, result.provider_state, 1, due.id)
        if self._closed:
            self._news.set()

    def _keep_unresolved(self, left: Sequence[tuple[port.DueNumber, port.Resolved]]) -> None:
        """Keep for the next commit what a provider answered: it may never say it again."""
        tries = {due.id: self._unresolved[due.id] + 1 for due, _ in left}
        self._unresolved = Counter({id_: n for id_, n in tries.items() if n < LOCKED_TRIES})
        self._resolved += [each for each in left if each[0].id in self._unresolved]
        for due, _ in left:
            if due.id not in self._unresolved:
                self.settle.reporter.quarantined(due.id, "resolve: RowLocked")
        if self._unresolved:
            self._news.set()

    def _keep_locked(
        self, endings: Sequence[tuple[port.DueNumber, port.Ending]], busy: AbstractSet[ActivationId]
    ) -> list[port.Postponed]:
        """Keep for the next commit what its provider has confirmed; the rest is due again later."""
        stuck = [each for each in endings if each[0].id in busy]
        tries = {due.id: self._locked[due.id] + 1 for due, _ in stuck}
        again = [each for each in stuck if self._is_tried_again(each[1], tries[each[0].id])]
        self._locked = Counter({due.id: tries[due.id] for due, _ in again})
        self._endings += again
        if self._locked:
            self._news.set()
        for due, ending in endings:
            if due.id not in busy:
                self.given_back.forget(due.id)
            elif ending.provider_state is ProviderState.CANCELLED:
                self.given_back.add(due.id)
        return [_later(due) for due, _ in stuck if due.id not in self._locked]

    def _is_tried_again(self, ending: port.Ending, tries: int) -> bool:
        return self.patient and tries < LOCKED_TRIES and not self.settle.long_locked(ending.account)


def _later(due: port.DueNumber) -> port.Postponed:
    """Its provider has confirmed the end, but its account is locked: it is due again."""
    return port.Postponed.of(due, ACCOUNT_LOCKED.wait(due.attempts))


def delivery(due: port.DueNumber) -> port.Ending:
    """A code was shown: the charge is kept, and the provider is owed a finish (E7)."""
    return port.Ending(
        id=due.id,
        account=due.account,
        source=State.RECEIVED,
        outcome=State.DELIVERED,
        provider_state=ProviderState.FINISHING,
        reason="code",
        act_after=timedelta(0),
    )
