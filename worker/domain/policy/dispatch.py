"""`decide` hands each operation to the rules that decide it."""

from datetime import datetime
from typing import assert_never

from worker.domain.policy.account_rules import account_event
from worker.domain.policy.claim_checks import ClaimCase
from worker.domain.policy.claims_grounds import grounds_claim
from worker.domain.policy.claims_record import record_claim
from worker.domain.policy.claims_windowed import windowed_claim
from worker.domain.policy.deadlines import sla_tick
from worker.domain.policy.decision import Decision, review
from worker.domain.policy.facts import (
    FACTS_FOR,
    AccountFacts,
    ClaimFacts,
    Facts,
    OrderFacts,
    OutageFacts,
    SlaFacts,
    WithdrawalFacts,
)
from worker.domain.policy.orders import cancel, order_tick, silence_tick
from worker.domain.policy.outages import outage_tick
from worker.domain.policy.outcomes import Op, Reason
from worker.domain.policy.profile import ClaimRules, Profile
from worker.domain.policy.withdrawals import withdrawal


def decide(profile: Profile, op: Op, facts: Facts, now: datetime) -> Decision:
    """Pure and total: the same four values give the same decision, at any time, anywhere.

    *facts* are of the kind *op* needs: `OrderFacts` for the first three, then `ClaimFacts`,
    `OutageFacts`, `WithdrawalFacts`, `AccountFacts`, `SlaFacts`.
    """
    if not isinstance(facts, FACTS_FOR[op]):
        raise TypeError(f"{op.value} is not decided from {type(facts).__name__}")
    match facts:
        case OrderFacts():
            return _ORDER_OPS[op](profile, facts, now)
        case ClaimFacts():
            return _claim(ClaimCase(profile, facts, now))
        case OutageFacts():
            return outage_tick(profile, facts, now)
        case WithdrawalFacts():
            return withdrawal(profile, facts, now)
        case AccountFacts():
            return account_event(profile, facts)
        case SlaFacts():
            return sla_tick(profile, facts, now)
        case _:
            assert_never(facts)


_ORDER_OPS = {Op.ORDER_TICK: order_tick, Op.CANCEL: cancel, Op.SILENCE_TICK: silence_tick}


def _claim(case: ClaimCase) -> Decision:
    match case.profile.claim_rules:
        case ClaimRules.SILENT:
            return review(Reason.POLICY_SILENT)
        case ClaimRules.WINDOWED:
            return windowed_claim(case)
        case ClaimRules.GROUNDS:
            return grounds_claim(case)
        case ClaimRules.RECORD:
            return record_claim(case)
        case _:
            assert_never(case.profile.claim_rules)
