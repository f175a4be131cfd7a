"""Timers: what is due is claimed in batches and fired one by one, each in its own transaction."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from worker.lifecycle.cases.closing import Closing
from worker.lifecycle.cases.shape import Judging, rang
from worker.lifecycle.cases.silence import Silence
from worker.ports.errors import StoreError
from worker.ports.reporter import Reporter
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.case_view import CaseKind, Timer, TimerKind
from worker.ports.store.cases import CaseStore

BATCH: Final = 100
BATCHES: Final = 5  #: Of one tick; the next one goes on.
FORGOTTEN: Final = 1000  #: Answers and texts of one tick whose time is over.
#: Their provider takes its time: they act when all else has, or one that hangs would hold it up.
AT_PROVIDER: Final = frozenset({TimerKind.RENTAL_CLOSE})
AT_ONCE: Final = frozenset(TimerKind) - AT_PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    cases: CaseStore
    books: BookStore
    activations: ActivationStore
    reporter: Reporter
    judges: Mapping[CaseKind, Judging]
    silence: Silence
    closing: Closing
    batch: int = BATCH

    async def tick(self) -> int:
        """Everything that is due, oldest first; how many timers were worked on."""
        await self._set_windows()
        await self.books.forget_answers(FORGOTTEN)
        await self.activations.forget_texts(FORGOTTEN)
        done = 0
        for _ in range(BATCHES):
            due = await self.cases.lease_timers(self.batch, AT_ONCE)
            for timer in due:
                await self._fire(timer)
            done += len(due)
            if len(due) < self.batch:
                break
        return done + await self._at_providers()

    async def _at_providers(self) -> int:
        """One batch side by side, so that a tick takes no longer than the slowest answer."""
        due = await self.cases.lease_timers(self.batch, AT_PROVIDER)
        ended = await asyncio.gather(*map(self._fire, due), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return len(due)

    async def _set_windows(self) -> None:
        """They are days away: where they cannot be set, what is due acts all the same."""
        try:
            await self.silence.seed()
        except StoreError:
            raise  # The database is away, for the others too.
        except Exception as error:  # noqa: BLE001 - a policy that newer code kept must stop no timer
            self._failed("seed", error)

    async def _fire(self, timer: Timer) -> None:
        """One that cannot be fired does not hold up the others; its lease ends, and it is due."""
        try:
            await self.fire(timer)
        except StoreError:
            raise  # The database is away, for the others too.
        except Exception as error:  # noqa: BLE001 - a bug in one case must not stop every other
            self._failed(timer.kind.value, error)

    def _failed(self, what: str, error: Exception) -> None:
        self.reporter.trouble("job.failed", detail=f"timers: {what}: {type(error).__name__}")

    async def fire(self, timer: Timer) -> None:
        """Let one timer act; twice is harmless, and so is one that was stopped meanwhile."""
        match timer.kind:
            case TimerKind.CLAIM_WINDOW:
                await self.silence.fire(timer)
            case TimerKind.RENTAL_CLOSE:
                await self.closing.fire(timer)
            case TimerKind.RENTAL_END:
                await self.cases.end_rental(timer)
            case _:
                case = await self.cases.case(timer.subject)
                assert case is not None  # Its timer was set with it.
                judging = self.judges[case.kind]
                await self.cases.change_case(
                    timer.subject, lambda view: rang(judging, view), timer=timer
                )
