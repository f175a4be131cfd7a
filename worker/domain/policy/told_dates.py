"""Dates that a customer tells and that lie before the arrival of his words (R-SOURCE).

The question is asked with the arrival in its place, too: where both answers differ in more than
the deadline, no money moves by rule, and a human sees both.
"""

from datetime import datetime

from worker.domain.policy.claims import claim
from worker.domain.policy.deadlines import honour_by, review_by
from worker.domain.policy.decision import Decision, propose
from worker.domain.policy.facts import ClaimFacts, OutageFacts, WithdrawalFacts
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.outages import outage_tick
from worker.domain.policy.vocabulary import Outcome, Reason
from worker.domain.policy.withdrawals import withdrawal

#: No clock runs out before the one from the arrival.
_RUNNING = frozenset({Outcome.WAIT, Outcome.RECTIFY})


def decide_claim(profile: Profile, facts: ClaimFacts, now: datetime) -> Decision:
    arrived_at = facts.arrived_at
    if arrived_at is None or facts.claim_at >= arrived_at:
        return claim(profile, facts, now)
    honoured = honour_by(profile, facts.order.purchased_at)
    return _of_both(
        claim(profile, facts, now),
        claim(profile, facts._replace(claim_at=arrived_at), now),
        honoured or review_by(profile, arrived_at),
    )


def decide_withdrawal(profile: Profile, facts: WithdrawalFacts, now: datetime) -> Decision:
    arrived_at = facts.arrived_at
    if arrived_at is None or facts.claim_at >= arrived_at:
        return withdrawal(profile, facts, now)
    return _of_both(
        withdrawal(profile, facts, now),
        withdrawal(profile, facts._replace(claim_at=arrived_at), now),
        review_by(profile, arrived_at),
    )


def decide_outage(profile: Profile, facts: OutageFacts, now: datetime) -> Decision:
    arrived_at, told_at = facts.arrived_at, facts.contacted_at
    if arrived_at is None or told_at is None or told_at >= arrived_at:
        return outage_tick(profile, facts, now)
    sms_at = facts.sms_after_arrival_at or facts.sms_received_at
    arrived = facts._replace(contacted_at=arrived_at, sms_received_at=sms_at)
    return _of_both(
        outage_tick(profile, facts, now),
        outage_tick(profile, arrived, now),
        review_by(profile, arrived_at),
    )


def _of_both(told: Decision, arrived: Decision, by: datetime | None) -> Decision:
    if arrived.outcome in _RUNNING:
        return arrived
    if _without_deadline(told) == _without_deadline(arrived):
        return told
    shown = told if told.amount_minor or told.fee_minor else arrived
    return propose(
        Reason.FACTS_CONTRADICT,
        shown.amount_minor,
        shown.destination,
        by,
        shown.fee_minor,
        shown.from_balance_minor,
    )


def _without_deadline(decision: Decision) -> tuple[object, ...]:
    return (
        decision.outcome,
        decision.reason,
        decision.amount_minor,
        decision.fee_minor,
        decision.destination,
    )
