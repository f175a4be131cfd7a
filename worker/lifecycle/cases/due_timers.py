"""Due timers are leased in batches and fired one by one, each in its own transaction.

Dates that no case sets are set here, too: an activation without a proper claim becomes final when
its window ends, and a balance that nothing moves is idle some day. What was kept long enough is
forgotten here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from worker.domain.policy import Op, Outcome, Profile, decide, question_from
from worker.domain.policy.deadlines import claim_window_end
from worker.lifecycle.cases.account_events import AccountEventJudge
from worker.lifecycle.cases.case_steps import KindJudge, timer_step
from worker.lifecycle.cases.claims import ClaimJudge
from worker.lifecycle.cases.follow_ups import after_timer
from worker.lifecycle.cases.idle_balances import IdleBalances
from worker.lifecycle.cases.outages import OutageJudge
from worker.lifecycle.cases.questions import ClauseLookup, instant_fact, without_none
from worker.lifecycle.cases.record_facts import told_with
from worker.lifecycle.cases.rental_cancels import RentalCancelJudge
from worker.lifecycle.cases.rental_closing import SHORTEST_DELAY, LogRead, RentalCloser
from worker.lifecycle.cases.rental_ends import MISSING, PATIENCE, RentalEndJudge, RentalEnds
from worker.lifecycle.cases.withdrawals import WithdrawalJudge
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.retention import Retention
from worker.ports.errors import RowLocked, StoreError
from worker.ports.reporter import Reporter
from worker.ports.store.case_search import Review, ReviewSearch
from worker.ports.store.case_view import (
    CaseKind,
    CaseStep,
    CaseView,
    DecisionRecord,
    Timer,
    TimerKind,
)
from worker.ports.store.cases import CaseStore, SilentActivation, UnseededWindow

WINDOWS_BATCH: Final = 1000
WINDOWS_BATCHES: Final = (
    50  #: Of one tick; windows are days long, so the rest waits for the next tick.
)


@dataclass(frozen=True, slots=True)
class ClaimWindows:
    cases: CaseStore
    clauses: ClauseLookup
    policies: PolicyBook
    batch: int = WINDOWS_BATCH

    async def seed(self) -> int:
        """Set a timer for the claim window of each newly settled activation; how many were set."""
        profiles = await self.policies.every_version()
        windowed = {key: p for key, p in profiles.items() if p.may_state_claim_window}
        seeded = 0
        for _ in range(WINDOWS_BATCHES):
            page = await self.cases.unseeded(list(windowed), self.batch)
            timers = [
                Timer(TimerKind.CLAIM_WINDOW, window.id, end)
                for window in page.windows
                if (end := _end(windowed, window)) is not None
            ]
            await self.cases.seed(timers, page.up_to)
            seeded += len(timers)
            if not page.has_more:
                break
        return seeded

    async def fire(self, timer: Timer) -> None:
        await self.policies.judged(
            lambda policy_of: self.cases.end_in_silence(timer, self.decide, policy_of)
        )

    def decide(self, silent: SilentActivation) -> DecisionRecord | None:
        """The decision after the window; None unless it is final or there is nothing to do."""
        profile, order = silent.profile, silent.order
        if profile is None:
            return None
        given = _silent_facts(silent)
        op = Op.SILENCE_TICK
        question = question_from({**given, "op": op.value, "now": instant_fact(silent.now)})
        window = (order.ends_at - order.purchased_at) // timedelta(seconds=1)
        decision = decide(profile.with_window(window), op, question.facts, silent.now)
        if decision.outcome not in {Outcome.FINALISED, Outcome.NONE}:
            return None
        clauses = self.clauses(profile.name, decision.reason)
        return DecisionRecord(op, decision, given, clauses, silent.due_at)


def _silent_facts(silent: SilentActivation) -> dict[str, Any]:
    """What the policy is asked from; without exceptions nothing hangs on what the order said."""
    order = silent.order
    instants = {
        "sms_received_at": order.sms_received_at,
        "sms_displayed_at": order.sms_displayed_at,
        "claim_at": silent.claim_at,
    }
    words = {"service": silent.service, "country": silent.country, **told_with(silent.order_facts)}
    return {
        **(words if silent.profile is not None and silent.profile.whens else {}),
        "purchased_at": instant_fact(order.purchased_at),
        "price_minor": order.price_minor,
        "credited_minor": order.credited_minor,
        **{name: instant_fact(at) for name, at in without_none(instants).items()},
    }


def _end(windowed: Mapping[tuple[str, str], Profile], window: UnseededWindow) -> datetime | None:
    """By the policy as it holds for this order; None: only other orders have a window."""
    profile = windowed[window.policy, window.policy_version].for_order(window.words)
    return claim_window_end(profile, window.rented_at)


BATCH: Final = 100
BATCHES: Final = 5  #: Of one tick; the next tick continues.
#: They wait for a provider, so they fire after all others: one that hangs delays no other kind.
AT_PROVIDER: Final = frozenset(
    {
        TimerKind.RENTAL_CLOSE,
        TimerKind.RENTAL_EMPTY,
        TimerKind.OUTAGE_THRESHOLD,
        TimerKind.OUTAGE_END,
    }
)
#: A policy that names a time makes those of all its accounts ring at once: few of them, and last.
IN_NO_HURRY: Final = frozenset({TimerKind.BALANCE_IDLE})
#: Locked accounts that one tick waits for; most timers that meet more of them are of the same.
WAITED_FOR_MAX: Final = 5
HURRY: Final = timedelta(milliseconds=5)  #: For the others.
IN_NO_HURRY_BATCH: Final = 20
AT_ONCE: Final = frozenset(TimerKind) - AT_PROVIDER - IN_NO_HURRY


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReviews:
    """Reviews that nobody decides by their date: it is told once, and they wait on."""

    cases: CaseStore
    policies: PolicyBook
    clock: Clock

    async def fire(self, timer: Timer) -> None:
        """The date of a number is counted by its policy here: its timer first rings at once."""
        review = await self._waiting(timer)
        left = timedelta(0) if review is None else review.by_when - self.clock.now()
        if left >= timedelta(0) and review is not None:
            await self.cases.put_off(timer, left)
        else:
            await self.cases.review_late(timer, review)

    async def _waiting(self, timer: Timer) -> Review | None:
        owed = await self.cases.obligation(timer.subject)
        if owed is not None and owed.ended_at is not None:
            return None  # What is asked by now has a date and a timer of its own.
        id_ = timer.subject if owed is None else owed.case
        policies = await self.policies.every_version()
        found = await self.cases.reviews(policies, limit=1, about=ReviewSearch(only=id_))
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTimers:
    cases: CaseStore
    retention: Retention
    reporter: Reporter
    policies: PolicyBook
    judges: Mapping[CaseKind, KindJudge]
    claim_windows: ClaimWindows
    rental_closer: RentalCloser
    rental_ends: RentalEnds
    idle_balances: IdleBalances
    late_reviews: LateReviews
    batch: int = BATCH

    async def tick(self) -> int:
        """Fire everything that is due, oldest first; how many timers were fired."""
        await self._aside("seed", self.claim_windows.seed)
        fired = locked = 0
        for _ in range(BATCHES):
            due = await self.cases.lease_timers(self.batch, AT_ONCE)
            locked += await self._fire_each(due, locked)
            fired += len(due)
            if len(due) < self.batch:
                break
        fired += await self._fire_at_providers() + await self._fire_in_no_hurry()
        await self.retention.forget()  # Last, as it may take long.
        return fired

    async def _fire_each(self, due: Sequence[Timer], locked: int = 0) -> int:
        """How many met a locked account, where *locked* have before in this tick.

        Where the database goes away the others are due again as soon as it is back.
        """
        turns = met = 0
        try:
            for timer in due:
                waits = locked + met < WAITED_FOR_MAX
                met += not await self._fire(timer if waits else timer._replace(lock_wait=HURRY))
                turns += 1
        finally:
            await self.cases.leave_timers(due[turns:])
        return met

    async def _fire_at_providers(self) -> int:
        """Fire one batch concurrently: a tick takes no longer than the slowest provider."""
        due = await self.cases.lease_timers(self.batch, AT_PROVIDER)
        outcomes: Sequence[object] = [None]
        try:
            outcomes = await asyncio.gather(*map(self._fire, due), return_exceptions=True)
        finally:
            if not all(isinstance(outcome, bool) for outcome in outcomes):
                await self.cases.leave_timers(due)  # Those that fired are not due any more.
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(due)

    async def _fire_in_no_hurry(self) -> int:
        await self._aside("seed", self.idle_balances.seed)
        due = await self.cases.lease_timers(IN_NO_HURRY_BATCH, IN_NO_HURRY)
        await self._fire_each(due)
        return len(due)

    async def _aside(self, what: str, step: Callable[[], Awaitable[object]]) -> None:
        """It has days of time: if it cannot be done now, the due timers fire all the same."""
        try:
            await step()
        except StoreError:
            raise  # The database is unavailable to every other timer, too.
        except Exception as error:  # noqa: BLE001 - a policy that newer code kept must stop no timer
            self._failed(what, None, error)

    async def _fire(self, timer: Timer) -> bool:
        """Whether its account was free. One that fails is due again when its lease has ended."""
        try:
            await self.fire(timer)
        except RowLocked as error:
            self._failed(timer.kind.value, timer.subject, error)
            return False
        except StoreError:
            raise  # The database is unavailable to every other timer, too.
        except Exception as error:  # noqa: BLE001 - a bug in one case must not stop every other
            self._failed(timer.kind.value, timer.subject, error)
        return True

    def _failed(self, what: str, subject: UUID | None, error: Exception) -> None:
        detail = f"timers: {what}: {type(error).__name__}"
        self.reporter.trouble("job.failed", detail=detail, subject=subject)

    async def fire(self, timer: Timer) -> None:
        """Let one timer act; it does nothing if it has fired or was stopped since it was leased."""
        match timer.kind:
            case TimerKind.CLAIM_WINDOW:
                await self.claim_windows.fire(timer)
            case TimerKind.RENTAL_CLOSE:
                await self.rental_closer.fire(timer)
            case TimerKind.BALANCE_IDLE:
                await self.idle_balances.fire(timer)
            case TimerKind.REVIEW_LATE | TimerKind.RENTAL_ORDER_LATE:
                await self.late_reviews.fire(timer)
            case TimerKind.RENTAL_END:
                await self.cases.end_rental(timer)
            case TimerKind.RENTAL_EMPTY:
                await self.rental_ends.fire(timer)
            case TimerKind.RENTAL_ORDER:
                await self.cases.rental_order_forgotten(timer)
            case TimerKind.OUTAGE_THRESHOLD | TimerKind.OUTAGE_END:
                await self._outage(timer)
            case _:
                await self._decide(timer)

    async def _decide(self, timer: Timer, **found: bool) -> None:
        case = await self.cases.case(timer.subject)
        assert case is not None  # Its timer was set with it.
        judge = self.judges[case.kind]

        def decided(view: CaseView) -> CaseStep:
            facts = {**view.case.facts, **found}
            return timer_step(judge, replace(view, case=replace(view.case, facts=facts)))

        change = await self.policies.judged(
            lambda policy_of: self.cases.change_case(timer.subject, decided, policy_of, timer=timer)
        )
        await after_timer(self.cases, self.judges, self.policies, change.case)

    async def _outage(self, timer: Timer) -> None:
        """Where it may be over its provider is read first: an SMS would have ended it."""
        case = await self.cases.case(timer.subject)
        assert case is not None  # Its timer was set with it.
        assert case.rental is not None  # So has every outage.
        rental = await self.cases.rental_of(case.rental)
        assert rental is not None
        now = self.rental_closer.now()
        until = None if case.decided is None else case.decided.deadline
        if timer.kind is TimerKind.OUTAGE_THRESHOLD:
            until = rental.ends_at
            if now <= until:
                await self._decide(timer)
                return
        if await self.rental_closer.read_messages(rental) in {LogRead.WHOLE, LogRead.OVER}:
            await self._decide(timer)
        elif until is not None and now <= until + PATIENCE:
            await self.cases.put_off(timer, SHORTEST_DELAY)
        else:
            await self._decide(timer, **{MISSING: True})


def judges_by_kind(clauses: ClauseLookup) -> Mapping[CaseKind, KindJudge]:
    return {
        CaseKind.CLAIM: ClaimJudge(clauses),
        CaseKind.OUTAGE: OutageJudge(clauses),
        CaseKind.RENTAL_CANCEL: RentalCancelJudge(clauses),
        CaseKind.RENTAL_END: RentalEndJudge(clauses),
        CaseKind.WITHDRAWAL: WithdrawalJudge(clauses),
        CaseKind.ACCOUNT: AccountEventJudge(clauses),
    }
