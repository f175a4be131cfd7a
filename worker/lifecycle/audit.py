"""Audit: prove every invariant, and tell ops what was found.

A round first proves what is new since the last proof. What that leaves is proven over the whole
database: what does not hold, what nobody has proven yet, and everything once a day, because an old
row may be changed, too. That goes from invariant to invariant, each over a snapshot of its own, and
takes as long as the database is large: the round runs beside the job that started it, which only
waits for it for a while. What is cut off in the middle goes on where it was with the next job. Each
finding is told as it is made: the end of the round may be far.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.ports.errors import StoreUnavailable
from worker.ports.reporter import JobResult, Reporter
from worker.ports.store.books import BookStore, Finding

T = TypeVar("T")

PATIENCE: Final = timedelta(seconds=10)  #: What a job waits for the end of the round.
WHOLE_EVERY: Final = timedelta(days=1)  #: So old may the proof over everything be.
TURN: Final = timedelta(seconds=2)  #: Between two tries while another process is at it.


@dataclass(slots=True, kw_only=True)
class Audit:
    """Changes nothing: what is wrong needs a person, and the alert brings one."""

    books: BookStore
    reporter: Reporter
    clock: Clock
    patience: timedelta = PATIENCE
    _left: deque[str] = field(default_factory=deque)  #: Of the round that is going on.
    _failed: set[str] = field(default_factory=set)  #: In this round, each of them once.
    _findings: list[Finding] = field(default_factory=list)
    _round: "asyncio.Task[None] | None" = None

    async def tick(self) -> JobResult:
        """Begin a round, or let one go on; BUSY where it is not at its end yet."""
        if self._round is None or self._round.done():
            self._round = asyncio.ensure_future(self._run_round())
            self._round.add_done_callback(_take_error)
        running = self._round
        await asyncio.wait({running}, timeout=self.patience.total_seconds())
        if not running.done():
            return JobResult.BUSY
        await running  # Raises what it ended with.
        return JobResult.DONE

    async def close(self) -> None:
        """Leave off, wherever it is."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def _run_round(self) -> None:
        """From where the last round left off to the end of this one."""
        if not self._left:
            self._failed.clear()
            self._findings = await self._prove_new()
            for finding in self._findings:
                self.reporter.checked(finding)
            proven = {finding.invariant for finding in self._findings}
            self._left.extend(name for name in self.books.invariants if name not in proven)
        while self._left:
            await self._check(self._left[0])
        self.reporter.audited(tuple(self._findings))

    async def _prove_new(self) -> list[Finding]:
        """What holds by the last proof and what is new since; all others are left to be checked."""
        try:
            return await self._alone(lambda: self.books.check_new(WHOLE_EVERY))
        except Exception as error:
            self.reporter.trouble("audit.cut_off", detail=f"what is new: {describe_safely(error)}")
            if isinstance(error, StoreUnavailable):
                raise
            return []  # Too much may be new: everything takes long, but a piece at a time.

    async def _check(self, invariant: str) -> None:
        try:
            finding = await self._alone(lambda: self.books.check(invariant))
        except Exception as error:
            # The others first: one that never comes to its end must not hide what they find.
            self._left.rotate(-1)
            if invariant in self._failed:
                self._left.clear()  # They had their turn, and have one again in a new round.
            self._failed.add(invariant)
            self.reporter.trouble("audit.cut_off", detail=f"{invariant}: {describe_safely(error)}")
            raise
        self._left.popleft()
        self._findings.append(finding)
        self.reporter.checked(finding)

    async def _alone(self, question: Callable[[], Awaitable[T | None]]) -> T:
        """Ask again and again while another process is at it."""
        while (answer := await question()) is None:
            await self.clock.sleep(TURN.total_seconds())
        return answer


def _take_error(ended: "asyncio.Task[None]") -> None:
    """Take the error of a round that no job waited for: it was reported already."""
    if not ended.cancelled():
        ended.exception()
