"""Timers: what is due is claimed in batches and fired one by one, each in its own transaction."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from worker.lifecycle.cases.closing import Closing
from worker.lifecycle.cases.shape import Judging, rang
from worker.lifecycle.cases.silence import Silence
from worker.ports.cases import CaseKind, CaseStore, Timer, TimerKind
from worker.ports.errors import StoreError
from worker.ports.rentals import RentalStore
from worker.ports.reporter import Reporter
from worker.ports.timers import TimerStore

BATCH: Final = 100
BATCHES: Final = 5  #: Of one tick; the next one goes on.


class Store(CaseStore, RentalStore, TimerStore, Protocol):
    """All of it, one database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    store: Store
    reporter: Reporter
    judges: Mapping[CaseKind, Judging]
    silence: Silence
    closing: Closing

    async def tick(self) -> int:
        """Everything that is due, oldest first; how many timers were worked on."""
        await self.silence.seed()
        done = 0
        for _ in range(BATCHES):
            due = await self.store.claim_timers(BATCH)
            for timer in due:
                if timer.kind is not TimerKind.RENTAL_CLOSE:
                    await self._fire(timer)
            await self._close(timer for timer in due if timer.kind is TimerKind.RENTAL_CLOSE)
            done += len(due)
            if len(due) < BATCH:
                break
        return done

    async def _close(self, timers: Iterable[Timer]) -> None:
        """Providers take their time: they are asked side by side, when all else has acted."""
        ended = await asyncio.gather(*map(self._fire, timers), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _fire(self, timer: Timer) -> None:
        """One that cannot be fired does not hold up the others; its lease ends, and it is due."""
        try:
            await self.fire(timer)
        except StoreError:
            raise  # The database is away, for the others too.
        except Exception as error:  # noqa: BLE001 - a bug in one case must not stop every other
            detail = f"{timer.kind.value}: {type(error).__name__}"
            self.reporter.trouble("job.failed", detail=f"timers: {detail}")

    async def fire(self, timer: Timer) -> None:
        """Let one timer act; twice is harmless, and so is one that was stopped meanwhile."""
        match timer.kind:
            case TimerKind.CLAIM_WINDOW:
                await self.silence.fire(timer)
            case TimerKind.RENTAL_CLOSE:
                await self.closing.fire(timer)
            case TimerKind.RENTAL_END:
                await self.store.end_rental(timer)
            case _:
                case = await self.store.case(timer.subject)
                if case is not None:
                    judging = self.judges[case.kind]
                    await self.store.change_case(
                        timer.subject, lambda view: rang(judging, view), timer=timer
                    )
