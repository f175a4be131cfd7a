"""Claim windows: an activation without a proper claim becomes final when its window ends."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Op, OrderFacts, Outcome, Profile, decide
from worker.domain.policy.deadlines import claim_window_end
from worker.lifecycle.cases.questions import ClauseLookup, instant_fact, without_none
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store.case_view import DecisionRecord, Timer, TimerKind
from worker.ports.store.cases import CaseStore, SilentActivation, UnseededWindow

BATCH: Final = 1000
BATCHES: Final = 50  #: Of one tick; windows are days long, so the rest waits for the next tick.


@dataclass(frozen=True, slots=True)
class ClaimWindows:
    cases: CaseStore
    clauses: ClauseLookup
    policies: PolicyBook
    batch: int = BATCH

    async def seed(self) -> int:
        """Set a timer for the claim window of each newly settled activation; how many were set."""
        profiles = await self.policies.every_version()
        windowed = {key: p for key, p in profiles.items() if p.general_window_days is not None}
        seeded = 0
        for _ in range(BATCHES):
            page = await self.cases.unseeded(list(windowed), self.batch)
            timers = [
                Timer(TimerKind.CLAIM_WINDOW, window.id, _end(windowed, window))
                for window in page.windows
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
        facts = OrderFacts(
            purchased_at=order.purchased_at,
            price_minor=order.price_minor,
            sms_received_at=order.sms_received_at,
            sms_displayed_at=order.sms_displayed_at,
            credited_minor=order.credited_minor,
            claim_at=silent.claim_at,
        )
        window = (order.ends_at - order.purchased_at) // timedelta(seconds=1)
        own = replace(profile, sms_window_s=window)
        decision = decide(own, Op.SILENCE_TICK, facts, silent.now)
        if decision.outcome not in {Outcome.FINALISED, Outcome.NONE}:
            return None
        instants = {
            "sms_received_at": facts.sms_received_at,
            "sms_displayed_at": facts.sms_displayed_at,
            "claim_at": facts.claim_at,
        }
        given = {
            "purchased_at": instant_fact(facts.purchased_at),
            "price_minor": facts.price_minor,
            "credited_minor": facts.credited_minor,
            **{name: instant_fact(at) for name, at in without_none(instants).items()},
        }
        clauses = self.clauses(profile.name, decision.reason)
        return DecisionRecord(Op.SILENCE_TICK, decision, given, clauses, silent.due_at)


def _end(windowed: Mapping[tuple[str, str], Profile], window: UnseededWindow) -> datetime:
    end = claim_window_end(windowed[window.policy, window.policy_version], window.rented_at)
    assert end is not None  # Only policies with a window were asked for.
    return end
