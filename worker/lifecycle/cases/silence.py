"""Silence: an activation nobody complained about becomes final when its claim window ends."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Op, OrderFacts, Outcome, Profile, decide
from worker.domain.policy.deadlines import claim_window_end
from worker.lifecycle.cases.asking import Clauses, instant, known
from worker.ports.store.case_view import DecisionMade, Timer, TimerKind
from worker.ports.store.cases import CaseStore, SilentActivation, UnseededWindow

BATCH: Final = 1000
BATCHES: Final = 50  #: Of one tick; claim windows are days, so the rest can wait for the next.


@dataclass(frozen=True, slots=True)
class Silence:
    cases: CaseStore
    clauses: Clauses
    profiles: Mapping[str, Profile]  #: Today's; what older orders were made under is kept.
    batch: int = BATCH

    async def seed(self) -> int:
        """Give newly settled activations the end of their claim window; how many got one."""
        profiles = {
            **await self.cases.kept_policies(),
            **{(name, profile.version): profile for name, profile in self.profiles.items()},
        }
        windowed = {key: p for key, p in profiles.items() if p.general_window_days is not None}
        seeded = 0
        for _ in range(BATCHES):
            found, upto, more = await self.cases.unseeded(list(windowed), self.batch)
            timers = [Timer(TimerKind.CLAIM_WINDOW, one.id, _end(windowed, one)) for one in found]
            await self.cases.seed(timers, upto)
            seeded += len(timers)
            if not more:
                break
        return seeded

    async def fire(self, timer: Timer) -> None:
        await self.cases.end_in_silence(timer, self.judge)

    def judge(self, silent: SilentActivation) -> DecisionMade | None:
        """What silence makes of it; money that is due otherwise is not silence's to give."""
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
        told = {
            "purchased_at": instant(facts.purchased_at),
            "price_minor": facts.price_minor,
            "credited_minor": facts.credited_minor,
            **{name: instant(at) for name, at in known(instants).items()},
        }
        because = self.clauses(profile.name, decision.reason)
        return DecisionMade(Op.SILENCE_TICK, decision, told, because, silent.due_at)


def _end(windowed: Mapping[tuple[str, str], Profile], one: UnseededWindow) -> datetime:
    end = claim_window_end(windowed[one.policy, one.policy_version], one.rented_at)
    assert end is not None  # Only policies with a window were asked for.
    return end
