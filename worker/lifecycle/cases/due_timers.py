"""Due timers are leased in batches and fired one by one, each in its own transaction."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from worker.lifecycle.cases.case_steps import KindJudge, timer_step
from worker.lifecycle.cases.claim_windows import ClaimWindows
from worker.lifecycle.cases.rental_closing import RentalCloser
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.errors import RowLocked, StoreError
from worker.ports.reporter import Reporter
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.case_view import CaseKind, Timer, TimerKind
from worker.ports.store.cases import CaseStore

BATCH: Final = 100
BATCHES: Final = 5  #: Of one tick; the next tick continues.
EXPIRED_MAX: Final = 1000  #: Expired answers and texts that one tick deletes, of each.
#: They wait for a provider, so they fire after all others: one that hangs delays no other kind.
AT_PROVIDER: Final = frozenset({TimerKind.RENTAL_CLOSE})
AT_ONCE: Final = frozenset(TimerKind) - AT_PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTimers:
    cases: CaseStore
    books: BookStore
    activations: ActivationStore
    reporter: Reporter
    policies: PolicyBook
    judges: Mapping[CaseKind, KindJudge]
    claim_windows: ClaimWindows
    rental_closer: RentalCloser
    batch: int = BATCH

    async def tick(self) -> int:
        """Fire everything that is due, oldest first; how many timers were fired."""
        await self._seed_claim_windows()
        await self.books.forget_answers(EXPIRED_MAX)
        await self.activations.forget_texts(EXPIRED_MAX)
        fired = 0
        for _ in range(BATCHES):
            due = await self.cases.lease_timers(self.batch, AT_ONCE)
            for timer in due:
                await self._fire(timer)
            fired += len(due)
            if len(due) < self.batch:
                break
        return fired + await self._fire_at_providers()

    async def _fire_at_providers(self) -> int:
        """Fire one batch concurrently: a tick takes no longer than the slowest provider."""
        due = await self.cases.lease_timers(self.batch, AT_PROVIDER)
        outcomes = await asyncio.gather(*map(self._fire, due), return_exceptions=True)
        for error in outcomes:
            if error is not None:
                raise error
        return len(due)

    async def _seed_claim_windows(self) -> None:
        """They end in days: if they cannot be seeded now, the due timers fire all the same."""
        try:
            await self.claim_windows.seed()
        except StoreError:
            raise  # The database is unavailable to every other timer, too.
        except Exception as error:  # noqa: BLE001 - a policy that newer code kept must stop no timer
            self._failed("seed", error)

    async def _fire(self, timer: Timer) -> None:
        """A timer that fails stops no other; it is due again when its lease has ended."""
        try:
            await self.fire(timer)
        except RowLocked as error:
            self._failed(timer.kind.value, error)
        except StoreError:
            raise  # The database is unavailable to every other timer, too.
        except Exception as error:  # noqa: BLE001 - a bug in one case must not stop every other
            self._failed(timer.kind.value, error)

    def _failed(self, what: str, error: Exception) -> None:
        self.reporter.trouble("job.failed", detail=f"timers: {what}: {type(error).__name__}")

    async def fire(self, timer: Timer) -> None:
        """Let one timer act; it does nothing if it has fired or was stopped since it was leased."""
        match timer.kind:
            case TimerKind.CLAIM_WINDOW:
                await self.claim_windows.fire(timer)
            case TimerKind.RENTAL_CLOSE:
                await self.rental_closer.fire(timer)
            case TimerKind.RENTAL_END:
                await self.cases.end_rental(timer)
            case _:
                case = await self.cases.case(timer.subject)
                assert case is not None  # Its timer was set with it.
                judge = self.judges[case.kind]
                await self.policies.judged(
                    lambda policy_of: self.cases.change_case(
                        timer.subject, lambda view: timer_step(judge, view), policy_of, timer=timer
                    )
                )
