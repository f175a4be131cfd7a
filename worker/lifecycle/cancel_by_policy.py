"""What a policy makes of a press of Cancel, asked from the record before the provider is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from worker.domain.activation import CancelAnswer, EndReason, State
from worker.domain.policy import Decision, Op, Outcome, Profile, Reason, decide, question_from
from worker.domain.policy.at_intake import order_words
from worker.domain.policy.limits import NOTHING_ASKED, HistoryAsked, history_asked
from worker.domain.policy.vocabulary import PastEventKind
from worker.lifecycle.cases import record_facts
from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.activations import PressDecision
from worker.ports.store.case_record import AccountRecord, CaseRecord
from worker.ports.store.cases import PolicyLookup

#: What a press may credit: by Cancel, or as the window decides.
_DEEDS: Final = frozenset({PastEventKind.CANCEL, PastEventKind.AUTO_CREDIT})
#: How a number ends that a policy has decided about.
ENDS_AS: Final[Mapping[Outcome, State]] = {
    Outcome.AUTO_CREDIT: State.REFUNDED,
    Outcome.CREDIT: State.REFUNDED,
    Outcome.CANCEL_NO_CREDIT: State.CLOSED,
    Outcome.NEEDS_REVIEW: State.IN_REVIEW,
}
_DENIED: Final[Mapping[Reason, CancelAnswer]] = {
    Reason.CODE_DISPLAYED: CancelAnswer.CODE_RECEIVED,
    Reason.RESTRICTIONS_IGNORED: CancelAnswer.RESTRICTIONS_IGNORED,
    Reason.CANCEL_WINDOW_OVER: CancelAnswer.OVER,
    Reason.CANCEL_LIMIT: CancelAnswer.LIMIT,
}


@dataclass(frozen=True, slots=True)
class CancelByPolicy:
    """`CancelJudge` by the policy of the purchase; one that cannot be had is a human's to guess."""

    policy_of: PolicyLookup

    def asked(self, record: CaseRecord) -> HistoryAsked:
        profile = self.policy_of(record.policy, record.policy_version)
        return (
            NOTHING_ASKED if profile is None else history_asked(_of_order(profile, record), _DEEDS)
        )

    def __call__(self, record: CaseRecord, account: AccountRecord, now: datetime) -> PressDecision:
        profile = self.policy_of(record.policy, record.policy_version)
        if profile is None:
            return PressDecision(None, (State.IN_REVIEW, "policy_missing"))
        profile = _of_order(profile, record)
        decision = _asked(profile, record, account, now)
        state = ENDS_AS.get(decision.outcome)
        if state is None:
            return PressDecision(_refusal(profile, record, decision, now))
        why = decision.reason if state is State.IN_REVIEW else EndReason.CANCEL
        return PressDecision(None, (state, why.value))


def _of_order(profile: Profile, record: CaseRecord) -> Profile:
    """With the window of this very number as its "set time"."""
    told = record.order_facts
    words = order_words(record.service, record.country, record.price_minor, told)
    window = (record.ends_at - record.purchased_at) // timedelta(seconds=1)
    return profile.for_order(words).with_window(max(window, 1))


def _asked(profile: Profile, record: CaseRecord, account: AccountRecord, now: datetime) -> Decision:
    given = {
        **record_facts.of_order(record, account, {}),
        "price_minor": max(record.price_minor, 1),  # A free number is cancelled as any other.
        "op": Op.CANCEL.value,
        "now": instant_fact(now),
    }
    question = question_from(given)
    return decide(profile, question.op, question.facts, question.now)


def _refusal(
    profile: Profile, record: CaseRecord, decision: Decision, now: datetime
) -> CancelAnswer:
    """Why the number goes on untouched: denied, or left to the window."""
    if decision.outcome is Outcome.DENY:
        return _DENIED.get(decision.reason, CancelAnswer.NO_CANCEL)
    if not profile.cancel_offered or decision.outcome is not Outcome.WAIT:
        return CancelAnswer.NO_CANCEL
    age, until = now - record.purchased_at, profile.cancel.until_s
    if age < timedelta(seconds=profile.cancel.from_s):
        return CancelAnswer.NOT_YET
    if until is not None and age > timedelta(seconds=until):
        return CancelAnswer.OVER
    return CancelAnswer.LIMIT
